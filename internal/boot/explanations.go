package boot

// What the firmware prints when it can do no more with a device is givesUp, when it stops
// givesUpForGood. Up to QEMU 9.1, pc-bios/s390-ccw/netmain.c main() stops with "Failed to load OS from
// network"; later netmain() says the same with a full stop, and the next device follows. But after a
// file that was too large for it, later firmware is overwritten and hangs, as measured with QEMU 10.0
// and 11.1. Of the others, SLOF, SeaBIOS and EDK2 say when there is no device left, and PXELINUX,
// GRUB, iPXE and EDK2 offer a shell.
var (
	givesUp        = expression(`Failed to load OS from|^Failed to IPL from this network!|^Network initialization failed\.|^No virtio net device found\.|^! .* !$|^E30[0-9A-F]{2} \(net\) |^No more network devices|^BdsDxe: failed to load |^Loading \S+\.\.\..* failed: |` + givesUpForGood.String())
	triesNext      = expression(`^Failed to IPL from this network!`)
	tooLarge       = expression(`TFTP buffer of \d+ bytes is too small`)
	givesUpForGood = expression(`Failed to load OS from (network|hard disk)$|^Network initialization failed\. Halting\.|^! (No virtio net device found|IPL_TYPE_CCW expected) !$|^! Boot device not found|^(!|ERROR:) loadparm is set to an entry|No suitable device for IPL\. Halting|^ERROR: Assertion '.*' failed!|^E3407: Load failed|^Boot failed: press a key to retry|^No bootable device\. *$|^BdsDxe: No bootable option or device was found`)
	shell          = expression(`^(grub( rescue)?|iPXE|Shell|0 )> $`)
	asksAgain      = expression(`^(boot: )+$`)
	tftpServer     = expression(`^ *(?:Using TFTP server:|Requesting file ".*" via TFTP from|Next server:|Server IP address is) (\S+)$`)
	panics         = expression(`Kernel panic - not syncing`)
)

// noOutput explains a console that shows nothing.
var noOutput = Explanation{
	Meaning: "the console stayed empty: firmware and kernel write to another console or to a screen, as the firmware of a PC does, or, on s390x with 122 to 124 MiB of memory, the firmware of QEMU up to 9.1 has overwritten itself before it could print",
	Remedy:  "on s390x, give the guest at least 256 MiB and a first console of type sclp; on a PC, add console=ttyS0 to append",
}

// tftpError is what comes before the errors of SLOF lib/libnet/tftp.c tftp_get_error_info(): on s390x, and
// on ppc64le, where lib/libnet/netload.c netload_error() prints them with a number.
const tftpError = `(?:TFTP error: |E30[0-9A-F]{2} \(net\) )`

const (
	checkConsole = "look at the lines above, and compare them with a boot that works"
	checkEntry   = "write label, kernel, initrd and append lines into every entry"
	checkRoute   = "make the DHCP server name the libvirt host as the TFTP server, or correct the route to it"
	checkServer  = "look for a second server or a loop on the network, and read the TFTP server's log"
	shortenPath  = "keep every path, with the DHCP options 209 and 210 and the bootfile's directory, below 157 bytes"
	useAddress   = "give the DHCP option 66 or the next server as an IP address"
)

// firmwareRules explain the messages of QEMU pc-bios/s390-ccw/netmain.c, main.c and virtio-net.c,
// and of SLOF lib/libnet/pxelinux.c, tftp.c, dhcp.c and dns.c.
var firmwareRules = []rule{
	// The machine.
	{expression(`Could not find network bootloader.*`), cause, StageNone,
		"QEMU up to 9.1 boots from the network with a second firmware file, and the host does not have it",
		"install the package with s390-netboot.img (on Debian and Ubuntu qemu-system-data)"},
	{expression(`Could not find a suitable boot device \(none specified\)`), cause, StageNone,
		"no device of the guest has a place in the boot order that this firmware can use",
		"give the network interface a boot order, and the model virtio on the ccw bus"},
	{expression(`! Boot device not found.*`), cause, StageNone,
		"the device of the boot order is not on the guest's channel subsystem",
		"use a virtio device on the ccw bus with cssid 0xfe, and check that it was not removed"},
	{expression(`No virtio net device found.*`), cause, StageNone,
		"the boot device is not a virtio-net device on the ccw bus, and only that can boot from the network",
		"set the interface's model to virtio and its address type to ccw"},
	{expression(`IPL_TYPE_CCW expected.*`), cause, StageNone,
		"the boot device is not on the ccw bus, so the firmware cannot boot from it over the network",
		"set the interface's address type to ccw"},
	{expression(`Virtio net boot device does not support secure boot!`), cause, StageNone,
		"the guest asks for secure boot, which does not work over the network",
		"turn secure boot off for this guest"},
	{expression(`virtio-net device does not support the MAC address feature`), cause, StageNone,
		"the network interface hides its MAC address from the firmware",
		"remove unusual options from the interface's driver element"},
	{expression(`Can not allocate memory for receive buffers`), cause, StageNone,
		"the firmware has no memory for the network interface",
		"give the guest at least 256 MiB, and remove unusual options from the interface"},
	{expression(`Could not initialize network device`), cause, StageNone,
		"the firmware could not set the network interface up",
		"remove unusual options from the interface, and give the guest at least 256 MiB"},
	{expression(`(!|ERROR:) loadparm is set to an entry .*`), cause, StageNone,
		"the boot option loadparm asks for an entry that the pxelinux.cfg file does not have",
		"remove loadparm from the guest, or add the entry"},
	{expression(`ERROR: Assertion '.*' failed!`), cause, StageNone,
		"the firmware overwrote its own memory, as it does with TFTP paths above 206 bytes",
		shortenPath},

	// DHCP.
	{expression(`Giving up after \d+ DHCP requests`), cause, StageNone,
		"no DHCP server gave the guest an address: there is none on this network, its range is used up, it refuses this guest, or a firewall drops UDP ports 67 and 68",
		"check that the interface is on the intended network, that the network has a DHCP range with free addresses, and the host's firewall; on a bridge, turn off the delay of STP"},
	{expression(`Can't obtain TFTP server IP address`), cause, StageNone,
		"the DHCP server gave an address but named no TFTP server",
		"set the next server or option 66 at the DHCP server; libvirt does so for a network with a TFTP root"},
	{expression(`ARP request to TFTP server \(.*\) failed`), cause, StageNone,
		"the TFTP server does not answer on the guest's network",
		checkRoute},
	{expression(`ERROR: Can't resolve domain name.*|Giving up after \d+ DNS requests|ERROR: Bad host name!|Bad URL!|DNS failed for IPV6`), cause, StageNone,
		"the TFTP server is given by a name that the guest cannot resolve",
		useAddress},
	{expression(`tftp missing in .*|missing (\]|filename|\. sep[ae]rator|domain) in .*|wrong format IPV6 address in .*`), cause, StageNone,
		"the boot URL of the DHCPv6 server (option 59) is not one that the firmware reads",
		"write it as tftp://[address]/file, or use IPv4"},

	// The names of files.
	{expression(`Error: pxelinux prefix is too long!|Error: pxelinux\.cfg prefix \+ filename too long!|Error: The bootfile string is too long.*`), cause, StageNone,
		"the DHCP server's names for the configuration are longer than the firmware's memory for them",
		shortenPath},
	{expression(`Out of memory \.\.\. can not get UUID\.`), persistent, StageNone,
		"the firmware had no memory to read the guest's UUID, so it did not ask for the file of that name",
		"give the guest at least 256 MiB, or name the file for the MAC address"},

	// TFTP.
	{expression(tftpError + `ICMP ERROR "port unreachable"`), cause, StageNone,
		"nothing listens for TFTP at the server: the network has no TFTP root, its dnsmasq does not run, the DHCP server names another host, or a firewall rejects UDP port 69",
		"give the network a TFTP root and start it again, or correct the next server of the DHCP server"},
	{expression(tftpError + `ICMP ERROR .*`), cause, StageNone,
		"the guest has no way to the TFTP server",
		checkRoute},
	{expression(`0 KBytes +Receiving data:`), cause, StageNone,
		"every request is rejected without a reason that the firmware can name, as firewalld does (ICMP administratively prohibited)",
		"allow TFTP (UDP port 69) in the firewall zone of the network's bridge"},
	{expression(`TFTP error occurred after missing \d+ responses|Repeating TFTP read request\.\.\.`), cause, StageNone,
		"the TFTP server does not answer: a firewall drops UDP port 69 or the high ports of the answers, the address is wrong, or the server is busy with its limit of transfers (50 for dnsmasq)",
		"open the firewall between the guest's network and the host, and check the line \"Using TFTP server\""},
	{expression(tftpError + `TFTP buffer of 2047 bytes is too small for .*`), persistent, StageNone,
		"the pxelinux.cfg file is longer than 2047 bytes; the firmware passes over it and takes the next name, often \"default\"",
		"shorten the file, or spread its entries over files named for a MAC address or UUID"},
	{expression(tftpError + `TFTP buffer of \d+ bytes is too small for .*`), cause, StageNone,
		"kernel and initrd are larger than the memory that the firmware has for them: 120 MiB up to QEMU 9.1 whatever the guest's memory, later the guest's memory up to 2 GiB less 3 MiB",
		"use a smaller initrd that loads the rest over HTTP, or, with QEMU 9.2 and later, give the guest more memory"},
	{expression(tftpError + `TFTP blocksize negotiation failed`), cause, StageNone,
		"the TFTP server insists on blocks above 1428 bytes",
		"use libvirt's TFTP server, or set the other one's block size to 1428"},
	{expression(tftpError + `file not found: (|.*%[a-z].*|Network b.*|.*\x{FFFD}.*)$`), cause, StageConfig,
		"the entry lacks a kernel or initrd line, and the firmware asks for whatever its memory holds",
		checkEntry},
	{expression(tftpError + `file not found: .*`), cause, StageConfig,
		"the entry names a kernel or initrd that the TFTP server does not have: not published, another spelling or case, or a path that does not begin at the TFTP root",
		"publish the file, and write its path from the TFTP root, not from the pxelinux.cfg file"},
	{expression(tftpError + `file not found: .*`), cause, StageNone,
		"the DHCP server names a bootfile that the TFTP server does not have",
		"remove the bootfile from the network, s390x needs none, or publish it"},
	{expression(tftpError + `TFTP access violation`), cause, StageConfig,
		"the TFTP server may not read the kernel or initrd: the file's mode, a directory on its way, SELinux or AppArmor, or a path with \"..\"",
		"make files 0644 and directories 0755, and keep the TFTP root where the host's security policy lets dnsmasq read, such as /srv/tftp"},
	{expression(tftpError + `TFTP access violation`), persistent, StageNone,
		"the TFTP server may not read a file that it has; for a pxelinux.cfg file the firmware takes the next name, often \"default\", and boots that",
		"make files 0644 and directories 0755, and keep the TFTP root where the host's security policy lets dnsmasq read, such as /srv/tftp"},
	{expression(tftpError + `illegal TFTP operation`), cause, StageNone,
		"the firmware asked for a file without a name, because the entry lacks an initrd or kernel line",
		checkEntry},
	{expression(tftpError + `unknown TFTP error`), cause, StageNone,
		"the TFTP server could not read what was asked for: the path is a directory, goes through a file, or is too long",
		"name a file by its path from the TFTP root, and read the TFTP server's log"},
	{expression(tftpError + `(unknown TFTP transfer ID|no such TFTP user)`), cause, StageNone,
		"the TFTP server does not know the guest's transfer, as behind a NAT or with two servers",
		checkServer},
	{expression(`TFTP error occurred after \d+ bad packets received|TFTP error missing block .*`), cause, StageNone,
		"packets of a file were lost or came twice: two servers, a loop between bridges, or a bad network",
		checkServer},
	{expression(tftpError + `unknown error`), persistent, StageNone,
		"a file is empty, and the firmware boots on without it",
		"publish the file again and check its size"},
	{expression(`'.*' is too small \(\d+ bytes only\)\.`), cause, StageNone,
		"the bootfile has less than 8 bytes, so it is no kernel",
		"remove the bootfile from the network, s390x needs none, or publish a whole file"},
	{expression(`Does not seem to be a valid \.INS file`), cause, StageNone,
		"the bootfile begins like an .ins file but has one line only",
		"publish a whole .ins file, or remove the bootfile from the network"},
	{expression(`Missing space separator in \.INS file`), cause, StageNone,
		"a line of the .ins file is not a path, a space and an address",
		"correct the .ins file, or remove the bootfile from the network"},

	// The configuration.
	{expression(`Kernel entry is missing!`), cause, StageNone,
		"the entry has no kernel, or it stands behind the last entry that the firmware can use: the 15th, from QEMU 10.1 on the 30th",
		checkEntry},
	{expression(`Command '.*' is not supported\.`), persistent, StageNone,
		"the firmware ignores this line of the pxelinux.cfg file: it knows default, label, kernel, initrd and append, each followed by a space, below a label, in a file without a byte order mark",
		"remove or correct the line"},
	{expression(`Failed to parse this line:`), persistent, StageNone,
		"the firmware ignores the line of the pxelinux.cfg file that it prints next: a keyword without a value",
		"write the value, or remove the line"},

	// Where a boot stays that gives no reason, the latest first.
	{expression(`Network loading done, starting kernel.*`), symptom, StageNone,
		"the firmware has jumped into what it loaded, and Linux did not report: the file is no s390x kernel (a web page, an ELF or compressed kernel, an x86 pxelinux.0, a configuration), memory is too small for the initrd, or the kernel prints elsewhere",
		"check the kernel file's origin and checksum, give the guest more memory, and add console=ttysclp0 to append"},
	{expression(`Lost ACK packets: \d+`), symptom, StageNone,
		"packets were lost and sent again, which slows a boot but does not stop it",
		checkServer},
	{expression(`Loading pxelinux\.cfg entry '.*'|TFTP: Received .* \(\d+ K?Bytes\)`), progress, StageConfig,
		"the firmware was still loading the files of this entry: a large initrd takes long on a slow host, or the TFTP server no longer answers",
		"give the boot more time (boot_check.timeout, timeouts.create), or use a smaller initrd"},
	{expression(`TFTP: Received .* \(\d+ bytes\)`), symptom, StageNone,
		"the firmware took this pxelinux.cfg file, found no label in it, and looks no further",
		"write an entry with label, kernel, initrd and append into the file"},
	{expression(`Trying pxelinux\.cfg files\.\.\.`), symptom, StageDHCP,
		"the TFTP server has no pxelinux.cfg file, or only an empty one, under any name that the firmware asked for: the guest's UUID, 01- and its MAC address, its IPv4 address in hexadecimal, default",
		"publish one below pxelinux.cfg/ in the TFTP root; UUID and MAC address in lower case, the IPv4 address in upper case"},
	{expression(`Could not get IP address`), symptom, StageNone,
		"the guest was leased an address, but the DHCP server named no TFTP server",
		"set the next server or option 66 at the DHCP server; libvirt does so for a network with a TFTP root"},
	{expression(`Requesting information via DHCP: *\d+`), symptom, StageNone,
		"no DHCP server has answered yet; the firmware asks for up to 81 seconds",
		"check that the interface is on the intended network, and that the network has a DHCP range"},
	{expression(`Using TFTP server: .*`), symptom, StageNone,
		"this is the host that the firmware asked for files, and it reports nothing after that",
		checkRoute},
	{expression(`Network boot device detected`), symptom, StageNone,
		"the firmware's network loader did not run, as with 120 MiB of memory or less up to QEMU 9.1",
		"give the guest at least 256 MiB"},
	{expression(`Network initialization failed.*`), symptom, StageNone,
		"the firmware could not use the network", checkConsole},
	{expression(`Failed to load OS from .*|Failed to IPL from this network!|ERROR: No suitable device for IPL.*`), symptom, StageNone,
		"the firmware gave up", checkConsole},
}

// linuxRules explain what stops Linux after the firmware has done its part.
var linuxRules = []rule{
	{expression(`Initramfs unpacking failed.*`), cause, StageNone,
		"Linux cannot unpack the initrd: it is cut off, is no cpio archive, is compressed in a way that this kernel does not know, or memory is too small",
		"check the initrd's checksum and that it belongs to the kernel, and give the guest more memory"},
	{expression(`VFS: (Unable to mount root|Cannot open root device).*`), cause, StageNone,
		"Linux found neither an init program in the initrd nor a root file system: the initrd was not loaded or does not belong to this kernel, or root= is wrong",
		"check the entry's initrd and append"},
	{expression(`No rootfs image found.*`), cause, StageNone,
		"Fedora CoreOS did not find its root file system, which is a file of its own",
		"name it in append with coreos.live.rootfs_url="},
	{expression(`No working init found.*|Requested init .* failed.*`), cause, StageNone,
		"the initrd or root file system has no init program that runs on s390x",
		"check that the initrd is for s390x and holds /init"},
	// Linux init/main.c unknown_bootoption(): MAX_INIT_ENVS and MAX_INIT_ARGS are 32.
	{expression(`Too many boot (env|init) vars at .*`), cause, StageNone,
		"Linux hands the words of its command line that it does not know to init, and has room for 32 of the form name=value and 32 others",
		"leave words out, or put them into a file that the installer fetches, such as a preseed or kickstart file"},
	{expression(`(Out of memory: Killed process|System is deadlocked on memory).*`), persistent, StageNone,
		"the guest's memory is too small for what it runs",
		"give the guest more memory; installers that load an image into memory need several GiB"},
	{expression(`Kernel panic - not syncing.*`), symptom, StageNone,
		"Linux stopped", checkConsole},
}
