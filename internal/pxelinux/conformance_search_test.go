package pxelinux_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

const uuid = "0a1b2c3d-4e5f-4000-8000-00000000002a"

// searcher is a guest that DHCP tells where to look.
type searcher struct {
	name   string
	search pxelinux.Search // without a MAC address and an IPv4 address
}

var searchers = []searcher{
	{"plain", pxelinux.Search{UUID: uuid}},
	{"without UUID", pxelinux.Search{}},
	{"zero UUID", pxelinux.Search{UUID: "00000000-0000-0000-0000-000000000000"}},
	{"option 209", pxelinux.Search{UUID: uuid, ConfigFile: "guest.cfg"}},
	{"option 209 in a directory", pxelinux.Search{UUID: uuid, ConfigFile: "sub/guest.cfg"}},
	{"option 210", pxelinux.Search{UUID: uuid, PathPrefix: "tree/"}},
	{"option 210 without slash", pxelinux.Search{UUID: uuid, PathPrefix: "tree-"}},
	{"options 209 and 210", pxelinux.Search{UUID: uuid, ConfigFile: "guest.cfg", PathPrefix: "tree/"}},
	{"bootfile", pxelinux.Search{UUID: uuid, BootFile: "bootfile"}},
	{"bootfile in a directory", pxelinux.Search{UUID: uuid, BootFile: "sub/bootfile"}},
	{"bootfile directory", pxelinux.Search{UUID: uuid, BootFile: "sub/"}},
	{"bootfile root", pxelinux.Search{UUID: uuid, BootFile: "/"}},
	{"bootfile and option 209", pxelinux.Search{UUID: uuid, BootFile: "sub/bootfile", ConfigFile: "guest.cfg"}},
	{"bootfile and option 210", pxelinux.Search{UUID: uuid, BootFile: "sub/bootfile", PathPrefix: "tree/"}},
	{"bootfile directory and option 209", pxelinux.Search{UUID: uuid, BootFile: "sub/", ConfigFile: "guest.cfg"}},
}

// at is the search of the guest with this number. No two guests have the same address, because the
// server repeats the end of a file that a guest did not accept, and seconds later another guest could have that address.
func (s searcher) at(number int) pxelinux.Search {
	s.search.MAC = fmt.Sprintf("52:54:00:02:00:%02x", number)
	s.search.IPv4 = fmt.Sprintf("10.10.0.%d", 100+number)
	return s.search
}

func paths(t *testing.T, s pxelinux.Search) []string {
	t.Helper()
	paths, err := s.Paths()
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// searchNetwork has the options of every guest, and a log of the requests for files.
func searchNetwork(t *testing.T, guests []pxelinux.Search) network {
	t.Helper()
	options := []string{"no-ping", "log-facility=/var/log/libvirt/search.log"}
	for number, guest := range guests {
		tag := fmt.Sprintf("s%d", number)
		options = append(options, fmt.Sprintf("dhcp-host=%s,set:%s,%s", guest.MAC, tag, guest.IPv4))
		for option, value := range map[string]string{
			"dhcp-boot=tag:%s,%s":       guest.BootFile,
			"dhcp-option=tag:%s,209,%s": guest.ConfigFile,
			"dhcp-option=tag:%s,210,%s": guest.PathPrefix,
		} {
			if value != "" {
				options = append(options, fmt.Sprintf(option, tag, value))
			}
		}
	}
	xml := string(read(t, "testdata/conformance/network.xml"))
	xml = strings.NewReplacer("conform", "search", "10.9.", "10.10.",
		"<dnsmasq:option value='no-ping'/>",
		"<dnsmasq:option value='"+strings.Join(options, "'/><dnsmasq:option value='")+"'/>").Replace(xml)
	file := filepath.Join(t.TempDir(), "network.xml")
	if err := os.WriteFile(file, []byte(xml), 0o644); err != nil {
		t.Fatal(err)
	}
	return startNetwork(t, "search", file)
}

// TestConformanceSearch compares Search.Paths with the files that the firmware requests from a server
// without files.
func TestConformanceSearch(t *testing.T) {
	all := firmwares(t)
	var guests []pxelinux.Search
	for range all {
		for _, s := range searchers {
			guests = append(guests, s.at(len(guests)))
		}
	}
	n := searchNetwork(t, guests)
	n.clear(t)
	for _, f := range all {
		for _, s := range searchers {
			guest := guests[0]
			guests = guests[1:]
			t.Run(f.name+" "+s.name, func(t *testing.T) {
				n.wantBoot(t, f.searching(guest), "fails: Failed to load OS from network")
				want := paths(t, guest)
				for i := range want {
					want[i] = path.Clean("/" + want[i])[1:]
				}
				if got := n.notFound(t, guest.IPv4); !slices.Equal(got, want) {
					t.Errorf("the firmware asked for\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		}
	}
}

func (f firmware) searching(s pxelinux.Search) lab.Machine {
	return lab.Machine{QEMU: f.qemu, MAC: s.MAC, UUID: s.UUID}
}

// notFound returns the paths that the guest with this address has requested and that do not exist.
func (n network) notFound(t *testing.T, address string) []string {
	t.Helper()
	var paths []string
	log := string(read(t, filepath.Join(n.host.Dir, "log", "search.log")))
	for line := range strings.Lines(log) {
		asked, client, _ := strings.Cut(strings.TrimSpace(line), " not found for ")
		if _, file, found := strings.Cut(asked, "file /srv/search/"); found && client == address {
			paths = append(paths, path.Clean(file))
		}
	}
	return paths
}

// clear keeps the TFTP root itself, because the server has checked it at its start.
func (n network) clear(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.root, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
	}
}

// served is a file below the TFTP root.
type served struct {
	path string
	text string
	mode os.FileMode // 0o644 for 0
}

// entry is a configuration whose entry has this label.
func entry(label string) string {
	return "label " + label + "\nkernel k\ninitrd i\nappend x=1\n"
}

func booted(label string) string {
	return describe(pxelinux.Entry{Label: label, Kernel: "k", Initrd: "i", Append: "x=1"})
}

// TestConformanceChoice serves some of the files that a guest asks for, in the order of Search.Paths.
func TestConformanceChoice(t *testing.T) {
	largest := entry("a") + strings.Repeat("#", pxelinux.MaxFileSize-len(entry("a")))
	const magic = "# pxelinux\n"
	tests := []struct {
		name     string
		searcher string
		files    func(paths []string) []served
		want     string
	}{
		{"first wins", "plain", func(p []string) (all []served) {
			for _, name := range p {
				all = append(all, served{name, entry(name), 0})
			}
			return all
		}, booted("pxelinux.cfg/" + uuid)},
		{"default is last", "plain", func(p []string) []served {
			return []served{{"pxelinux.cfg/default", entry("a"), 0}}
		}, booted("a")},
		{"network before default", "plain", func(p []string) []served {
			return []served{{"pxelinux.cfg/0A0A", entry("a"), 0}, {"pxelinux.cfg/default", entry("b"), 0}}
		}, booted("a")},
		{"unreadable is skipped", "plain", func(p []string) []served {
			return []served{{p[0], entry("a"), 0o600}, {p[1], entry("b"), 0}}
		}, booted("b")},
		{"too large is skipped", "plain", func(p []string) []served {
			return []served{{p[0], largest + "\n", 0}, {p[1], entry("b"), 0}}
		}, booted("b")},
		{"largest wins", "plain", func(p []string) []served {
			return []served{{p[0], largest, 0}, {p[1], entry("b"), 0}}
		}, booted("a")},
		{"empty is skipped", "plain", func(p []string) []served {
			return []served{{p[0], "", 0}, {p[1], entry("b"), 0}}
		}, booted("b")},
		{"directory is skipped", "plain", func(p []string) []served {
			return []served{{p[0] + "/file", "", 0}, {p[1], entry("b"), 0}}
		}, booted("b")},
		{"comments win and boot nothing", "plain", func(p []string) []served {
			return []served{{p[0], "# nothing\n", 0}, {p[1], entry("b"), 0}}
		}, "fails: Failed to load OS from network"},
		{"missing kernel boots nothing", "plain", func(p []string) []served {
			return []served{{p[0], strings.Replace(entry("a"), "kernel k", "kernel none", 1), 0}, {p[1], entry("b"), 0}}
		}, "fails: TFTP error: file not found: none"},
		{"upper case is another file", "plain", func(p []string) []served {
			return []served{{strings.ToUpper(p[1]), entry("a"), 0}, {"pxelinux.cfg/0a0a", entry("b"), 0}, {p[10], entry("c"), 0}}
		}, booted("c")},
		{"option 209 comes first", "option 209", func(p []string) []served {
			return []served{{p[0], entry("a"), 0}, {p[1], entry("b"), 0}}
		}, booted("a")},
		{"files are not below option 210", "option 210", func(p []string) []served {
			return []served{{p[0], entry("a"), 0}, {"tree/k", "no kernel", 0}}
		}, booted("a")},
		{"files are not below the bootfile's directory", "bootfile directory", func(p []string) []served {
			return []served{{p[0], entry("a"), 0}, {"sub/k", "no kernel", 0}}
		}, booted("a")},
		{"bootfile is a configuration", "bootfile", func(p []string) []served {
			return []served{{p[0], magic + entry("a"), 0}, {p[1], entry("b"), 0}}
		}, booted("a")},
		{"bootfile is a configuration, whatever the case", "bootfile", func(p []string) []served {
			return []served{{p[0], "# PXELINUX is here\n" + entry("a"), 0}}
		}, booted("a")},
		{"bootfile is a configuration as large as can be", "bootfile", func(p []string) []served {
			return []served{{p[0], magic + largest[:len(largest)-len(magic)-1], 0}, {p[1], entry("b"), 0}}
		}, booted("a")},
		{"bootfile is a configuration without its magic", "bootfile", func(p []string) []served {
			return []served{{p[0], entry("a"), 0}, {p[1], entry("b"), 0}}
		}, "fails: Network loading done, starting kernel..."},
		{"bootfile of less than 8 bytes is skipped", "bootfile", func(p []string) []served {
			return []served{{p[0], "1234567", 0}, {p[1], entry("b"), 0}}
		}, booted("b")},
		{"bootfile is skipped if it is unreadable", "bootfile", func(p []string) []served {
			return []served{{p[0], magic + entry("a"), 0o600}, {p[1], entry("b"), 0}}
		}, booted("b")},
		{"bootfile comes before option 209", "bootfile and option 209", func(p []string) []served {
			return []served{{p[0], magic + entry("a"), 0}, {p[1], entry("b"), 0}}
		}, booted("a")},
		{"bootfile is a kernel", "bootfile", func(p []string) []served {
			return []served{{p[0], string(lab.ProbeKernel(1)), 0}}
		}, describe(pxelinux.Entry{Kernel: kernels[1]})},
		{"bootfile is a manifest", "bootfile", func(p []string) []served {
			address := binary.BigEndian.AppendUint64(nil, 0x800000)
			return []served{
				{p[0], "* title\r\nk 0x0\r\ni 8388608\r\nparm 0x00010480\r\naddrsize 0x10408\r\n", 0},
				{"parm", strings.Repeat("p", 1000), 0},
				{"addrsize", string(binary.BigEndian.AppendUint64(address, uint64(len("i")))), 0},
			}
		}, describe(pxelinux.Entry{Kernel: "k", Initrd: "i", Append: strings.Repeat("p", 897)})},
		{"bootfile is a manifest of missing files", "bootfile", func(p []string) []served {
			return []served{{p[0], "* title\nnone 0x0\n", 0}, {p[1], entry("b"), 0}}
		}, booted("b")},
		{"members of a manifest are not below its directory", "bootfile in a directory", func(p []string) []served {
			return []served{{p[0], "* title\nk 0x0\n", 0}, {"sub/k", "no kernel", 0}}
		}, describe(pxelinux.Entry{Kernel: "k"})},
	}
	all := firmwares(t)
	var guests []pxelinux.Search
	for _, test := range tests {
		number := slices.IndexFunc(searchers, func(s searcher) bool { return s.name == test.searcher })
		for range all {
			guests = append(guests, searchers[number].at(len(guests)))
		}
	}
	n := searchNetwork(t, guests)
	for _, test := range tests {
		for _, f := range all {
			guest := guests[0]
			guests = guests[1:]
			t.Run(test.name+" "+f.name, func(t *testing.T) {
				n.clear(t)
				n.serveFiles(t)
				for _, file := range test.files(paths(t, guest)) {
					n.serve(t, file.path, []byte(file.text))
					if err := os.Chmod(filepath.Join(n.root, file.path), cmp.Or(file.mode, 0o644)); err != nil {
						t.Fatal(err)
					}
				}
				n.wantBoot(t, f.searching(guest), test.want)
			})
		}
	}
}
