// Package arch is the table of everything that depends on a guest's architecture. To add an architecture,
// add an entry to All.
package arch

import (
	"bytes"
	"slices"
	"strings"
)

// Names of architectures that other packages decide by.
const (
	S390X   = "s390x"
	PPC64LE = "ppc64le"
	X86     = "x86_64"
	ARM64   = "aarch64"
)

// Arch is what depends on an architecture.
type Arch struct {
	Name string // libvirt's name, in a domain's definition and in a host's capabilities

	Kernel   Kernel    // how its kernels are recognized
	Clients  []Client  // the client types with which its firmware requests a bootfile by DHCP, in the order of dnsmasq's rules
	Consoles []Console // that a guest can have; firmware and kernel write to the first

	Machine   string            // the machine type to set, because libvirt's default cannot boot; "" if the default is right
	CPUs      map[string]string // CPU models to set, by accelerator, because libvirt's default cannot boot
	Firmwares []string          // that a guest can have, the default first; empty means that the machine has one of its own
	Buses     []string          // that disks can be on; empty means any bus that libvirt knows
	Features  []string          // elements of the definition's <features> that a guest needs
	Loadparm  bool              // the device that it boots from has a load parameter
	Firmware  string            // name of QEMU's file from which pxelinux.IdentifyFirmware tells the generation; "" if no file is read
	Packages  string            // that have QEMU's emulator, by distribution
}

// Kernel is the mark of a kernel's file that boot loaders and QEMU look for.
type Kernel struct {
	Offset  int    // of Magic in the file
	Magic   string // bytes
	Format  string // the name of such a file, for messages to users who need one
	Foreign string // what it is, for messages to users who need another architecture: "an x86 kernel"
}

// In tells whether a file with these first bytes has the mark.
func (k Kernel) In(head []byte) bool {
	return k.Magic != "" && len(head) >= k.Offset && bytes.HasPrefix(head[k.Offset:], []byte(k.Magic))
}

// Client is a kind of firmware, as in DHCP option 93. Its numbers are IANA's "Processor Architecture
// Types", https://www.iana.org/assignments/dhcpv6-parameters.
type Client struct {
	Name    string // of a rule: "x86_64-efi"
	Numbers []int
	HTTP    bool // it loads what it boots from a URL
}

// Console is a type of console, https://libvirt.org/formatdomain.html#console.
type Console struct {
	Type  string
	First bool // a guest can have it as its first console
	Many  bool // a guest can have several
}

// All are the architectures, in the order in which dnsmasq's rules for their clients are written. A change
// of this order changes networks on hosts.
var All = []Arch{
	{
		Name: S390X,
		// QEMU pc-bios/s390-ccw/jump2ipl.c jump_to_low_kernel() finds the entry by it.
		Kernel: Kernel{0x10008, "S390EP", "raw image", "an s390x kernel"},
		// Option 93 is in the DHCPREQUEST, but not in the DHCPDISCOVER before it. QEMU's firmware takes what
		// it boots from the answer to the DHCPREQUEST.
		Clients: []Client{{Name: S390X, Numbers: []int{31}}},
		// Linux calls sclp ttysclp0.
		Consoles: []Console{{Type: "sclp", First: true}, {Type: "sclplm", First: true}, {Type: "virtio", First: true, Many: true}},
		Buses:    []string{"virtio", "scsi"}, // a channel subsystem has no other buses
		// libvirt refuses ACPI here.
		Loadparm: true,
		Firmware: "s390-ccw.img",
		Packages: "Debian and Ubuntu: qemu-system-misc or qemu-system-s390x; Fedora: qemu-system-s390x-core",
	},
	{
		// libvirt has ppc64 for the same machines: the operating system chooses the byte order.
		Name:     PPC64LE,
		Kernel:   Kernel{0, "\x7fELF", "vmlinux, an ELF file", "an ELF file"},
		Clients:  []Client{{Name: PPC64LE, Numbers: []int{12}}},
		Consoles: usualConsoles,
		Packages: "Debian and Ubuntu: qemu-system-ppc; Fedora: qemu-system-ppc-core",
	},
	{
		Name: X86,
		// Linux Documentation/arch/x86/boot.rst, "header"
		Kernel: Kernel{0x202, "HdrS", "bzImage", "an x86 kernel"},
		// RFC 4578 section 2.1 has 9 for EFI, but EDK II and its successors use 7.
		Clients:   []Client{{Name: X86, Numbers: []int{0}}, {Name: "x86_64-efi", Numbers: []int{7, 9}}, {Name: "x86_64-http", Numbers: []int{16}, HTTP: true}},
		Consoles:  usualConsoles,
		Firmwares: []string{"bios", "uefi", "uefi-secure"},
		Features:  []string{"acpi", "apic"}, // so that the guest receives a request to shut down
		Packages:  "Debian and Ubuntu: qemu-system-x86; Fedora: qemu-system-x86-core",
	},
	{
		Name: "aarch64",
		// Linux Documentation/arch/arm64/booting.rst, "magic"
		Kernel:   Kernel{0x38, "ARM\x64", "Image", "an arm64 kernel"},
		Clients:  []Client{{Name: "aarch64-efi", Numbers: []int{11}}, {Name: "aarch64-http", Numbers: []int{19}, HTTP: true}},
		Consoles: usualConsoles,
		Machine:  "virt", // libvirt's default is integratorcp, a board without PCI
		// QEMU's default for virt is cortex-a15, which has 32 bits. EDK II since 2024.05 boots from the network only if the CPU makes
		// random numbers, which cortex-a57 does not (measured with 2025.02).
		CPUs:      map[string]string{"tcg": "max", "kvm": "host-passthrough"},
		Firmwares: []string{"uefi", "uefi-secure"}, // without one, nothing boots
		Features:  []string{"acpi"},                // so that the guest receives a request to shut down
		Packages:  "Debian and Ubuntu: qemu-system-arm; Fedora: qemu-system-aarch64-core",
	},
}

// usualConsoles are the consoles of machines with a serial line, which libvirt makes the first console.
var usualConsoles = []Console{{Type: "serial", First: true}, {Type: "virtio", Many: true}}

// Names returns the names of All.
func Names() []string {
	var names []string
	for _, a := range All {
		names = append(names, a.Name)
	}
	return names
}

// others maps names from elsewhere (Debian, Go, Windows, common usage) to libvirt's names.
var others = map[string]string{
	"s390": S390X, "zarch": S390X,
	"x86": "x86_64", "x86-64": "x86_64", "x64": "x86_64", "amd64": "x86_64",
	"arm64": "aarch64", "armv8": "aarch64",
	"ppc64el": "ppc64le", "powerpc64le": "ppc64le",
	"i386": "i686", "x86_32": "i686",
}

// Meant returns libvirt's name for another name of an architecture, or "" if the name is not known.
func Meant(name string) string {
	lower := strings.ToLower(name)
	if lower != name && slices.Contains(Names(), lower) {
		return lower
	}
	return others[lower]
}

// Clients returns the clients of all architectures.
func Clients() []Client {
	var clients []Client
	for _, a := range All {
		clients = append(clients, a.Clients...)
	}
	return clients
}

// FirmwareOf returns a firmware if a guest can have it, and "" otherwise.
func (a Arch) FirmwareOf(name string) string {
	if slices.Contains(a.Firmwares, name) {
		return name
	}
	return ""
}

// DefaultFirmware returns the firmware of a guest that does not name one.
func (a Arch) DefaultFirmware() string {
	if len(a.Firmwares) == 0 {
		return ""
	}
	return a.Firmwares[0]
}

// Of returns the architecture with this name. For an architecture that is not in All, but that libvirt may
// know, it returns a machine with a serial line, and nothing else.
func Of(name string) Arch {
	for _, a := range All {
		if a.Name == name {
			return a
		}
	}
	return Arch{Name: name, Consoles: usualConsoles}
}

// DefaultConsole returns the type of the console that firmware and kernel write to.
func (a Arch) DefaultConsole() string { return a.Consoles[0].Type }

// Console returns the console of this type, if the architecture has it.
func (a Arch) Console(kind string) (console Console, found bool) {
	at := slices.IndexFunc(a.Consoles, func(c Console) bool { return c.Type == kind })
	if at < 0 {
		return Console{}, false
	}
	return a.Consoles[at], true
}

// ConsoleTypes returns the console types of all architectures, each once.
func ConsoleTypes() []string {
	var types []string
	for _, a := range All {
		for _, c := range a.Consoles {
			if !slices.Contains(types, c.Type) {
				types = append(types, c.Type)
			}
		}
	}
	return types
}
