// Package boot tells from the bytes of a guest's console whether the guest booted, how far it got,
// and what the messages on the way mean.
package boot

// Stage is how far a boot got, told by what the console showed.
type Stage int

// The stages of a boot from the network, in order. A boot from disk goes from StageFirmware to
// StageLinux. Not every firmware shows every stage: PXELINUX is silent about its configuration, and
// SLOF about the start of the kernel.
const (
	StageNone      Stage = iota // nothing known was seen
	StageFirmware               // the firmware runs
	StageDHCP                   // it has an IP address
	StageConfig                 // it has a pxelinux.cfg file
	StageKernel                 // it has received the kernel
	StageInitrd                 // it has received the initrd
	StageStarted                // it has jumped into the kernel
	StageLinux                  // Linux has printed its version
	StageUserspace              // Linux has started init
)

var stageNames = [...]string{"none", "firmware", "dhcp", "config", "kernel", "initrd", "started", "linux", "userspace"}

func (s Stage) String() string { return stageNames[s] }

// firmwareStart is what the firmware prints first at each reset: QEMU pc-bios/s390-ccw/main.c
// menu_setup() and boot_setup(), also for each device that it tries; SLOF on ppc64le; SeaBIOS on a PC.
var firmwareStart = expression(`^(LOADPARM=\[|SLOF \*{10}|SeaBIOS \(version )`)

// landmarks are the lines that show a stage. The first part is QEMU pc-bios/s390-ccw/netmain.c:
// main(), net_init(), load_kernel_with_initrd() and main() again. SLOF, whose code that is from, shows
// some of it too. Then come iPXE, UEFI (EDK2), PXELINUX and GRUB.
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
	{expression(`^Probing EDD`), StageStarted},

	{linuxStart, StageLinux},
	{expression(`Run /\S+ as init process`), StageUserspace},
	{expression(`\bsystemd\[1\]: `), StageUserspace},
	{expression(`\blogin: ?$`), StageUserspace},
}

var linuxStart = expression(`Linux version \d`)

// loadedConfig names a pxelinux.cfg file: SLOF lib/libnet/pxelinux.c pxelinux_tftp_load() counts "bytes".
var loadedConfig = expression(`^ *TFTP: Received (.*) \(\d+ bytes\)$`)

// received is a kernel, an initrd, or a bootfile: netmain.c tftp_load() counts "KBytes" or "Bytes".
var received = expression(`^ *TFTP: Received .* \(\d+ K?Bytes\)$`)

// pxelinuxLoads is PXELINUX with a kernel or an initrd, which a configuration has named. It prints all
// twice where it writes to a serial line beside a screen that is one.
var (
	pxelinuxLoads  = expression(`^Loading \S+\.\.\.`)
	pxelinuxLoaded = expression(`^Loading \S+\.\.\. ?(Loading \S+\.\.\. ?)?ok`)
)

// after returns the stage that a line shows for a boot that has come to s, which is s itself for
// most lines. A firmware that starts over begins a new boot.
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
