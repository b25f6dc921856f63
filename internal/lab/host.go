// Package lab starts what tests and the demo need from the real world, and stops it again: libvirt
// hosts of their own, an s390x kernel and initrd to boot in them, other releases of QEMU and their
// firmware, and web servers that misbehave.
//
// It needs Linux, root and Debian's packages, and installs those that are missing. It knows neither
// Terraform nor the provider, so that a test can ask the real server whether the provider is right.
// What takes long it announces on standard error.
package lab

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed init.sh
var initScript string

// What a new host's directory holds. The machine's own configuration is not copied: it may hold
// networks and guests that start by themselves.
var hostFiles = map[string]string{
	"init.sh":           initScript,
	"etc/libvirtd.conf": `auth_unix_rw = "none"` + "\n" + `unix_sock_rw_perms = "0700"` + "\n",
	"etc/virtlogd.conf": "",
	// AppArmor's profiles name paths as the machine sees them, not the lab.
	"etc/qemu.conf": `security_driver = "none"` + "\n",
}

// Host is a libvirt host of its own: libvirtd, virtlogd and everything that they start live in mount,
// network and process namespaces that nothing outlives. Libvirt's own directories and /srv are new and
// empty; all other files are the machine's, or on a later generation, but for a few shared directories,
// those of a root of its own.
type Host struct {
	URI string // reaches the host from outside of its namespaces
	Dir string // holds run, etc, lib, log (libvirt's directories) and srv; goes with the host

	Generation Generation
	Root       string // the directory that its programs are in, as the machine sees it

	init  *exec.Cmd
	input io.Closer // closing it ends init, and with init every process of the host

	arguments []string // of libvirtd
}

// Start starts a new host and returns as soon as libvirtd answers: within a second, the first time on
// a machine within half a minute, as libvirtd then looks at every QEMU that is installed. The context
// bounds the start alone; the host runs until Stop, or until the process that started it ends in
// whatever way.
func Start(ctx context.Context) (*Host, error) {
	if err := InstallPackages(ctx); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("unable to start a libvirt host: namespaces need root; run the tests as root")
	}
	h, err := newHost(ctx)
	if err != nil {
		return nil, fmt.Errorf("unable to start a libvirt host: %w", err)
	}
	if err := h.Restart(ctx); err != nil {
		return nil, errors.Join(err, h.Stop())
	}
	return h, nil
}

// newHost makes the directory and the namespaces, with nothing running in them but init.
func newHost(ctx context.Context) (*Host, error) {
	generation, err := ThisGeneration()
	if err != nil {
		return nil, err
	}
	root, err := generation.Root(ctx)
	if err != nil {
		return nil, err
	}
	cache, err := generation.libvirtCache()
	if err != nil {
		return nil, err
	}
	shared, err := sharedDirs()
	if err != nil {
		return nil, err
	}
	dir, err := newHostDir()
	if err != nil {
		return nil, err
	}
	h := &Host{
		URI: "qemu+unix:///system?socket=" + dir + "/run/libvirt-sock",
		Dir: dir,

		Generation: generation,
		Root:       root,

		init: exec.Command("sh", append([]string{filepath.Join(dir, "init.sh"), dir, cache, root}, shared...)...),
	}
	if err := h.startInit(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return h, nil
}

// newHostDir keeps its path short, for a socket's path may have 107 bytes, and readable all the way
// down, for dnsmasq serves TFTP roots as nobody.
func newHostDir() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "netboot-lab-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"run", "etc", "lib", "log", "srv", "root"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return "", err
		}
	}
	for name, text := range hostFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func (h *Host) startInit() error {
	h.init.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Setsid:     true, // a Ctrl-C at the terminal is for the tests, which then stop the host
	}
	var complaint bytes.Buffer
	h.init.Stderr = &complaint
	output, err := h.init.StdoutPipe()
	if err != nil {
		return err
	}
	if h.input, err = h.init.StdinPipe(); err != nil {
		return err
	}
	if err := h.init.Start(); err != nil {
		return fmt.Errorf("unable to make namespaces: %w", err)
	}
	if line, _ := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		return fmt.Errorf("unable to set up namespaces: %w: %s", h.init.Wait(), bytes.TrimSpace(complaint.Bytes()))
	}
	return nil
}

// Stop ends every process of the host and removes its directory. Files outside of that, such as
// volumes in a pool at another path, stay.
func (h *Host) Stop() error {
	if err := h.input.Close(); err != nil {
		return fmt.Errorf("unable to stop the libvirt host in %s: %w", h.Dir, err)
	}
	_ = h.init.Wait() // its status is that of its last rm, which is checked here for itself
	if _, err := os.Stat(h.Dir); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("unable to remove %s of a stopped libvirt host; remove it by hand", h.Dir)
	}
	return nil
}

// Kill kills libvirtd alone, as a crash would. Guests, dnsmasq and virtlogd keep running.
func (h *Host) Kill(ctx context.Context) error { return h.end(ctx, "KILL") }

// Quit ends libvirtd alone, as an upgrade of its package does; Restart brings it back.
func (h *Host) Quit(ctx context.Context) error { return h.end(ctx, "TERM") }

func (h *Host) end(ctx context.Context, signal string) error {
	_, err := h.Exec(ctx, "sh", "-c", `
		pid=$(cat /run/libvirt/libvirtd.pid) && kill -$0 "$pid"
		while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done`, signal)
	return err
}

// EndDnsmasq ends the dnsmasq of a network, as one does by hand where libvirtd has forgotten it, and tells whether there
// was one.
func (h *Host) EndDnsmasq(ctx context.Context, network string) bool {
	inCommandLine := "dnsmasq/" + network + ".conf"
	if _, err := h.Exec(ctx, "pkill", "-f", inCommandLine); err != nil {
		return false
	}
	_, _ = h.Exec(ctx, "pidwait", "-f", inCommandLine) // which fails where it has ended already
	return true
}

// Restart starts libvirtd again after Kill or Quit, in the same namespaces, and returns as soon as it answers and has
// found its guests again.
func (h *Host) Restart(ctx context.Context) error {
	if err := h.startDaemon(ctx, "virtlogd"); err != nil {
		return err
	}
	if err := h.startDaemon(ctx, "libvirtd", h.arguments...); err != nil {
		return err
	}
	for {
		guests, err := h.Virsh(ctx, "list", "--name")
		if err == nil {
			h.awaitQEMU(ctx, guests)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("libvirtd does not answer (%w): %w\n%s", ctx.Err(), err, h.Log())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// awaitQEMU asks each guest's QEMU for something, for which libvirtd first has to find it again. One that is destroyed
// before libvirtd has done that ends, but as one that libvirtd could not find, and the destroy fails.
func (h *Host) awaitQEMU(ctx context.Context, guests string) {
	for guest := range strings.FieldsSeq(guests) {
		_, _ = h.Virsh(ctx, "dommemstat", guest) // which fails where the guest has ended meanwhile
	}
}

// startDaemon does nothing when the daemon is running, as virtlogd is after Kill.
func (h *Host) startDaemon(ctx context.Context, name string, arguments ...string) error {
	start := `[ -e $1 ] && kill -0 $(cat $1) 2>/dev/null || exec $0 --daemon --pid-file "$@"`
	if _, err := h.Exec(ctx, append([]string{"sh", "-c", start, name, "/run/libvirt/" + name + ".pid"}, arguments...)...); err != nil {
		return fmt.Errorf("%w\n%s", err, h.Log())
	}
	return nil
}

// Log is what libvirtd has complained about so far.
func (h *Host) Log() string {
	log, err := os.ReadFile(filepath.Join(h.Dir, "log", "libvirtd.log"))
	if err != nil {
		return err.Error()
	}
	return string(log)
}

// Virsh asks the server with virsh and returns what it prints, for tests that want to know what really is.
func (h *Host) Virsh(ctx context.Context, args ...string) (string, error) {
	return output(exec.CommandContext(ctx, "virsh", append([]string{"--quiet", "--connect", h.URI}, args...)...))
}

// TakeConsole takes a guest's console from whoever has it, until release is called. virsh does that on a
// terminal alone, which script gives it.
func (h *Host) TakeConsole(ctx context.Context, domain string) (release func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	virsh := exec.CommandContext(ctx, "script", "--quiet", "--command", fmt.Sprintf("virsh --connect '%s' console --force '%s'", h.URI, domain), os.DevNull)
	if _, err = virsh.StdinPipe(); err == nil { // its end would be that of the session
		err = virsh.Start()
	}
	return func() {
		cancel()
		_ = virsh.Wait()
	}, err
}

// Exec runs a command inside of the host's namespaces, such as ip, and returns what it prints.
func (h *Host) Exec(ctx context.Context, args ...string) (string, error) {
	return output(h.command(ctx, args...))
}

// Listen listens for TCP connections at an address inside of the host's namespaces. A socket stays in
// the namespace that it was made in, whoever uses it.
func (h *Host) Listen(address string) (listener net.Listener, err error) {
	err = h.inNetwork(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// inNetwork does something inside of the host's network namespace.
func (h *Host) inNetwork(do func() error) error {
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", h.init.Process.Pid))
	if err != nil {
		return err
	}
	defer func() { _ = namespace.Close() }()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: this thread is of no use for anything else
		err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

func (h *Host) command(ctx context.Context, args ...string) *exec.Cmd {
	enter := []string{"--mount", "--root", "--net", "--pid", "--target", strconv.Itoa(h.init.Process.Pid), "--"}
	return exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
}

// output runs the command and returns what it prints; its error says what the command complained about.
func output(cmd *exec.Cmd) (string, error) {
	cmd.WaitDelay = time.Second // a daemon that it starts may hold its output for ever
	out, err := cmd.Output()
	if err == nil {
		return string(out), nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
}

// announce says what is about to take long.
func announce(format string, values ...any) { fmt.Fprintf(os.Stderr, format+"\n", values...) }
