package arch

import (
	"fmt"
	"slices"
	"testing"
)

// TestAll checks that each entry of the table is complete, and that no two entries can be confused.
func TestAll(t *testing.T) {
	seen := map[string]string{}
	unique := func(arch, what string) {
		if other, twice := seen[what]; twice {
			t.Errorf("%s and %s have the same %s", other, arch, what)
		}
		seen[what] = arch
	}
	for _, a := range All {
		if a.Name == "" || a.Packages == "" || a.Kernel.Magic == "" || a.Kernel.Format == "" || a.Kernel.Foreign == "" || len(a.Clients) == 0 || len(a.Consoles) == 0 {
			t.Errorf("not complete: %+v", a)
		}
		unique(a.Name, "name "+a.Name)
		unique(a.Name, fmt.Sprintf("mark %#x %q", a.Kernel.Offset, a.Kernel.Magic))
		for _, client := range a.Clients {
			unique(a.Name, "client "+client.Name)
			for _, number := range client.Numbers {
				unique(a.Name, fmt.Sprintf("number %d", number))
			}
			if len(client.Numbers) == 0 {
				t.Errorf("%s: client %s has no number", a.Name, client.Name)
			}
		}
		if first := a.Consoles[0]; !first.First || first.Many || first.Type != a.DefaultConsole() {
			t.Errorf("%s: a guest cannot have %+v as its first console", a.Name, first)
		}
		if got := Of(a.Name); got.Name != a.Name || got.Kernel != a.Kernel {
			t.Errorf("Of(%q) = %+v", a.Name, got)
		}
	}
}

// TestOrder checks the order in which rules are written on hosts.
func TestOrder(t *testing.T) {
	if names := Names(); !slices.Equal(names, []string{"s390x", "ppc64le", "x86_64", "aarch64"}) {
		t.Errorf("names %q", names)
	}
	want := "[{s390x [31] false} {ppc64le [12] false} {x86_64 [0] false} {x86_64-efi [7 9] false} {x86_64-http [16] true} {aarch64-efi [11] false} {aarch64-http [19] true}]"
	if got := fmt.Sprint(Clients()); got != want {
		t.Errorf("clients %s, want %s", got, want)
	}
	if types := ConsoleTypes(); !slices.Equal(types, []string{"sclp", "sclplm", "virtio", "serial"}) {
		t.Errorf("consoles %q", types)
	}
}

func TestOfAnother(t *testing.T) {
	a := Of("riscv64")
	if a.Name != "riscv64" || a.DefaultConsole() != "serial" || a.Loadparm || a.Kernel.Magic != "" || len(a.Clients) > 0 {
		t.Errorf("got %+v", a)
	}
}

func TestMeant(t *testing.T) {
	for name, want := range map[string]string{"amd64": "x86_64", "x86": "x86_64", "ARM64": "aarch64", "S390X": "s390x", "s390x": "", "x86_64": "", "riscv64": "", "": ""} {
		if got := Meant(name); got != want {
			t.Errorf("%q is meant as %q, want %q", name, got, want)
		}
	}
}

func TestConsole(t *testing.T) {
	for _, test := range []struct {
		arch, kind  string
		want        Console
		isSupported bool
	}{
		{"s390x", "sclp", Console{Type: "sclp", First: true}, true},
		{"s390x", "serial", Console{}, false},
		{"x86_64", "sclp", Console{}, false},
		{"x86_64", "virtio", Console{Type: "virtio", Many: true}, true},
	} {
		if got, found := Of(test.arch).Console(test.kind); got != test.want || found != test.isSupported {
			t.Errorf("%s, %s: %+v, %v", test.arch, test.kind, got, found)
		}
	}
}

func TestKernel(t *testing.T) {
	kernel := Kernel{Offset: 2, Magic: "HdrS"}
	for head, want := range map[string]bool{"": false, "x": false, "xxHdr": false, "xxHdrS": true, "xxHdrSx": true, "HdrS": false} {
		if got := kernel.In([]byte(head)); got != want {
			t.Errorf("%q: %v", head, got)
		}
	}
	if (Kernel{}).In([]byte("anything")) {
		t.Error("a kernel without a mark matches anything")
	}
}
