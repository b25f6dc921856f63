package virt_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestRestartLeavesGuestsPluggedIn has twenty guests, with all kinds of interfaces.
func TestRestartLeavesGuestsPluggedIn(t *testing.T) {
	h, n := givenServedNetwork(t)
	var taps []string
	for i := range 20 {
		taps = append(taps, givenPausedGuest(t, fmt.Sprintf("parked-%d", i), sortsOfNIC[i%len(sortsOfNIC)])...)
	}
	wantOn(t, "served0", taps)

	n.TFTPRoot = "/srv/served-b"
	n.Bridge = "served1"
	began := time.Now()
	if err := h.UpdateNetwork(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	t.Logf("the change took %v", time.Since(began))
	wantOn(t, "served1", taps)
	wantNoParking(t)
	wantRunning(t, "<tftp root='/srv/served-b'/>")
	guests, err := h.NetworkGuests(t.Context(), n.Name)
	if err != nil || len(guests) != 20 {
		t.Errorf("NetworkGuests returned %q, %v", guests, err)
	}
}

// TestRestartKeepsConnections boots a guest that counts on a TCP connection to the host.
func TestRestartKeepsConnections(t *testing.T) {
	h, n := givenServedNetwork(t)
	listener, err := lab.Shared(t).Listen("192.168.166.1:7000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	bootCountingGuest(t, h)
	numbers := count(t, listener)
	wantNext(t, numbers, 1)

	n.TFTPRoot, n.IPv4.DHCP.Bootfile = "/srv/served-b", "other"
	if err := h.UpdateNetwork(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	last := wantNext(t, numbers, 0)
	wantNext(t, numbers, last+20) // the connection continues, and brings more than what was in flight
	t.Logf("the connection went on after %v", time.Since(began))
	wantNoParking(t)
}

// TestLiveChangesRestartNothing asks the kernel: a bridge that was created again has another index.
func TestLiveChangesRestartNothing(t *testing.T) {
	h, n := givenServedNetwork(t)
	taps := givenPausedGuest(t, "plugged", sortsOfNIC[0])
	first := servedIndex(t)
	for what, change := range map[string]func(n *virt.Network){
		"ranges": func(n *virt.Network) {
			n.IPv4.DHCP.Ranges = []virt.Range{{Start: "192.168.166.50", End: "192.168.166.99"}}
		},
		"reservations": func(n *virt.Network) { n.IPv4.DHCP.Reservations[0].IP = "192.168.166.9" },
		"lease time":   func(n *virt.Network) { n.IPv4.DHCP.Ranges[0].Lease = 600 },
		"DNS hosts": func(n *virt.Network) {
			n.DNS = &virt.DNS{Hosts: []virt.DNSHost{{IP: "192.168.166.4", Names: []string{"four"}}}}
		},
		"autostart": func(n *virt.Network) { n.Autostart = true },
	} {
		changed := servedNetwork()
		change(&changed)
		for _, to := range []virt.Network{changed, n} {
			if err := h.UpdateNetwork(t.Context(), to); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			read, err := h.Network(t.Context(), n.Name)
			if err != nil || read.Running != nil || read.ChangeTo(to) != virt.NoChange {
				t.Errorf("%s: %+v, %v", what, read, err)
			}
		}
		if servedIndex(t) != first {
			t.Errorf("%s: the network was restarted", what)
		}
	}
	wantOn(t, "served0", taps)
}

// TestLiveChangesBeyondNumber: many live changes take libvirt longer than a restart.
func TestLiveChangesBeyondNumber(t *testing.T) {
	n := servedNetwork()
	n.IPv4.DHCP.Reservations = nil
	many := servedNetwork()
	many.IPv4.DHCP.Reservations = nil
	for i := range 20 {
		many.IPv4.DHCP.Reservations = append(many.IPv4.DHCP.Reservations,
			virt.Reservation{MAC: fmt.Sprintf("52:54:00:00:00:%02x", i), IP: fmt.Sprintf("192.168.166.%d", 100+i)})
	}
	if change := n.ChangeTo(many); change != virt.LiveChange {
		t.Errorf("twenty reservations are a change by %v", change)
	}
	many.IPv4.DHCP.Ranges[0].End = "192.168.166.60"
	if change := n.ChangeTo(many); change != virt.RestartChange {
		t.Errorf("twenty reservations and a range are a change by %v", change)
	}
}

// TestUpdateBringsTogetherWhatRunsAndWhatIsDefined has another user change only one of them.
func TestUpdateBringsTogetherWhatRunsAndWhatIsDefined(t *testing.T) {
	for what, meddle := range map[string]func(t *testing.T){
		"what runs": func(t *testing.T) {
			virsh(t, "net-update", "served", "delete", "ip-dhcp-range", "<range start='192.168.166.10' end='192.168.166.19'/>", "--live")
		},
		"what is defined": func(t *testing.T) {
			virsh(t, "net-update", "served", "delete", "ip-dhcp-range", "<range start='192.168.166.10' end='192.168.166.19'/>", "--config")
		},
	} {
		t.Run(what, func(t *testing.T) {
			h, n := givenServedNetwork(t)
			meddle(t)
			if read, err := h.Network(t.Context(), n.Name); err != nil || read.Running == nil {
				t.Fatalf("Network returned %+v, %v, and nothing else that runs", read, err)
			}
			first := servedIndex(t)
			if err := h.UpdateNetwork(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			if read, err := h.Network(t.Context(), n.Name); err != nil || read.Running != nil {
				t.Errorf("Network returned %+v, %v, and something else that runs", read, err)
			}
			wantRunning(t, "<range start='192.168.166.10' end='192.168.166.19'>")
			if servedIndex(t) != first {
				t.Error("the network was restarted")
			}
		})
	}
}

// TestStartPlugsInGuestsThatWereLost has another user stop the network while guests use it.
func TestStartPlugsInGuestsThatWereLost(t *testing.T) {
	for what, meddle := range map[string]func(t *testing.T){
		"stopped":   func(t *testing.T) { virsh(t, "net-destroy", "served") },
		"restarted": func(t *testing.T) { virsh(t, "net-destroy", "served"); virsh(t, "net-start", "served") },
	} {
		t.Run(what, func(t *testing.T) {
			h, n := givenServedNetwork(t)
			taps := givenPausedGuest(t, "lost", sortsOfNIC[0])
			meddle(t)
			n.Domain = "lab.test"
			if err := h.UpdateNetwork(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			wantOn(t, "served0", taps)
			wantNoParking(t)
		})
	}
}

// TestRestartThatFailsTouchesNobody: the new TFTP root is tried before guests are touched, and the old definition is
// restored if something else prevents the network from starting.
func TestRestartThatFailsTouchesNobody(t *testing.T) {
	h, n := givenServedNetwork(t)
	taps := givenPausedGuest(t, "kept", sortsOfNIC[0])
	before := virsh(t, "net-dumpxml", "served")
	first := servedIndex(t)
	wrong := servedNetwork()
	wrong.TFTPRoot = "/srv/missing"
	if err := h.UpdateNetwork(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "No such file or directory") {
		t.Errorf("UpdateNetwork without its TFTP root returned %v", err)
	}
	if servedIndex(t) != first {
		t.Error("the network was restarted for a TFTP root that is not there")
	}
	wrong = servedNetwork()
	wrong.Options = []string{"nonsense"}
	if err := h.UpdateNetwork(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "bad option") || !strings.Contains(err.Error(), "the network was restored to its previous state") {
		t.Errorf("UpdateNetwork with a bad option returned %v", err)
	}
	wantOn(t, "served0", taps)
	wantNoParking(t)
	if after := virsh(t, "net-dumpxml", "served"); after != before {
		t.Errorf("what runs was\n%s\nand is\n%s", before, after)
	}
	if read, err := h.Network(t.Context(), n.Name); err != nil || read.ChangeTo(n) != virt.NoChange {
		t.Errorf("Network returned %+v, %v", read, err)
	}
}

// sortsOfNIC are interfaces on the network that givenServedNetwork makes.
var sortsOfNIC = []string{
	`<interface type='network'><source network='served'/><model type='virtio'/></interface>`,
	`<interface type='bridge'><source bridge='served0'/><model type='virtio'/></interface>`,
	`<interface type='network'><source network='served' portgroup='slow'/><model type='virtio'/></interface>`,
	`<interface type='network'><source network='served'/><model type='virtio'/><driver queues='2'/><link state='down'/><boot order='1'/></interface>`,
	`<interface type='network'><source network='served'/><model type='virtio'/><mtu size='1400'/></interface>
	 <interface type='network'><source network='served'/><target dev='second0'/><model type='virtio'/></interface>`,
	`<interface type='bridge'><source bridge='served0'/><model type='virtio'/><port isolated='yes'/></interface>
	 <interface type='network'><source network='served'/><model type='virtio'/></interface>`,
}

func servedNetwork() virt.Network {
	return virt.Network{
		Name: "served", Mode: virt.ModeNAT, Bridge: "served0", Active: true, TFTPRoot: "/srv/served-a",
		IPv4: &virt.IP{Address: netip.MustParsePrefix("192.168.166.1/24"), DHCP: &virt.DHCP{
			Ranges:       []virt.Range{{Start: "192.168.166.10", End: "192.168.166.19", Lease: 3600}},
			Reservations: []virt.Reservation{{MAC: "52:54:00:00:00:01", IP: "192.168.166.5", Hostname: "five", Lease: 3600}},
		}},
	}
}

// givenServedNetwork starts a network with a TFTP root. The test may replace the root.
func givenServedNetwork(t *testing.T) (*virt.Host, virt.Network) {
	t.Helper()
	for _, dir := range []string{"srv/served-a", "srv/served-b"} {
		path := filepath.Join(lab.Shared(t).Dir, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(path) })
	}
	h := open(t, lab.Shared(t).URI)
	n := servedNetwork()
	if err := h.CreateNetwork(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.DeleteNetwork(context.Background(), n.Name); err != nil {
			t.Error(err)
		}
		// A libvirtd that is killed while it stops the network leaves this bridge.
		_, _ = lab.Shared(t).Exec(context.Background(), "ip", "link", "delete", n.Bridge)
	})
	return h, n
}

// givenPausedGuest starts a guest that is paused before its first instruction, and returns the taps of its
// interfaces.
func givenPausedGuest(t *testing.T, name, interfaces string) (taps []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.xml")
	text := fmt.Sprintf(`<domain type='qemu'><name>%s</name><memory unit='MiB'>16</memory>
<os><type arch='s390x'>hvm</type></os><devices>%s</devices></domain>`, name, strings.ReplaceAll(interfaces, "second0", name+"s"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	virsh(t, "create", "--paused", file)
	t.Cleanup(func() { _, _ = lab.Shared(t).Virsh(context.Background(), "destroy", name) })
	for line := range strings.Lines(virsh(t, "domiflist", name)) {
		if fields := strings.Fields(line); len(fields) > 0 {
			taps = append(taps, fields[0])
		}
	}
	return taps
}

// wantOn asks the kernel which of the taps are on a bridge.
func wantOn(t *testing.T, bridge string, taps []string) {
	t.Helper()
	text, err := lab.Shared(t).Exec(t.Context(), "ip", "-oneline", "link", "show", "master", bridge)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(text) {
		found = append(found, strings.TrimSuffix(strings.Fields(line)[1], ":"))
	}
	for _, tap := range taps {
		if !slices.Contains(found, tap) {
			t.Errorf("%s is not on %s, which has %q", tap, bridge, found)
		}
	}
}

// wantNoParking checks that nothing is left of a restart.
func wantNoParking(t *testing.T) {
	t.Helper()
	if networks := virsh(t, "net-list", "--all", "--name"); strings.Contains(networks, "netboot-") {
		t.Errorf("a network is left behind: %s", networks)
	}
}

func wantRunning(t *testing.T, text string) {
	t.Helper()
	if xml := virsh(t, "net-dumpxml", "served"); !strings.Contains(xml, text) {
		t.Errorf("there is no %s in what runs: %s", text, xml)
	}
}

func servedIndex(t *testing.T) string {
	t.Helper()
	text, err := lab.Shared(t).Exec(t.Context(), "cat", "/sys/class/net/served0/ifindex")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// bootCountingGuest boots a guest that counts on a connection to the host.
func bootCountingGuest(t *testing.T, h *virt.Host) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.xml")
	text := fmt.Sprintf(`<domain type='qemu'><name>counting</name><memory unit='MiB'>512</memory>
<os><type arch='s390x'>hvm</type><kernel>%s</kernel><initrd>%s</initrd><cmdline>netboot.dhcp netboot.count=192.168.166.1:7000</cmdline></os>
<devices>%s<console type='pty'><target type='sclp'/></console></devices></domain>`, inLab(t, lab.Kernel), inLab(t, lab.Initrd), sortsOfNIC[0])
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	virsh(t, "create", file)
	t.Cleanup(func() {
		if err := h.KillDomain(context.Background(), "counting"); err != nil {
			t.Error(err)
		}
	})
}

// count accepts one connection and passes on the received numbers until the connection ends.
func count(t *testing.T, listener net.Listener) <-chan int {
	numbers := make(chan int, 1000)
	go func() {
		defer close(numbers)
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			number, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Error(err)
				return
			}
			numbers <- number
		}
	}()
	return numbers
}

// wantNext returns the next number that is at least this high. A guest under emulation needs some time to boot. After
// that, it counts every tenth of a second.
func wantNext(t *testing.T, numbers <-chan int, least int) int {
	t.Helper()
	patience := time.After(2 * time.Minute)
	for {
		select {
		case number, ok := <-numbers:
			if !ok {
				t.Fatal("the connection ended")
			}
			if number >= least {
				return number
			}
		case <-patience:
			t.Fatalf("the guest did not count to %d", least)
		}
	}
}
