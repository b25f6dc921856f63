package grub

// dispatcher loads the configuration of the guest.
//
// Debian's and Ubuntu's images read the file grub.cfg of their prefix and nothing else (debian/build-efi-images), so this file
// must find the guest's configuration. GRUB's "test -e" is false for every file on a TFTP server (measured: grub-core/commands/test.c
// get_fileinfo() lists the directory, which a network has not). "configfile" returns after a missing file
// (grub-core/normal/main.c read_config_file() and grub_normal_execute()), without a message by TFTP, and with one by HTTP. So both files
// are loaded, one after the other. The first one that has something to boot does not return.
//
// Paths without a device begin at $root, the root of the server that GRUB was loaded from. Measured by TFTP, and by HTTP with Debian 13,
// whose image has the module http; the one of Debian 12 has not.
//
// After "exit", the firmware does not try the next device: it takes the exit for a success, and shows its menu (measured;
// MdeModulePkg BdsEntry.c BootBootOptions()). So the guest restarts, and boots when a configuration has been published.
const dispatcher = `# This file belongs to the TFTP root. It loads the configuration of the guest.
regexp --set=1:m1 --set=2:m2 --set=3:m3 --set=4:m4 --set=5:m5 --set=6:m6 '^(..):(..):(..):(..):(..):(..)$' "$net_default_mac"
set netboot_mac="$m1-$m2-$m3-$m4-$m5-$m6"
configfile "/grub/grub.cfg-01-$netboot_mac"
configfile "/grub/grub.cfg-$grub_cpu"
echo "netboot: no /grub/grub.cfg-01-$netboot_mac, no /grub/grub.cfg-$grub_cpu"
echo "netboot: GRUB finds no configuration; the guest restarts in 30 seconds"
sleep 30
reboot
`

// Dispatcher returns the text of the file grub.cfg in the directory that an image of GRUB has as its prefix. It is the same for
// every prefix and every architecture.
func Dispatcher() string { return dispatcher }
