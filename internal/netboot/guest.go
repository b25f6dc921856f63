// Package netboot decides whether a guest would boot from the network, and explains why a boot failed. It uses only plain
// values.
//
// It depends on neither Terraform nor libvirt: its callers describe a guest as a Guest, keep what else is planned in Plans,
// and implement Host to answer what only a host knows.
package netboot

import (
	"context"
	"io/fs"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// Guest has the properties of a guest on which its boot from the network depends.
type Guest struct {
	Arch       string // libvirt's name of its architecture
	UUID       string // empty if it is not known yet
	Memory     uint64 // memory for the firmware, in bytes; 0 if it is not known yet
	Config     string // id of its boot configuration on its host, tftp_root/file_name; empty if it is not known, or there is none
	GRUB       bool   // Config is a GRUB configuration
	Interfaces []Interface

	// Starts says that this run starts the guest. Only in this case warnings matter, and the host is queried for networks
	// that the run does not plan.
	Starts bool
}

// Interface is a network adapter of a guest.
type Interface struct {
	MAC     string // as CanonicalMAC writes it
	Network string // name of its libvirt network; empty if it is not known, or there is none
	Boots   bool   // the guest may boot from it
}

// Host answers queries about the host of a guest.
type Host interface {
	// BootNetwork is a network as it is on the host.
	BootNetwork(ctx context.Context, name string) (Network, error)
	// BootFirmware is the generation of the firmware that netboots s390x guests.
	BootFirmware(ctx context.Context) pxelinux.Firmware
	// Stat returns information about a file in a pool. The error is fs.ErrNotExist if there is no such file.
	Stat(ctx context.Context, pool, name string) (fs.FileInfo, error)
}

// rootOf is the TFTP root in the id of an object below it.
func rootOf(id string) string {
	root, _, _ := strings.Cut(id, "/")
	return root
}
