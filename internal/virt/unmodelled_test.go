package virt_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// changesOfKeptNetwork are changes of testdata/unmodelled_network.xml, one for each thing that a network models, and
// the content of the lines that each change may remove.
var changesOfKeptNetwork = map[string]struct {
	change func(n *virt.Network)
	lines  []string
}{
	"nothing":  {func(*virt.Network) {}, nil},
	"mode":     {func(n *virt.Network) { n.Mode = virt.ModeRoute }, []string{"<forward ", "<nat>", "</nat>", "<port start", "</forward>"}},
	"device":   {func(n *virt.Network) { n.Devices = []string{"eth0"} }, []string{"<forward "}},
	"bridge":   {func(n *virt.Network) { n.Bridge = "kept1" }, []string{"<bridge "}},
	"stp":      {func(n *virt.Network) { n.STP = true }, []string{"<bridge "}},
	"domain":   {func(n *virt.Network) { n.Domain = "lab.test" }, nil},
	"MTU":      {func(n *virt.Network) { n.MTU = 1400 }, nil},
	"TFTP":     {func(n *virt.Network) { n.TFTPRoot = "/srv" }, nil},
	"DNS":      {func(n *virt.Network) { n.DNS = nil }, []string{"<forwarder ", "<host ip='192.168.167.2'>", "<hostname>", "</host>"}},
	"routes":   {func(n *virt.Network) { n.Routes = nil }, []string{"<route "}},
	"options":  {func(n *virt.Network) { n.Options = []string{"log-dhcp"} }, []string{"<dnsmasq:option "}},
	"address":  {func(n *virt.Network) { n.IPv4.Address = netip.MustParsePrefix("192.168.167.3/24") }, []string{"<ip address="}},
	"bootfile": {func(n *virt.Network) { n.IPv4.DHCP.Bootfile = "kernel" }, nil},
	"ranges": {func(n *virt.Network) {
		n.IPv4.DHCP.Ranges = []virt.Range{{Start: "192.168.167.30", End: "192.168.167.39"}}
	}, []string{"<range start='192.168.167"}},
	"a lease time": {func(n *virt.Network) { n.IPv4.DHCP.Ranges[0].Lease = virt.Endless }, []string{"<range start='192.168.167.10'"}},
	"the lease":    {func(n *virt.Network) { n.IPv4.DHCP.Reservations[0].Lease = 600 }, []string{"<lease "}},
	"a reservation": {func(n *virt.Network) {
		n.IPv4.DHCP.Reservations = append(n.IPv4.DHCP.Reservations, virt.Reservation{Hostname: "two", IP: "192.168.167.6"})
	}, nil},
	"no IPv6": {func(n *virt.Network) { n.IPv6 = nil }, []string{"family='ipv6'", "<dhcp>", "<range start='fd00", "</dhcp>", "</ip>"}},
}

// TestNetworkKeepsWhatIsNotModelled changes everything that the package models, one after the other, in a network
// that uses everything that libvirt has, and changes it back. Nothing else may be missing or in another order.
func TestNetworkKeepsWhatIsNotModelled(t *testing.T) {
	define(t, "net-define", "testdata/unmodelled_network.xml", "net-undefine")
	h := open(t, lab.Shared(t).URI)
	dump := func() string { return virsh(t, "net-dumpxml", "--inactive", "kept") }
	before := dump()
	n, err := h.Network(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range changesOfKeptNetwork {
		changed := n
		ipv4, dhcp := *n.IPv4, *n.IPv4.DHCP
		dhcp.Ranges, dhcp.Reservations = slices.Clone(dhcp.Ranges), slices.Clone(dhcp.Reservations)
		changed.IPv4, ipv4.DHCP = &ipv4, &dhcp
		c.change(&changed)
		if err := h.UpdateNetwork(t.Context(), changed); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		after := dump()
		if (after == before) != (name == "nothing") {
			t.Errorf("%s: the definition became\n%s", name, after)
		}
		wantInOrder(t, name, before, after, c.lines)
		if err := h.UpdateNetwork(t.Context(), n); err != nil {
			t.Fatalf("%s, back: %v", name, err)
		}
		wantInOrder(t, name+", back", before, dump(), append(c.lines, "<ip address=")) // the netmask has become a prefix
		virsh(t, "net-define", writeFile(t, before))
	}
}

// TestNetworkRestartsOnlyForAChange asks the kernel: a bridge that was created again has another index.
func TestNetworkRestartsOnlyForAChange(t *testing.T) {
	define(t, "net-define", "testdata/unmodelled_network.xml", "net-undefine")
	virsh(t, "net-start", "kept")
	t.Cleanup(func() { _, _ = lab.Shared(t).Virsh(context.Background(), "net-destroy", "kept") })
	index := func() string {
		text, err := lab.Shared(t).Exec(t.Context(), "cat", "/sys/class/net/kept0/ifindex")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	h := open(t, lab.Shared(t).URI)
	n, err := h.Network(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	first := index()
	n.Bridge, n.Autostart = "", true
	if err := h.UpdateNetwork(t.Context(), n); err != nil || index() != first {
		t.Errorf("the network was restarted for nothing (%v)", err)
	}
	n.Domain = "lab.test"
	if err := h.UpdateNetwork(t.Context(), n); err != nil || index() == first {
		t.Errorf("the network was not restarted for a change (%v)", err)
	}
}

// changesOfKept are changes of testdata/unmodelled_domain.xml, one for each thing that a domain models, and the
// content of the lines that each change may remove.
var changesOfKept = map[string]struct {
	change func(d *virt.Domain)
	lines  []string
}{
	"nothing":    {func(*virt.Domain) {}, nil},
	"CPU":        {func(d *virt.Domain) { d.CPU = "max" }, []string{"<cpu ", "<model fallback="}},
	"features":   {func(d *virt.Domain) { d.CPUFeatures = map[string]string{"vx": "disable", "te": "disable"} }, []string{"<feature "}},
	"vcpus":      {func(d *virt.Domain) { d.VCPUs = 1 }, []string{"<vcpu "}},
	"most vcpus": {func(d *virt.Domain) { d.MaxVCPUs = 4 }, []string{"<vcpu ", "<cell "}},
	"topology":   {func(d *virt.Domain) { d.Topology = virt.Topology{Sockets: 1, Cores: 2, Threads: 1} }, nil},
	"memory":     {func(d *virt.Domain) { d.Memory = 256 << 20 }, []string{"<currentMemory "}},
	"kernel":     {func(d *virt.Domain) { d.Kernel = virt.Kernel{Path: "/k", Initrd: "/i", Cmdline: "a <b>"} }, nil},
	"loadparm":   {func(d *virt.Domain) { d.Loadparm = "3" }, []string{"<boot order="}},
	"boot":       {func(d *virt.Domain) { d.Boot = []string{virt.BootDisk, virt.BootNetwork} }, []string{"<boot order="}},
	"no boot":    {func(d *virt.Domain) { d.Boot = nil }, []string{"<boot order="}},
	"path":       {func(d *virt.Domain) { d.Disks[1].Path = "/srv/kept/new" }, []string{"/srv/kept/other", "<driver name='qemu' type='qcow2'", "<wwn>", "<target dev='sdb'", "<address type='drive'"}},
	"format":     {func(d *virt.Domain) { d.Disks[0].Format = "qcow2" }, []string{"type='raw'"}},
	"bus":        {func(d *virt.Domain) { d.Disks[0].Bus, d.Disks[0].IOThread = "scsi", 0 }, []string{"<target dev='vdc'", "devno='0x0042'", "iothread='1'", "<target dev='sdb'", "unit='1'"}},
	"serial":     {func(d *virt.Domain) { d.Disks[0].Serial = "" }, []string{"<serial>"}},
	"readonly":   {func(d *virt.Domain) { d.Disks[0].ReadOnly = true }, nil},
	"cache":      {func(d *virt.Domain) { d.Disks[0].Cache = "directsync" }, []string{"cache='none'"}},
	"io":         {func(d *virt.Domain) { d.Disks[0].IO = "threads" }, []string{"io='native'"}},
	"discard":    {func(d *virt.Domain) { d.Disks[1].Discard = "" }, []string{"discard='unmap'"}},
	"more disks": {func(d *virt.Domain) {
		d.Disks = append(d.Disks, virt.Disk{Path: "/srv/kept/three", Format: "raw", Bus: "virtio"})
	}, nil},
	"network": {func(d *virt.Domain) { d.Interfaces[0].Network = "other" }, []string{"portgroup='slow'"}},
	"model":   {func(d *virt.Domain) { d.Interfaces[0].Model = "virtio-non-transitional" }, []string{"<model type='virtio'/>"}},
	"MTU":     {func(d *virt.Domain) { d.Interfaces[0].MTU = 1400 }, nil},
	"link":    {func(d *virt.Domain) { d.Interfaces[0].Down = false }, []string{"<link state='down'/>"}},
	"more interfaces": {func(d *virt.Domain) {
		d.Interfaces = append(d.Interfaces, virt.Interface{Network: "kept", MAC: "52:54:00:00:02:02", Model: "virtio", VLAN: 3, NoBoot: true})
	}, nil},
	"queues":      {func(d *virt.Domain) { d.Interfaces[0].Queues = 4 }, []string{"<driver queues='2'/>"}},
	"portgroup":   {func(d *virt.Domain) { d.Interfaces[0].PortGroup = "" }, []string{"portgroup='slow'"}},
	"I/O thread":  {func(d *virt.Domain) { d.Disks[0].IOThread = 0 }, []string{"iothread='1'"}},
	"I/O threads": {func(d *virt.Domain) { d.IOThreads = 2 }, []string{"<iothreads>"}},
	"RNG":         {func(d *virt.Domain) { d.RNG = false }, []string{"<rng ", "<backend ", "</rng>", "<address type='ccw'"}},
	"balloon":     {func(d *virt.Domain) { d.NoBalloon = true }, []string{"<memballoon ", "<stats ", "</memballoon>", "<address type='ccw'"}},
	"medium":      {func(d *virt.Domain) { d.CDROMs = []virt.Disk{{Path: "/srv/kept/cd.iso", Bus: "scsi"}} }, []string{"<disk type='file' device='cdrom'>", "<driver name='qemu' type='raw'/>"}},
	"named": {func(d *virt.Domain) {
		d.Devices = map[string]string{"cpu": "<controller type='scsi' index='5' model='virtio-scsi'/>"}
	}, nil},
	"consoles":    {func(d *virt.Domain) { d.Consoles = []string{"sclp", "virtio"} }, nil},
	"guest agent": {func(d *virt.Domain) { d.GuestAgent = true }, nil},
	"note":        {func(d *virt.Domain) { d.Note = "other" }, []string{">ours<"}},
	"no note":     {func(d *virt.Domain) { d.Note = "" }, []string{">ours<"}},
}

// TestDomainKeepsWhatIsNotModelled changes everything that the package models, one after the other, in a domain that
// has many other things, and changes it back. Nothing else may be missing or in another order.
func TestDomainKeepsWhatIsNotModelled(t *testing.T) {
	define(t, "define", "testdata/unmodelled_domain.xml", "undefine")
	h := open(t, lab.Shared(t).URI)
	dump := func() string { return virsh(t, "dumpxml", "--inactive", "kept") }
	before := dump()
	d, err := h.Domain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	if d.Note != "ours" {
		t.Errorf("the note is %q", d.Note)
	}
	for name, c := range changesOfKept {
		changed := d
		changed.Disks, changed.Interfaces = slices.Clone(d.Disks), slices.Clone(d.Interfaces)
		c.change(&changed)
		if err := h.RedefineDomain(t.Context(), changed); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		after := dump()
		if (after == before) != (name == "nothing") {
			t.Errorf("%s: the definition became\n%s", name, after)
		}
		if name == "bus" { // libvirt puts the disk in another place
			wantLines(t, before, after, c.lines...)
		} else {
			wantInOrder(t, name, before, after, c.lines)
		}
		virsh(t, "define", writeFile(t, before))
	}
	if err := h.SetNote(t.Context(), "kept", ""); err != nil {
		t.Fatal(err)
	}
	wantInOrder(t, "SetNote", before, dump(), []string{">ours<"})
}

// wantInOrder checks that after has all lines of before, in order, except lines with one of the texts.
func wantInOrder(t *testing.T, name, before, after string, but []string) {
	t.Helper()
	rest := slices.Collect(strings.Lines(after))
	for line := range strings.Lines(before) {
		at := slices.Index(rest, line)
		changes := func(text string) bool { return strings.Contains(line, text) }
		switch {
		case at >= 0:
			rest = rest[at+1:]
		case !slices.ContainsFunc(but, changes):
			t.Errorf("%s: lost, or in another place: %s", name, line)
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// define makes an object from a file. The object is removed after the test.
func define(t *testing.T, verb, file, undo string) {
	t.Helper()
	virsh(t, verb, file)
	t.Cleanup(func() {
		if _, err := lab.Shared(t).Virsh(context.Background(), undo, "kept"); err != nil {
			t.Error(err)
		}
	})
}

func virsh(t *testing.T, args ...string) string {
	t.Helper()
	text, err := lab.Shared(t).Virsh(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// wantLines compares all lines except those with one of the texts.
func wantLines(t *testing.T, before, after string, but ...string) {
	t.Helper()
	for line := range strings.Lines(before) {
		changes := func(text string) bool { return strings.Contains(line, text) }
		if !slices.ContainsFunc(but, changes) && !strings.Contains(withoutSpace(after), withoutSpace(line)) {
			t.Errorf("lost: %s", line)
		}
	}
}

// withoutSpace returns XML without the space between its elements' lines.
func withoutSpace(text string) string {
	var all strings.Builder
	for line := range strings.Lines(text) {
		all.WriteString(strings.TrimSpace(line))
	}
	return all.String()
}
