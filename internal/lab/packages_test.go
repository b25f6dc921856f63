package lab

import (
	"strings"
	"testing"
)

func TestInstallPackagesSaysWhatIsMissing(t *testing.T) {
	t.Setenv("NETBOOT_CACHE", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	err := InstallPackages(t.Context())
	for _, name := range []string{"apt-get install dnsmasq-base", "libvirt-daemon-system", "openssh-client", "qemu-system-misc", "xorriso"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that says %q", err, name)
		}
	}
}

func TestInstallPackagesNeedsNothing(t *testing.T) {
	Shared(t) // it has installed them
	if missing := missingPackages(); len(missing) != 0 {
		t.Errorf("missing are %v", missing)
	}
}
