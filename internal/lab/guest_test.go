package lab

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestGuestReportsWhatItIs(t *testing.T) {
	const words = "netboot.print=hello netboot.dhcp"
	console := netboot(t, words)
	for _, line := range []string{
		"Network boot device detected",
		"NETBOOT-INIT: up",
		"NETBOOT-INIT: cmdline=[" + words + "]",
		"cpus=2",
		"NETBOOT-INIT: disk=vda bytes=1048576 serial=disk-1 readonly=0",
		"NETBOOT-INIT: nic=eth0 mac=52:54:00:00:00:01",
		"NETBOOT-INIT: hello",
		"NETBOOT-INIT: dhcp=192.168.150.",
		"NETBOOT-INIT: ready",
	} {
		waitFor(t, console, line)
	}
	h := Shared(t)
	leases := func() string { return virsh(t, h, "net-dhcp-leases", "lab") } // written by a helper program of dnsmasq
	if !eventually(func() bool { return strings.Contains(leases(), "52:54:00:00:00:01") }) {
		t.Errorf("the guest has no lease: %s", leases())
	}
	virsh(t, h, "shutdown", "guest")
	waitFor(t, console, "NETBOOT-INIT: asked to shut down")
	waitUntilGone(t, h, "guest")
}

func TestGuestEnds(t *testing.T) {
	for _, how := range []string{"poweroff", "halt", "panic"} {
		t.Run(how, func(t *testing.T) {
			netboot(t, "netboot.then="+how)
			waitUntilGone(t, Shared(t), "guest")
		})
	}
}

func TestGuestReboots(t *testing.T) {
	console := netboot(t, "netboot.then=reboot")
	second := func() bool { return bytes.Count(read(t, console), []byte("NETBOOT-INIT: ready")) >= 2 }
	if !eventually(second) {
		t.Errorf("the guest did not start again:\n%s", read(t, console))
	}
}

// TestGuestAgent checks that QEMU's guest agent runs in the guest of AgentInitrd and finds programs there, and that the words
// around it are followed in time.
func TestGuestAgent(t *testing.T) {
	console := netboot(t, "netboot.dhcp netboot.listen=8080:1 netboot.wait=2 netboot.agent")
	waitFor(t, console, "NETBOOT-INIT: listening=8080")
	waitFor(t, console, "NETBOOT-INIT: agent=started")
	h := Shared(t)
	asks := func(request string) (string, error) {
		return h.Virsh(t.Context(), "qemu-agent-command", "guest", request)
	}
	if !eventually(func() bool { _, err := asks(`{"execute": "guest-ping"}`); return err == nil }) {
		t.Fatalf("the agent does not answer:\n%s", read(t, console))
	}
	if answer, err := asks(`{"execute": "guest-exec", "arguments": {"path": "sh", "arg": ["-c", "kill -0 1 && cat /proc/uptime && true"]}}`); err != nil || !strings.Contains(answer, `"pid"`) {
		t.Errorf("it answers %s, %v", answer, err)
	}
	address, _, _ := strings.Cut(strings.Split(string(read(t, console)), "NETBOOT-INIT: dhcp=")[1], "/")
	if out, err := h.Exec(t.Context(), "nc", "-z", address, "8080"); err != nil {
		t.Errorf("unable to connect to the guest: %v %s", err, out)
	}
	virsh(t, h, "shutdown", "guest", "--mode", "agent")
	waitFor(t, console, "NETBOOT-INIT: asked to shut down")
	waitUntilGone(t, h, "guest")
}

// netboot starts the guest of testdata in the shared host, booting over the network with these words
// on its kernel command line. It returns the file that its console is written to.
func netboot(t *testing.T, words string) (console string) {
	t.Helper()
	h := Shared(t)
	publish(t, h, words)
	write(t, filepath.Join(h.Dir, "lib", "images", "disk.img"), make([]byte, 1<<20))
	console = filepath.Join(h.Dir, "log", "console.log")
	write(t, console, nil)

	create(t, h, "net", "testdata/network.xml", "lab")
	create(t, h, "", "testdata/guest.xml", "guest")
	return console
}

// publish writes the TFTP root of testdata's network, which boots every machine with the lab's kernel
// and initrd.
func publish(t *testing.T, h *Host, words string) {
	t.Helper()
	root := filepath.Join(h.Dir, "srv", "tftp")
	kernel, err := Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	makeInitrd := Initrd
	if strings.Contains(words, "netboot.agent") {
		makeInitrd = AgentInitrd
	}
	initrd, err := makeInitrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "kernel"), read(t, kernel))
	write(t, filepath.Join(root, "initrd"), read(t, initrd))
	write(t, filepath.Join(root, "pxelinux.cfg", "default"),
		[]byte("label lab\nkernel kernel\ninitrd initrd\nappend "+words+"\n"))
}

func waitFor(t *testing.T, console, text string) {
	t.Helper()
	if !eventually(func() bool { return bytes.Contains(read(t, console), []byte(text)) }) {
		t.Fatalf("the console never showed %q:\n%s", text, read(t, console))
	}
}

func waitUntilGone(t *testing.T, h *Host, guest string) {
	t.Helper()
	gone := func() bool { return !strings.Contains(virsh(t, h, "list", "--all", "--name"), guest) }
	if !eventually(gone) {
		t.Fatalf("the guest %s still exists", guest)
	}
}
