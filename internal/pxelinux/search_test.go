package pxelinux

import (
	"slices"
	"strings"
	"testing"
)

func TestSearchPaths(t *testing.T) {
	const (
		uuid = "0A1B2C3D-0000-4000-8000-00000000002A"
		mac  = "52:54:00:12:34:56"
	)
	own := []string{strings.ToLower(uuid), "01-52-54-00-12-34-56"}
	ipNames := []string{"0A090021", "0A09002", "0A0900", "0A090", "0A09", "0A0", "0A", "0"}
	below := func(base string, names ...string) []string {
		paths := make([]string, len(names))
		for i, name := range names {
			paths[i] = base + name
		}
		return paths
	}
	for _, test := range []struct {
		name   string
		search Search
		want   []string
	}{
		{"all names", Search{UUID: uuid, MAC: mac, IPv4: "10.9.0.33"},
			below("pxelinux.cfg/", slices.Concat(own, ipNames, []string{"default"})...)},
		{"without UUID", Search{MAC: mac, IPv4: "10.9.0.33"},
			below("pxelinux.cfg/", slices.Concat(own[1:], ipNames, []string{"default"})...)},
		{"zero UUID, IPv6", Search{UUID: "00000000-0000-0000-0000-000000000000", MAC: mac},
			below("pxelinux.cfg/", own[1], "default")},
		{"option 209", Search{MAC: mac, ConfigFile: "guest.cfg"},
			below("pxelinux.cfg/", "guest.cfg", own[1], "default")},
		{"option 210", Search{MAC: mac, PathPrefix: "tree-"},
			below("tree-", own[1], "default")},
		{"options 209 and 210", Search{MAC: mac, ConfigFile: "guest.cfg", PathPrefix: "s390x/"},
			below("s390x/", "guest.cfg", own[1], "default")},
		{"bootfile directory", Search{MAC: mac, BootFile: "s390x/"},
			below("s390x/pxelinux.cfg/", own[1], "default")},
		{"bootfile", Search{MAC: mac, BootFile: "s390x/kernel"},
			append([]string{"s390x/kernel"}, below("s390x/pxelinux.cfg/", own[1], "default")...)},
		{"bootfile and option 210", Search{MAC: mac, BootFile: "s390x/kernel", PathPrefix: "tree/"},
			append([]string{"s390x/kernel"}, below("tree/", own[1], "default")...)},
		{"root", Search{MAC: mac, BootFile: "/"},
			below("/pxelinux.cfg/", own[1], "default")},
	} {
		got, err := test.search.Paths()
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: Paths = %q, %v; want %q", test.name, got, err, test.want)
		}
	}
}

func TestSearchPathsErrors(t *testing.T) {
	const mac = "52:54:00:12:34:56"
	long := strings.Repeat("x", 200)
	for _, test := range []struct {
		search Search
		want   string
	}{
		{Search{UUID: "x", MAC: mac}, "not a UUID"},
		{Search{MAC: "x"}, "not a MAC address"},
		{Search{MAC: mac, IPv4: "x"}, "not an IPv4 address"},
		{Search{MAC: mac, PathPrefix: long}, "more than 206 bytes"},
		{Search{MAC: mac, BootFile: long + "/"}, "more than 206 bytes"},
		{Search{MAC: mac, ConfigFile: long}, "more than 206 bytes"},
		{Search{MAC: mac, BootFile: long + "-kernel"}, "more than 206 bytes"},
	} {
		got, err := test.search.Paths()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: Paths = %q, %v; want an error with %q", test.search, got, err, test.want)
		}
	}
}

func TestIsForeignLoader(t *testing.T) {
	for file, want := range map[string]bool{
		"pxelinux.0":                true,
		"x86/lpxelinux.0":           true,
		"grub/grubx64.efi":          true,
		"BOOTX64.EFI":               true,
		"undionly.kpxe":             true,
		"ipxe.pxe":                  true,
		"grub/core.elf":             true,
		"grub.efi/":                 false,
		"s390x/":                    false,
		"kernel.ubuntu":             false,
		"boot/ubuntu.ins":           false,
		"bionic-kernel-0123456789a": false,
	} {
		if got := IsForeignLoader(file); got != want {
			t.Errorf("IsForeignLoader(%q) = %v", file, got)
		}
	}
}

// TestMaxPrefixSize checks that it is the longest directory with which a guest finds the file of its UUID.
func TestMaxPrefixSize(t *testing.T) {
	search := Search{UUID: "0a1b2c3d-0000-4000-8000-00000000002a", MAC: "52:54:00:12:34:56"}
	search.BootFile = strings.Repeat("x", MaxPrefixSize-1) + "/"
	if _, err := search.Paths(); err != nil {
		t.Error(err)
	}
	search.BootFile = "x" + search.BootFile
	if _, err := search.Paths(); err == nil {
		t.Errorf("a bootfile's directory of %d bytes is not refused", len(search.BootFile))
	}
}
