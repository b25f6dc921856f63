package provider

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// soaked is an object that a soak makes, changes and destroys.
type soaked struct {
	*core
	id      string
	configs [2]string               // as it is made, and as it is changed
	check   func(version int) error // asks the host whether it has it

	planned  planned
	problems problems // of what was done last
}

// soakFiles are what a soak's objects are made of.
type soakFiles struct {
	kernels [2]string
	disk    string
}

func newSoakFiles(t *testing.T) soakFiles {
	t.Helper()
	return soakFiles{[2]string{local(t, oldKernel), local(t, newKernel)}, local(t, soakDisk)}
}

var (
	soakKernels = [2][]byte{oldKernel, newKernel}
	soakDisk    = bytes.Repeat([]byte("netboot\x00"), 100<<10)
)

// objects are those of a cycle. Some cycles have a guest that runs, and a network that serves it.
func (s *soak) objects() [][]*soaked {
	s.Helper()
	runs, live := s.random.IntN(10) == 0, s.random.IntN(5) == 0
	format := []string{"raw", "qcow2"}[s.random.IntN(2)]
	return [][]*soaked{
		{s.root(), s.volume(format)},
		{s.image(), s.config(), s.network(live)},
		{s.guest(runs)},
	}
}

func (s *soak) object(kind, id string, configs [2]string, check func(version int) error) *soaked {
	return &soaked{core: &core{t: s.T, kind: "netboot_" + kind}, id: id, configs: configs, check: check}
}

// versions are two configurations that differ in a value.
func versions(format string, first, second any) [2]string {
	return [2]string{fmt.Sprintf(format, first), fmt.Sprintf(format, second)}
}

func kernelFile(version int) string { return "soak-kernel-" + sha256Of(soakKernels[version])[:12] }

func (s *soak) root() *soaked {
	return s.object("tftp_root", "srv-soak", versions(`{"path": %q}`, "/srv/soak", "/srv/soak"), func(version int) error {
		return hostDir(s.T, "/srv/soak", "pxelinux.cfg", kernelFile(version))(nil)
	})
}

func (s *soak) image() *soaked {
	configs := versions(`{"tftp_root": "srv-soak", "name": "soak", "kernel": {"source": %q}}`, s.files.kernels[0], s.files.kernels[1])
	return s.object("image", "srv-soak/soak", configs, func(version int) error {
		return hostFile(s.T, "/srv/soak/"+kernelFile(version), soakKernels[version])(nil)
	})
}

func (s *soak) config() *soaked {
	texts := versions("label soak\n  kernel k\n  initrd i\n  append %s\n", "first", "second")
	configs := versions(`{"tftp_root": "srv-soak", "entries": [{"label": "soak", "kernel": "k", "initrd": "i", "append": [%q]}]}`, "first", "second")
	return s.object("pxelinux_config", "srv-soak/default", configs, func(version int) error {
		return errors.Join(hostFile(s.T, "/srv/soak/pxelinux.cfg/default", []byte(texts[version]))(nil), hostDir(s.T, "/srv/soak/pxelinux.cfg", "default")(nil))
	})
}

// network is one that serves the root. What takes libvirt long, a change while it runs, is rare.
func (s *soak) network(live bool) *soaked {
	ends, autostarts := [2]string{"192.168.77.20", "192.168.77.20"}, [2]bool{true, false}
	if live {
		ends, autostarts = [2]string{"192.168.77.20", "192.168.77.30"}, [2]bool{true, true}
	}
	var configs [2]string
	for version := range configs {
		configs[version] = fmt.Sprintf(`{"name": "soak", "mode": "isolated", "tftp_root": "/srv/soak", "autostart": %t,
			"ipv4": {"address": "192.168.77.1/24", "dhcp": {"ranges": [{"start": "192.168.77.10", "end": %q}]}}}`, autostarts[version], ends[version])
	}
	return s.object("network", "soak", configs, func(version int) error {
		_, err := os.Lstat(filepath.Join(lab.Shared(s.T).Dir, "etc/qemu/networks/autostart/soak.xml"))
		if (err == nil) != autostarts[version] {
			return fmt.Errorf("whether it starts with the host: %w", err)
		}
		return errors.Join(virshPrints(s.T, "net-dumpxml soak", ends[version])(nil), virshPrints(s.T, "net-dumpxml soak --inactive", ends[version])(nil))
	})
}

// volume is a disk that is filled, and grows.
func (s *soak) volume(format string) *soaked {
	configs := versions(`{"name": "soak", "pool": "acc", "format": "`+format+`", "source": "`+s.files.disk+`", "capacity": %q}`, "4MiB", "8MiB")
	return s.object("volume", "acc/soak", configs, func(version int) error {
		made := filepath.Join(s.TempDir(), "seen")
		seen := qemuImg(s.T, made, "convert", "--force-share", "-f", format, "-O", "raw", inSrv(s.T, "/srv/acc/soak"), made)
		if len(seen) != 4<<20*(version+1) || !bytes.HasPrefix(seen, soakDisk) {
			return fmt.Errorf("a guest would see %d bytes, or not what was written", len(seen))
		}
		return hostDir(s.T, "/srv/acc", "soak")(nil)
	})
}

// guest is one that is only defined, or one that runs its firmware, which waits for a server behind a link
// that is down.
func (s *soak) guest(runs bool) *soaked {
	more, state := `"running": false`, "shut off"
	if runs {
		more, state = `"boot": ["network"], "shutdown_timeout": "1s", "boot_check": {"expect": ["Network boot device detected"]}`, "running"
	}
	configs := versions(`{"name": "soak", "memory": "%dMiB", "disks": [{"volume": "acc/soak"}], "interfaces": [{"network": "soak", "link": "down"}], `+more+`}`, 256, 320)
	return s.object("domain", "soak", configs, func(version int) error {
		memory := fmt.Sprintf("<memory unit='KiB'>%d</memory>", (256+64*version)<<10)
		return errors.Join(virshPrints(s.T, "dumpxml soak", memory)(nil), virshPrints(s.T, "domstate soak", state)(nil))
	})
}
