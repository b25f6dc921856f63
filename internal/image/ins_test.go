package image

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestParseINSLayouts reads manifests of installation media.
func TestParseINSLayouts(t *testing.T) {
	for _, test := range []struct {
		file, title                string
		kernel, initrd, parameters string
		addresses                  []uint64
	}{
		{"ubuntu.ins", "Ubuntu for IBM Z (default kernel)", "kernel.ubuntu", "initrd.ubuntu", "parmfile.ubuntu",
			[]uint64{0, 0x1040c, 0x10414, 0x10480, 0x1000000}},
		{"ubuntu-iso.ins", "Ubuntu for IBM Z (default kernel)", "boot/kernel.ubuntu", "boot/initrd.ubuntu", "boot/parmfile.ubuntu",
			[]uint64{0, 0x1040c, 0x10414, 0x10480, 0x1000000}},
		{"suse.ins", "SUSE Linux for IBM z Systems Installation/Rescue System", "boot/s390x/linux", "boot/s390x/initrd", "boot/s390x/parmfile",
			[]uint64{0, 0x1040c, 0x10414, 0x1000000, 0x10480}},
		{"fedora.ins", "minimal lpar ins file", "images/kernel.img", "images/initrd.img", "images/genericdvd.prm",
			[]uint64{0, 0x2000000, 0x10480, 0x10408}},
	} {
		t.Run(test.file, func(t *testing.T) {
			text, err := os.ReadFile("testdata/ins/" + test.file)
			if err != nil {
				t.Fatal(err)
			}
			ins, err := ParseINS(string(text))
			if err != nil {
				t.Fatal(err)
			}
			var addresses []uint64
			for _, file := range ins.Files {
				addresses = append(addresses, file.Address)
			}
			if ins.Title != test.title || !reflect.DeepEqual(addresses, test.addresses) {
				t.Errorf("got %+v", ins)
			}
			if ins.Kernel() != test.kernel || ins.Initrd() != test.initrd || ins.Parameters() != test.parameters {
				t.Errorf("kernel %q, initrd %q, parameters %q", ins.Kernel(), ins.Initrd(), ins.Parameters())
			}
		})
	}
}

func TestParseINS(t *testing.T) {
	kernel := []INSFile{{"k", 0}}
	for _, test := range []struct {
		name, text string
		want       []INSFile
	}{
		{"one file", "* t\nk 0x00000000\n", kernel},
		{"no final newline", "* t\nk 0x0", kernel},
		{"carriage returns", "* t\r\nk 0x0\r\np 0x10480\r\n", []INSFile{{"k", 0}, {"p", 0x10480}}},
		{"blank lines", "* t\n\n\nk 0\n\n", kernel},
		{"decimal", "* t\nk 0\np 66688\n", []INSFile{{"k", 0}, {"p", 0x10480}}},
		{"capitals and zeros in front", "* t\nk 0xABCDEF\np 0010\n", []INSFile{{"k", 0xabcdef}, {"p", 10}}},
		{"more blanks before the address", "* t\nk \t 0x10\n", []INSFile{{"k", 0x10}}},
		{"words after the address", "* t\nk 0x10 the kernel\n", []INSFile{{"k", 0x10}}},
		{"path in a directory", "* t\n/boot//a..b/./k 0\n", []INSFile{{"/boot//a..b/./k", 0}}},
		{"longest path", "* t\n" + strings.Repeat("x", 206) + " 0\n", []INSFile{{strings.Repeat("x", 206), 0}}},
		{"highest address", "* t\nk 0x7fcfffff\n", []INSFile{{"k", 0x7fcfffff}}},
		{"largest", "* t" + strings.Repeat("x", 2046-8) + "\nk 0\n", kernel},
	} {
		t.Run(test.name, func(t *testing.T) {
			ins, err := ParseINS(test.text)
			if err != nil || !reflect.DeepEqual(ins.Files, test.want) {
				t.Errorf("got %+v, %v; want %v", ins, err, test.want)
			}
		})
	}
}

func TestParseINSErrors(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{`line 1: "" does not begin`}},
		{"too small", "* t\nk 0", []string{"the file has 7 bytes; the firmware ignores a file of less than 8"}},
		{"too large", "* t" + strings.Repeat("x", 2047-8) + "\nk 0\n", []string{"the file has 2047 bytes", "more than 2046 bytes as a kernel"}},
		{"no title", "images/kernel.img 0x0\n", []string{`line 1: "images/kernel.img 0x0" does not begin with "* "`, `put a line such as "* Linux" before it`}},
		{"no space in the title", "*Linux\nk 0\n", []string{`line 1: "*Linux" does not begin`}},
		{"byte order mark", "\ufeff* t\nk 0\n", []string{`line 1: "\ufeff* t" does not begin`}},
		{"web page", "<!DOCTYPE html>\n", []string{`"<!DOCTYPE html>" does not begin`}},
		{"title alone", "* Linux, no more", []string{"one line", "Does not seem to be a valid .INS file"}},
		{"title and newline", "* Linux\n\n", []string{"names nothing to load"}},
		{"NUL", "* t\nk 0\n\x00p 1\n", []string{"line 3: ", "NUL byte"}},
		{"no address", "* Linux\nk\n", []string{`line 2: there is no space in "k"`}},
		{"empty address", "* Linux\nk \r\n", []string{"line 2: there is no address"}},
		{"tab", "* Linux\nk\t0x0\n", []string{"line 2: there is a tab", `"k\t0x0"`, "only a space"}},
		{"tab and space", "* Linux\nk\t 0x0\n", []string{"line 2: there is a tab"}},
		{"tab in front", "* Linux\n\tk 0x0\n", []string{"line 2: there is a tab"}},
		{"space in front", "* Linux\n k 0x0\n", []string{"line 2: the line begins with a space"}},
		{"blanks", "* Linux\nk 0\n \t\n", []string{"line 3: the line has only blanks"}},
		{"blank line with a carriage return", "* Linux\r\nk 0\r\n\r\n", []string{"line 3: ", "carriage return"}},
		{"comment", "* Linux\n* more\nk 0\n", []string{"line 2: the firmware knows a comment only in the first line"}},
		{"other comment", "* Linux\n# more\nk 0\n", []string{"line 2: the firmware knows a comment", `named "#"`}},
		{"capital X", "* Linux\nk 0X10480\n", []string{`line 2: the address "0X10480" is not a number for the firmware`, "with a small x"}},
		{"no digits", "* Linux\nk 0x\n", []string{`"0x" is not a number`}},
		{"unit", "* Linux\nk 16M\n", []string{`"16M" is not a number`}},
		{"hexadecimal without 0x", "* Linux\nk 0001040c\n", []string{`"0001040c" is not a number`}},
		{"negative", "* Linux\nk -1\n", []string{`"-1" is not a number`}},
		{"other blank", "* Linux\nk \u00a00x10\n", []string{"is not a number"}},
		{"above all memory", "* Linux\nk 0x7fd00000\n", []string{"0x7fd00000 is above the memory", "ends at 0x7fcfffff"}},
		{"very large", "* Linux\nk 99999999999999999999\n", []string{"above the memory"}},
		{"same address", "* Linux\nk 0x0\n\nj 0\n", []string{`line 4: "j" overwrites the file in line 2`, "address 0x0"}},
		{"path too long", "* Linux\n" + strings.Repeat("x", 207) + " 0\n", []string{"line 2: ", "207 bytes", "more than 206"}},
		{"path upwards", "* Linux\n../iso/k 0\n", []string{`"../iso/k" leads upwards`}},
		{"escape", "* Linux\nk\x1b[2J 0\n", []string{"control character"}},
		{"several", "* Linux\nk\nj 0\ni x\n", []string{"line 2: ", "\nline 4: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ins, err := ParseINS(test.text)
			for _, want := range test.want {
				expectError(t, err, want)
			}
			if ins.Title != "" || ins.Files != nil {
				t.Errorf("got %+v in addition to the error", ins)
			}
		})
	}
}

// TestINSRoles checks the result for a manifest with missing or additional files.
func TestINSRoles(t *testing.T) {
	for text, want := range map[string]string{
		"* Linux\nk 0\n":                       "k||",
		"* Linux\nk 0\np 0x10480\n":            "k||p",
		"* Linux\ni 0x2000000\n":               "|i|",
		"* Linux\nk 0\ni 1\nj 2\n":             "k||",
		"* Linux\nk 0\na 0x10407\n":            "k|a|",
		"* Linux\nk 0\na 0x10408\nb 0x10417\n": "k||",
		"* Linux\nk 0\na 0x10418\n":            "k|a|",
	} {
		ins, err := ParseINS(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := ins.Kernel() + "|" + ins.Initrd() + "|" + ins.Parameters(); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// FuzzParseINS checks that the firmware loads each file that ParseINS accepts to its address.
func FuzzParseINS(f *testing.F) {
	for _, name := range []string{"ubuntu.ins", "suse.ins", "fedora.ins"} {
		text, err := os.ReadFile("testdata/ins/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		f.Add(strings.ReplaceAll(string(text), "\n", "\r\n"))
	}
	f.Add("* t\n\nk \t 0x0x10 9\nj 0010\n")
	f.Fuzz(func(t *testing.T, text string) {
		ins, err := ParseINS(text)
		if err != nil {
			return
		}
		if loads := firmwareLoads(text); !reflect.DeepEqual(loads, ins.Files) {
			t.Errorf("the firmware loads %v, not %v", loads, ins.Files)
		}
		again := "* " + ins.Title + "\n"
		for _, file := range ins.Files {
			again += fmt.Sprintf("%s %#x\n", file.Path, file.Address)
		}
		if same, err := ParseINS(again); len(again) <= insMaxSize && (err != nil || !reflect.DeepEqual(same, ins)) {
			t.Errorf("%q gives %+v, %v; want %+v", again, same, err, ins)
		}
	})
}

// firmwareLoads returns what handle_ins_cfg() loads, step by step, if the server has every file. It returns
// nil if the firmware gives up.
func firmwareLoads(text string) []INSFile {
	if len(text) < 8 || len(text) >= 2047 || text[:2] != "* " {
		return nil
	}
	text, _, _ = strings.Cut(text, "\x00")
	_, rest, found := strings.Cut(text, "\n")
	if !found {
		return nil
	}
	var loads []INSFile
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		if line == "" {
			continue
		}
		path, address, found := strings.Cut(line, " ")
		if !found {
			return nil
		}
		loads = append(loads, INSFile{path, strtol(address)})
	}
	return loads
}

// strtol is SLOF lib/libc/stdlib/strtol.c with a base of 0.
func strtol(s string) uint64 {
	s = strings.TrimLeft(s, " \t\n\r")
	s, negative := strings.CutPrefix(s, "-")
	base := uint64(10)
	if strings.HasPrefix(s, "0x") {
		s, base = strings.TrimPrefix(s[2:], "0x"), 16
	}
	var value uint64
	for _, c := range []byte(strings.ToLower(s)) {
		digit := strings.IndexByte("0123456789abcdef", c)
		if digit < 0 || uint64(digit) >= base {
			break
		}
		value = value*base + uint64(digit)
	}
	if negative {
		return -value
	}
	return value
}
