package lab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Machine is a guest that QEMU runs without libvirt, because libvirt supports only the QEMU releases of
// its time. It boots over its only network interface.
type Machine struct {
	Arch      string // "s390x" by default, "x86_64" (pc.go), "ppc64le" (pseries.go), or "aarch64" (arm.go)
	UEFI      bool   // an x86_64 guest has UEFI instead of a BIOS
	Secure    bool   // with secure boot, and the keys of Microsoft
	QEMU      QEMU
	Bridge    string // of one of the host's networks; if it is empty, QEMU's own network serves TFTPRoot
	TFTPRoot  string
	Kernel    string // path of a kernel that QEMU loads instead of the network
	BootFile  string // that QEMU's own network names
	Requests  string // file for the packets of QEMU's own network, in the format of tcpdump
	MAC       string
	UUID      string
	Memory    string // in QEMU's form; by default "512M"
	Loadparm  string
	OneSerial bool          // a PC with a BIOS shows its screen on the first serial port
	NIC       string        // its device; by default "virtio-net-ccw,bootindex=1"
	GiveUpAt  string        // words on the console after which some firmware hangs
	Patience  time.Duration // after these words, until the guest is ended
	Hurry     int           // makes time pass faster for a guest that only waits: an instruction takes 2^Hurry ns
}

// Guest is a machine that has booted and then stopped: its firmware gave up, the kernel that it loaded
// stopped it, or its console showed the words of GiveUpAt.
type Guest struct {
	Address uint64 // where an s390x guest stopped: the address in the program status word of its disabled wait

	gaveUp   bool // its console showed the words of GiveUpAt, and QEMU has ended
	arch     string
	host     *Host
	dir      string
	qemu     *exec.Cmd
	monitor  *monitor
	complain bytes.Buffer
}

// Netboot starts the machine in the host's namespaces and returns when it has stopped. The context limits
// this time, and must not end before Close. Close ends the machine.
func (h *Host) Netboot(ctx context.Context, m Machine) (*Guest, error) {
	dir, err := os.MkdirTemp(h.Dir, "guest")
	if err != nil {
		return nil, err
	}
	g := &Guest{arch: m.Arch, host: h, dir: dir}
	if err := g.run(ctx, m); err != nil {
		g.end()
		err = fmt.Errorf("unable to netboot a guest: %w: %s\n%s", errors.Join(ctx.Err(), err), &g.complain, g.Console())
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return g, nil
}

// run starts the machine with its processors stopped, so that no event comes before the monitor listens.
func (g *Guest) run(ctx context.Context, m Machine) error {
	g.qemu = g.host.command(ctx, g.commandLine(m)...)
	g.qemu.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	g.qemu.Cancel = g.kill
	g.qemu.Stderr = &g.complain
	requests, err := g.qemu.StdinPipe()
	if err != nil {
		return err
	}
	messages, err := g.qemu.StdoutPipe()
	if err != nil {
		return err
	}
	if err := g.qemu.Start(); err != nil {
		return err
	}
	g.monitor = newMonitor(requests, messages)
	if _, err := g.monitor.execute("qmp_capabilities", nil); err != nil {
		return err
	}
	if m.Bridge != "" {
		if err := g.plugIn(ctx, m.Bridge); err != nil {
			return err
		}
	}
	if m.GiveUpAt != "" {
		booting, stopped := context.WithCancel(ctx)
		defer stopped()
		go g.killAt(booting, m.GiveUpAt, m.Patience)
	}
	g.Address, err = g.monitor.stopped()
	if err != nil && m.GiveUpAt != "" && strings.Contains(g.Console(), m.GiveUpAt) {
		g.gaveUp = true
		return nil
	}
	return err
}

// killAt ends the guest when its console has shown these words for some time.
func (g *Guest) killAt(ctx context.Context, words string, patience time.Duration) {
	for !strings.Contains(g.Console(), words) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(patience):
	}
	_ = g.kill() // it fails if the guest has just ended
}

// plugIn adds the network interface that QEMU has created to the bridge. An interface that is created and added
// before QEMU opens it has no carrier, and the bridge may then lose the guest's first packet.
func (g *Guest) plugIn(ctx context.Context, bridge string) error {
	_, err := g.host.Exec(ctx, "ip", "link", "set", g.tap(), "master", bridge, "up")
	return err
}

func (g *Guest) commandLine(m Machine) []string {
	args := append(m.QEMU.command[:len(m.QEMU.command):len(m.QEMU.command)],
		"-accel", "tcg",
		"-nodefaults", "-display", "none",
		"-no-shutdown", "-action", "panic=pause", // a guest that stops keeps its memory
		"-chardev", "file,id=console,path="+g.consoleFile(),
		"-qmp", "stdio", "-S",
	)
	args = append(args, g.network(m)...)
	switch m.Arch {
	case "x86_64":
		args = append(args, g.pcDevices(m)...)
	case "ppc64le":
		args = append(args, pseriesDevices(m)...)
	case "aarch64":
		args = append(args, armDevices(m)...)
	default:
		args = append(args, s390xDevices(m)...)
	}
	if m.Hurry != 0 {
		args = append(args, "-icount", fmt.Sprintf("shift=%d", m.Hurry))
	}
	if m.UUID != "" {
		args = append(args, "-uuid", m.UUID)
	}
	if m.Kernel != "" {
		args = append(args, "-kernel", m.Kernel)
	}
	return args
}

// network is what the guest's network interface is connected to. QEMU's own network answers at once, also on a busy machine.
func (g *Guest) network(m Machine) []string {
	if m.Bridge != "" {
		return []string{"-netdev", "tap,id=net,script=no,downscript=no,ifname=" + g.tap()}
	}
	args := []string{"-netdev", fmt.Sprintf("user,id=net,tftp=%s,bootfile=%s", m.TFTPRoot, m.BootFile)}
	if m.Requests != "" {
		args = append(args, "-object", "filter-dump,id=requests,netdev=net,file="+m.Requests)
	}
	return args
}

func s390xDevices(m Machine) []string {
	machine := "s390-ccw-virtio"
	if m.Loadparm != "" {
		machine += ",loadparm=" + m.Loadparm
	}
	return []string{
		"-machine", machine,
		"-m", cmp.Or(m.Memory, "512M"),
		"-device", "sclpconsole,chardev=console",
		"-device", cmp.Or(m.NIC, "virtio-net-ccw,bootindex=1") + ",netdev=net,mac=" + m.MAC,
	}
}

// tap is the name of the host's end of the network interface, which is removed with QEMU.
func (g *Guest) tap() string { return filepath.Base(g.dir) }

func (g *Guest) consoleFile() string { return filepath.Join(g.dir, "console") }

// kill also ends QEMU, which nsenter starts in another process namespace, but not in another process group.
func (g *Guest) kill() error { return syscall.Kill(-g.qemu.Process.Pid, syscall.SIGKILL) }

// end ends QEMU and returns when it has ended and its output is complete.
func (g *Guest) end() {
	if g.qemu.Process != nil {
		_ = g.kill()      // it fails if the context has ended
		_ = g.qemu.Wait() // killed
	}
}

// Close ends the machine.
func (g *Guest) Close() error {
	g.end()
	return os.RemoveAll(g.dir)
}

// Console returns the output of the firmware, with line ends as in a file, and without the control sequences with which a BIOS
// moves the cursor in the middle of words.
func (g *Guest) Console() string {
	text := strings.ReplaceAll(g.Transcript(), "\r", "")
	if g.arch == "x86_64" || g.arch == "aarch64" {
		text = controlSequence.ReplaceAllString(text, "")
	}
	return text
}

var controlSequence = regexp.MustCompile(`\x1b(c|\[[0-9;?]*[A-Za-z])`)

// Transcript returns Console without changes to line ends.
func (g *Guest) Transcript() string {
	console, err := os.ReadFile(g.consoleFile())
	if err != nil {
		return err.Error()
	}
	return string(console)
}

// Memory is a part of the guest's memory.
func (g *Guest) Memory(address, size uint64) ([]byte, error) {
	file := filepath.Join(g.dir, "memory")
	arguments := map[string]any{"val": address, "size": size, "filename": file}
	if _, err := g.monitor.execute("pmemsave", arguments); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}
