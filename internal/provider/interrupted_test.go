package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// bigKernel takes several packets to upload.
var bigKernel = bootFile("big kernel", 4<<20+1)

// stalled is a CLI that applies an image whose server stalls the first so many times after so many
// bytes.
func stalled(t *testing.T, times, bytes int) (*cli, *lab.Server) {
	t.Helper()
	leavesNothing(t)
	server := lab.NewServer(t)
	c := newCLI(t, lab.Shared(t).URI, from(server.Serve("kernel", bigKernel, lab.First(times, lab.StallAfter(bytes)))))
	t.Cleanup(func() {
		c.must("destroy", "-auto-approve")
		expect(t, hostAbsent(t, "/srv/boot"))
	})
	return c, server
}

// uploading waits until a part of the kernel is on the host, written since a time.
func uploading(t *testing.T, since time.Time) {
	t.Helper()
	eventually(t, "a part of the kernel on the host", func() bool {
		return slices.ContainsFunc(staged(t), func(part string) bool {
			info, err := os.Stat(part)
			return err == nil && info.Size() >= 1<<20 && info.ModTime().After(since)
		})
	})
}

// staged are the staged files of the kernel.
func staged(t *testing.T) []string {
	t.Helper()
	parts, err := filepath.Glob(inSrv(t, "/srv/boot/acc-kernel-*.part"))
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// applies applies at last, and checks that nothing is left of what went before.
func (c *cli) applies() {
	c.t.Helper()
	c.must("apply", "-auto-approve")
	expect(c.t, hostFile(c.t, bootPath("kernel", bigKernel), bigKernel))
	expect(c.t, hostDir(c.t, "/srv/boot", "pxelinux.cfg", "acc-kernel-"+sha256Of(bigKernel)[:12]))
}

// TestAccKilledInUpload holds that a kill -9 in the middle of an upload leaves nothing that a guest
// could take for a kernel, and nothing that is in the way of the next apply.
func TestAccKilledInUpload(t *testing.T) {
	c, _ := stalled(t, 2, 3<<20)
	for _, killed := range []struct {
		what string
		kill func(*cliRun)
	}{
		{"provider", (*cliRun).killProvider},
		// It comes second: OpenTofu writes a state only after 20 seconds, so a first run that is killed leaves none.
		{"CLI and provider", func(run *cliRun) { run.signal(syscall.SIGKILL) }},
	} {
		what := killed.what
		begin := time.Now()
		run := c.start("apply", "-auto-approve")
		uploading(t, begin)
		killed.kill(run)
		if err := run.wait(soon); err == nil {
			t.Errorf("%s was killed, and the apply succeeded:\n%s", what, run.output.String())
		}
		if parts := staged(t); len(parts) != 1 {
			t.Errorf("%s was killed, and staged are %q", what, parts)
		}
		expect(t, hostAbsent(t, bootPath("kernel", bigKernel)))
		if state := c.resources(); !slices.Equal(state, []string{testRoot}) {
			t.Errorf("%s was killed, and the state holds %q", what, state)
		}
	}
	c.applies()
}

// libvirtdEnds are the ways in which libvirtd may end.
var libvirtdEnds = map[string]func(*lab.Host, context.Context) error{"killed": (*lab.Host).Kill, "asked to end": (*lab.Host).Quit}

// TestAccLibvirtdEndsInUpload holds that the end of libvirtd ends an upload at once, also while a server
// stalls, and that the next apply goes on.
func TestAccLibvirtdEndsInUpload(t *testing.T) {
	for what, end := range libvirtdEnds {
		t.Run(what, func(t *testing.T) {
			c, _ := stalled(t, 1, 3<<20)
			begin := time.Now()
			run := c.start("apply", "-auto-approve")
			uploading(t, begin)
			if err := end(lab.Shared(t), t.Context()); err != nil {
				t.Fatal(err)
			}
			err := run.wait(soon) // to clean up, it waits for libvirtd to come back
			if failed := lab.Shared(t).Restart(t.Context()); failed != nil {
				t.Fatal(failed)
			}
			if err == nil || !says("Unable to create image", "connection to libvirt", "was lost").MatchString(run.output.String()) {
				t.Errorf("%v:\n%s", err, run.output.String())
			}
			expect(t, hostAbsent(t, bootPath("kernel", bigKernel)))
			if state := c.resources(); !slices.Equal(state, []string{testRoot}) {
				t.Errorf("the state holds %q", state)
			}
			c.applies()
		})
	}
}

// TestAccInterrupted holds that Ctrl-C ends an apply at once, also while a server stalls, and that it
// leaves nothing behind.
func TestAccInterrupted(t *testing.T) {
	for _, bytes := range []int{0, 3 << 20} {
		t.Run(fmt.Sprintf("after %d bytes", bytes), func(t *testing.T) {
			c, server := stalled(t, 1, bytes)
			begin := time.Now()
			run := c.start("apply", "-auto-approve")
			eventually(t, "a request for the kernel", func() bool { return server.Requests("kernel") > 0 })
			if bytes > 0 {
				uploading(t, begin)
			}
			run.signal(syscall.SIGINT)
			if err := run.wait(soon); err == nil || !says("Interrupt received", "Unable to create image", "The run was interrupted", "The next apply continues").MatchString(run.output.String()) {
				t.Errorf("%v:\n%s", err, run.output.String())
			}
			nothingPublished(t)()
			if state := c.resources(); !slices.Equal(state, []string{testRoot}) {
				t.Errorf("the state holds %q", state)
			}
			c.applies()
		})
	}
}

// TestAccTwoRunsAtOnce has two runs publish the same image, the first of which waits for its server. The
// second one is not held up by it, and what the first one does then harms nobody.
func TestAccTwoRunsAtOnce(t *testing.T) {
	first, server := stalled(t, 1, 3<<20)
	begin := time.Now()
	run := first.start("apply", "-auto-approve")
	uploading(t, begin)
	second := newCLI(t, lab.Shared(t).URI, from(server.Serve("kernel", bigKernel)))
	second.must("apply", "-auto-approve")
	second.applies()
	run.signal(syscall.SIGINT)
	if err := run.wait(soon); err == nil {
		t.Errorf("the first run succeeded:\n%s", run.output.String())
	}
	second.applies()
	second.must("destroy", "-auto-approve")
	first.applies()
}
