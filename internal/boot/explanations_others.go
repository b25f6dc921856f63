package boot

// otherRules explain the messages of firmware that is not s390x's: of a PC (SeaBIOS, iPXE, PXELINUX,
// EDK2 and GRUB), and what SLOF says on ppc64le beside the messages that s390x's firmware has from it.
// The consoles of testdata whose names begin with pc, uefi and slof have them.
var otherRules = []rule{
	// iPXE.
	{expression(`No configuration methods succeeded.*`), cause, StageNone,
		"no DHCP server gave the guest an address: there is none on this network, its range is used up, or a firewall drops UDP ports 67 and 68",
		"check that the interface is on the intended network, that the network has a DHCP range with free addresses, and the host's firewall"},
	{expression(`Nothing to boot: No such file or directory.*|No filename or root path specified.*`), cause, StageNone,
		"the DHCP server gave an address but named no bootfile, without which a PC boots nothing",
		"name the boot loader for this architecture in the network, such as pxelinux.0"},
	{expression(`tftp://\S+\.\.\. (No such file or directory|Error 0x[0-9a-f]+).*`), cause, StageNone,
		"the DHCP server names a bootfile that the TFTP server does not have",
		"publish the boot loader below the TFTP root, or correct the bootfile"},
	{expression(`tftp://\S+\.\.\. (Permission denied|Operation not permitted).*`), cause, StageNone,
		"the TFTP server may not read the bootfile",
		"make files 0644 and directories 0755"},
	{expression(`tftp://\S+\.\.\. (Connection timed out|Connection refused|Network unreachable).*`), cause, StageNone,
		"the TFTP server does not answer: the network has no TFTP root, the DHCP server names another host, or a firewall drops UDP port 69",
		"give the network a TFTP root, or correct the next server of the DHCP server"},

	// EDK2 NetworkPkg/UefiPxeBcDxe/PxeBcBoot.c PxeBcLoadBootFile().
	{expression(`PXE-E16: No valid offer received\.|PXE-E18: Server response timeout\.`), cause, StageNone,
		"no DHCP server gave the guest an address and a boot loader",
		"check that the interface is on the intended network, and that the network has a DHCP range and a bootfile for this architecture"},
	{expression(`PXE-E23: Client received TFTP error from server\.|PXE-E21: Remote boot cancelled\.`), cause, StageNone,
		"the TFTP server does not have the boot loader that the DHCP server names, or may not read it",
		"publish the boot loader below the TFTP root, with mode 0644, or correct the bootfile"},
	{expression(`BdsDxe: failed to (load|start) .*: (Access Denied|Security Violation)`), cause, StageNone,
		"secure boot refuses the boot loader",
		"use a signed boot loader, or turn secure boot off for this guest"},

	// PXELINUX.
	{expression(`Loading \S+\.\.\. ?(Loading \S+\.\.\. ?)?failed: .*`), cause, StageNone,
		"the entry names a kernel or initrd that the TFTP server does not have or may not read; paths begin in the directory of the bootfile",
		"publish the file, with mode 0644, and write its path from there"},
	{expression(`Failed to load ldlinux\.c32`), cause, StageNone,
		"PXELINUX does not find its second part",
		"publish ldlinux.c32 of the same release beside pxelinux.0"},
	{expression(`No DEFAULT or UI configuration directive found!|Unable to locate configuration file`), cause, StageNone,
		"PXELINUX found no pxelinux.cfg file, or one without a default line",
		"publish one below pxelinux.cfg/ beside the bootfile, and name a default in it"},

	// GRUB.
	{expression(`error: (File not found|file .* not found|you need to load the kernel first)\.`), cause, StageNone,
		"GRUB does not find a file that its configuration names, or the configuration",
		"publish kernel, initrd and grub.cfg where GRUB looks for them: its messages name files from the TFTP root"},

	// SLOF.
	{expression(`E3403: Bad executable.*`), cause, StageNone,
		"what was loaded is no program for this machine: no kernel of ppc64le, or one that SLOF does not start, such as Debian's vmlinux",
		"check the kernel's architecture; where SLOF does not start it, boot GRUB's core.elf, which does, as the bootfile"},
	{expression(`No valid entries in pxelinux config file\.`), cause, StageNone,
		"the firmware took a pxelinux.cfg file, found no label in it, and looks no further",
		"write an entry with label, kernel, initrd and append into the file"},
	{expression(`Not enough space for loading the initrd!`), cause, StageNone,
		"kernel and initrd are larger than the memory that the firmware has for them",
		"use a smaller initrd, or give the guest more memory"},

	// Where a boot stays that gives no reason.
	{expression(`Loading \S+\.\.\.`), progress, StageNone,
		"PXELINUX was still loading this file: a large initrd takes long on a slow host, or the TFTP server no longer answers",
		"give the boot more time (boot_check.timeout, timeouts.create), or use a smaller initrd"},
	{expression(`PXELINUX \d\S* .*`), symptom, StageNone,
		"PXELINUX runs, and shows nothing after that: it waits at its prompt, or Linux prints elsewhere",
		"look at the console for its prompt, and add console=ttyS0 to append"},
	{expression(`No bootable device\..*|Boot failed: press a key to retry.*|E3407: Load failed|E3406: Client application returned an error\.|BdsDxe: No bootable option or device was found.*`), symptom, StageNone,
		"the firmware found nothing to boot", checkConsole},
}
