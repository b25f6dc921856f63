package boot

// givesUp matches what the firmware prints when it can do no more with a device, and givesUpForGood
// what it prints when it stops. Up to QEMU 9.1, pc-bios/s390-ccw/netmain.c main() stops with "Failed to
// load OS from network". Later, netmain() prints the same with a full stop and continues with the next
// device. But a file that is too large for it overwrites later firmware, which then hangs, as measured
// with QEMU 10.0 and 11.1. SLOF, SeaBIOS and EDK2 print a message when there is no device left.
// PXELINUX, GRUB, iPXE and EDK2 offer a shell. The prompt of PXELINUX, "boot: ", can boot after a timeout, unless there was an error.
// On a serial line that is also the screen, PXELINUX and the BIOS print everything twice and mixed: "boot:boot:  ",
// "b\r\x1b[25;02Hoot:boot:  " (measured). What begins with "netboot:" is in the configurations of package grub, after which the guest
// restarts and tries the same again.
var (
	givesUp        = expression(`Failed to load OS from|^Failed to IPL from this network!|^Network initialization failed\.|^No virtio net device found\.|^! .* !$|^E30[0-9A-F]{2} \(net\) |^No more network devices|^BdsDxe: failed to (load|start) |^L?oading \S+\.\..*failed:|^c?mdline too lon|^N?o DEFAULT or UI configuration directive found|` + givesUpForGood.String())
	triesNext      = expression(`^Failed to IPL from this network!`)
	tooLarge       = expression(`TFTP buffer of \d+ bytes is too small`)
	givesUpForGood = expression(`Failed to load OS from (network|hard disk)$|^Network initialization failed\. Halting\.|^! (No virtio net device found|IPL_TYPE_CCW expected) !$|^! Boot device not found|^(!|ERROR:) loadparm is set to an entry|No suitable device for IPL\. Halting|^ERROR: Assertion '.*' failed!|^E3407: Load failed|^Boot failed: press a key to retry|^No bootable device\. *$|^BdsDxe: No bootable option or device was found|^BdsDxe: starting Boot[0-9A-F]{4} "UiApp"|^netboot: GRUB (finds no configuration|could not boot this entry);`)
	shell          = expression(`^(grub( rescue)?|iPXE|Shell|0 )> $`)
	dialog         = expression(`Verification failed: \(0x1A\) Security Violation`) // of shim, which waits for a key
	asksAgain      = expression(`^[bot: ]*t: *$`)
	tftpServer     = expression(`^ *(?:Using TFTP server:|Requesting file ".*" via TFTP from|Next server:|Server IP address is) (\S+)$`)
	panics         = expression(`Kernel panic - not syncing`)
)

// noOutput explains an empty console.
var noOutput = Explanation{
	Meaning: "the console stayed empty: either the firmware and the kernel write to another console or to a screen, as the firmware of a PC does, or, on s390x with 122 to 124 MiB of memory, the firmware of QEMU 9.1 or earlier overwrote itself before it could print",
	Remedy:  "on s390x, give the guest at least 256 MiB and a first console of type sclp; on a PC, add console=ttyS0 to append",
}

// tftpError is the prefix of the errors of SLOF lib/libnet/tftp.c tftp_get_error_info(), on s390x and
// on ppc64le. On ppc64le, lib/libnet/netload.c netload_error() prints them with a number.
const tftpError = `(?:TFTP error: |E30[0-9A-F]{2} \(net\) )`

const (
	checkConsole = "read the lines above, and compare them with a boot that works"
	checkEntry   = "write label, kernel, initrd and append lines into every entry"
	checkRoute   = "configure the DHCP server to name the libvirt host as the TFTP server, or correct the route to that host"
	checkServer  = "look for a second server or a loop on the network, and read the TFTP server's log"
	shortenPath  = "keep every path below 157 bytes, including what DHCP options 209 and 210 and the bootfile's directory add to it"
	useAddress   = "set DHCP option 66 or the next server to an IP address"
)

// firmwareRules explain the messages of QEMU pc-bios/s390-ccw/netmain.c, main.c and virtio-net.c,
// and of SLOF lib/libnet/pxelinux.c, tftp.c, dhcp.c and dns.c.
var firmwareRules = []rule{
	// The machine.
	{expression(`Could not find network bootloader.*`), cause, StageNone,
		"QEMU 9.1 and earlier boot from the network with a second firmware file, and the host does not have that file",
		"install the package with s390-netboot.img (on Debian and Ubuntu qemu-system-data)"},
	{expression(`Could not find a suitable boot device \(none specified\)`), cause, StageNone,
		"the guest has no device with a boot order that this firmware can boot from",
		"set a boot order for the network interface, and use the model virtio on the ccw bus"},
	{expression(`! Boot device not found.*`), cause, StageNone,
		"the device in the boot order is not on the guest's channel subsystem",
		"use a virtio device on the ccw bus with cssid 0xfe, and check that it was not removed"},
	{expression(`No virtio net device found.*`), cause, StageNone,
		"the boot device is not a virtio-net device on the ccw bus, and the firmware boots from the network only with such a device",
		"set the interface's model to virtio and its address type to ccw"},
	{expression(`IPL_TYPE_CCW expected.*`), cause, StageNone,
		"the boot device is not on the ccw bus, so the firmware cannot boot from it over the network",
		"set the interface's address type to ccw"},
	{expression(`Virtio net boot device does not support secure boot!`), cause, StageNone,
		"the guest uses secure boot, which does not work over the network",
		"turn off secure boot for this guest"},
	{expression(`virtio-net device does not support the MAC address feature`), cause, StageNone,
		"the network interface hides its MAC address from the firmware",
		"remove unusual options from the interface's driver element"},
	{expression(`Can not allocate memory for receive buffers`), cause, StageNone,
		"the firmware has no memory for the network interface",
		"give the guest at least 256 MiB, and remove unusual options from the interface"},
	{expression(`Could not initialize network device`), cause, StageNone,
		"the firmware could not set up the network interface",
		"remove unusual options from the interface, and give the guest at least 256 MiB"},
	{expression(`(!|ERROR:) loadparm is set to an entry .*`), cause, StageNone,
		"the boot option loadparm asks for an entry that the pxelinux.cfg file does not have",
		"remove loadparm from the guest, or add the entry"},
	{expression(`ERROR: Assertion '.*' failed!`), cause, StageNone,
		"the firmware overwrote its own memory, which happens with TFTP paths longer than 206 bytes",
		shortenPath},

	// DHCP.
	{expression(`Giving up after \d+ DHCP requests`), cause, StageNone,
		"no DHCP server gave the guest an address: this network has no DHCP server, the server has no free address, the server refuses this guest, or a firewall drops UDP ports 67 and 68",
		"check the host's firewall, and check that the interface is on the intended network and that the network has a DHCP range with free addresses; on a bridge, turn off the STP delay"},
	{expression(`Can't obtain TFTP server IP address`), cause, StageNone,
		"the DHCP server gave an address but named no TFTP server",
		"set the next server or option 66 on the DHCP server; libvirt does this for a network with a TFTP root"},
	{expression(`ARP request to TFTP server \(.*\) failed`), cause, StageNone,
		"the TFTP server does not answer on the guest's network",
		checkRoute},
	{expression(`ERROR: Can't resolve domain name.*|Giving up after \d+ DNS requests|ERROR: Bad host name!|Bad URL!|DNS failed for IPV6`), cause, StageNone,
		"the DHCP server gives the TFTP server by a name that the guest cannot resolve",
		useAddress},
	{expression(`tftp missing in .*|missing (\]|filename|\. sep[ae]rator|domain) in .*|wrong format IPV6 address in .*`), cause, StageNone,
		"the firmware cannot read the boot URL of the DHCPv6 server (option 59)",
		"write it as tftp://[address]/file, or use IPv4"},

	// The names of files.
	{expression(`Error: pxelinux prefix is too long!|Error: pxelinux\.cfg prefix \+ filename too long!|Error: The bootfile string is too long.*`), cause, StageNone,
		"the names that the DHCP server gives for the configuration are longer than the firmware's memory for them",
		shortenPath},
	{expression(`Out of memory \.\.\. can not get UUID\.`), persistent, StageNone,
		"the firmware had no memory to read the guest's UUID, so it did not ask for the file with that name",
		"give the guest at least 256 MiB, or name the file after the MAC address"},

	// TFTP.
	{expression(tftpError + `ICMP ERROR "port unreachable"`), cause, StageNone,
		"nothing listens for TFTP on the server: the network has no TFTP root, its dnsmasq is not running, the DHCP server names another host, or a firewall rejects UDP port 69",
		"set a TFTP root for the network and restart it, or correct the next server on the DHCP server"},
	{expression(tftpError + `ICMP ERROR .*`), cause, StageNone,
		"the guest has no route to the TFTP server",
		checkRoute},
	{expression(`0 KBytes +Receiving data:`), cause, StageNone,
		"a firewall such as firewalld rejects every request, for a reason that the firmware does not report (ICMP administratively prohibited)",
		"allow TFTP (UDP port 69) in the firewall zone of the network's bridge"},
	{expression(`TFTP error occurred after missing \d+ responses|Repeating TFTP read request\.\.\.`), cause, StageNone,
		"the TFTP server does not answer: a firewall drops UDP port 69 or the high ports of the answers, the address is wrong, or the server has reached its limit of transfers (50 for dnsmasq)",
		"open the firewall between the guest's network and the host, and check the address in the line \"Using TFTP server\""},
	{expression(tftpError + `TFTP buffer of 2047 bytes is too small for .*`), persistent, StageNone,
		"the pxelinux.cfg file is longer than 2047 bytes; the firmware skips it and tries the next name, often \"default\"",
		"shorten the file, or split its entries into files named after a MAC address or UUID"},
	{expression(tftpError + `TFTP buffer of \d+ bytes is too small for .*`), cause, StageNone,
		"kernel and initrd are larger than the memory that the firmware has for them: with QEMU 9.1 and earlier this is 120 MiB, regardless of the guest's memory; with later versions it is the guest's memory, of which at most 2 GiB count, minus 3 MiB",
		"use a smaller initrd that loads the rest over HTTP, or, with QEMU 9.2 and later, give the guest more memory"},
	{expression(tftpError + `TFTP blocksize negotiation failed`), cause, StageNone,
		"the TFTP server requires blocks of more than 1428 bytes",
		"use libvirt's TFTP server, or set the block size of the other server to 1428"},
	{expression(tftpError + `file not found: (|.*%[a-z].*|Network b.*|.*\x{FFFD}.*)$`), cause, StageConfig,
		"the entry has no kernel or initrd line, so the firmware asks for whatever its memory holds",
		checkEntry},
	{expression(tftpError + `file not found: .*`), cause, StageConfig,
		"the entry names a kernel or initrd that the TFTP server does not have: the file is not published, its name differs in spelling or case, or its path does not begin at the TFTP root",
		"publish the file, and write its path relative to the TFTP root, not to the pxelinux.cfg file"},
	{expression(tftpError + `file not found: .*`), cause, StageNone,
		"the DHCP server names a bootfile that the TFTP server does not have",
		"remove the bootfile from the network, because s390x needs none, or publish the file"},
	{expression(tftpError + `TFTP access violation`), cause, StageConfig,
		"the TFTP server is not allowed to read the kernel or initrd, because of the file's mode, the mode of a directory above it, SELinux, AppArmor, or \"..\" in the path",
		"set the mode of files to 0644 and of directories to 0755, and use a TFTP root that the host's security policy lets dnsmasq read, such as /srv/tftp"},
	{expression(tftpError + `TFTP access violation`), persistent, StageNone,
		"the TFTP server is not allowed to read a file that it has; if this is a pxelinux.cfg file, the firmware tries the next name, often \"default\", and boots that",
		"set the mode of files to 0644 and of directories to 0755, and use a TFTP root that the host's security policy lets dnsmasq read, such as /srv/tftp"},
	{expression(tftpError + `illegal TFTP operation`), cause, StageNone,
		"the firmware asked for a file without a name, because the entry has no initrd or kernel line",
		checkEntry},
	{expression(tftpError + `unknown TFTP error`), cause, StageNone,
		"the TFTP server could not read the file: the path is a directory, leads through a file, or is too long",
		"write the file's path relative to the TFTP root, and read the TFTP server's log"},
	{expression(tftpError + `(unknown TFTP transfer ID|no such TFTP user)`), cause, StageNone,
		"the TFTP server does not know the guest's transfer, which happens behind NAT or with two servers",
		checkServer},
	{expression(`TFTP error occurred after \d+ bad packets received|TFTP error missing block .*`), cause, StageNone,
		"packets of a file were lost or arrived twice, because of two servers, a loop between bridges, or a bad network",
		checkServer},
	{expression(tftpError + `unknown error`), persistent, StageNone,
		"a file is empty, and the firmware continues the boot without it",
		"publish the file again and check its size"},
	{expression(`'.*' is too small \(\d+ bytes only\)\.`), cause, StageNone,
		"the bootfile has less than 8 bytes, so it is not a kernel",
		"remove the bootfile from the network, because s390x needs none, or publish a complete file"},
	{expression(`Does not seem to be a valid \.INS file`), cause, StageNone,
		"the bootfile begins like an .ins file but has only one line",
		"publish a complete .ins file, or remove the bootfile from the network"},
	{expression(`Missing space separator in \.INS file`), cause, StageNone,
		"a line of the .ins file is not a path, a space and an address",
		"correct the .ins file, or remove the bootfile from the network"},

	// The configuration.
	{expression(`Kernel entry is missing!`), cause, StageNone,
		"the entry has no kernel, or it comes after the last entry that the firmware can use: the 15th, or the 30th with QEMU 10.1 and later",
		checkEntry},
	{expression(`Command '.*' is not supported\.`), persistent, StageNone,
		"the firmware ignores this line of the pxelinux.cfg file: it knows the keywords default, label, kernel, initrd and append, each followed by a space; kernel, initrd and append must be below a label, and the file must not begin with a byte order mark",
		"remove or correct the line"},
	{expression(`Failed to parse this line:`), persistent, StageNone,
		"the firmware ignores the line of the pxelinux.cfg file that it prints next, because it is a keyword without a value",
		"write the value, or remove the line"},

	// The last sign of a boot that stops without a reason, the latest first.
	{expression(`Network loading done, starting kernel.*`), symptom, StageNone,
		"the firmware jumped into what it loaded, but Linux printed nothing: the file is not an s390x kernel (but a web page, an ELF or compressed kernel, an x86 pxelinux.0, a configuration), the memory is too small for the initrd, or the kernel prints to another console",
		"check the kernel file's origin and checksum, give the guest more memory, and add console=ttysclp0 to append"},
	{expression(`Lost ACK packets: \d+`), symptom, StageNone,
		"packets were lost and sent again, which slows a boot but does not stop it",
		checkServer},
	{expression(`Loading pxelinux\.cfg entry '.*'|TFTP: Received .* \(\d+ K?Bytes\)`), progress, StageConfig,
		"the firmware was still loading the files of this entry: a large initrd takes long on a slow host, or the TFTP server no longer answers",
		"give the boot more time (boot_check.timeout, timeouts.create), or use a smaller initrd"},
	{expression(`TFTP: Received .* \(\d+ bytes\)`), symptom, StageNone,
		"the firmware read this pxelinux.cfg file, found no label in it, and looks for no other file",
		"write an entry with label, kernel, initrd and append into the file"},
	{expression(`Trying pxelinux\.cfg files\.\.\.`), symptom, StageDHCP,
		"the TFTP server has no pxelinux.cfg file, or only an empty one, under any name that the firmware asked for: the guest's UUID, 01- and its MAC address, its IPv4 address in hexadecimal, default",
		"publish one below pxelinux.cfg/ in the TFTP root, with a UUID or MAC address in lower case and an IPv4 address in upper case"},
	{expression(`Could not get IP address`), symptom, StageNone,
		"the DHCP server gave the guest an address, but named no TFTP server",
		"set the next server or option 66 on the DHCP server; libvirt does this for a network with a TFTP root"},
	{expression(`Requesting information via DHCP: *\d+`), symptom, StageNone,
		"no DHCP server has answered yet; the firmware asks for up to 81 seconds",
		"check that the interface is on the intended network, and that the network has a DHCP range"},
	{expression(`Using TFTP server: .*`), symptom, StageNone,
		"the firmware asked this host for files, and printed nothing after that",
		checkRoute},
	{expression(`Network boot device detected`), symptom, StageNone,
		"the firmware's network loader did not run, which happens in QEMU 9.1 and earlier with 120 MiB of memory or less",
		"give the guest at least 256 MiB"},
	{expression(`Network initialization failed.*`), symptom, StageNone,
		"the firmware could not use the network", checkConsole},
	{expression(`Failed to load OS from .*|Failed to IPL from this network!|ERROR: No suitable device for IPL.*`), symptom, StageNone,
		"the firmware gave up", checkConsole},
}

// linuxRules explain what stops Linux after the firmware has started it.
var linuxRules = []rule{
	{expression(`Initramfs unpacking failed.*`), cause, StageNone,
		"Linux cannot unpack the initrd: the file is incomplete, is not a cpio archive, or is compressed in a way that this kernel does not know, or the memory is too small",
		"check the initrd's checksum and that it belongs to the kernel, and give the guest more memory"},
	{expression(`VFS: (Unable to mount root|Cannot open root device).*`), cause, StageNone,
		"Linux found neither an init program in the initrd nor a root file system: the initrd was not loaded or does not belong to this kernel, or root= is wrong",
		"check the entry's initrd and append"},
	{expression(`No rootfs image found.*`), cause, StageNone,
		"CoreOS did not find its root file system, which is a separate file",
		"name that file in append with coreos.live.rootfs_url=, or make it a part of the initrd"},
	// fedora-coreos-config overlay.d/05core/usr/lib/dracut/modules.d/20live/coreos-livepxe-rootfs.sh
	{expression(`Found initramfs version \S+ but rootfs version .*`), cause, StageNone,
		"the initramfs and the root file system of CoreOS are of different releases",
		"take the kernel, the initramfs and the root file system of one release"},
	{expression(`(Unsupported scheme for image specified by:|coreos\.live\.rootfs_url= supports).*`), cause, StageNone,
		"this release of CoreOS does not download its root file system by the protocol of the URL",
		"name a web server in coreos.live.rootfs_url="},
	{expression(`Couldn't establish connectivity with the server specified by:`), persistent, StageNone,
		"CoreOS does not reach the web server that has its root file system, and tries again every 5 seconds",
		"check coreos.live.rootfs_url=, and that the network of the guest leads to this server"},
	{expression(`Couldn't (query the server for the rootfs|fetch, verify, and unpack image) specified by:`), cause, StageNone,
		"the web server does not have the root file system of CoreOS, or has that of another release",
		"check coreos.live.rootfs_url=, and take the kernel, the initramfs and the root file system of one release"},
	{expression(`No working init found.*|Requested init .* failed.*`), cause, StageNone,
		"the initrd or root file system has no init program that runs on s390x",
		"check that the initrd is for s390x and contains /init"},
	// Linux init/main.c unknown_bootoption(): MAX_INIT_ENVS and MAX_INIT_ARGS are 32.
	{expression(`Too many boot (env|init) vars at .*`), cause, StageNone,
		"Linux passes the words of its command line that it does not know to init, and has room for 32 of the form name=value and for 32 others",
		"remove words, or move them into a file that the installer fetches, such as a preseed or kickstart file"},
	{expression(`(Out of memory: Killed process|System is deadlocked on memory).*`), persistent, StageNone,
		"the guest's memory is too small for what it runs",
		"give the guest more memory; installers that load an image into memory need several GiB"},
	// Debian's installer, with its text frontend or in a dialog: the templates mirror/bad,
	// partman-auto/no_recipe, base-installer/debootstrap-failed and debian-installer/main-menu/item-failure.
	{expression(`Bad archive mirror`), cause, StageNone,
		"Debian's installer finds no release of Debian on the mirror that it is told to use, or cannot reach the mirror",
		"check mirror/http/hostname and mirror/http/directory in the preseed file, and that the network of the guest leads to the mirror"},
	{expression(`Failed to partition the selected disk`), cause, StageNone,
		"Debian's installer finds no room for the partitions: the disk of the guest is too small for the recipe of the preseed file",
		"give the guest a larger disk, or another recipe (partman-auto/choose_recipe, partman-auto/expert_recipe)"},
	{expression(`Failed to install the base system`), cause, StageNone,
		"Debian's installer could not get or unpack a package of the base system: the mirror lacks it or does not answer, or the disk is full",
		"read /var/log/syslog in the guest, and check that the mirror is complete and the disk large enough"},
	{expression(`Installation step failed`), symptom, StageNone,
		"a step of Debian's installer failed", checkConsole},
	{expression(`Kernel panic - not syncing.*`), symptom, StageNone,
		"Linux stopped", checkConsole},
}
