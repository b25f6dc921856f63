// Package boot tells from the bytes of a guest's console whether the guest booted, how far it got,
// and what the messages on the way mean.
package boot

import "regexp"

// Stage is how far a boot got, told by what the console showed.
type Stage int

// The stages of a boot from the network, in order. A boot from disk goes from StageFirmware to
// StageLinux.
const (
	StageNone      Stage = iota // nothing known was seen
	StageFirmware               // the firmware runs
	StageDHCP                   // it has an IP address
	StageConfig                 // it has read a pxelinux.cfg file and chosen an entry
	StageKernel                 // it has received the kernel
	StageInitrd                 // it has received the initrd
	StageStarted                // it has jumped into the kernel
	StageLinux                  // Linux has printed its version
	StageUserspace              // Linux has started init
)

var stageNames = [...]string{"none", "firmware", "dhcp", "config", "kernel", "initrd", "started", "linux", "userspace"}

func (s Stage) String() string { return stageNames[s] }

// firmwareStart is what the firmware prints first, at each reset and for each device that it tries:
// QEMU pc-bios/s390-ccw/main.c menu_setup() and boot_setup().
var firmwareStart = regexp.MustCompile(`^LOADPARM=\[`)

// landmarks are the lines that show a stage. The first part is QEMU pc-bios/s390-ccw/netmain.c:
// main(), net_init(), load_kernel_with_initrd() and main() again.
var landmarks = []struct {
	pattern *regexp.Regexp
	stage   Stage
}{
	{firmwareStart, StageFirmware},
	{regexp.MustCompile(`^Network boot (device detected|starting)`), StageFirmware},
	{regexp.MustCompile(`^ *Using IPv[46] address: `), StageDHCP},
	{regexp.MustCompile(`^Loading pxelinux\.cfg entry '`), StageConfig},
	{regexp.MustCompile(`^Network loading done, starting kernel`), StageStarted},
	{regexp.MustCompile(`Linux version \d`), StageLinux},
	{regexp.MustCompile(`Run /\S+ as init process`), StageUserspace},
	{regexp.MustCompile(`\bsystemd\[1\]: `), StageUserspace},
	{regexp.MustCompile(`\blogin: ?$`), StageUserspace},
}

// received is a kernel, an initrd, or a bootfile: netmain.c tftp_load() counts "KBytes" or "Bytes".
// (SLOF lib/libnet/pxelinux.c pxelinux_tftp_load() counts the "bytes" of a pxelinux.cfg file.)
var received = regexp.MustCompile(`^ *TFTP: Received .* \(\d+ K?Bytes\)$`)

// after returns the stage that a line shows for a boot that has come to s, which is s itself for
// most lines. A firmware that starts over begins a new boot.
func (s Stage) after(line string) Stage {
	if firmwareStart.MatchString(line) {
		return StageFirmware
	}
	if (s == StageConfig || s == StageKernel) && received.MatchString(line) {
		return s + 1
	}
	for _, mark := range landmarks {
		if mark.stage > s && mark.pattern.MatchString(line) {
			s = mark.stage
		}
	}
	return s
}
