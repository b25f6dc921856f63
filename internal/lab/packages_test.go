package lab

import (
	"strings"
	"testing"
)

func TestInstallPackagesSaysWhatIsMissing(t *testing.T) {
	t.Setenv("NETBOOT_CACHE", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	err := InstallPackages(t.Context())
	const want = "apt-get install dnsmasq-base fdisk iproute2 iptables libvirt-clients libvirt-daemon-system mmdebstrap netcat-openbsd " +
		"openssh-client qemu-system-arm qemu-system-misc qemu-system-ppc qemu-system-x86 qemu-utils squashfs-tools util-linux xorriso"
	// The firmware of UEFI is no program in PATH, so this machine may have it.
	if err == nil || !strings.Contains(strings.NewReplacer(" ovmf", "", " qemu-efi-aarch64", "").Replace(err.Error()), want) {
		t.Errorf("got %v, want an error that says %q", err, want)
	}
}

func TestInstallPackagesNeedsNothing(t *testing.T) {
	Shared(t) // it has installed them
	if missing := missingPackages(); len(missing) != 0 {
		t.Errorf("missing are %v", missing)
	}
}
