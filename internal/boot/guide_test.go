package boot

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/docs"
)

// guideMessage is an example of a message, as it is on the console after other messages.
type guideMessage struct{ before, message string }

const (
	afterAddress = "  Using IPv4 address: 192.168.150.57\n"
	afterEntry   = afterAddress + "Loading pxelinux.cfg entry 'a'\n"
	afterLoader  = afterAddress + "Linux version 6.1\nRun /init as init process\nwaiting for pxe config from DHCP (max 600 sec)\n"
	afterFetch   = afterLoader + "fetching config pxelinux.cfg/default from 192.168.150.1\nfetch kernel a from 192.168.150.1\n"
	afterStart   = afterEntry + "Network loading done, starting kernel...\nLinux version 6.1\n"
)

// guideTables have an example for every rule, in the order in which they appear in a boot.
var guideTables = []struct {
	heading  string
	messages []guideMessage
}{
	{"The firmware starts", []guideMessage{
		{"", ""},
		{"", "Could not find network bootloader"},
		{"", "Could not find a suitable boot device (none specified)"},
		{"", "! Boot device not found !"},
		{"", "No virtio net device found."},
		{"", "! IPL_TYPE_CCW expected !"},
		{"", "Virtio net boot device does not support secure boot!"},
		{"", "virtio-net device does not support the MAC address feature"},
		{"", "Can not allocate memory for receive buffers"},
		{"", "Could not initialize network device"},
		{"", "Network boot device detected"},
		{"", "ERROR: loadparm is set to an entry that is not available in the pxelinux.cfg file!"},
		{"", "ERROR: Assertion '...' failed!"},
	}},
	{"DHCP", []guideMessage{
		{"", "Requesting information via DHCP: 010"},
		{"", "Giving up after 10 DHCP requests"},
		{"", "Could not get IP address"},
		{"", "Can't obtain TFTP server IP address"},
		{"", "ARP request to TFTP server (192.168.150.1) failed"},
		{"", "ERROR: Can't resolve domain name"},
		{"", "tftp missing in ..."},
		{"", "Network initialization failed."},
	}},
	{"The configuration", []guideMessage{
		{afterAddress, "Using TFTP server: 192.168.150.1"},
		{afterAddress, "Error: pxelinux prefix is too long!"},
		{afterAddress, "Out of memory ... can not get UUID."},
		{afterAddress, "Trying pxelinux.cfg files..."},
		{afterAddress, "TFTP error: TFTP access violation"},
		{afterAddress, "TFTP error: TFTP buffer of 2047 bytes is too small for pxelinux.cfg/default"},
		{afterAddress, "TFTP error: file not found: pxelinux.0"},
		{afterAddress, "'pxelinux.0' is too small (3 bytes only)."},
		{afterAddress, "Does not seem to be a valid .INS file"},
		{afterAddress, "Missing space separator in .INS file"},
		{afterAddress, "TFTP: Received pxelinux.cfg/default (10 bytes)"},
		{afterAddress, "Command 'prompt' is not supported."},
		{afterAddress, "Failed to parse this line:"},
		{afterEntry, "Kernel entry is missing!"},
	}},
	{"TFTP", []guideMessage{
		{afterAddress, `TFTP error: ICMP ERROR "port unreachable"`},
		{afterAddress, `TFTP error: ICMP ERROR "host unreachable"`},
		{afterAddress, "Repeating TFTP read request..."},
		{afterAddress, "Receiving data:  0 KBytes  Receiving data:  0 KBytes"},
		{afterEntry, "TFTP error: file not found: kernel.ubuntu"},
		{afterEntry, "TFTP error: file not found: "},
		{afterEntry, "TFTP error: TFTP access violation"},
		{afterEntry, "TFTP error: TFTP buffer of 125829120 bytes is too small for kernel.ubuntu"},
		{afterEntry, "TFTP error: TFTP blocksize negotiation failed"},
		{afterEntry, "TFTP error: illegal TFTP operation"},
		{afterEntry, "TFTP error: unknown TFTP error"},
		{afterEntry, "TFTP error: unknown TFTP transfer ID"},
		{afterEntry, "TFTP error: TFTP error missing block 7, expected block was 9"},
		{afterEntry, "TFTP error: unknown error"},
		{afterAddress, "Loading pxelinux.cfg entry 'linux'"},
		{afterEntry, "Lost ACK packets: 3"},
		{afterEntry, "Failed to load OS from network"},
	}},
	{"Linux starts", []guideMessage{
		{afterEntry, "Network loading done, starting kernel..."},
		{afterStart, "Initramfs unpacking failed: write error"},
		{afterStart, "VFS: Unable to mount root fs on unknown-block(0,0)"},
		{afterStart, "No rootfs image found!"},
		{afterStart, "Found initramfs version 42.20260101.3.0 but rootfs version 43.20261101.3.0."},
		{afterStart, "Unsupported scheme for image specified by:"},
		{afterStart, "Couldn't establish connectivity with the server specified by:"},
		{afterStart, "Couldn't fetch, verify, and unpack image specified by:"},
		{afterStart, "No working init found."},
		{afterStart, "Kernel panic - not syncing: Too many boot env vars at ..."},
		{afterStart, "Out of memory: Killed process 7 (sh)"},
		{afterStart, "!! ERROR: Bad archive mirror"},
		{afterStart, "!! ERROR: Failed to partition the selected disk"},
		{afterStart, "!! ERROR: Failed to install the base system"},
		{afterStart, "!! ERROR: Installation step failed"},
		{afterStart, "Kernel panic - not syncing: Oops"},
	}},
	{"The boot loader of s390-tools", []guideMessage{
		{afterAddress + "Linux version 6.1\n", "waiting for pxe config from DHCP (max 600 sec)"},
		{afterLoader, "Error waiting for PXE configuration from DHCP"},
		{afterLoader, "fetching config pxelinux.cfg/default from 192.168.150.1"},
		{afterLoader, "tftp: timeout"},
		{afterLoader, "tftp: server error: (2) Permission denied"},
		{afterLoader, "no config found"},
		{afterLoader, "no kernel statement found in config"},
		{afterFetch, "fetch kernel bionic-kernel-50128ef53b91 from 192.168.150.1"},
		{afterFetch, "tftp: server error: (1) file /srv/tftp/kernel.ubuntu not found for 192.168.150.57"},
		{afterFetch, "Kexec load: kexec -l /tmp/kernel  --append=\"quiet\""},
		{afterFetch, "command line too long, maximum allowed size 4095"},
		{afterFetch, "Invalid memory segment 0x10000 - 0xfff"},
		{afterFetch, "Nothing has been loaded!"},
	}},
	{"A PC: SeaBIOS, iPXE and PXELINUX", []guideMessage{
		{"", "No configuration methods succeeded (http://ipxe.org/040ee119)"},
		{"", "Nothing to boot: No such file or directory"},
		{"", "tftp://192.168.150.1/pxelinux.0... No such file or directory"},
		{"", "tftp://192.168.150.1/pxelinux.0... Permission denied"},
		{"", "tftp://192.168.150.1/pxelinux.0... Connection timed out"},
		{"", "chain.0... No such file or directory (http://ipxe.org/2d12603b)"},
		{"", "Failed to load ldlinux.c32"},
		{"", "No DEFAULT or UI configuration directive found!"},
		{"", "Loading vmlinuz... failed: No such file or directory"},
		{"", "cmdline too long"},
		{"", "PXELINUX 6.04 PXE"},
		{"", "Loading initrd.img... "},
		{"", "No bootable device."},
	}},
	{"UEFI and GRUB", []guideMessage{
		{"", "PXE-E07: Network device error."},
		{"", "PXE-E16: No valid offer received."},
		{"", "PXE-E23: Client received TFTP error from server."},
		{"", "BdsDxe: failed to load Boot0001: Access Denied"},
		{"", "Unable to fetch TFTP image: Not Found"},
		{"", "Verification failed: (0x1A) Security Violation"},
		{"", "netboot: GRUB finds no configuration; the guest restarts in 30 seconds"},
		{"", "error: File not found."},
		{"", "error: bad shim signature."},
		{"", "error: premature end of file /kernel."},
		{"", "error: out of memory."},
		{"", "error: syntax error."},
		{"", "error: can't find command `linux16'."},
		{"", "error: filename too long."},
		{"", "error: time out opening `/kernel'."},
		{"", "Minimal BASH-like line editing is supported."},
		{"", "BdsDxe: starting Boot0000 \"UiApp\""},
		{"", "UEFI Interactive Shell v2.2"},
		{"", "Loading initial ramdisk ..."},
	}},
	{"ppc64le: SLOF, in addition to those of s390x", []guideMessage{
		{"", "No valid entries in pxelinux config file."},
		{"", "Not enough space for loading the initrd!"},
		{"", "E3403: Bad executable:"},
	}},
}

// TestGuide checks that the guide "When a guest does not boot" says what Explain says, for every rule.
func TestGuide(t *testing.T) {
	docs.CheckTables(t, "when-a-guest-does-not-boot", "boot", guideText(t))
}

// guideText writes the tables, and fails if a rule has no example or two examples.
func guideText(t *testing.T) string {
	t.Helper()
	shown := map[string]string{}
	var b strings.Builder
	for _, table := range guideTables {
		fmt.Fprintf(&b, "\n### %s\n\n| Message | Meaning | Remedy |\n|---|---|---|\n", table.heading)
		for _, m := range table.messages {
			explained := Explain(m.before + m.message + "\n")
			if len(explained) != 1 {
				t.Fatalf("%q has %d explanations, want 1", m.message, len(explained))
			}
			e := explained[0]
			if other, twice := shown[e.Meaning+e.Remedy]; twice {
				t.Errorf("%q and %q are examples of the same rule", other, m.message)
			}
			shown[e.Meaning+e.Remedy] = m.message
			fmt.Fprintf(&b, "| %s | %s | %s |\n", guideCode(m.message), guideSentence(e.Meaning), guideSentence(e.Remedy))
		}
	}
	for _, r := range slices.Concat(loaderRules, firmwareRules, otherRules, linuxRules) {
		if _, found := shown[r.meaning+r.remedy]; !found {
			t.Errorf("rule %s has no example in the guide", r.pattern)
		}
	}
	return b.String() + "\n"
}

// guideCode is a message as code in a cell of a table.
func guideCode(message string) string {
	if message == "" {
		return "(nothing)"
	}
	return "`" + strings.ReplaceAll(strings.TrimSpace(message), "|", `\|`) + "`"
}

// guideSentence is a clause as a sentence in a cell of a table.
func guideSentence(clause string) string {
	return strings.ReplaceAll(strings.ToUpper(clause[:1])+clause[1:], "|", `\|`) + "."
}
