// Package lab starts and stops the real software that tests and the demo need: separate libvirt hosts, an
// s390x kernel and initrd to boot in them, other releases of QEMU and their firmware, and web servers that
// misbehave.
//
// It needs Linux, root and Debian packages, and installs packages that are missing. It does not use Terraform
// or the provider, so that a test can check the provider against the real server. It announces slow work on
// standard error.
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

// The files in a new host's directory. The machine's own configuration is not copied, because it may have
// networks and guests that start automatically.
var hostFiles = map[string]string{
	"init.sh":           initScript,
	"etc/libvirtd.conf": `auth_unix_rw = "none"` + "\n" + `unix_sock_rw_perms = "0700"` + "\n",
	"etc/virtlogd.conf": "",
	// AppArmor's profiles have the paths of the machine, not of the lab.
	"etc/qemu.conf": `security_driver = "none"` + "\n",
}

// Host is a separate libvirt host: libvirtd, virtlogd and everything that they start run in mount, network
// and process namespaces, and end with them. Libvirt's own directories and /srv are new and empty. All other
// files are the machine's own. On a later generation they are in a separate root directory, except for a few
// shared directories.
type Host struct {
	URI string // reaches the host from outside its namespaces
	Dir string // contains run, etc, lib, log (libvirt's directories) and srv; is removed with the host

	Generation Generation
	Root       string // the directory of its programs, as the machine sees it

	init  *exec.Cmd
	input io.Closer // closing it ends init, and with it every process of the host

	arguments []string // of libvirtd
}

// Start starts a new host and returns as soon as libvirtd answers. This takes a second, and up to half a
// minute the first time on a machine, because libvirtd then examines every installed QEMU. The context limits
// only the start. The host runs until Stop, or until the process that started it ends in any way.
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

// newHost makes the directory and the namespaces, in which only init runs.
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

// newHostDir makes a directory with a short path, because a socket's path may have only 107 bytes. Every
// directory in the path is readable, because dnsmasq serves TFTP roots as the user nobody.
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
		Setsid:     true, // so that a Ctrl-C on the terminal reaches only the tests, which then stop the host
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

// Stop ends every process of the host and removes its directory. Files outside that directory, such as
// volumes in a pool at another path, remain.
func (h *Host) Stop() error {
	if err := h.input.Close(); err != nil {
		return fmt.Errorf("unable to stop the libvirt host in %s: %w", h.Dir, err)
	}
	_ = h.init.Wait() // its status is that of its last rm, and the result of that is checked below
	if _, err := os.Stat(h.Dir); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("unable to remove %s of a stopped libvirt host; remove it by hand", h.Dir)
	}
	return nil
}

// Kill kills only libvirtd, like a crash. Guests, dnsmasq and virtlogd keep running.
func (h *Host) Kill(ctx context.Context) error { return h.end(ctx, "KILL") }

// Quit ends only libvirtd, as an upgrade of its package does. Restart starts it again.
func (h *Host) Quit(ctx context.Context) error { return h.end(ctx, "TERM") }

func (h *Host) end(ctx context.Context, signal string) error {
	_, err := h.Exec(ctx, "sh", "-c", `
		pid=$(cat /run/libvirt/libvirtd.pid) && kill -$0 "$pid"
		while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done`, signal)
	return err
}

// EndDnsmasq ends the dnsmasq of a network, as an administrator does manually if libvirtd has lost track of it. It tells
// whether there was one.
func (h *Host) EndDnsmasq(ctx context.Context, network string) bool {
	inCommandLine := "dnsmasq/" + network + ".conf"
	if _, err := h.Exec(ctx, "pkill", "-f", inCommandLine); err != nil {
		return false
	}
	_, _ = h.Exec(ctx, "pidwait", "-f", inCommandLine) // it fails if dnsmasq has ended already
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

// awaitQEMU asks each guest's QEMU for something, so that libvirtd must first connect to it again. If a guest is destroyed
// before libvirtd has connected, the guest ends, but the destroy fails because libvirtd could not connect to it.
func (h *Host) awaitQEMU(ctx context.Context, guests string) {
	for guest := range strings.FieldsSeq(guests) {
		_, _ = h.Virsh(ctx, "dommemstat", guest) // it fails if the guest has ended in the meantime
	}
}

// startDaemon does nothing if the daemon is running, as virtlogd is after Kill.
func (h *Host) startDaemon(ctx context.Context, name string, arguments ...string) error {
	start := `[ -e $1 ] && kill -0 $(cat $1) 2>/dev/null || exec $0 --daemon --pid-file "$@"`
	if _, err := h.Exec(ctx, append([]string{"sh", "-c", start, name, "/run/libvirt/" + name + ".pid"}, arguments...)...); err != nil {
		return fmt.Errorf("%w\n%s", err, h.Log())
	}
	return nil
}

// Log returns the errors and warnings that libvirtd has logged so far.
func (h *Host) Log() string {
	log, err := os.ReadFile(filepath.Join(h.Dir, "log", "libvirtd.log"))
	if err != nil {
		return err.Error()
	}
	return string(log)
}

// Virsh runs virsh and returns its output, for tests that check the real state of the server.
func (h *Host) Virsh(ctx context.Context, args ...string) (string, error) {
	return output(exec.CommandContext(ctx, "virsh", append([]string{"--quiet", "--connect", h.URI}, args...)...))
}

// TakeConsole takes over a guest's console from another client until release is called. virsh does that only
// on a terminal, which script provides.
func (h *Host) TakeConsole(ctx context.Context, domain string) (release func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	virsh := exec.CommandContext(ctx, "script", "--quiet", "--command", fmt.Sprintf("virsh --connect '%s' console --force '%s'", h.URI, domain), os.DevNull)
	if _, err = virsh.StdinPipe(); err == nil { // the end of its input would end the session
		err = virsh.Start()
	}
	return func() {
		cancel()
		_ = virsh.Wait()
	}, err
}

// Exec runs a command such as ip inside the host's namespaces, and returns its output.
func (h *Host) Exec(ctx context.Context, args ...string) (string, error) {
	return output(h.command(ctx, args...))
}

// Listen listens for TCP connections at an address inside the host's namespaces. A socket stays in the
// namespace in which it was created, whichever process uses it.
func (h *Host) Listen(address string) (listener net.Listener, err error) {
	err = h.inNetwork(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// inNetwork calls a function inside the host's network namespace.
func (h *Host) inNetwork(do func() error) error {
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", h.init.Process.Pid))
	if err != nil {
		return err
	}
	defer func() { _ = namespace.Close() }()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // it is never unlocked, because this thread cannot be used for anything else
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

// output runs the command and returns its output. Its error contains what the command wrote to standard error.
func output(cmd *exec.Cmd) (string, error) {
	cmd.WaitDelay = time.Second // a daemon that it starts may keep its output open forever
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

// announce says that something slow begins.
func announce(format string, values ...any) { fmt.Fprintf(os.Stderr, format+"\n", values...) }
