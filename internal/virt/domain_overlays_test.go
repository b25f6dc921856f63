package virt

import (
	"maps"
	"slices"
	"testing"
)

func TestParseChain(t *testing.T) {
	for name, test := range map[string]struct {
		beneath string
		want    []Layer
	}{
		"a definition":   {"", nil},
		"nothing":        {"<backingStore/>", []Layer{}},
		"one that stays": {"<backingStore type='file'><format type='raw'/><source file='/a'/></backingStore>", []Layer{{Where: "/a", Format: "raw"}}},
		"several": {`<backingStore type='file' index='3'><format type='qcow2'/><source file='/a'/>
			<backingStore type='block'><format type='qcow2'/><source dev='/dev/b'/>
			<backingStore type='volume'><format type='qcow2'/><source pool='p' volume='v'/>
			<backingStore type='network'><format type='raw'/><source protocol='nbd' name='n'><host name='h' port='10809'/></source><backingStore/></backingStore></backingStore></backingStore></backingStore>`,
			[]Layer{{Where: "/a", Format: "qcow2"}, {Where: "/dev/b", Format: "qcow2"}, {Where: "p/v", Format: "qcow2"}, {Where: "nbd://h/n", Format: "raw"}}},
	} {
		root, err := parseXML("<disk type='file' device='disk'><source file='/top'/>" + test.beneath + "<target dev='vda' bus='virtio'/></disk>")
		if err != nil {
			t.Fatal(err)
		}
		got := parseDisk(root).Chain
		if !slices.Equal(got, test.want) || (got == nil) != (test.want == nil) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestAddSnapshot(t *testing.T) {
	const text = `<domainsnapshot><name>nightly</name>
		<disks><disk name='vda' snapshot='external' type='file'><driver type='qcow2'/><source file='/p/d.nightly'/></disk><disk name='vdb' snapshot='no'/>
		<disk name='vdc' snapshot='internal'/><disk name='vdd' snapshot='external' type='block'><source dev='/dev/overlay'/></disk></disks>
		<revertDisks><disk name='vdb' snapshot='external' type='file'><driver type='qcow2'/><source file='/p/e.1795992997'/></disk></revertDisks>
		<domain><devices><disk type='file' device='disk'><driver type='qcow2'/><source file='/p/d.qcow2'/><target dev='vda'/></disk>
		<disk type='file' device='disk'><driver type='raw'/><source file='/p/e.qcow2'/><target dev='vdb'/></disk>
		<disk type='volume' device='disk'><driver type='raw'/><source pool='p' volume='f'/><target dev='vdd'/></disk></devices></domain>
		<inactiveDomain><devices/></inactiveDomain></domainsnapshot>`
	want := map[string]Layer{"/p/d.nightly": {"/p/d.qcow2", "qcow2", "nightly"}, "/dev/overlay": {"p/f", "raw", "nightly"}, "/p/e.1795992997": {"/p/e.qcow2", "raw", "nightly"}}
	got := map[string]Layer{}
	if err := addSnapshot(got, text); err != nil || !maps.Equal(got, want) {
		t.Errorf("it was read as %+v, %v, want %+v", got, err, want)
	}
	if err := addSnapshot(got, "<domainsnapshot>"); err == nil {
		t.Error("a snapshot that ends in the middle is no error")
	}
}

// TestWithOverlays has lists of disks by letters: b(a) is b over a.
func TestWithOverlays(t *testing.T) {
	a, b, c := Disk{Path: "a", Format: "raw"}, Disk{Path: "b", Format: "qcow2"}, Disk{Path: "c", Format: "qcow2"}
	over := func(top Disk, layers ...Disk) Disk {
		for _, l := range layers {
			top.Chain = append(top.Chain, Layer{Where: l.Path})
		}
		return top
	}
	for name, test := range map[string]struct{ wanted, now, want []Disk }{
		"the same":                         {[]Disk{a, b}, []Disk{b, a}, []Disk{a, b}},
		"an overlay":                       {[]Disk{a}, []Disk{over(b, a)}, []Disk{b}},
		"overlays":                         {[]Disk{a}, []Disk{over(c, b, a)}, []Disk{c}},
		"one of a chain":                   {[]Disk{b}, []Disk{over(c, b, a)}, []Disk{c}},
		"an overlay that is wanted itself": {[]Disk{a, b}, []Disk{over(b, a)}, []Disk{a, b}},
		"two of one":                       {[]Disk{a}, []Disk{over(b, a), over(c, a)}, []Disk{b}},
		"another":                          {[]Disk{a}, []Disk{over(c, b)}, []Disk{a}},
		"none":                             {[]Disk{a}, nil, []Disk{a}},
		"less":                             {nil, []Disk{over(b, a)}, nil},
	} {
		got := WithOverlays(test.wanted, test.now)
		if !slices.EqualFunc(got, test.want, func(g, w Disk) bool { return g.Path == w.Path && g.Format == w.Format }) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
	if !SameDisks([]Disk{a, c}, []Disk{c, over(b, a)}) || SameDisks([]Disk{a}, []Disk{b}) || SameDisks([]Disk{a}, nil) {
		t.Error("an overlay counts as what it lies over, and nothing else does")
	}
}
