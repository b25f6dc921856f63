package provider

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestSnapshotAction makes a snapshot of a guest, reverts the guest and deletes the snapshot.
func TestSnapshotAction(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryInstall)
	act := func(operation, says string) {
		t.Helper()
		said, problems := act(t, h, "netboot_domain_snapshot", fmt.Sprintf(`{"domain": "guest", "name": "clean", "operation": %q}`, operation))
		if says == "" && problems.hasError() || !strings.Contains(said+problems.String(), says) {
			t.Errorf("%s says %q, %v, want %q", operation, said, problems, says)
		}
	}
	act("revert", "virsh snapshot-list guest")
	act("delete", `Unable to delete snapshot "clean" of domain "guest"`)
	act("create", "making snapshot")
	act("create", `delete it first with operation = "delete"`)
	c.mustBeDone(memoryInstall)
	act("revert", "guest is running")
	c.mustBeDone(memoryInstall)

	h.ScriptInstall("guest", "", virt.EndCrashed)
	again := strings.Replace(memoryInstall, `"name"`, `"reinstall": "again", "name"`, 1)
	if problems := c.apply(again); !problems.hasError() {
		t.Error("the installation does not fail")
	}
	for _, operation := range []string{"create", "revert"} {
		act(operation, "The installation of the guest is not complete")
	}
	act("delete", "")
	act("delete", "virsh snapshot-list guest")
	h.ScriptInstall("guest", "", virt.EndReboot)
	c.must(again)
	h.Fail("RevertSnapshot", context.DeadlineExceeded)
	act("revert", "Unable to revert to snapshot")
	destroys(t, c)
}

// snapshotAction is an action on a snapshot of the guest.
func snapshotAction(operation, name string) string {
	return fmt.Sprintf("action \"netboot_domain_snapshot\" \"%[1]s_%[2]s\" {\n  config {\n    domain = \"acc\"\n    name = %[2]q\n    operation = %[1]q\n  }\n}\n", operation, name)
}

// snapshots is what tests of snapshots do by the CLI.
type snapshots struct{ *cli }

// newSnapshots applies a configuration with the actions create, revert and delete of some snapshots.
func newSnapshots(t *testing.T, config string, names ...string) snapshots {
	t.Helper()
	needsCLI(t)
	for _, name := range names {
		config += snapshotAction("create", name) + snapshotAction("revert", name) + snapshotAction("delete", name)
	}
	c := wholeCLI(t, onHost(lab.Shared(t).URI)+config)
	if !c.hasSince("Actions") {
		t.Skip("the CLI has no actions")
	}
	leavesNothing(t)
	c.must("apply", "-auto-approve")
	t.Cleanup(func() { c.must("destroy", "-auto-approve") })
	return snapshots{c}
}

func (s snapshots) does(operation, name string) string {
	s.t.Helper()
	return s.must(invoke("action.netboot_domain_snapshot." + operation + "_" + name)...)
}

func (s snapshots) fails(operation, name string, texts ...string) {
	s.t.Helper()
	s.mustFail(invoke("action.netboot_domain_snapshot."+operation+"_"+name), texts...)
}

// TestAccDomainSnapshot reverts a guest whose configuration has changed since the snapshot: the next plan shows the changes,
// and an apply makes them again. The result of the boot stays.
func TestAccDomainSnapshot(t *testing.T) {
	needsCLI(t)
	accPool(t)
	const small = "memory = \"384MiB\"\n boot_check = { expect = [\"NETBOOT-INIT: ready\"], timeout = \"5m\" }\n"
	s := newSnapshots(t, agentGuest(t, small), "clean", "off")
	config := readFile(t, filepath.Join(s.dir, "main.tf"))
	s.does("create", "clean")
	s.fails("create", "clean", `Unable to make snapshot "clean" of domain "acc"`, "delete it first")
	s.fails("revert", "off", `Unable to revert to snapshot "off" of domain "acc"`, "virsh snapshot-list acc")
	s.must("plan", "-detailed-exitcode")
	s.write("main.tf", strings.Replace(config, small, strings.Replace(small, "384", "448", 1), 1))
	s.must("apply", "-auto-approve")
	note := virsh(t, "metadata", "acc", "https://registry.terraform.io/providers/s390x-netboot/netboot", "--config")
	if said := s.does("revert", "clean"); !strings.Contains(said, "acc is running") {
		t.Errorf("the revert says\n%s", said)
	}
	expect(t, virshPrints(t, "domstate acc --reason", "running (from snapshot)"))
	for _, of := range []string{"--config", "--live"} {
		if now := virsh(t, "metadata", "acc", "https://registry.terraform.io/providers/s390x-netboot/netboot", of); now != note {
			t.Errorf("the note of %s is\n%s, want\n%s", of, now, note)
		}
	}
	if said := s.must("plan"); !says("memory", "384MiB", "448MiB").MatchString(said) {
		t.Errorf("the plan says\n%s", said)
	}
	s.must("apply", "-auto-approve")
	s.must("plan", "-detailed-exitcode")
	virsh(t, "snapshot-create-as", "acc", "nightly", "--disk-only")
	s.fails("revert", "clean", `Unable to revert to snapshot "clean"`, "disk.nightly", "virsh blockcommit acc vda")
	s.fails("create", "off", `Unable to make snapshot "off"`, "disk.nightly")
	virsh(t, "blockcommit", "acc", "vda", "--active", "--pivot", "--wait", "--delete")
	virsh(t, "snapshot-delete", "acc", "nightly", "--metadata")
	s.does("revert", "clean")
	s.does("delete", "clean")
	s.fails("delete", "clean", `Unable to delete snapshot "clean"`)
}

// reverts is how often a guest is reverted if NETBOOT_REVERTS does not say it.
const reverts = 4

// TestAccSnapshotRevert reverts a guest in turn to a snapshot of it while it ran and to one while it was off. Before each revert,
// its whole disk is overwritten. After each revert, the disk is compared byte for byte, on the host and in the guest.
func TestAccSnapshotRevert(t *testing.T) {
	needsCLI(t)
	accPool(t)
	s := newSnapshots(t, agentGuest(t, `memory = "384MiB"`), "off", "running")
	h := awaitAgent(t)
	runs := func(script string) string {
		t.Helper()
		r, err := h.RunCommand(t.Context(), "acc", virt.Command{Program: "sh", Arguments: []string{"-c", script}})
		if err != nil || r.ExitStatus != 0 {
			t.Fatalf("%s: %+v, %v", script, r, err)
		}
		return string(r.Output)
	}
	const writes = "dd if=/dev/urandom of=/dev/vda bs=64k count=32 conv=fsync 2>&1"
	runs(writes)
	virsh(t, "shutdown", "acc")
	eventually(t, "the guest shuts down", func() bool { return strings.TrimSpace(virsh(t, "domstate", "acc")) == "shut off" })
	s.does("create", "off")
	off := diskNow(t)
	virsh(t, "start", "acc")
	awaitAgent(t)
	runs(writes + "; echo kept >/tmp/kept")
	s.does("create", "running")
	running := diskNow(t)
	began := time.Now()
	for n := range soakNumber(t, "NETBOOT_REVERTS", reverts) {
		if n%2 == 0 {
			runs(writes + "; rm -f /tmp/kept")
			s.does("revert", "off")
			if !bytes.Equal(diskNow(t), off) {
				t.Fatalf("%d: the disk is not as it was when the guest was off", n)
			}
			continue
		}
		onLab(t, "qemu-io", "-f", "qcow2", "-c", fmt.Sprintf("write -P %d 0 2M", n%256), "/srv/acc/disk.qcow2")
		s.does("revert", "running")
		if !bytes.Equal(diskNow(t), running) {
			t.Fatalf("%d: the disk is not as it was when the guest ran", n)
		}
		if sum := fmt.Sprintf("kept\n%x  /dev/vda\n", sha256.Sum256(running)); runs("cat /tmp/kept; sha256sum /dev/vda") != sum {
			t.Fatalf("%d: the guest does not read what is on its disk", n)
		}
	}
	t.Logf("the reverts took %v", time.Since(began))
}

// TestAccSnapshotRevertWriting reverts a guest that writes to its disk all the time. It is paused in the middle of a write when the
// snapshot is made, so it is paused after each revert, and continues with that write.
func TestAccSnapshotRevertWriting(t *testing.T) {
	needsCLI(t)
	if lab.Shared(t).Generation == lab.Bookworm {
		t.Skip("QEMU 7.2 emulating s390x does not save interrupts, so the guest would wait forever for the end of a write")
	}
	accPool(t)
	guest := strings.Replace(agentGuest(t, `memory = "384MiB"`), "netboot.agent", "netboot.agent netboot.write=DISK", 1)
	s := newSnapshots(t, guest, "writing")
	w := newWitness(t)
	w.says()
	virsh(t, "suspend", "acc")
	s.does("create", "writing")
	writing := diskNow(t)
	virsh(t, "resume", "acc")
	for n := range soakNumber(t, "NETBOOT_REVERTS", reverts) {
		w.says()
		if said := s.does("revert", "writing"); !strings.Contains(said, "acc is paused") {
			t.Errorf("%d: the revert says\n%s", n, said)
		}
		if !bytes.Equal(diskNow(t), writing) {
			t.Fatalf("%d: the disk is not as it was", n)
		}
		virsh(t, "resume", "acc")
	}
	w.says()
}

// diskNow reads all bytes of the guest's disk.
func diskNow(t *testing.T) []byte {
	t.Helper()
	onLab(t, "qemu-img", "convert", "--force-share", "-f", "qcow2", "-O", "raw", "/srv/acc/disk.qcow2", "/srv/acc/now")
	defer onLab(t, "rm", "/srv/acc/now")
	content, err := os.ReadFile(filepath.Join(inSrv(t, "/srv/acc"), "now"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}
