package virt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestRunCommand runs commands in a guest with QEMU's guest agent.
func TestRunCommand(t *testing.T) {
	h := givenAgent(t)
	for _, test := range []struct {
		name    string
		command virt.Command
		want    virt.CommandResult
	}{
		{"output", shell("echo out; echo err >&2; exit 3"), virt.CommandResult{ExitStatus: 3, Output: []byte("out\n"), Errors: []byte("err\n")}},
		{"no output", virt.Command{Program: "/bin/true"}, virt.CommandResult{}},
		{"a signal", shell("kill -9 $$"), virt.CommandResult{ExitStatus: 137}},
		{"input", virt.Command{Program: "cat", Input: []byte("\x00\xffin")}, virt.CommandResult{Output: []byte("\x00\xffin")}},
		{"arguments", virt.Command{Program: "printf", Arguments: []string{"%s|", "a b", "", "*", `'"$HOME`, "ü😀"}}, virt.CommandResult{Output: []byte(`a b||*|'"$HOME|ü😀|`)}},
		{"an environment", virt.Command{Program: "sh", Arguments: []string{"-c", `echo "$A $PATH"`}, Environment: map[string]string{"A": "b c"}}, virt.CommandResult{Output: []byte("b c /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n")}},
		{"a path of its own", virt.Command{Program: "sh", Arguments: []string{"-c", `echo "$PATH"`}, Environment: map[string]string{"PATH": "/bin"}}, virt.CommandResult{Output: []byte("/bin\n")}},
		{"no program", shell("exec /proc/version 2>/dev/null"), virt.CommandResult{ExitStatus: 126}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := h.RunCommand(t.Context(), "kept", test.command)
			if err != nil || got.ExitStatus != test.want.ExitStatus || !bytes.Equal(got.Output, test.want.Output) || !bytes.Equal(got.Errors, test.want.Errors) {
				t.Errorf("RunCommand returned %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
	if _, err := h.RunCommand(t.Context(), "kept", virt.Command{Program: "nosuch"}); !errors.Is(err, virt.ErrNoProgram) {
		t.Errorf("of a program that does not exist: %v", err)
	}
	if _, err := h.RunCommand(t.Context(), "kept", virt.Command{Program: "cat", Input: make([]byte, 3<<20)}); err == nil || !strings.Contains(err.Error(), "the input is 3145728 bytes long") {
		t.Errorf("of a long input: %v", err)
	}
}

// TestCommandWithALongOutput writes more than libvirt can pass on, after which libvirt would use the agent no more.
func TestCommandWithALongOutput(t *testing.T) {
	h := givenAgent(t)
	got, err := h.RunCommand(t.Context(), "kept", shell("echo begin; head -c 12000000 /dev/zero; head -c 12000000 /dev/zero >&2; echo end; echo end >&2; exit 1"))
	if err != nil || got.ExitStatus != 1 || !got.OutputShortened || !got.ErrorsShortened || len(got.Output) > 2*virt.OutputHead ||
		!bytes.HasPrefix(got.Output, []byte("begin\n")) || !bytes.HasSuffix(got.Output, []byte("end\n")) || !bytes.HasSuffix(got.Errors, []byte("end\n")) {
		t.Errorf("RunCommand returned status %d, %d and %d bytes, %v", got.ExitStatus, len(got.Output), len(got.Errors), err)
	}
	if _, err := h.RunCommand(t.Context(), "kept", virt.Command{Program: "true"}); err != nil {
		t.Errorf("the next command: %v", err)
	}
}

// TestCommandIsEnded has commands that never end, one of which ignores the request to end, and which started other processes.
func TestCommandIsEnded(t *testing.T) {
	h := givenAgent(t)
	for _, test := range []struct{ script, output string }{
		{"echo began; sleep 1001 & while :; do sleep 1002; done", "began\n"},
		{"trap '' TERM; sleep 1001 & while :; do sleep 1002; done", ""},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		got, err := h.RunCommand(ctx, "kept", shell(test.script))
		if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "unable") || string(got.Output) != test.output {
			t.Errorf("%s: RunCommand returned %+v, %v", test.script, got, err)
		}
		left, err := h.RunCommand(t.Context(), "kept", shell("ps | grep 'sleep 100[12]' | grep -v grep; exit 0"))
		if err != nil || len(left.Output) > 0 {
			t.Errorf("%s: in the guest still run: %s (%v)", test.script, left.Output, err)
		}
	}
}

// TestAgentThatRunsNoCommands has agents that do not answer, that end, and that are configured to run no commands.
func TestAgentThatRunsNoCommands(t *testing.T) {
	h := givenAgent(t)
	eventually := func(text string) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
			_, err := h.RunCommand(t.Context(), "kept", virt.Command{Program: "true"})
			if strings.Contains(fmt.Sprint(err), text) {
				return
			}
			if time.Since(began) > 2*time.Minute {
				t.Fatalf("the error is %v, want %q", err, text)
			}
		}
	}
	inBackground := func(script string) {
		t.Helper()
		if _, err := h.RunCommand(t.Context(), "kept", shell("("+script+") >/dev/null 2>&1 </dev/null & exit 0")); err != nil {
			t.Fatal(err)
		}
	}
	// The requests begin when the agent is stopped, because a request for the status of a command is repeated.
	inBackground("sleep 1; kill -STOP $(pidof qemu-ga); sleep 30; kill -CONT $(pidof qemu-ga)")
	time.Sleep(5 * time.Second)
	eventually("does not answer within 10 seconds")
	eventually("<nil>")
	inBackground("sleep 2; kill $(pidof qemu-ga); sleep 10; qemu-ga -m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0 -t /run -f /run/2.pid -b guest-exec")
	eventually("Install and start qemu-guest-agent")
	eventually("BLACKLIST_RPC")
}

func shell(script string) virt.Command {
	return virt.Command{Program: "sh", Arguments: []string{"-c", script}}
}

// givenAgent returns the host of a guest "kept" whose agent answers.
func givenAgent(t *testing.T) *virt.Host {
	t.Helper()
	kernel := "<kernel>" + inLab(t, lab.Kernel) + "</kernel><initrd>" + inLab(t, lab.AgentInitrd) + "</initrd><cmdline>netboot.agent</cmdline>"
	h := givenGuest(t, kernel, "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>", "destroy")
	if err := h.StartDomain(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(500 * time.Millisecond) {
		_, err := h.RunCommand(t.Context(), "kept", virt.Command{Program: "true"})
		if err == nil {
			return h
		}
		if time.Since(began) > 4*time.Minute {
			t.Fatal(err)
		}
	}
}
