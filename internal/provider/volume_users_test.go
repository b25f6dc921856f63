package provider

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// accSeed is a seed for cloud-init.
func accSeed(hostname string) string {
	return fmt.Sprintf(`
resource "netboot_volume" "seed" {
  pool       = "acc"
  name       = "seed"
  cloud_init = { user_data = "#cloud-config\nhostname: %s\n" }
}
`, hostname)
}

// guestWithSeed is a guest whose kernel runs, with a disk that it writes and a seed that it reads.
func guestWithSeed(t *testing.T, hostname, disk, domain string) string {
	return bootFiles(t) + accSeed(hostname) + fmt.Sprintf(`
resource "netboot_volume" "disk" {
  pool = "acc"
  name = "disk"
  %s
}
resource "netboot_domain" "test" {
  name             = "acc"
  memory           = "512MiB"
  shutdown_timeout = "20s"
  kernel           = { image = netboot_image.linux.id, cmdline = "console=ttysclp0 netboot.look" }
  disks            = [{ volume = netboot_volume.disk.id, serial = "DISK" }, { volume = netboot_volume.seed.id, serial = "SEED", readonly = true }]
  %s
}
`, disk, domain)
}

// writeDisk writes a raw image that holds one byte again and again, which is no text.
func writeDisk(t *testing.T, content byte) (path string) {
	t.Helper()
	return writeFile(t, strings.Repeat(string([]byte{content}), 1<<20))
}

func rawFrom(source string) string { return fmt.Sprintf("format = \"raw\"\n source = %q", source) }

// inUse is a CLI with a configuration that changes, and the guest "acc" of the lab.
type inUse struct {
	*cli
	t *testing.T
}

func newInUse(t *testing.T, config string) inUse {
	t.Helper()
	leavesNothing(t)
	u := inUse{newCLI(t, lab.Shared(t).URI, config), t}
	t.Cleanup(func() { u.must("destroy", "-auto-approve") })
	return u
}

// apply applies a configuration, has the CLI say these texts, and plans it again, which changes nothing.
func (u inUse) apply(config string, texts ...string) {
	u.t.Helper()
	u.applyWith(config, nil, texts...)
}

func (u inUse) applyWith(config string, flags []string, texts ...string) {
	u.t.Helper()
	u.write("main.tf", onHost(lab.Shared(u.t).URI)+config)
	said := unwrapped(u.must(append([]string{"apply", "-auto-approve"}, flags...)...))
	for _, text := range texts {
		if !strings.Contains(said, text) {
			u.t.Errorf("apply does not say %q:\n%s", text, said)
		}
	}
	u.must("plan", "-detailed-exitcode")
	noDeleted(u.t)
}

// restarts holds whether the guest is restarted by what happens meanwhile.
func restarts(t *testing.T, want bool, meanwhile func()) {
	t.Helper()
	before := virsh(t, "domid", "acc")
	meanwhile()
	if now := virsh(t, "domid", "acc"); (now != before) != want {
		t.Errorf("the guest's number was %s and is %s, want a restart: %v", before, now, want)
	}
}

// TestAccVolumeReplaced replaces volumes of a guest that runs. What the plan says of the guest comes true, and no guest is left
// with a file that is deleted.
func TestAccVolumeReplaced(t *testing.T) {
	accPool(t)
	one, two := rawFrom(writeDisk(t, 1)), rawFrom(writeDisk(t, 2))
	u := newInUse(t, guestWithSeed(t, "one", one, ""))
	u.apply(guestWithSeed(t, "one", one, ""))
	sees(t, "SEED:")
	const plugs, stops = `Guest "acc" runs with it (vdb) and only reads it.`, `Guest "acc" runs with it (vda). The guest is asked to shut down`
	restarts(t, false, func() { u.apply(guestWithSeed(t, "two", one, ""), plugs, `Seed of volume "acc/seed" has changed`) })
	sees(t, "DISK:", "SEED:")
	restarts(t, true, func() { u.apply(guestWithSeed(t, "two", two, ""), stops, `Domain "acc" will be restarted`) })
	restarts(t, false, func() {
		u.applyWith(guestWithSeed(t, "two", two, ""), []string{"-replace=netboot_volume.seed"}, "The guest only reads acc/seed, which is replaced")
	})
	restarts(t, true, func() { u.apply(guestWithSeed(t, "both", one, ""), plugs, stops) })
	sees(t, "DISK:", "SEED:")
	const checked = `boot_check = { expect = ["NETBOOT-INIT: sees"] }`
	u.apply(guestWithSeed(t, "two", two, checked))
	restarts(t, true, func() {
		u.apply(guestWithSeed(t, "two", one, checked), "Its netboot_domain then starts it", "and checks its boot")
	})

	virsh(t, "vol-delete", "--pool", "acc", "seed") // what others do
	if deletedFiles(t) == "" {
		t.Error("a deleted file is not found")
	}
	virsh(t, "destroy", "acc")
	off := guestWithSeed(t, "three", two, "running = false")
	u.apply(off, `Guest "acc" is shut off and uses it (vda). The guest sees the new content at its next start.`)

	// A download that fails leaves nobody with the old content.
	u.apply(guestWithSeed(t, "three", two, ""))
	u.write("main.tf", onHost(lab.Shared(t).URI)+guestWithSeed(t, "three", rawFrom("/nowhere"), ""))
	u.mustFail([]string{"plan"}, `Unable to replace volume "acc/disk"`, "/nowhere")
	late := writeDisk(t, 3)
	u.write("main.tf", onHost(lab.Shared(t).URI)+guestWithSeed(t, "three", rawFrom(late), ""))
	u.must("plan", "-out=late")
	if err := os.Remove(late); err != nil {
		t.Fatal(err)
	}
	u.mustFail([]string{"apply", "late"}, `The old content is deleted, and guest "acc" is shut off`)
	u.apply(guestWithSeed(t, "three", one, ""))
	sees(t, "DISK:", "SEED:")
}

const accOverlay = `
resource "netboot_volume" "base" {
  pool   = "acc"
  name   = "base"
  format = "raw"
  source = %q
}
resource "netboot_volume" "over" {
  pool    = "acc"
  name    = "over"
  backing = { volume = netboot_volume.base.id }
}
`

// TestAccVolumeUnderOverlay replaces a base: with the overlays of the configuration, and not under those of others.
func TestAccVolumeUnderOverlay(t *testing.T) {
	accPool(t)
	one, two := writeDisk(t, 1), writeDisk(t, 2)
	u := newInUse(t, fmt.Sprintf(accOverlay, one))
	u.apply(fmt.Sprintf(accOverlay, one))
	u.apply(fmt.Sprintf(accOverlay, two), "/srv/acc/over is an overlay on it.", `Base of volume "acc/over" is replaced`, "2 added, 0 changed, 2 destroyed")

	virsh(t, "vol-create-as", "acc", "others", "1M", "--format", "qcow2", "--backing-vol", "over", "--backing-vol-format", "qcow2")
	before := fileSum(t, "/srv/acc/base") + fileSum(t, "/srv/acc/over")
	u.write("main.tf", onHost(lab.Shared(t).URI)+fmt.Sprintf(accOverlay, one))
	u.mustFail([]string{"apply", "-auto-approve"}, "Unable to delete volume", "/srv/acc/others is an overlay on it")
	u.mustFail([]string{"destroy", "-auto-approve"}, "Unable to delete volume", "/srv/acc/others is an overlay on it")
	if now := fileSum(t, "/srv/acc/base") + fileSum(t, "/srv/acc/over"); now != before {
		t.Error("what lies under the overlay has changed")
	}
	virsh(t, "vol-delete", "--pool", "acc", "others")

	// The disk of a guest that is off, in no pool.
	makeDir(t, "/srv/outside", 0o755)
	onLab(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", "/srv/acc/base", "-F", "raw", "/srv/outside/disk")
	virsh(t, "define", writeFile(t, `<domain type='qemu'><name>others</name><memory>65536</memory><os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
		<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/outside/disk'/><target dev='vda'/></disk></devices></domain>`))
	u.mustFail([]string{"plan"}, "The disk of a guest is an overlay on volume \"acc/base\"", "/srv/outside/disk")
	u.write("main.tf", onHost(lab.Shared(t).URI)+fmt.Sprintf(accOverlay, two))
	u.mustFail([]string{"destroy", "-auto-approve"}, "/srv/outside/disk is an overlay on it")
	virsh(t, "undefine", "others")
	u.apply(fmt.Sprintf(accOverlay, one))
}

// fileSum is the digest of a file of the lab's host.
func fileSum(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(inSrv(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}

// twoDisks is a guest with some of two volumes.
func twoDisks(t *testing.T, volumes, disks string) string {
	return bootFiles(t) + volumes + fmt.Sprintf(`
resource "netboot_domain" "test" {
  name             = "acc"
  memory           = "512MiB"
  shutdown_timeout = "20s"
  kernel           = { image = netboot_image.linux.id, cmdline = "console=ttysclp0 netboot.look" }
  disks            = [%s]
}
`, disks)
}

func accVolumeNamed(resource, name, attributes string) string {
	return fmt.Sprintf("resource \"netboot_volume\" %q {\n  pool = \"acc\"\n  name = %q\n  capacity = \"1MiB\"\n  %s\n}\n", resource, name, attributes)
}

// TestAccVolumeDestroyed destroys volumes that guests have: not at all, with the disk of a guest of the configuration, after
// the guest has another one, and by force.
func TestAccVolumeDestroyed(t *testing.T) {
	accPool(t)
	one, two := accVolumeNamed("one", "one", ""), accVolumeNamed("two", "two", "")
	const diskOne, diskTwo = `{ volume = netboot_volume.one.id, serial = "ONE" }`, `{ volume = netboot_volume.two.id, serial = "TWO" }`
	u := newInUse(t, twoDisks(t, one+two, diskOne+", "+diskTwo))
	u.apply(twoDisks(t, one+two, diskOne+", "+diskTwo))
	sees(t, "ONE:", "TWO:")
	u.write("main.tf", onHost(lab.Shared(t).URI)+twoDisks(t, one, diskOne))
	if said := unwrapped(u.must("plan")); strings.Contains(said, "is in use") {
		t.Errorf("a disk and its volume go, and the plan says\n%s", said)
	}
	restarts(t, false, func() { u.apply(twoDisks(t, one, diskOne)) })
	sees(t, `disks=\[ONE:[^ ]*\] `)

	u.write("main.tf", onHost(lab.Shared(t).URI)+twoDisks(t, "", `{ volume = "acc/one", serial = "ONE" }`))
	u.mustFail([]string{"apply", "-auto-approve"}, "Unable to delete volume", `guest "acc" runs with it`)
	sees(t, "ONE:")

	moved := accVolumeNamed("one", "moved", "lifecycle { create_before_destroy = true }")
	u.write("main.tf", onHost(lab.Shared(t).URI)+twoDisks(t, accVolumeNamed("one", "moved", ""), diskOne))
	u.mustFail([]string{"apply", "-auto-approve"}, "Unable to delete volume", `guest "acc" runs with it`)
	restarts(t, false, func() { u.apply(twoDisks(t, moved, diskOne), "create_before_destroy = true") })
	sees(t, `disks=\[ONE:[^ ]*\] `)

	virsh(t, "define", writeFile(t, `<domain type='qemu'><name>others</name><memory>65536</memory><os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
		<devices><disk type='file' device='disk'><source file='/srv/acc/moved'/><target dev='vda'/></disk></devices></domain>`))
	t.Cleanup(func() { virsh(t, "undefine", "others") })
	u.mustFail([]string{"destroy", "-auto-approve"}, "Unable to delete volume", `guest "others" is defined with it`)
	forced := accVolumeNamed("one", "moved", "force_destroy = true")
	u.apply(forced)
	u.apply("")
}

// sees holds that the running guest sees all of these, in any order.
func sees(t *testing.T, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if err := guestSees(t, pattern)(nil); err != nil {
			t.Error(err)
		}
	}
}

// noDeleted holds that no QEMU has a file open that is deleted.
func noDeleted(t *testing.T) {
	t.Helper()
	if found := deletedFiles(t); found != "" {
		t.Errorf("QEMU has deleted files open:\n%s", found)
	}
}

// deletedFiles lists the files of pools that are deleted and open in QEMU.
func deletedFiles(t *testing.T) string {
	t.Helper()
	found, err := lab.Shared(t).Exec(t.Context(), "sh", "-c", "ls -l /proc/[0-9]*/fd 2>/dev/null | grep '/srv/.*(deleted)' || true")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestAccDiskMoves moves a disk from one running guest to another in one apply, which changes both at once.
func TestAccDiskMoves(t *testing.T) {
	accPool(t)
	config := func(where string) string {
		text := bootFiles(t) + accVolumeNamed("one", "one", "")
		for _, guest := range []string{"a", "b"} {
			disks := ""
			if guest == where {
				disks = `disks = [{ volume = netboot_volume.one.id, serial = "ONE" }]`
			}
			text += fmt.Sprintf(`
resource "netboot_domain" %[1]q {
  name       = %[1]q
  memory     = "384MiB"
  kernel     = { image = netboot_image.linux.id, cmdline = "console=ttysclp0" }
  boot_check = { expect = ["NETBOOT-INIT: ready"] }
  %[2]s
}
`, guest, disks)
		}
		return text
	}
	u := newInUse(t, config("a"))
	u.apply(config("a"))
	for _, where := range []string{"b", "a"} {
		u.apply(config(where))
		expect(t, virshPrints(t, "domblklist "+where, "/srv/acc/one"))
	}
}
