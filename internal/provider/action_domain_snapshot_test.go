package provider

import (
	"bytes"
	"context"
	"encoding/binary"
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

// TestAccSnapshotRevert reverts a guest that writes to its disk all the time, to a snapshot of it while it ran and to one while it was
// off. After each revert, the disk is compared byte for byte.
func TestAccSnapshotRevert(t *testing.T) {
	needsCLI(t)
	accPool(t)
	s := newSnapshots(t, agentGuest(t, `memory = "384MiB"`), "off", "running")
	w := newWitness(t)
	w.says()
	virsh(t, "shutdown", "acc")
	eventually(t, "the guest shuts down", func() bool { return strings.TrimSpace(virsh(t, "domstate", "acc")) == "shut off" })
	s.does("create", "off")
	off := diskNow(t)
	virsh(t, "start", "acc")
	w.says()
	s.does("create", "running")
	began := time.Now()
	for n := range soakNumber(t, "NETBOOT_REVERTS", reverts) {
		written := w.says()
		if n%2 == 0 {
			s.does("revert", "running")
			virsh(t, "suspend", "acc")
			wantCounted(t, diskNow(t), written)
			virsh(t, "resume", "acc")
		} else {
			s.does("revert", "off")
			if !bytes.Equal(diskNow(t), off) {
				t.Errorf("%d: the disk is not as it was", n)
			}
			virsh(t, "start", "acc")
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("the reverts took %v", time.Since(began))
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

// wantCounted checks each byte of a disk on which a guest has counted, to less than a number that it had reached before. The guest
// may have been paused while it wrote the next number.
func wantCounted(t *testing.T, disk []byte, before uint64) {
	t.Helper()
	reached := uint64(0)
	for i := range uint64(witnessSectors) {
		reached = max(reached, binary.BigEndian.Uint64(disk[i*witnessSector+8:]))
	}
	if reached == 0 || reached >= before {
		t.Errorf("the guest has counted to %d, and had counted to %d before it was reverted", reached, before)
	}
	want := make([]byte, len(disk))
	for i := range uint64(witnessSectors) {
		if last := lastIn(i, reached); last > 0 {
			copy(want[i*witnessSector:], "netboot\x00")
			binary.BigEndian.PutUint64(want[i*witnessSector+8:], last)
		}
	}
	if !bytes.Equal(disk, want) {
		t.Errorf("the disk is not what the guest writes until it has counted to %d", reached)
	}
}
