package boot

// otherRules explain the messages of firmware of other architectures: of a PC (SeaBIOS, iPXE, PXELINUX,
// EDK2 and GRUB), and those of SLOF on ppc64le that the s390x firmware did not take over from it. The
// consoles in testdata whose names begin with pc, uefi and slof show them.
var otherRules = []rule{
	// iPXE.
	{expression(`No configuration methods succeeded.*`), cause, StageNone,
		"no DHCP server gave the guest an address: this network has no DHCP server, the server has no free address, or a firewall drops UDP ports 67 and 68",
		"check the host's firewall, and check that the interface is on the intended network and that the network has a DHCP range with free addresses"},
	{expression(`Nothing to boot: No such file or directory.*|No filename or root path specified.*`), cause, StageNone,
		"the DHCP server gave an address but named no bootfile, and a PC needs one",
		"name the boot loader for this architecture in the network, such as pxelinux.0"},
	{expression(`tftp://\S+\.\.\. (No such file or directory|Not found|Error 0x[0-9a-f]+).*`), cause, StageNone,
		"the DHCP server names a bootfile that the TFTP server does not have",
		"publish the boot loader below the TFTP root, or correct the bootfile"},
	{expression(`tftp://\S+\.\.\. (Permission denied|Operation not permitted).*`), cause, StageNone,
		"the TFTP server is not allowed to read the bootfile",
		"set the mode of files to 0644 and of directories to 0755"},
	{expression(`tftp://\S+\.\.\. (Connection timed out|Connection refused|Network unreachable).*`), cause, StageNone,
		"the TFTP server does not answer: the network has no TFTP root, the DHCP server names another host, or a firewall drops UDP port 69",
		"set a TFTP root for the network, or correct the next server on the DHCP server"},

	// EDK2 NetworkPkg/UefiPxeBcDxe/PxeBcBoot.c PxeBcLoadBootFile().
	{expression(`PXE-E16: No valid offer received\.|PXE-E18: Server response timeout\.`), cause, StageNone,
		"no DHCP server gave the guest an address and a boot loader",
		"check that the interface is on the intended network, and that the network has a DHCP range and a bootfile for this architecture"},
	{expression(`PXE-E23: Client received TFTP error from server\.|PXE-E21: Remote boot cancelled\.`), cause, StageNone,
		"the TFTP server does not have the boot loader that the DHCP server names, or is not allowed to read it",
		"publish the boot loader below the TFTP root, with mode 0644, or correct the bootfile"},
	{expression(`BdsDxe: failed to (load|start) .*: (Access Denied|Security Violation)`), cause, StageNone,
		"secure boot refuses the boot loader",
		"use a signed boot loader, or turn off secure boot for this guest"},

	// PXELINUX.
	{expression(`L?oading \S+\.\.+ *(Loading \S+\.\.+ *)?failed:.*`), cause, StageNone,
		"the entry names a kernel or initrd that the TFTP server does not have or is not allowed to read; paths are relative to the directory of the bootfile",
		"publish the file, with mode 0644, and write its path relative to that directory"},
	{expression(`Failed to load ldlinux\.c32`), cause, StageNone,
		"PXELINUX does not find its second part",
		"publish ldlinux.c32 of the same release in the directory of pxelinux.0"},
	{expression(`No DEFAULT or UI configuration directive found!|Unable to locate configuration file`), cause, StageNone,
		"PXELINUX found no pxelinux.cfg file, or one without a default line",
		"publish one below pxelinux.cfg/ in the directory of the bootfile, and name a default in it"},

	{expression(`cmdline too long`), cause, StageNone,
		"the command line of the entry is too long for PXELINUX or for the kernel, with BOOT_IMAGE= and initrd=, which PXELINUX adds",
		"shorten append: the whole command line has at most 2046 bytes"},

	// GRUB.
	{expression(`error: (File not found|file .* not found|you need to load the kernel first)\.`), cause, StageNone,
		"GRUB does not find a file that its configuration names, or the configuration itself",
		"publish kernel, initrd and grub.cfg where GRUB looks for them: paths in its messages are relative to the TFTP root"},

	// SLOF.
	{expression(`E3403: Bad executable.*`), cause, StageNone,
		"the loaded file is not a program for this machine: it is not a ppc64le kernel, or its ELF header has an address that SLOF does not take (VirtAddr is not PhysAddr), as a vmlinux has",
		"check the kernel's architecture; publish a vmlinux with a netboot_image with arch = \"ppc64le\", which writes another address into the header (GRUB's core.elf starts from SLOF as well, but finds no network card)"},
	{expression(`No valid entries in pxelinux config file\.`), cause, StageNone,
		"the firmware read a pxelinux.cfg file, found no label in it, and looks for no other file",
		"write an entry with label, kernel, initrd and append into the file"},
	{expression(`Not enough space for loading the initrd!`), cause, StageNone,
		"kernel and initrd are larger than the memory that the firmware has for them",
		"use a smaller initrd, or give the guest more memory"},

	// The last sign of a boot that stops without a reason.
	{expression(`Loading \S+\.\.+`), progress, StageNone,
		"PXELINUX was still loading this file: a large initrd takes long on a slow host, or the TFTP server no longer answers",
		"give the boot more time (boot_check.timeout, timeouts.create), or use a smaller initrd"},
	{expression(`UEFI Interactive Shell v.*`), symptom, StageNone,
		"the firmware found nothing to boot, and started its shell",
		"check that the network interface has a boot order, and that the network names a bootfile for this architecture"},
	{expression(`PXELINUX \d\S* .*`), symptom, StageNone,
		"PXELINUX started, and the console shows nothing after that: PXELINUX waits at its prompt, or Linux prints to another console",
		"look for the prompt on the console, and add console=ttyS0 to append"},
	{expression(`No bootable device\..*|Boot failed: press a key to retry.*|E3407: Load failed|E3406: Client application returned an error\.|BdsDxe: No bootable option or device was found.*`), symptom, StageNone,
		"the firmware found nothing to boot", checkConsole},
}
