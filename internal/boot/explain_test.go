package boot

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestExplain has a row for each message of the firmware and of Linux, at the stage where the message
// appears.
func TestExplain(t *testing.T) {
	const (
		address = "  Using IPv4 address: 192.168.150.57\n"
		entry   = address + "Loading pxelinux.cfg entry 'a'\n"
		started = entry + "Network loading done, starting kernel...\n"
	)
	for _, test := range []struct {
		before, message string
		meaning         string // a part of the only explanation
	}{
		{"", "", "the console stayed empty"},
		{"", "Could not find network bootloader 's390-netboot.img'", "second firmware file"},
		{"", "Could not find a suitable boot device (none specified)", "no device with a boot order"},
		{"", "! Boot device not found !", "not on the guest's channel subsystem"},
		{"", "Network boot device detected", "network loader did not run"},
		{"", "! No virtio net device found !", "not a virtio-net device"},
		{"", "No virtio net device found.", "not a virtio-net device"},
		{"", "! IPL_TYPE_CCW expected !", "not on the ccw bus"},
		{"", "virtio-net device does not support the MAC address feature", "hides its MAC address"},
		{"", "Can not allocate memory for receive buffers", "no memory"},
		{"", "Could not initialize network device", "could not set up the network interface"},
		{"", "Virtio net boot device does not support secure boot!", "secure boot"},
		{"", "! loadparm is set to an entry that is not available in the pxelinux.cfg file! !", "loadparm"},
		{"", "ERROR: loadparm is set to an entry that is not available in the pxelinux.cfg file!", "loadparm"},
		{"", "ERROR: Assertion 'rc < cfgsize' failed!", "overwrote its own memory"},
		{"", "  Requesting information via DHCP:     \b\b\b010\b\b\b009", "no DHCP server has answered yet"},
		{"", "Giving up after 10 DHCP requests", "no DHCP server gave"},
		{"Giving up after 10 DHCP requests\n", "Could not get IP address", "no DHCP server gave"},
		{"", "Could not get IP address", "named no TFTP server"},
		{"", "Can't obtain TFTP server IP address", "named no TFTP server"},
		{"", "Network initialization failed. Halting.", "could not use the network"},
		{"", "Network initialization failed.", "could not use the network"},
		{"", "ERROR: Can't resolve domain name (DNS server is not presented)!", "cannot resolve"},
		{"", "Giving up after 10 DNS requests", "cannot resolve"},
		{"", "ERROR: Bad host name!", "cannot resolve"},
		{"", "Bad URL!", "cannot resolve"},
		{"", " DNS failed for IPV6", "cannot resolve"},
		{"", " tftp missing in x", "boot URL"},
		{"", " missing ] in x", "boot URL"},
		{"", " missing . separator in x", "boot URL"},
		{"", " wrong format IPV6 address in x", "boot URL"},
		{"", "ARP request to TFTP server (192.168.150.1) failed", "does not answer on the guest's network"},
		{address, "  Using TFTP server: 192.168.150.1", "asked this host for files"},
		{address, "Error: pxelinux prefix is too long!", "longer than the firmware's memory"},
		{address, "Error: pxelinux.cfg prefix + filename too long!", "longer than the firmware's memory"},
		{address, "Error: The bootfile string is too long for deriving the pxelinux.cfg file name from it.", "longer than the firmware's memory"},
		{address, "Out of memory ... can not get UUID.", "guest's UUID"},
		{address, "Trying pxelinux.cfg files...", "has no pxelinux.cfg file"},
		{address + "Trying pxelinux.cfg files...\n", "  TFTP: Received pxelinux.cfg/default (10 bytes)", "found no label"},
		{address, "  TFTP error: file not found: pxelinux.0", "names a bootfile"},
		{address, "'pxelinux.0' is too small (3 bytes only).", "less than 8 bytes"},
		{address, "Does not seem to be a valid .INS file", "only one line"},
		{address, "Missing space separator in .INS file", "a path, a space and an address"},
		{address, "  TFTP error: TFTP access violation", "tries the next name"},
		{entry, "  TFTP error: TFTP access violation", "not allowed to read the kernel or initrd"},
		{entry, "  TFTP error: file not found: kernel.ubuntu", "does not have: the file is not published"},
		{entry, "  TFTP error: file not found: ", "has no kernel or initrd line"},
		{entry, "  TFTP error: file not found: %d.%d.%d.%d", "has no kernel or initrd line"},
		{entry, "  TFTP error: file not found: Network boot starting...", "has no kernel or initrd line"},
		{entry, "  TFTP error: file not found: \xff\x01", "has no kernel or initrd line"},
		{entry, "  TFTP error: illegal TFTP operation", "a file without a name"},
		{entry, "  TFTP error: unknown TFTP error", "the path is a directory"},
		{entry, "  TFTP error: unknown TFTP transfer ID", "does not know the guest's transfer"},
		{entry, "  TFTP error: no such TFTP user", "does not know the guest's transfer"},
		{entry, "TFTP error: unknown error", "a file is empty"},
		{address, "  TFTP error: TFTP buffer of 2047 bytes is too small for pxelinux.cfg/default", "longer than 2047 bytes"},
		{entry, "  TFTP error: TFTP buffer of 125829120 bytes is too small for kernel", "larger than the memory"},
		{entry, "  TFTP error: TFTP blocksize negotiation failed", "blocks of more than 1428 bytes"},
		{address, `  TFTP error: ICMP ERROR "port unreachable"`, "nothing listens for TFTP"},
		{address, `  TFTP error: ICMP ERROR "host unreachable"`, "no route to the TFTP server"},
		{address, "Repeating TFTP read request...", "does not answer: a firewall"},
		{address, "  TFTP error: TFTP error occurred after missing 21 responses", "does not answer: a firewall"},
		{entry, "  TFTP error: TFTP error occurred after 21 bad packets received", "lost or arrived twice"},
		{entry, "  TFTP error: TFTP error missing block 7, expected block was 9", "lost or arrived twice"},
		{address, "  Receiving data:  0 KBytes  Receiving data:  0 KBytes", "firewalld"},
		{entry, "Lost ACK packets: 3", "does not stop it"},
		{address, "Command 'prompt' is not supported.", "ignores this line"},
		{address, "Failed to parse this line:\n append", "keyword without a value"},
		{entry, "Kernel entry is missing!", "the entry has no kernel"},
		{address + "Trying pxelinux.cfg files...\n  TFTP: Received pxelinux.cfg/default (94 bytes)\n", "Loading pxelinux.cfg entry 'linux'", "still loading the files"},
		{entry, "  TFTP: Received kernel (4092 KBytes)", "still loading the files"},
		{"PXELINUX 6.04 lwIP Copyright\n", "Loading images/vmlinuz... ", "still loading this file"},
		{"", "  Booting `Debian GNU/Linux'\n\nLoading Linux 6.12.117+deb13-cloud-amd64 ...\nLoading initial ramdisk ...", "Linux prints to another console"},
		{"", "error: ../../grub-core/fs/fshelp.c:257:file `/vmlinuz' not found.", "GRUB does not find a file"},
		{"", "Loading /probe...error: file /srv/lab/probe not found for 192.168.150.57.", "GRUB does not find a file"},
		{"", "error: /vmlinuz has invalid signature.", "secure boot refuses a file"},
		{"", "error: timeout reading `/initrd'.", "does not answer GRUB"},
		{entry, "Failed to load OS from network", "gave up"},
		{entry, "Network loading done, starting kernel...", "jumped into what it loaded"},
		{"", "Failed to load OS from network", "gave up"},
		{"", "Failed to load OS from network.\nFailed to IPL from this network!", "gave up"},
		{"", "ERROR: No suitable device for IPL. Halting...", "gave up"},
		{started, "[    1.1] Initramfs unpacking failed: write error", "cannot unpack the initrd"},
		{started, "[    1.1] VFS: Unable to mount root fs on unknown-block(0,0)", "neither an init program"},
		{started, "No rootfs image found! Modify kernel parameters", "CoreOS did not find"},
		{started, "[    0.1] Kernel panic - not syncing: Too many boot env vars at `a31=1'", "32 of the form"},
		{started, "[    1.1] Kernel panic - not syncing: No working init found.", "runs on s390x"},
		{started + "[    0.1] Linux version 6.1\n", "[    1.1] Out of memory: Killed process 7 (sh)", "memory is too small"},
		{started + "[    0.1] Linux version 6.1\n", "[    1.1] Kernel panic - not syncing: Oops", "Linux stopped"},
	} {
		t.Run(test.message, func(t *testing.T) {
			compareMeanings(t, Explain(test.before+test.message+"\n"), []string{test.meaning})
		})
	}
}

func TestExplainMessage(t *testing.T) {
	got := Explain("Command 'prompt' is not supported.\nCommand 'timeout' is not supported.\n" + strings.Repeat("VFS: Unable to mount root ", 100))
	if len(got) != 2 || got[0].Message != "Command 'prompt' is not supported." || len(got[1].Message) > maxMessage {
		t.Errorf("got %q", got)
	}
}

// TestExplainUEFI checks what is said of a network boot that failed with secure boot, which also refuses the shell that is tried last. The
// console is that of a guest.
func TestExplainUEFI(t *testing.T) {
	compareMeanings(t, Explain(`>>Start PXE over IPv4.
  PXE-E07: Network device error.
BdsDxe: failed to load Boot0001 "UEFI PXEv4 (MAC:5254006A934B)" from PciRoot(0x0)/Pci(0x1,0x0): Not Found
>>Start PXE over IPv6.
  PXE-E16: No valid offer received.
BdsDxe: failed to load Boot0002 "UEFI PXEv6 (MAC:5254006A934B)" from PciRoot(0x0)/Pci(0x1,0x0): Not Found
BdsDxe: failed to start Boot0005 "EFI Internal Shell" from Fv(7CB8BDC9)/FvFile(7C04A583): Security Violation
BdsDxe: No bootable option or device was found.
`), []string{"the DHCP server did not confirm the address", "no DHCP server"})
	compareMeanings(t, Explain(`BdsDxe: failed to load Boot0001 "UEFI PXEv4 (MAC:5254006A934B)" from PciRoot(0x0)/Pci(0x1,0x0): Access Denied`+"\n"),
		[]string{"secure boot refuses the boot loader"})
}

// TestExplainOvercome checks that a problem that did not stop a boot is not reported as its failure.
func TestExplainOvercome(t *testing.T) {
	const boot = `
  Using IPv4 address: 192.168.150.57
  Bootfile name: 'pxelinux.0'
  TFTP error: file not found: pxelinux.0
Trying pxelinux.cfg files...
%s  TFTP: Received pxelinux.cfg/default (94 bytes)
Loading pxelinux.cfg entry 'a'
  TFTP: Received kernel (4092 KBytes)
  TFTP: Received initrd (13354 KBytes)
Network loading done, starting kernel...
Linux version 6.1
`
	compareMeanings(t, Explain(fmt.Sprintf(boot, "")), nil)
	compareMeanings(t, Explain(fmt.Sprintf(boot, "  TFTP error: TFTP access violation\n")), []string{"tries the next name"})
}

// TestRules checks that the texts are clauses, to which Failure adds the full stop.
func TestRules(t *testing.T) {
	for _, r := range slices.Concat(firmwareRules, otherRules, linuxRules) {
		for _, text := range []string{r.meaning, r.remedy} {
			if text == "" || strings.HasSuffix(text, ".") {
				t.Errorf("rule %s: %q is not a clause", r.pattern, text)
			}
		}
	}
}
