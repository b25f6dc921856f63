package virt_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestNetworkKeepsWhatIsNotModelled defines a network of everything that libvirt has, changes what
// the package models and changes it back: nothing else may be missing.
func TestNetworkKeepsWhatIsNotModelled(t *testing.T) {
	define(t, "net-define", "testdata/unmodelled_network.xml", "net-undefine")
	h := open(t, lab.Shared(t).URI)
	before := virsh(t, "net-dumpxml", "--inactive", "kept")
	n, err := h.Network(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	changed := n
	changed.Domain, changed.MTU = "lab.test", 1400
	changed.IPv4 = &virt.IP{Address: n.IPv4.Address, DHCP: &virt.DHCP{
		Ranges:       []virt.Range{{Start: "192.168.167.30", End: "192.168.167.39"}},
		Reservations: n.IPv4.DHCP.Reservations,
		LeaseSeconds: n.IPv4.DHCP.LeaseSeconds,
	}}
	for _, n := range []virt.Network{changed, n} {
		if err := h.UpdateNetwork(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		wantLines(t, before, virsh(t, "net-dumpxml", "--inactive", "kept"), "<range start='192.168.167", "<ip address='192.168.167.1'", "<lease ")
	}
}

// TestNetworkRestartsOnlyForAChange asks the kernel: a bridge that was made anew has another index.
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

// TestDomainKeepsWhatIsNotModelled is the same with a domain.
func TestDomainKeepsWhatIsNotModelled(t *testing.T) {
	define(t, "define", "testdata/unmodelled_domain.xml", "undefine")
	h := open(t, lab.Shared(t).URI)
	before := virsh(t, "dumpxml", "--inactive", "kept")
	d, err := h.Domain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	if d.Note != "ours" {
		t.Errorf("the note is %q", d.Note)
	}
	changed := d
	changed.VCPUs, changed.Memory, changed.Note, changed.Boot = 1, 1<<30, "other", []string{virt.BootDisk, virt.BootNetwork}
	changed.Disks = append(slices.Clone(d.Disks), virt.Disk{Path: "/srv/kept/two", Format: "qcow2", Bus: "virtio"})
	for _, d := range []virt.Domain{changed, d} {
		if err := h.RedefineDomain(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		wantLines(t, before, virsh(t, "dumpxml", "--inactive", "kept"), "<memory ", "<currentMemory ", "<vcpu ", "ours", "<boot ")
	}
	wantLines(t, before, virsh(t, "dumpxml", "--inactive", "kept"), "ours")
	if err := h.SetNote(t.Context(), "kept", ""); err != nil {
		t.Fatal(err)
	}
	wantLines(t, before, virsh(t, "dumpxml", "--inactive", "kept"), "ours")
}

// define makes an object out of a file, which is taken away with the test.
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

// wantLines compares all lines but those that hold one of the texts.
func wantLines(t *testing.T, before, after string, but ...string) {
	t.Helper()
	for line := range strings.Lines(before) {
		changes := func(text string) bool { return strings.Contains(line, text) }
		if !slices.ContainsFunc(but, changes) && !strings.Contains(withoutSpace(after), withoutSpace(line)) {
			t.Errorf("lost: %s", line)
		}
	}
}

// withoutSpace is XML without what is between its elements' lines.
func withoutSpace(text string) string {
	var all strings.Builder
	for line := range strings.Lines(text) {
		all.WriteString(strings.TrimSpace(line))
	}
	return all.String()
}
