package provider

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// fillingDisk is long enough to be seen while it is on its way, and has no holes.
var fillingDisk = bytes.Repeat([]byte("netboot\x00"), 1<<20)

// filled are the files that are filled to make a volume of a raw disk, by the volume's format.
var filled = map[string]string{"raw": "disk", "qcow2": "disk.netboot-stage"}

// filling is an apply of a volume whose source has stalled in the middle, on a CLI on which the next one does not.
type filling struct {
	*cli
	run    *cliRun
	format string
	url    string
}

func startFilling(t *testing.T, format string) filling {
	t.Helper()
	const sent = 6 << 20 // whole packets
	url := lab.NewServer(t).Serve("disk", fillingDisk, lab.First(1, lab.StallAfter(sent)))
	c := newCLI(t, lab.Shared(t).URI, sourced(url, fmt.Sprintf("format = %q", format)))
	run := c.start("apply", "-auto-approve")
	eventually(t, "what was sent of the volume on the host", func() bool {
		info, err := os.Stat(inSrv(t, "/srv/acc/"+filled[format]))
		return err == nil && info.Size() == sent
	})
	return filling{c, run, format, url}
}

// fails waits for the end of the apply, which must come soon and say these texts.
func (f filling) fails(texts ...string) {
	f.t.Helper()
	if err := f.run.wait(soon); err == nil || !says(texts...).MatchString(f.run.output.String()) {
		f.t.Errorf("it ended with %v:\n%s", err, f.run.output.String())
	}
	if state, err := os.ReadFile(f.dir + "/terraform.tfstate"); err == nil && bytes.Contains(state, []byte("netboot_volume")) {
		f.t.Errorf("the volume is in the state:\n%s", state)
	}
}

// isMarked checks that nobody takes the volume on the host for a whole one.
func (f filling) isMarked() {
	f.t.Helper()
	if err := hostAbsent(f.t, "/srv/acc/disk.netboot-part")(nil); err == nil {
		f.t.Error("nothing tells that the volume is not whole")
	}
	f.mustFail([]string{"import", testVolume, "acc/disk"}, `Unable to read volume "acc/disk"`, "not complete", "disk.netboot-part")
}

// recovers applies, and destroys, and leaves nothing.
func (f filling) recovers() {
	f.t.Helper()
	f.must("apply", "-auto-approve")
	expect(f.t, hostDir(f.t, "/srv/acc", "disk"))
	f.holds()
	f.must("destroy", "-auto-approve")
	expect(f.t, hostDir(f.t, "/srv/acc"))
}

// holds checks that a guest sees all of the disk.
func (f filling) holds() {
	f.t.Helper()
	made := f.t.TempDir() + "/seen"
	if seen := qemuImg(f.t, made, "convert", "-f", f.format, "-O", "raw", inSrv(f.t, "/srv/acc/disk"), made); !bytes.Equal(seen, fillingDisk) {
		f.t.Errorf("the volume shows %d bytes, and not those of its source", len(seen))
	}
}

// eachFormat runs a test for each way in which a volume is filled: as it is, and by a stage.
func eachFormat(t *testing.T, test func(*testing.T, string)) {
	t.Helper()
	accPool(t)
	for format := range filled {
		t.Run(format, func(t *testing.T) { test(t, format) })
	}
}

// TestAccVolumeInterrupted holds that Ctrl-C in the middle leaves nothing.
func TestAccVolumeInterrupted(t *testing.T) {
	eachFormat(t, func(t *testing.T, format string) {
		f := startFilling(t, format)
		f.run.signal(syscall.SIGINT)
		f.fails("Interrupt received", "Unable to create volume", "The run was interrupted", "The next apply continues")
		expect(t, hostDir(t, "/srv/acc"))
		f.recovers()
	})
}

// TestAccVolumeKilled holds that a kill -9 in the middle, of the provider alone or of both, leaves nothing
// that could be taken for a whole volume, and nothing that is in the way of the next apply.
func TestAccVolumeKilled(t *testing.T) {
	for what, kill := range map[string]func(*cliRun){
		"provider":         (*cliRun).killProvider,
		"CLI and provider": func(run *cliRun) { run.signal(syscall.SIGKILL) },
	} {
		t.Run(what, func(t *testing.T) {
			eachFormat(t, func(t *testing.T, format string) {
				f := startFilling(t, format)
				kill(f.run)
				f.fails()
				f.isMarked()
				f.recovers()
			})
		})
	}
}

// TestAccVolumeLibvirtdEnds holds that the end of libvirtd ends the apply at once, while the source stalls,
// and that the next one begins anew.
func TestAccVolumeLibvirtdEnds(t *testing.T) {
	for what, end := range libvirtdEnds {
		t.Run(what, func(t *testing.T) {
			eachFormat(t, func(t *testing.T, format string) {
				f := startFilling(t, format)
				if err := end(lab.Shared(t), t.Context()); err != nil {
					t.Fatal(err)
				}
				f.fails(`Unable to create volume "acc/disk"`, "connection to libvirt", "was lost")
				if err := lab.Shared(t).Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.isMarked()
				f.recovers()
			})
		})
	}
}

// TestAccVolumeLostConnection cuts the connection to libvirtd in the middle.
func TestAccVolumeLostConnection(t *testing.T) {
	eachFormat(t, func(t *testing.T, format string) {
		wire, source := newWire(t), local(t, fillingDisk)
		f := filling{newCLI(t, wire.uri, sourced(source, fmt.Sprintf("format = %q", format))), nil, format, source}
		wire.cutAfter(5 << 20)
		f.run = f.start("apply", "-auto-approve")
		f.fails(`Unable to create volume "acc/disk"`, "libvirt at "+wire.uri)
		wire.cutAfter(0)
		f.isMarked()
		f.recovers()
	})
}

// TestAccVolumeTwoRunsAtOnce has two runs make the same volume, the first of which waits for its server.
// The second one makes it, and what the first one does then harms nobody.
func TestAccVolumeTwoRunsAtOnce(t *testing.T) {
	eachFormat(t, func(t *testing.T, format string) {
		first := startFilling(t, format)
		second := filling{newCLI(t, lab.Shared(t).URI, sourced(first.url, fmt.Sprintf("format = %q", format))), nil, format, first.url}
		second.must("apply", "-auto-approve")
		first.run.signal(syscall.SIGINT)
		first.fails("Unable to create volume", "The run was interrupted")
		expect(t, hostDir(t, "/srv/acc", "disk"))
		second.holds()
		if plan := second.must("plan"); !strings.Contains(plan, "No changes") {
			t.Errorf("the plan is not empty:\n%s", plan)
		}
		first.mustFail([]string{"apply", "-auto-approve"}, `Unable to create volume "acc/disk"`, "terraform import")
		second.must("destroy", "-auto-approve")
		first.recovers()
	})
}
