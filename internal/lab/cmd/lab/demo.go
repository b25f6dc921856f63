package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

const (
	example  = "examples/quickstart"
	tftpRoot = "/srv/netboot-demo"
	uri      = "qemu:///system"
)

// workspace is the demo's directory in the cache: it holds a copy of the example, its state and the
// consoles' logs, so that the checkout stays as it is.
type workspace struct {
	dir string
	cli string // Terraform or OpenTofu
	env []string
}

func newWorkspace(ctx context.Context) (*workspace, error) {
	settings, err := filepath.Abs("bin/dev.tfrc")
	if err != nil {
		return nil, err
	}
	if !exists(settings) {
		return nil, fmt.Errorf("there is no %s; run the demo in the root of the checkout, as: make demo", settings)
	}
	cli, err := chooseCLI(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := lab.CacheDir("demo")
	if err != nil {
		return nil, err
	}
	w := &workspace{dir: dir, cli: cli}
	w.env = append(os.Environ(),
		"TF_CLI_CONFIG_FILE="+settings,
		"TF_IN_AUTOMATION=1",
		"LIBVIRT_DEFAULT_URI="+uri,
	)
	return w, nil
}

func (w *workspace) consoles() string { return filepath.Join(w.dir, "consoles") }

// poolMark remembers that the machine had no default pool before the demo.
func (w *workspace) poolMark() string { return filepath.Join(w.dir, "no-default-pool") }

func demo(ctx context.Context) error {
	w, err := newWorkspace(ctx)
	if err != nil {
		return err
	}
	if err := up(ctx); err != nil {
		return err
	}
	files, err := prepare(ctx)
	if err != nil {
		return err
	}
	if err := w.fill(ctx, files); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{w.plan, w.apply} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("%w\nTo take away what the demo made so far, run: make demo-clean", err)
		}
	}
	w.showAround()
	return nil
}

// fill copies the example, sets its variables and makes a note of what the machine has.
func (w *workspace) fill(ctx context.Context, files bootFiles) error {
	sources, err := filepath.Glob(filepath.Join(example, "*.tf"))
	if err != nil {
		return err
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(w.dir, filepath.Base(source)), text, 0o644); err != nil {
			return err
		}
	}
	if err := w.setVariables(files); err != nil {
		return err
	}
	if !hasDefaultPool(ctx) {
		if err := os.WriteFile(w.poolMark(), nil, 0o644); err != nil {
			return err
		}
	}
	return os.MkdirAll(w.consoles(), 0o755)
}

// setVariables writes them to a file, which the CLI also finds when it destroys, or when somebody
// runs it in the workspace by hand.
func (w *workspace) setVariables(files bootFiles) error {
	text, err := json.MarshalIndent(map[string]string{
		"kernel":          files.kernel,
		"initrd":          files.initrd,
		"tftp_root":       tftpRoot,
		"console_log_dir": w.consoles(),
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.dir, "terraform.tfvars.json"), text, 0o644)
}

// command is the CLI in a process group of its own: a Ctrl-C then reaches it once, through the context,
// and it ends in good order. The second one, from the terminal, would make it drop everything.
func (w *workspace) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.cli, append([]string{"-chdir=" + w.dir}, args...)...)
	cmd.Env = w.env
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// plan shows what the plan says it will do, without every attribute.
func (w *workspace) plan(ctx context.Context) error {
	cmd := w.command(ctx, "plan", "-input=false", "-no-color", "-out=plan")
	cmd.Stdout = nil
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if line := lines.Text(); strings.HasPrefix(line, "  # ") || strings.HasPrefix(line, "Plan: ") {
			fmt.Println(line)
		}
	}
	return cmd.Wait()
}

// apply shows the consoles of the guests while it runs.
func (w *workspace) apply(ctx context.Context) error {
	watching, stop := context.WithCancel(context.Background())
	watched := make(chan error)
	go func() { watched <- follow(watching, w.consoles(), os.Stdout) }()
	err := w.command(ctx, "apply", "-input=false", "-auto-approve", "plan").Run()
	stop()
	return errors.Join(err, <-watched)
}

func (w *workspace) showAround() {
	fmt.Printf("\nThe guest is up. To look around:\n  virsh --connect %s list\n", uri)
	for _, guest := range guests(w.consoles()) {
		fmt.Printf("  virsh --connect %s console %s    (Ctrl-] leaves)\n", uri, guest)
	}
	fmt.Printf("  head %s/pxelinux.cfg/*\n", tftpRoot)
	fmt.Printf("  %s -chdir=%s show\n", w.cli, w.dir)
	fmt.Println("To take it all away:\n  make demo-clean")
}

func demoClean(ctx context.Context) error {
	w, err := newWorkspace(ctx)
	if err != nil {
		return err
	}
	if exists(filepath.Join(w.dir, "terraform.tfstate")) {
		if err := w.destroy(ctx); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(w.dir), down(ctx))
}

func (w *workspace) destroy(ctx context.Context) error {
	if err := up(ctx); err != nil { // the machine may have been restarted since
		return err
	}
	if err := w.command(ctx, "destroy", "-input=false", "-auto-approve").Run(); err != nil {
		return err
	}
	if !exists(w.poolMark()) || !hasDefaultPool(ctx) {
		return nil
	}
	volumes, err := virsh(ctx, "--quiet", "vol-list", "default").Output()
	if err != nil || strings.TrimSpace(string(volumes)) != "" { // somebody else uses the pool by now
		return err
	}
	return errors.Join(say(virsh(ctx, "pool-destroy", "default")), say(virsh(ctx, "pool-undefine", "default")))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func hasDefaultPool(ctx context.Context) bool { return virsh(ctx, "pool-info", "default").Run() == nil }

func virsh(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "virsh", append([]string{"--connect", uri}, args...)...)
}
