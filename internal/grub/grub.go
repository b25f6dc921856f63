// Package grub writes, reads, checks and names the configurations that GRUB loads from the network on guests with UEFI.
//
// A configuration has the same entries as a pxelinux configuration, in GRUB's language, which is a shell. So this package writes
// every configuration, but understands only simple ones of other authors: what it does not understand, it does not judge.
//
// Names of functions are those of GRUB 2.06. What is "measured" was measured with the signed images of Debian 12 (GRUB 2.06) and
// Debian 13 (GRUB 2.12), and with images that grub-mkimage makes. The tests of conformance boot files on the first of these.
package grub

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// Dir is the directory below a TFTP root that holds the configurations. The prefix of Debian's and Ubuntu's signed image is this
// directory.
const Dir = "grub"

// filePrefix begins the name of each configuration.
const filePrefix = "grub.cfg-"

// macPrefix begins what follows filePrefix for a MAC address. 01 is Ethernet.
//
// grub-core/net/net.c grub_net_search_config_file(): "01-", and the address with dashes. So an image that searches by itself
// finds the file without the dispatcher.
const macPrefix = "01-"

// Archs are the architectures of guests that GRUB boots, the default first.
var Archs = []string{arch.X86, arch.AArch64}

// cpus are GRUB's names of architectures, as in its variable grub_cpu.
var cpus = map[string]string{arch.X86: "x86_64", arch.AArch64: "arm64"}

// MACFileName returns the name of the configuration for the guest with a MAC address, in any usual notation.
func MACFileName(mac string) (string, error) {
	address, err := net.ParseMAC(mac)
	if err != nil || len(address) != 6 {
		return "", fmt.Errorf("%q is not a MAC address; write six pairs of hexadecimal digits, such as 52:54:00:12:34:56", mac)
	}
	return filePrefix + macPrefix + strings.ReplaceAll(address.String(), ":", "-"), nil
}

// ArchFileName returns the name of the configuration for all guests of an architecture.
func ArchFileName(name string) (string, error) {
	cpu, known := cpus[name]
	if !known {
		return "", fmt.Errorf("%q is not an architecture whose guests start GRUB; these are %s", name, strings.Join(Archs, ", "))
	}
	return filePrefix + cpu, nil
}

// MACOf returns the MAC address that a file is for, the reverse of MACFileName. It returns "" for another file.
func MACOf(name string) string {
	digits, found := strings.CutPrefix(name, filePrefix+macPrefix)
	mac := strings.ReplaceAll(digits, "-", ":")
	if file, err := MACFileName(mac); !found || err != nil || file != name {
		return ""
	}
	return mac
}

// ArchOf returns the architecture of the guests that a file is for, the reverse of ArchFileName. It returns "" for another file.
func ArchOf(name string) string {
	at := slices.IndexFunc(Archs, func(a string) bool { return filePrefix+cpus[a] == name })
	if at < 0 {
		return ""
	}
	return Archs[at]
}
