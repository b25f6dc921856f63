package boot_test

import (
	"fmt"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// provokedCase is a way in which a boot fails.
type provokedCase struct {
	name    string
	qemu    string   // the release of Debian that QEMU is from; by default the installed QEMU
	config  string   // the guest's pxelinux.cfg file; if empty, there is none
	dhcp    []string // options of dnsmasq that are only for this guest
	noDHCP  bool     // dnsmasq does not answer the guest
	machine func(*lab.Machine)

	stage            boot.Stage // the farthest
	message, meaning string     // parts of the explanation
	beside           bool       // it comes after other explanations, because the boot continues
}

// otherwise has the results of the firmware in one file if they differ from those of the firmware in two files, by the
// name of the case.
var otherwise = map[string]struct {
	stage            boot.Stage
	message, meaning string
}{
	"device of another subsystem": {boot.StageFirmware, "No suitable device for IPL", "the firmware gave up"},
	"too little memory":           {boot.StageDHCP, "Trying pxelinux.cfg files", "no pxelinux.cfg file"}, // it is enough for this firmware
	"no TFTP server":              {boot.StageFirmware, "Can't obtain TFTP server IP address", "named no TFTP server"},
	"long bootfile":               {boot.StageDHCP, "Using TFTP server", "printed nothing after that"},
	"no initrd line":              {boot.StageStarted, "starting kernel", "Linux printed nothing"},
}

// entry is a configuration that boots these files.
func entry(kernel, initrd, arguments string) string {
	return fmt.Sprintf("default a\nlabel a\nkernel %s\ninitrd %s\nappend %s\n", kernel, initrd, arguments)
}

// linux is a configuration that boots Linux with an initrd.
func linux(initrd, words string) string { return entry("linux", initrd, "console=ttysclp0 "+words) }

func words(form string, count int) string {
	var all strings.Builder
	for i := range count {
		fmt.Fprintf(&all, form+" ", i)
	}
	return all.String()
}

func long(length int) string { return strings.Repeat("long/", length/5) }

func nextServer(address string) []string { return []string{"dhcp-boot=,," + address} }

// fast is for guests whose firmware waits for an answer that never comes.
func fast(m *lab.Machine) { m.Hurry = 8 }

var provoked = []provokedCase{
	// The firmware starts.
	{name: "no boot order", machine: func(m *lab.Machine) { m.NIC = "virtio-net-ccw" },
		stage: boot.StageFirmware, message: "Could not find a suitable boot device", meaning: "no device with a boot order"},
	{name: "device of another subsystem", machine: func(m *lab.Machine) { m.NIC = "virtio-net-ccw,bootindex=1,devno=10.0.0001" },
		stage: boot.StageFirmware, message: "Boot device not found", meaning: "not on the guest's channel subsystem"},
	{name: "too little memory", machine: func(m *lab.Machine) { m.Memory = "100M" },
		stage: boot.StageFirmware, message: "Network boot device detected", meaning: "network loader did not run"},
	{name: "loadparm without an entry", qemu: "forky", config: entry("kernel", "initrd", "x"), machine: func(m *lab.Machine) { m.Loadparm = "9" },
		stage: boot.StageConfig, message: "loadparm is set to an entry", meaning: "loadparm asks for an entry"},

	// DHCP.
	{name: "no DHCP", noDHCP: true, machine: fast,
		stage: boot.StageFirmware, message: "Giving up after 10 DHCP requests", meaning: "no DHCP server gave the guest an address"},
	{name: "no TFTP server", dhcp: []string{"dhcp-option=option:server-ip-address,0.0.0.0"},
		stage: boot.StageFirmware, message: "Could not get IP address", meaning: "named no TFTP server"},
	{name: "no TFTP server, merged", qemu: "forky", dhcp: []string{"dhcp-option=option:server-ip-address,0.0.0.0"},
		stage: boot.StageFirmware, message: "Can't obtain TFTP server IP address", meaning: "named no TFTP server"},
	{name: "long prefix", dhcp: []string{"dhcp-option=210," + long(225)},
		stage: boot.StageDHCP, message: "pxelinux prefix is too long", meaning: "longer than the firmware's memory"},
	{name: "long bootfile", dhcp: []string{"dhcp-option-force=67," + long(215) + "file"},
		stage: boot.StageDHCP, message: "bootfile string is too long", meaning: "longer than the firmware's memory"},

	// The TFTP server.
	{name: "nothing listens", dhcp: nextServer(noServer), machine: fast,
		stage: boot.StageDHCP, message: "port unreachable", meaning: "nothing listens for TFTP"},
	{name: "no way to the server", dhcp: nextServer(routerKnowsNot), machine: fast,
		stage: boot.StageDHCP, message: "host unreachable", meaning: "no route to the TFTP server"},
	{name: "a firewall rejects", dhcp: nextServer(routerProhibits), machine: fast,
		stage: boot.StageDHCP, message: "Receiving data:", meaning: "firewalld"},
	{name: "a firewall drops", dhcp: nextServer(routerIsSilent), machine: func(m *lab.Machine) { m.Hurry, m.GiveUpAt = 8, "Repeating TFTP read request" },
		stage: boot.StageDHCP, message: "Repeating TFTP read request", meaning: "does not answer: a firewall"},

	// The bootfile.
	{name: "bootfile missing", dhcp: []string{"dhcp-boot=pxelinux.0"},
		stage: boot.StageDHCP, message: "file not found: pxelinux.0", meaning: "names a bootfile"},
	{name: "bootfile tiny", dhcp: []string{"dhcp-boot=tiny"},
		stage: boot.StageDHCP, message: "'tiny' is too small", meaning: "less than 8 bytes"},
	{name: "ins of one line", dhcp: []string{"dhcp-boot=one-line.ins"},
		stage: boot.StageDHCP, message: "valid .INS file", meaning: "only one line"},
	{name: "ins without spaces", dhcp: []string{"dhcp-boot=no-spaces.ins"},
		stage: boot.StageDHCP, message: "Missing space separator in .INS file", meaning: "a path, a space and an address"},

	// The configuration.
	{name: "no configuration",
		stage: boot.StageDHCP, message: "Trying pxelinux.cfg files", meaning: "has no pxelinux.cfg file"},
	{name: "no label", config: "# nothing to boot\n",
		stage: boot.StageConfig, message: "TFTP: Received pxelinux.cfg/01-", meaning: "found no label"},
	{name: "configuration too long", config: strings.Repeat("# long\n", 300) + entry("kernel", "initrd", "x"),
		stage: boot.StageDHCP, message: "TFTP buffer of 2047 bytes is too small", meaning: "longer than 2047 bytes"},
	{name: "keyword of PXELINUX", config: "prompt 0\n" + entry("no-kernel", "initrd", "x"),
		stage: boot.StageConfig, message: "Command 'prompt' is not supported", meaning: "ignores this line", beside: true},
	{name: "keyword without value", config: entry("no-kernel", "initrd", ""),
		stage: boot.StageConfig, message: "Failed to parse this line", meaning: "a keyword without a value", beside: true},

	// Kernel and initrd.
	{name: "kernel missing", config: entry("kernel.ubuntu", "initrd", "x"),
		stage: boot.StageConfig, message: "file not found: kernel.ubuntu", meaning: "does not have: the file is not published"},
	{name: "initrd missing", config: entry("kernel", "initrd.ubuntu", "x"),
		stage: boot.StageKernel, message: "file not found: initrd.ubuntu", meaning: "does not have: the file is not published"},
	{name: "no initrd line", config: "label a\nkernel kernel\nappend x\n",
		stage: boot.StageKernel, message: "TFTP error", meaning: "has no"},
	{name: "kernel unreadable", config: entry("secret", "initrd", "x"),
		stage: boot.StageConfig, message: "TFTP access violation", meaning: "not allowed to read the kernel or initrd"},
	{name: "kernel a directory", config: entry("directory", "initrd", "x"),
		stage: boot.StageConfig, message: "unknown TFTP error", meaning: "the path is a directory"},
	{name: "kernel empty", config: entry("empty", "initrd", "x"), machine: func(m *lab.Machine) { m.GiveUpAt = "starting kernel" },
		stage: boot.StageStarted, message: "unknown error", meaning: "a file is empty", beside: true},
	{name: "kernel a web page", config: entry("page", "initrd", "x"),
		stage: boot.StageStarted, message: "Network loading done, starting kernel", meaning: "a web page"},
	{name: "initrd too large", qemu: "forky", config: entry("kernel", "large", "x"),
		machine: func(m *lab.Machine) { m.Memory, m.GiveUpAt = "16M", "is too small for large" },
		stage:   boot.StageKernel, message: "bytes is too small for large", meaning: "larger than the memory"},

	// Linux.
	{name: "initrd damaged", config: linux("garbage", ""),
		stage: boot.StageLinux, message: "Initramfs unpacking failed", meaning: "cannot unpack the initrd"},
	{name: "no root", config: linux("garbage", "root=/dev/vda1"),
		stage: boot.StageLinux, message: "VFS: ", meaning: "nor a root file system", beside: true},
	{name: "init is no program", config: linux("init-is-bad", ""),
		stage: boot.StageUserspace, message: "No working init found", meaning: "no init program that runs on s390x"},
	{name: "too many words", config: linux("lab", words("a%d=1", 33)),
		stage: boot.StageLinux, message: "Too many boot env vars", meaning: "32 of the form"},
	{name: "init ends", config: linux("lab", "netboot.then=panic"),
		stage: boot.StageUserspace, message: "Kernel panic - not syncing: Attempted to kill init", meaning: "Linux stopped"},
}
