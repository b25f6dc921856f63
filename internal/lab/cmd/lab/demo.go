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
	"regexp"
	"strings"
	"syscall"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

const (
	example  = "examples/quickstart"
	tftpRoot = "/srv/netboot-demo"
	uri      = "qemu:///system"
)

// workspace is the demo's directory in the cache. It contains a copy of the example, its state and the
// consoles' logs, so that the demo does not change the checkout.
type workspace struct {
	dir      string
	cli      string // Terraform or OpenTofu
	settings string // the CLI's configuration file, which makes it use the provider built here
	env      []string
}

func newWorkspace(ctx context.Context) (*workspace, error) {
	settings, err := filepath.Abs("bin/dev.tfrc")
	if err != nil {
		return nil, err
	}
	if !exists(settings) {
		return nil, fmt.Errorf("%s does not exist; run the demo in the root of the checkout, with: make demo", settings)
	}
	cli, err := chooseCLI(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := lab.CacheDir("demo")
	if err != nil {
		return nil, err
	}
	w := &workspace{dir: dir, cli: cli, settings: settings}
	w.env = append(os.Environ(),
		"TF_CLI_CONFIG_FILE="+settings,
		"TF_IN_AUTOMATION=1",
		"LIBVIRT_DEFAULT_URI="+uri,
	)
	return w, nil
}

func (w *workspace) consoles() string { return filepath.Join(w.dir, "consoles") }

// poolMark is the file that records that the machine had no default pool before the demo.
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
			return fmt.Errorf("%w\nTo remove what the demo has created so far, run: make demo-clean", err)
		}
	}
	w.showAround()
	return nil
}

// fill copies the example, sets its variables and records whether the machine has a default pool.
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

// setVariables writes the variables to a file, so that the CLI also finds them when it destroys, or when a
// user runs it in the workspace.
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

// command runs the CLI in its own process group. A Ctrl-C then reaches it once, through the context, and it
// ends cleanly. A second signal, from the terminal, would make it stop at once.
func (w *workspace) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.cli, append([]string{"-chdir=" + w.dir}, args...)...)
	cmd.Env = w.env
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// plan shows the actions of the plan, without the attributes.
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

// apply shows the guests' consoles while it runs.
func (w *workspace) apply(ctx context.Context) error {
	watching, stop := context.WithCancel(context.Background())
	watched := make(chan error)
	go func() { watched <- follow(watching, w.consoles(), os.Stdout) }()
	err := w.command(ctx, "apply", "-input=false", "-auto-approve", "plan").Run()
	stop()
	return errors.Join(err, <-watched)
}

func (w *workspace) showAround() {
	fmt.Printf("\nThe guest is running. To see what the demo has created:\n  virsh --connect %s list\n", uri)
	for _, guest := range guests(w.consoles()) {
		fmt.Printf("  virsh --connect %s console %s    (Ctrl-] leaves the console)\n", uri, guest)
	}
	fmt.Printf("  head %s/pxelinux.cfg/*\n", tftpRoot)
	fmt.Println("To see the state (TF_CLI_CONFIG_FILE makes the CLI use the provider that was built here):")
	fmt.Printf("  %s\n", w.shell("show"))
	fmt.Println("To remove everything that the demo has created:\n  make demo-clean")
}

// shell is a command line that runs the CLI in the workspace, for the user to copy.
func (w *workspace) shell(args ...string) string {
	line := "TF_CLI_CONFIG_FILE=" + shellWord(w.settings)
	for _, word := range append([]string{w.cli, "-chdir=" + w.dir}, args...) {
		line += " " + shellWord(word)
	}
	return line
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord quotes a word for a shell if it needs quotes.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
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
	if err := up(ctx); err != nil { // the machine may have been restarted in the meantime
		return err
	}
	if err := w.command(ctx, "destroy", "-input=false", "-auto-approve").Run(); err != nil {
		return err
	}
	if !exists(w.poolMark()) || !hasDefaultPool(ctx) {
		return nil
	}
	volumes, err := virsh(ctx, "--quiet", "vol-list", "default").Output()
	if err != nil || strings.TrimSpace(string(volumes)) != "" { // the pool is in use for something else
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
