package provider

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

var built struct {
	once sync.Once
	dir  string
	err  error
}

// builtProvider is the directory with the provider as it is shipped, which goes with the lab's host.
func builtProvider(t *testing.T) string {
	t.Helper()
	host := lab.Shared(t)
	built.once.Do(func() {
		built.dir = filepath.Join(host.Dir, "provider")
		build := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", built.dir+"/", "github.com/s390x-netboot/terraform-provider-netboot")
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

// cli is Terraform or OpenTofu in a directory of its own, with the provider as a process: for what
// cannot be seen where the provider runs within the test, such as its being killed.
type cli struct {
	t   *testing.T
	dir string
	env []string
}

// newCLI is a CLI with a configuration for the host at a URI.
func newCLI(t *testing.T, uri, config string) *cli {
	t.Helper()
	return wholeCLI(t, onHost(uri)+config)
}

// consoleCLI is newCLI on the lab's host, with a directory for the consoles of guests.
func consoleCLI(t *testing.T, config string) *cli {
	t.Helper()
	return wholeCLI(t, onHost(lab.Shared(t).URI, `console_log_dir = "consoles"`)+config)
}

// consoleLog is the file of a guest's console.
func (c *cli) consoleLog(guest string) string { return filepath.Join(c.dir, "consoles", guest+".log") }

// consoleShows holds that the console of a guest has shown these texts in turn.
func (c *cli) consoleShows(guest string, texts ...string) {
	c.t.Helper()
	if err := logShows(c.consoleLog(guest), texts...)(nil); err != nil {
		c.t.Error(err)
	}
}

// needsCLI skips a test that drives a CLI, where none is to be driven.
func needsCLI(t *testing.T) {
	t.Helper()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run only with %s set", resource.EnvTfAcc)
	}
}

// wholeCLI is a CLI with a configuration that says all.
func wholeCLI(t *testing.T, config string) *cli {
	t.Helper()
	needsCLI(t)
	c := &cli{t: t, dir: t.TempDir()}
	c.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(c.dir, "cli.tfrc"), "CHECKPOINT_DISABLE=1")
	c.overrides("s390x-netboot/netboot", builtProvider(t))
	c.write("main.tf", config)
	return c
}

// overrides says where providers are, by their addresses in both registries.
func (c *cli) overrides(addressAndDir ...string) {
	c.t.Helper()
	var lines strings.Builder
	for i := 0; i < len(addressAndDir); i += 2 {
		for _, registry := range []string{"registry.terraform.io", "registry.opentofu.org"} {
			fmt.Fprintf(&lines, "    %q = %q\n", registry+"/"+addressAndDir[i], addressAndDir[i+1])
		}
	}
	c.write("cli.tfrc", "provider_installation {\n  dev_overrides {\n"+lines.String()+"  }\n}\n")
}

func (c *cli) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// state is the state's file.
func (c *cli) state() string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "terraform.tfstate"))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// hangs is after what time a command counts as hanging. A busy machine takes several times as long as a quiet one. It is longer
// than a boot check's default timeout, whose error shows the console.
const hangs = 7 * time.Minute

// soon is within what time a command ends that does not wait for what it waited for. That is long for a busy machine, and
// shorter than all that would end it otherwise: a source that stalls is given up after 30 seconds, a boot after minutes.
const soon = 20 * time.Second

// must runs a command that has to succeed, and returns what it prints.
func (c *cli) must(args ...string) string {
	c.t.Helper()
	return c.mustWithin(hangs, args...)
}

// mustWithin is must for a command that may take longer than others.
func (c *cli) mustWithin(limit time.Duration, args ...string) string {
	c.t.Helper()
	run := c.start(args...)
	if err := run.wait(limit); err != nil {
		c.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, run.output.String())
	}
	return run.output.String()
}

// mustFail runs a command that has to fail, and to say these texts in turn.
func (c *cli) mustFail(args []string, texts ...string) {
	c.t.Helper()
	run := c.start(args...)
	if err := run.wait(hangs); err == nil || !says(texts...).MatchString(run.output.String()) {
		c.t.Errorf("%s: %v; it should say %q:\n%s", strings.Join(args, " "), err, texts, run.output.String())
	}
}

// resources are the addresses in the state.
func (c *cli) resources() []string {
	c.t.Helper()
	return strings.Fields(c.must("state", "list"))
}

// cliRun is a running command with its provider.
type cliRun struct {
	t      *testing.T
	cmd    *exec.Cmd
	output bytes.Buffer
	done   chan error
}

func (c *cli) start(args ...string) *cliRun {
	c.t.Helper()
	program := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if program == "" {
		program = "terraform"
	}
	run := &cliRun{t: c.t, cmd: exec.Command(program, append(args, "-no-color")...), done: make(chan error, 1)}
	run.cmd.Dir, run.cmd.Env = c.dir, c.env
	run.cmd.Stdout, run.cmd.Stderr = &run.output, &run.output
	run.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with the provider, as a terminal has them
	if err := run.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() { run.done <- run.cmd.Wait() }()
	// A test that fails leaves its command running, which could go on to make what is taken away then.
	c.t.Cleanup(func() { _ = syscall.Kill(-run.cmd.Process.Pid, syscall.SIGKILL) })
	return run
}

// wait waits for the command's end. One that takes longer is killed.
func (r *cliRun) wait(limit time.Duration) error {
	select {
	case err := <-r.done:
		return err
	case <-time.After(limit):
		r.signal(syscall.SIGKILL)
		return errors.Join(fmt.Errorf("it did not end within %v", limit), <-r.done)
	}
}

// signal signals the command and its provider, as a terminal does.
func (r *cliRun) signal(signal syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(-r.cmd.Process.Pid, signal); err != nil {
		r.t.Fatal(err)
	}
}

// killProvider kills the provider alone.
func (r *cliRun) killProvider() {
	r.t.Helper()
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", r.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, list := range children {
		text, _ := os.ReadFile(list) // of a thread that may have ended
		for pid := range strings.FieldsSeq(string(text)) {
			var child int
			if _, err := fmt.Sscan(pid, &child); err != nil {
				r.t.Fatal(err)
			}
			program, _ := os.Readlink(filepath.Join("/proc", pid, "exe"))
			if filepath.Base(program) == "terraform-provider-netboot" {
				if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
					r.t.Fatal(err)
				}
				return
			}
		}
	}
	r.t.Fatal("the command has no provider running")
}

// eventually waits for a condition that another process brings about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it never came to that", what)
		}
	}
}
