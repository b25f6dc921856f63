package provider

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// loopDevice makes a disk of the machine's out of a file, for as long as the test takes.
func loopDevice(t *testing.T, path, size string) string {
	t.Helper()
	file := inSrv(t, path)
	if out, err := exec.Command("truncate", "-s", size, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command("losetup", "--find", "--show", "--partscan", file).CombinedOutput()
	if err != nil {
		t.Skipf("this machine makes no loop devices: %s", out)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return device
}

// needsOnLab skips a test of what the lab's host has no program for.
func needsOnLab(t *testing.T, program string) {
	t.Helper()
	if _, err := lab.Shared(t).Exec(t.Context(), "sh", "-c", "command -v "+program); err != nil {
		t.Skipf("the host has no %s", program)
	}
}

// TestAccVolumesOfOtherPools takes over volumes in pools that are no directories.
func TestAccVolumesOfOtherPools(t *testing.T) {
	needsCLI(t)
	makeDir(t, "/srv/pools", 0o755)
	makeDir(t, "/srv/pools/mounted", 0o755)
	t.Run("fs", func(t *testing.T) {
		device := loopDevice(t, "/srv/pools/fs.img", "64M")
		onLab(t, "mkfs.ext4", "-q", device)
		virsh(t, "pool-create-as", "other", "fs", "--source-dev", device, "--source-format", "ext4", "--target", "/srv/pools/mounted")
		t.Cleanup(func() { virsh(t, "pool-destroy", "other") })
		virsh(t, "vol-create-as", "other", "disk.qcow2", "8M", "--format", "qcow2")
		takesOverVolumes(t, "other/disk.qcow2")
	})
	t.Run("logical", func(t *testing.T) {
		needsOnLab(t, "lvcreate")
		if _, err := lab.Shared(t).Exec(t.Context(), "dmsetup", "version"); err != nil {
			t.Skip("this machine's kernel has no device mapper")
		}
		device := loopDevice(t, "/srv/pools/logical.img", "64M")
		onLab(t, "vgcreate", "--quiet", "netboot-acc", device)
		t.Cleanup(func() {
			if _, err := lab.Shared(t).Exec(context.Background(), "vgremove", "--quiet", "--force", "netboot-acc"); err != nil {
				t.Error(err)
			}
		})
		virsh(t, "pool-create-as", "other", "logical", "--source-name", "netboot-acc", "--target", "/dev/netboot-acc")
		t.Cleanup(func() { virsh(t, "pool-destroy", "other") })
		onLab(t, "lvcreate", "--quiet", "--yes", "--zero", "n", "--wipesignatures", "n", "--name", "root", "--size", "8M", "netboot-acc")
		onLab(t, "lvcreate", "--quiet", "--yes", "--zero", "n", "--wipesignatures", "n", "--name", "thick", "--size", "4M", "netboot-acc")
		virsh(t, "pool-refresh", "other")
		takesOverVolumes(t, "other/root", "/dev/netboot-acc/thick")
	})
	t.Run("disk", func(t *testing.T) {
		device := loopDevice(t, "/srv/pools/disk.img", "64M")
		partition := exec.Command("sfdisk", "--quiet", device)
		partition.Stdin = strings.NewReader("label: dos\nstart=1MiB, size=8MiB\n")
		if out, err := partition.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if out, err := exec.Command("partx", "--update", device).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		virsh(t, "pool-create-as", "other", "disk", "--source-dev", device, "--source-format", "dos", "--target", "/dev")
		t.Cleanup(func() { virsh(t, "pool-destroy", "other") })
		volumes := strings.Fields(virsh(t, "vol-list", "other"))
		if len(volumes) == 0 {
			t.Skip("this machine's kernel shows no partitions of a loop device")
		}
		takesOverVolumes(t, "other/"+volumes[0])
	})
}
