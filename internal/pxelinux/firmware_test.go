package pxelinux

import (
	"strings"
	"testing"
)

func TestIdentifyFirmware(t *testing.T) {
	const (
		begin  = "\x7fELF\x00LOADPARM=[________]\x00"
		search = "pxelinux.cfg/\x00Trying pxelinux.cfg files...\x00"
		menu   = "s390-ccw pxelinux.cfg boot menu:\x00"
	)
	for _, test := range []struct {
		image string
		want  Firmware
		ok    bool
	}{
		{begin + "s390-ccw zIPL Boot Menu\x00", SeparateLoader, true},
		{begin + search, Merged, true},
		{begin + menu + search, Menu, true},
		{"\x7fELF" + search, UnknownFirmware, false},
		{"", UnknownFirmware, false},
	} {
		got, err := IdentifyFirmware([]byte(test.image))
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("IdentifyFirmware(%q) = %v, %v; want %v", test.image, got, err, test.want)
		}
	}
}

func TestEntryLimits(t *testing.T) {
	if got := EntryLimits(); got != "15 entries, and 30 with the firmware of QEMU 10.1 and later" {
		t.Errorf("got %q", got)
	}
}

func TestCheckSize(t *testing.T) {
	const (
		loader  = 0x7800000               // regardless of the memory
		merged  = 512*mebibyte - 0x300000 // this is a multiple of 64 KiB
		highest = 2048*mebibyte - 0x300000
	)
	for _, test := range []struct {
		name                   string
		firmware               Firmware
		kernel, initrd, memory uint64
		want                   string // "severity field part of the message", or nothing
	}{
		{"fills the loader's room", SeparateLoader, 4096, loader - 4096, 512 * mebibyte, ""},
		{"one byte too many", SeparateLoader, 4096, loader - 4095, 4096 * mebibyte, "error initrd need 125829121 bytes"},
		{"the gap counts", SeparateLoader, 4097, loader - 8191, 512 * mebibyte, "error initrd need 125829121 bytes"},
		{"kernel alone", SeparateLoader, loader + 1, 0, 512 * mebibyte, "error kernel has room for 125829120, regardless"},
		{"fills the merged one's room", Merged, 4096, merged - 4096, 512 * mebibyte, ""},
		{"one byte too many for memory", Merged, 4096, merged - 4095, 512 * mebibyte, "error initrd in a guest with 512 MiB"},
		{"more than counts", Menu, 4096, highest - 4096, 8192 * mebibyte, ""},
		{"more than any memory helps", Menu, 4096, highest, 8192 * mebibyte, "error initrd has room for 2144337920"},
		{"tiny memory", Menu, 4096, 0, 2 * mebibyte, "error kernel has room for 0"},
		{"fits any", UnknownFirmware, 4096, mebibyte, 512 * mebibyte, ""},
		{"fits no", UnknownFirmware, 4096, 600 * mebibyte, 512 * mebibyte, "error initrd in a guest with 512 MiB"},
		{"fits later firmware", UnknownFirmware, 4096, 200 * mebibyte, 512 * mebibyte, "warning initrd regardless of the guest's memory"},
		{"fits an earlier one", UnknownFirmware, 4096, 110 * mebibyte, 100 * mebibyte, "warning initrd in a guest with 100 MiB"},
	} {
		compareProblem(t, test.name, test.firmware.CheckSize(test.kernel, test.initrd, test.memory), test.want)
	}
}

func TestCheckMemory(t *testing.T) {
	for _, test := range []struct {
		name     string
		firmware Firmware
		memory   uint64
		want     string
	}{
		{"enough", SeparateLoader, 125 * mebibyte, ""},
		{"too little", SeparateLoader, 124 * mebibyte, "error  needs 125 MiB of memory for itself, but the guest has 124 MiB"},
		{"enough for a merged one", Merged, 64 * mebibyte, ""},
		{"too little for any", Menu, 2 * mebibyte, "error  needs"},
		{"enough for some", UnknownFirmware, 64 * mebibyte, "warning  needs 125 MiB"},
		{"enough for any", UnknownFirmware, 256 * mebibyte, ""},
	} {
		compareProblem(t, test.name, test.firmware.CheckMemory(test.memory), test.want)
	}
}

// compareProblem matches a problem with "severity field part of the message".
func compareProblem(t *testing.T, name string, got *Problem, want string) {
	t.Helper()
	if got == nil || want == "" {
		if got != nil || want != "" {
			t.Errorf("%s: got %+v, want %q", name, got, want)
		}
		return
	}
	words := strings.SplitN(want, " ", 3)
	if got.Severity.String() != words[0] || got.Field != words[1] || !strings.Contains(got.Message, words[2]) || got.Remedy == "" {
		t.Errorf("%s: got %+v, want %q", name, got, want)
	}
}

func TestBoot(t *testing.T) {
	c := Config{Default: "b", Entries: []Entry{{Label: "a"}, {Label: "b"}, {Label: "c"}}}
	for _, test := range []struct {
		firmware      Firmware
		def, loadparm string
		want          string // label, or nothing for an error
	}{
		{SeparateLoader, "", "", "a"},
		{SeparateLoader, "b", "", "b"},
		{SeparateLoader, "b", "3", "b"},
		{Merged, "b", "9", "b"},
		{Menu, "b", "", "b"},
		{Menu, "b", "3", "c"},
		{Menu, "b", "0", "b"},
		{Menu, "b", "3A", "c"},
		{Menu, "b", "PROMPT", "b"},
		{Menu, "b", "4", ""},
	} {
		c.Default = test.def
		got, err := c.Boot(test.firmware, test.loadparm)
		if got.Label != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%v with default %q and loadparm %q boots %q, %v; want %q", test.firmware, test.def, test.loadparm, got.Label, err, test.want)
		}
	}
	if _, err := (Config{}).Boot(Menu, ""); err == nil {
		t.Error("a configuration without entries boots")
	}
}
