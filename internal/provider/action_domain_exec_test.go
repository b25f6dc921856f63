package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestExecAction holds what the action makes of what a command wrote, and how it ended.
func TestExecAction(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(strings.Replace(memoryDomain, `"name"`, `"guest_agent": true, "name"`, 1))
	var got virt.Command
	answer, failure := virt.CommandResult{}, error(nil)
	h.ScriptCommand("guest", func(ctx context.Context, command virt.Command) (virt.CommandResult, error) {
		got = command
		if command.Program == "forever" {
			<-ctx.Done()
			return answer, errors.Join(context.Cause(ctx), failure)
		}
		return answer, failure
	})
	run := func(config string) (said, end string) {
		t.Helper()
		said, problems := act(t, h, "netboot_domain_exec", `{"domain": "guest", `+config+`}`)
		if end = problems.String(); !problems.hasError() {
			end = ""
		}
		if strings.Contains(said+end, "hunter2") {
			t.Errorf("a secret is shown: %s %s", said, end)
		}
		return said, end
	}
	wants := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}

	answer = virt.CommandResult{Output: []byte("one\r\n\x1b[31mtwo\n\nthree"), Errors: []byte("not shown")}
	said, end := run(`"command": ["printenv", "A"], "environment": {"A": "hunter2"}, "input": "hunter2"`)
	wants("output", said, "one\n\\x1b[31mtwo\n\nthree\n")
	wants("end", end, "")
	if got.Program != "printenv" || fmt.Sprintf("%v %v %s", got.Arguments, got.Environment, got.Input) != "[A] map[A:hunter2] hunter2" {
		t.Errorf("the command is %+v", got)
	}

	answer = virt.CommandResult{Output: []byte(strings.Repeat("line\n", 1000) + "last")}
	said, _ = run(`"command": ["yes"]`)
	if lines := strings.Count(said, "\n"); lines != 101 || !strings.Contains(said, "\n(901 lines are not shown)\n") || !strings.HasSuffix(said, "line\nlast\n") {
		t.Errorf("of a long output, it says %d lines:\n%s", lines, said)
	}
	answer = virt.CommandResult{Output: []byte("first\nlast\n"), OutputShortened: true}
	said, _ = run(`"command": ["yes"]`)
	wants("a shortened output", said, "first\n(lines are not shown, because the output is long)\nlast\n")

	answer = virt.CommandResult{ExitStatus: 3, Output: []byte("out\n"), Errors: []byte(strings.Repeat("x\n", 20) + "no space\n")}
	_, end = run(`"command": ["make"], "environment": {"A": "hunter2"}`)
	for _, text := range []string{`Unable to run "make" in domain "guest"`, "exit status 3", "The end of its standard error:\n  x\n", "\n  no space", "The end of its standard output:\n  out"} {
		if !strings.Contains(end, text) {
			t.Errorf("the error does not say %q, but\n%s", text, end)
		}
	}
	answer = virt.CommandResult{ExitStatus: 137}
	if _, end = run(`"command": ["make"]`); !strings.Contains(end, "signal 9") {
		t.Errorf("of a signal: %s", end)
	}
	answer = virt.CommandResult{Output: []byte("began\n")}
	if said, end = run(`"command": ["forever"], "timeout": "1ms"`); said != "began\n" || !strings.Contains(end, "did not end within 1ms") || !strings.Contains(end, "raise timeout") {
		t.Errorf("of a command that does not end: %s %s", said, end)
	}
	answer, failure = virt.CommandResult{}, errors.New("unable to end the command in the guest, where it may still run as process 7")
	if _, end = run(`"command": ["forever"], "timeout": "1ms"`); !strings.Contains(end, "process 7") {
		t.Errorf("of a command that cannot be ended: %s", end)
	}
	for _, config := range []string{`"command": ["true"], "timeout": "soon"`, `"command": ["true"], "environment": {"A=B": "hunter2"}`} {
		if _, end = run(config); !strings.Contains(end, "Invalid") {
			t.Errorf("of %s: %s", config, end)
		}
	}
	failure = nil
	destroys(t, c)
}

// agentGuest is a guest with a disk in qcow2, whose guest agent starts after its boot.
func agentGuest(t *testing.T, domain string) string {
	t.Helper()
	plain, err := lab.Initrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := lab.AgentInitrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(bootFiles(t), fmt.Sprintf("%q", plain), fmt.Sprintf("%q", initrd), 1) + fmt.Sprintf(`
resource "netboot_volume" "disk" {
  pool     = "acc"
  name     = "disk.qcow2"
  capacity = "2MiB"
}
resource "netboot_domain" "test" {
  name             = "acc"
  shutdown_timeout = "20s"
  guest_agent      = true
  kernel           = { image = netboot_image.linux.id, cmdline = "console=ttysclp0 netboot.agent" }
  disks            = [{ volume = netboot_volume.disk.id, serial = "DISK" }]
  %s
}
`, domain)
}

// awaitAgent returns a host when the agent of its guest "acc" answers.
func awaitAgent(t *testing.T) *virt.Host {
	t.Helper()
	h := newWitness(t).host
	eventually(t, "the guest's agent answers", func() bool {
		_, err := h.RunCommand(t.Context(), "acc", virt.Command{Program: "true"})
		return err == nil
	})
	return h
}

// execAction is an action that runs a command in the guest.
func execAction(name, command string) string {
	return fmt.Sprintf("action \"netboot_domain_exec\" %q {\n  config {\n    domain = \"acc\"\n    command = %s\n  }\n}\n", name, command)
}

// invoke is the arguments that invoke an action.
func invoke(address string) []string { return []string{"apply", "-auto-approve", "-invoke=" + address} }

// TestAccDomainExec runs commands in a guest: by hand, and after the guest was created.
func TestAccDomainExec(t *testing.T) {
	needsCLI(t)
	accPool(t)
	config := onHost(lab.Shared(t).URI) + agentGuest(t, `memory = "384MiB"`) +
		execAction("output", `["sh", "-c", "echo $A; echo done; cat >/tmp/input"]
    environment = { A = "of the environment" }
    input = sensitive("hunter2")`) +
		execAction("fails", `["sh", "-c", "echo oh dear >&2; exit 3"]`) +
		execAction("never", `["sh", "-c", "echo began; sleep 1001 & sleep 1002"]
    timeout = "5s"`) +
		execAction("interrupted", `["sh", "-c", "touch /tmp/began; sleep 1003"]
    timeout = "10m"`) +
		execAction("missing", `["nosuch"]`) +
		execAction("check", `["sh", "-c", "echo left=$(ps | grep -c '[s]leep 100') input=$(wc -c </tmp/input)"]`)
	c := wholeCLI(t, config)
	if !c.hasSince("Actions") {
		t.Skip("the CLI has no actions")
	}
	leavesNothing(t)
	c.must("apply", "-auto-approve")
	defer c.must("destroy", "-auto-approve")
	c.mustFail(invoke("action.netboot_domain_exec.output"), `Unable to run "sh" in domain "acc"`, "Install and start qemu-guest-agent")
	h := awaitAgent(t)
	said := c.must(invoke("action.netboot_domain_exec.output")...)
	if !strings.Contains(said, "of the environment") || !strings.Contains(said, "done") || strings.Contains(said, "hunter2") {
		t.Errorf("it says\n%s", said)
	}
	c.mustFail(invoke("action.netboot_domain_exec.fails"), `Unable to run "sh" in domain "acc"`, "exit status 3", "oh dear")
	c.mustFail(invoke("action.netboot_domain_exec.missing"), `Unable to run "nosuch" in domain "acc"`, "no such program")
	began := time.Now()
	c.mustFail(invoke("action.netboot_domain_exec.never"), "began", "did not end within 5s")
	if took := time.Since(began); took < 5*time.Second || took > time.Minute {
		t.Errorf("the command that never ends took %v", took)
	}
	run := c.start(invoke("action.netboot_domain_exec.interrupted")...)
	eventually(t, "the command begins", func() bool {
		r, err := h.RunCommand(t.Context(), "acc", virt.Command{Program: "test", Arguments: []string{"-e", "/tmp/began"}})
		return err == nil && r.ExitStatus == 0
	})
	run.signal(syscall.SIGINT)
	_ = run.wait(soon) // Terraform 1.14 does not show the error of an action that it interrupts, and may end as if all went well
	if !strings.Contains(run.output.String(), "Interrupt received") {
		t.Errorf("of a Ctrl-C:\n%s", run.output.String())
	}
	if said := c.must(invoke("action.netboot_domain_exec.check")...); !strings.Contains(said, "): left=0 input=7\n") {
		t.Errorf("after that, in the guest run\n%s", said)
	}
	c.write("main.tf", config+`
resource "terraform_data" "trigger" {
  input = "x"
  lifecycle {
    action_trigger {
      events  = [after_create]
      actions = [action.netboot_domain_exec.check]
    }
  }
}
`)
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, "(triggered by terraform_data.trigger): left=0 input=7\n") {
		t.Errorf("of an action that a change triggers:\n%s", said)
	}
	c.write("main.tf", strings.Replace(config, "guest_agent      = true", "guest_agent = false", 1))
	c.must("apply", "-auto-approve")
	c.mustFail(invoke("action.netboot_domain_exec.check"), `Unable to run "sh" in domain "acc"`, "set guest_agent = true")
	virsh(t, "destroy", "acc")
	c.mustFail(invoke("action.netboot_domain_exec.check"), `Unable to run "sh" in domain "acc"`, "not running")
}
