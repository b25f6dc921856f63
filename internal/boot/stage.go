// Package boot reads the bytes of a guest's console. It tells whether the guest booted, how far it came,
// and what the messages on the console mean.
package boot

// Stage is how far a boot came, as the console shows it.
type Stage int

// The stages of a boot from the network, in order. A boot from disk goes from StageFirmware to
// StageLinux. Not every firmware shows every stage: PXELINUX is silent about its configuration, and
// SLOF about the start of the kernel.
const (
	StageNone      Stage = iota // the console showed nothing that is known
	StageFirmware               // the firmware runs
	StageDHCP                   // the firmware has an IP address
	StageConfig                 // the firmware has a pxelinux.cfg file
	StageKernel                 // the firmware has received the kernel
	StageInitrd                 // the firmware has received the initrd
	StageStarted                // the firmware has jumped into the kernel
	StageLinux                  // Linux has printed its version
	StageUserspace              // Linux has started init
)

var stageNames = [...]string{"none", "firmware", "dhcp", "config", "kernel", "initrd", "started", "linux", "userspace"}

func (s Stage) String() string { return stageNames[s] }

// firmwareStart is what the firmware prints first at each reset: QEMU pc-bios/s390-ccw/main.c
// menu_setup() and boot_setup(), which print it for each device that they try as well; SLOF on ppc64le; SeaBIOS on a PC.
var firmwareStart = expression(`^(LOADPARM=\[|SLOF \*{10}|SeaBIOS \(version )`)

// landmarks are the lines that show a stage. The first part is from QEMU pc-bios/s390-ccw/netmain.c:
// main(), net_init(), load_kernel_with_initrd() and main() again. SLOF prints some of these lines as
// well, because QEMU's code comes from SLOF. Then come iPXE, UEFI (EDK2), PXELINUX and GRUB.
var landmarks = []struct {
	pattern *pattern
	stage   Stage
}{
	{firmwareStart, StageFirmware},
	{expression(`^Network boot (device detected|starting)`), StageFirmware},
	{expression(`^ *Using IPv[46] address: `), StageDHCP},
	{loadedConfig, StageConfig},
	{expression(`^Loading pxelinux\.cfg entry '`), StageConfig},
	{expression(`^Network loading done, starting kernel`), StageStarted},

	{expression(`^iPXE initialising devices|-- Open Source Network Boot Firmware --|^>>Start PXE over IPv|^BdsDxe: `), StageFirmware},
	{expression(`^net\d+: \d+\.\d+\.\d+\.\d+/|^ *Station IP address is `), StageDHCP},
	{pxelinuxLoads, StageConfig},
	{expression("^ *Booting `"), StageConfig},
	{expression(`^Probing EDD|^Booting in blind mode|^EFI stub: `), StageStarted},

	{linuxStart, StageLinux},
	{expression(`Run /\S+ as init process`), StageUserspace},
	{expression(`\bsystemd\[1\]: `), StageUserspace},
	{expression(`\blogin: ?$`), StageUserspace},
}

var linuxStart = expression(`Linux version \d`)

// What the script of the boot loader of s390-tools prints, which is a Linux that starts another by kexec: s390-tools
// netboot/mk-pxelinux-ramfs. It fetches configurations until there is one, and then the kernel. The last words of both are the server.
var (
	loaderStart  = expression(`^waiting for pxe config from DHCP \(max \d+ sec\)$`)
	loaderConfig = expression(`^fetching config (\S+) from (\S+)$`)
	loaderDHCP   = expression(`^DHCP response bound: ?$`)
	loaderKernel = expression(`^fetch kernel |^no kernel statement found in config$`)
)

// loadedConfig matches the name of a pxelinux.cfg file: SLOF lib/libnet/pxelinux.c pxelinux_tftp_load() counts "bytes".
var loadedConfig = expression(`^ *TFTP: Received (.*) \(\d+ bytes\)$`)

// received matches a kernel, an initrd, or a bootfile: netmain.c tftp_load() counts "KBytes" or "Bytes".
var received = expression(`^ *TFTP: Received .* \(\d+ K?Bytes\)$`)

// pxelinuxLoads matches the line with which PXELINUX loads a kernel or an initrd that a configuration names. A configuration of package
// grub makes GRUB print the same.
// If PXELINUX writes to a serial line and to a screen that is the same serial line, it prints everything
// twice, and the BIOS may hold back the last character of what is for the screen: "Loading k..Loading k....  ookk", "boot:boot:  ".
var (
	pxelinuxLoads  = expression(`^Loading \S+\.\.`)
	pxelinuxLoaded = expression(`^Loading \S+\.\.+ *(Loading \S+\.\.+ *)?o?ok`)
)

// after returns the stage that a line shows for a boot at stage s. For most lines this is s itself. A
// firmware that starts again begins a new boot.
func (s Stage) after(line string) Stage {
	if firmwareStart.MatchString(line) {
		return StageFirmware
	}
	switch {
	case s < StageStarted && pxelinuxLoaded.MatchString(line):
		return min(max(s, StageConfig)+1, StageInitrd)
	case (s == StageConfig || s == StageKernel) && received.MatchString(line):
		return s + 1
	}
	for _, mark := range landmarks {
		if mark.stage > s && mark.pattern.MatchString(line) {
			s = mark.stage
		}
	}
	return s
}
