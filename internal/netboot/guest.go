// Package netboot decides with plain values whether a guest would boot from the network, and what became of it.
//
// It knows neither Terraform nor libvirt: whoever plans a guest describes it as a Guest, keeps what else is planned in
// Plans, and answers what only a host knows as a Host.
package netboot

import (
	"context"
	"io/fs"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// Guest is an s390x guest, as far as its boot from the network depends on it.
type Guest struct {
	UUID       string // empty while it is not known
	Memory     uint64 // that its firmware has, in bytes; 0 while it is not known
	Config     string // id of its pxelinux configuration on its host, tftp_root/file_name; empty where it is not known, or there is none
	Interfaces []Interface

	// Starts says that this run starts the guest. Only then warnings matter, and the host is asked for networks that the
	// run does not plan.
	Starts bool
}

// Interface is a network adapter of a guest.
type Interface struct {
	MAC     string // as CanonicalMAC writes it
	Network string // name of its libvirt network; empty where it is not known, or there is none
	Boots   bool   // the guest may boot from it
}

// Host is what is asked of the host that a guest is on.
type Host interface {
	// BootNetwork is a network as it is on the host.
	BootNetwork(ctx context.Context, name string) (Network, error)
	// BootFirmware is the generation of the firmware that netboots s390x guests.
	BootFirmware(ctx context.Context) pxelinux.Firmware
	// Stat looks at a file in a pool. The error is fs.ErrNotExist where there is none.
	Stat(ctx context.Context, pool, name string) (fs.FileInfo, error)
}

// rootOf is the TFTP root in the id of what lies below it.
func rootOf(id string) string {
	root, _, _ := strings.Cut(id, "/")
	return root
}
