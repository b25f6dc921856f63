package provider

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// snapshotGuest is a guest with a disk of 4 MiB, which waits for a DHCP server that its network does not have. It is off
// where more says so.
func snapshotGuest(more string) string {
	return labNetwork + `
resource "netboot_volume" "disk" {
  force_destroy = true # which the overlays of the tests lie on
  count    = 2
  name     = "disk-${count.index}.qcow2"
  pool     = "acc"
  capacity = "4MiB"
}
` + domain("boot = [\"network\"]\n interfaces = [{ network = netboot_network.lab.name }]\n shutdown_timeout = \"1s\"\n"+more)
}

const oneDisk = "disks = [{ volume = netboot_volume.disk[0].id }]\n"

// writes has the guest's disk written to as the guest would do it: by the QEMU that runs it, or by one where it is off.
func writes(t *testing.T, runs bool, file, pattern, at string) {
	t.Helper()
	command := fmt.Sprintf("write -P %s %s 1M", pattern, at)
	if !runs {
		onLab(t, "qemu-io", "-f", "qcow2", "-c", command, file)
		return
	}
	for _, command := range []string{command, "flush"} {
		virsh(t, "qemu-monitor-command", "acc", "--hmp", `qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend "`+command+`"`)
	}
}

// content is the hash of all bytes that a guest sees of an image.
func content(t *testing.T, file string) string {
	t.Helper()
	onLab(t, "qemu-img", "convert", "--force-share", "-O", "raw", file, "/srv/acc/content")
	defer onLab(t, "rm", "/srv/acc/content")
	hash, _, _ := strings.Cut(onLab(t, "sha256sum", "/srv/acc/content"), " ")
	return hash
}

// wantDiskOf holds that the guest, as it is defined and as it runs, has a file as its first disk, and the file a content.
func wantDiskOf(t *testing.T, what, file, want string) {
	t.Helper()
	for _, kind := range [][]string{{"domblklist", "acc"}, {"domblklist", "acc", "--inactive"}} {
		if now := virsh(t, kind...); !strings.Contains(now, file+"\n") {
			t.Errorf("%s: %v prints\n%s, want %s", what, kind, now, file)
		}
	}
	if now := content(t, file); now != want {
		t.Errorf("%s: the content of %s is another one", what, file)
	}
}

// TestAccSnapshotsOfOthers puts an overlay over a guest's disk, as snapshots and backups do, and then changes the guest in
// every way: it keeps the overlay, byte for byte, until blockcommit. Hosts of bookworm run all cases. On other hosts, a sample
// has each way in which a case can differ.
func TestAccSnapshotsOfOthers(t *testing.T) {
	for name, test := range map[string]struct {
		runs    bool
		overlay string
		options []string
		knows   string // the snapshot, as the plan says it
		sampled bool
	}{
		"running":                      {true, "/srv/acc/disk-0.nightly", nil, `since snapshot "nightly"`, true},
		"running, unknown, no pool":    {true, "/srv/other/overlay", []string{"--no-metadata"}, "", true},
		"off":                          {false, "/srv/acc/disk-0.nightly", nil, `since snapshot "nightly"`, false},
		"off, no pool":                 {false, "/srv/other/overlay", nil, `since snapshot "nightly"`, true},
		"off, unknown":                 {false, "/srv/acc/overlay", []string{"--no-metadata"}, "", false},
		"off, unknown, and in no pool": {false, "/srv/other/overlay", []string{"--no-metadata"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			needsCLI(t)
			if !test.sampled && lab.Shared(t).Generation != lab.Bookworm {
				t.Skip("it is not in the sample for this host")
			}
			leavesNothing(t)
			makeDir(t, "/srv/other", 0o755)
			accPool(t)
			with := func(more string) string {
				return onHost(lab.Shared(t).URI) + snapshotGuest(fmt.Sprintf("running = %v\n%s", test.runs, more))
			}
			c := wholeCLI(t, with(oneDisk))
			c.must("apply", "-auto-approve")
			defer c.must("destroy", "-auto-approve")

			const base = "/srv/acc/disk-0.qcow2"
			writes(t, test.runs, base, "0xab", "0")
			virsh(t, append([]string{"snapshot-create-as", "acc", "nightly", "--disk-only", "--diskspec", "vda,file=" + test.overlay}, test.options...)...)
			writes(t, test.runs, test.overlay, "0xcd", "512k")
			want, old := content(t, test.overlay), content(t, base)

			said := c.must("plan", "-detailed-exitcode")
			for _, text := range []string{"No changes", `A disk of domain "acc" has an overlay`, test.overlay, test.knows, "virsh blockcommit acc vda --base " + base + " --active --pivot"} {
				if !strings.Contains(unwrapped(said), text) {
					t.Errorf("the plan does not say %q, but\n%s", text, said)
				}
			}
			for _, more := range []string{
				oneDisk + "vcpus = 2", oneDisk + "vcpus = 2\n autostart = true", oneDisk + "memory_backing = { shared = true, source = \"memfd\" }",
				"disks = [{ volume = netboot_volume.disk[0].id }, { volume = netboot_volume.disk[1].id }]",
				"disks = [{ volume = netboot_volume.disk[0].id, cache = \"none\" }]", oneDisk,
			} {
				c.write("main.tf", with(more))
				c.must("apply", "-auto-approve")
				wantDiskOf(t, more, test.overlay, want)
				c.must("plan", "-detailed-exitcode")
			}
			c.write("main.tf", strings.Replace(with(oneDisk), "4MiB", "8MiB", 1))
			if test.runs || test.knows != "" {
				c.mustFail([]string{"plan"}, "Unable to grow volume", "lies beneath the disk", "vda")
			}
			c.write("main.tf", with(oneDisk)+"import {\n  to = netboot_domain.test\n  id = \"acc\"\n}\n")
			c.must("state", "rm", "netboot_domain.test")
			said = c.must("apply", "-auto-approve")
			if test.knows != "" && !strings.Contains(said, "1 imported, 0 added, 0 changed, 0 destroyed") {
				t.Errorf("the import changes something:\n%s", said)
			}
			wantDiskOf(t, "import", test.overlay, want)
			c.write("main.tf", with(oneDisk))
			c.must("plan", "-detailed-exitcode")
			if now := content(t, base); now != old {
				t.Error("the file beneath was written to")
			}

			if !test.runs {
				virsh(t, "start", "acc", "--paused")
			}
			virsh(t, "blockcommit", "acc", "vda", "--base", base, "--active", "--pivot", "--wait")
			if !test.runs {
				virsh(t, "destroy", "acc")
			}
			if said := c.must("plan", "-detailed-exitcode"); strings.Contains(said, "overlay") {
				t.Errorf("after blockcommit the plan says\n%s", said)
			}
			wantDiskOf(t, "blockcommit", base, want)
		})
	}
}

// TestAccSnapshotsOfOtherKinds has what else puts a file in the place of a guest's disk: each is no change, and stays with a
// restart and with other disks.
func TestAccSnapshotsOfOtherKinds(t *testing.T) {
	snapshot := func(name string) []string {
		return []string{"snapshot-create-as", "acc", name, "--disk-only", "--diskspec", "vda,file=/srv/acc/overlay-" + name}
	}
	for name, test := range map[string]struct {
		does [][]string
		says string
	}{
		"several":         {[][]string{snapshot("a"), snapshot("b")}, "/srv/acc/overlay-b"},
		"with its memory": {[][]string{{"snapshot-create-as", "acc", "a", "--live", "--memspec", "file=/srv/acc/memory", "--diskspec", "vda,file=/srv/acc/overlay-a"}}, `since snapshot "a"`},
		"pulled":          {[][]string{snapshot("a"), {"blockpull", "acc", "vda", "--wait"}}, "/srv/acc/overlay-a contains all data of the disk"},
		"committing":      {[][]string{snapshot("a"), {"blockcommit", "acc", "vda", "--active"}}, "/srv/acc/overlay-a"},
		"reverted":        {[][]string{snapshot("a"), {"destroy", "acc"}, {"snapshot-revert", "acc", "a"}, {"start", "acc"}}, `since snapshot "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			needsCLI(t)
			if name == "reverted" && lab.Shared(t).Generation == lab.Bookworm {
				t.Skip("libvirt 9.0 cannot revert to an external snapshot")
			}
			leavesNothing(t)
			accPool(t)
			with := func(more string) string { return onHost(lab.Shared(t).URI) + snapshotGuest(more) }
			c := wholeCLI(t, with(oneDisk))
			c.must("apply", "-auto-approve")
			defer c.must("destroy", "-auto-approve")
			writes(t, true, "", "0xab", "0")
			for _, command := range test.does {
				virsh(t, command...)
			}
			writes(t, true, "", "0xcd", "512k")
			top := strings.Fields(virsh(t, "domblklist", "acc"))[1]
			want := content(t, top)
			if said := unwrapped(c.must("plan", "-detailed-exitcode")); !strings.Contains(said, test.says) {
				t.Errorf("the plan does not say %q, but\n%s", test.says, said)
			}
			if name == "committing" {
				c.write("main.tf", with("disks = [{ volume = netboot_volume.disk[1].id }]"))
				c.mustFail([]string{"apply", "-auto-approve"}, `A block job runs on domain "acc"`, "blockcommit of vda", "block job")
				wantDiskOf(t, "a disk with a job is to go", top, want)
				c.write("main.tf", with(oneDisk+"vcpus = 3")) // more than the guest can get while it runs
				if said := unwrapped(c.must("plan")); !strings.Contains(said, "ends the job before it is complete: blockcommit of vda") || !strings.Contains(said, `Domain "acc" has snapshots`) {
					t.Errorf("the plan of a restart says\n%s", said)
				}
			}
			for _, more := range []string{oneDisk + "vcpus = 3", "disks = [{ volume = netboot_volume.disk[0].id }, { volume = netboot_volume.disk[1].id }]\n vcpus = 3", oneDisk} {
				c.write("main.tf", with(more))
				c.must("apply", "-auto-approve")
				wantDiskOf(t, more, top, want)
				c.must("plan", "-detailed-exitcode")
			}
		})
	}
}

// unwrapped is what a CLI prints without the ends of its lines.
func unwrapped(text string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(text)), " ")
}

// TestAccManagedSave has a guest saved by others: without a change it continues where it was, and with one that needs a
// boot one apply is enough.
func TestAccManagedSave(t *testing.T) {
	needsCLI(t)
	leavesNothing(t)
	accPool(t)
	with := func(more string) string { return onHost(lab.Shared(t).URI) + snapshotGuest(oneDisk+more) }
	c := wholeCLI(t, with(""))
	c.must("apply", "-auto-approve")
	defer c.must("destroy", "-auto-approve")
	for _, step := range []struct{ more, says, state string }{
		{"", "resumes the guest from its saved memory", "running (restored)"},
		{"autostart = true", "resumes the guest from its saved memory", "running (restored)"},
		{"autostart = true\n vcpus = 3", "discards the saved memory", "running (booted)"},
	} {
		virsh(t, "managedsave", "acc")
		// After which libvirtd does not say why the guest is off.
		if err := errors.Join(lab.Shared(t).Quit(t.Context()), lab.Shared(t).Restart(t.Context())); err != nil {
			t.Fatal(err)
		}
		c.write("main.tf", with(step.more))
		if said := c.must("apply", "-auto-approve"); !strings.Contains(unwrapped(said), step.says) {
			t.Errorf("%s: the apply says\n%s", step.more, said)
		}
		if state := strings.TrimSpace(virsh(t, "domstate", "acc", "--reason")); state != step.state {
			t.Errorf("%s: the guest is %s, want %s", step.more, state, step.state)
		}
		c.must("plan", "-detailed-exitcode")
	}
	if now := virsh(t, "dumpxml", "acc"); !strings.Contains(now, ">3</vcpu>") {
		t.Errorf("the guest runs as\n%s", now)
	}
	virsh(t, "managedsave", "acc")
	virsh(t, "snapshot-create-as", "acc", "nightly", "--disk-only")
	c.mustFail([]string{"apply", "-auto-approve"}, `Unable to start domain "acc"`, "virsh managedsave-remove acc")
	if said := unwrapped(c.must("plan", "-destroy")); !strings.Contains(said, "its saved memory (virsh managedsave)") || !strings.Contains(said, `snapshot "nightly"`) || !strings.Contains(said, "/srv/acc/disk-0.nightly") {
		t.Errorf("the plan of a destroy says\n%s", said)
	}
}

// TestAccRenamed has a guest and a network renamed by others: they are found, and nothing is made or destroyed.
func TestAccRenamed(t *testing.T) {
	needsCLI(t)
	leavesNothing(t)
	accPool(t)
	config := onHost(lab.Shared(t).URI) + snapshotGuest(oneDisk+"running = false")
	c := wholeCLI(t, config)
	c.must("apply", "-auto-approve")
	defer c.must("destroy", "-auto-approve")
	id := virsh(t, "domuuid", "acc")
	virsh(t, "domrename", "acc", "web")
	c.mustFail([]string{"plan"}, `The domain "acc" was renamed to "web"`, `name = "web"`, "virsh domrename web acc")
	c.mustFail([]string{"apply", "-auto-approve"}, `The domain "acc" was renamed to "web"`)
	renamed := strings.Replace(config, "\"netboot_domain\" \"test\" {\n  name = \"acc\"", "\"netboot_domain\" \"test\" {\n  name = \"web\"", 1)
	c.write("main.tf", renamed)
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, "0 added, 0 changed, 0 destroyed") {
		t.Errorf("with the new name the apply says\n%s", said)
	}
	c.must("plan", "-detailed-exitcode")
	c.write("main.tf", strings.Replace(renamed, "boot = [", "vcpus = 2\n boot = [", 1))
	c.must("apply", "-auto-approve")
	if now := virsh(t, "domuuid", "web"); now != id || strings.Contains(virsh(t, "list", "--all"), "acc") {
		t.Errorf("the guest's UUID is %s, was %s; there are\n%s", now, id, virsh(t, "list", "--all"))
	}

	network := virsh(t, "net-dumpxml", "acc", "--inactive")
	virsh(t, "net-destroy", "acc")
	virsh(t, "net-undefine", "acc")
	virsh(t, "net-define", writeFile(t, strings.Replace(network, "<name>acc</name>", "<name>web</name>", 1)))
	virsh(t, "net-start", "web")
	virsh(t, "net-autostart", "web")
	c.mustFail([]string{"plan"}, `The network "acc" was renamed to "web"`, `name = "web"`)
	c.write("main.tf", strings.Replace(renamed, "\"netboot_network\" \"lab\" {\n  name = \"acc\"", "\"netboot_network\" \"lab\" {\n  name = \"web\"", 1))
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, "0 added, 1 changed, 0 destroyed") {
		t.Errorf("with the new name the apply says\n%s", said)
	}
	c.must("plan", "-detailed-exitcode")
}

// TestAccDomainTransient imports a guest that libvirt forgets when it ends: the import says so and leaves it, and so does a
// plan that changes it.
func TestAccDomainTransient(t *testing.T) {
	needsCLI(t)
	leavesNothing(t)
	virsh(t, "net-create", writeFile(t, `<network><name>acc</name></network>`))
	t.Cleanup(func() { virsh(t, "net-destroy", "acc") })
	virsh(t, "create", writeFile(t, `<domain type='qemu'><name>acc</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
		<os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os><devices>
		<interface type='network'><mac address='52:54:00:00:00:01'/><source network='acc'/><model type='virtio'/><boot order='1'/></interface>
		<console type='pty'><target type='sclp'/></console></devices></domain>`))
	config := func(more string) string {
		return onHost(lab.Shared(t).URI) + domain("interfaces = [{ network = \"acc\", mac = \"52:54:00:00:00:01\" }]\n"+more)
	}
	c := wholeCLI(t, config("autostart = false")+"import {\n  to = netboot_domain.test\n  id = \"acc\"\n}\n")
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, `Domain "acc" is transient`) || !strings.Contains(said, "1 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("the import says\n%s", said)
	}
	defer c.must("destroy", "-auto-approve")
	c.write("main.tf", config("autostart = true"))
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, `Domain "acc" becomes persistent`) {
		t.Errorf("the change says\n%s", said)
	}
	if info := virsh(t, "dominfo", "acc"); !strings.Contains(info, "Persistent:     yes") {
		t.Errorf("the guest is\n%s", info)
	}
	c.must("plan", "-detailed-exitcode")
}
