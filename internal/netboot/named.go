package netboot

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// named checks that what the guest's configuration boots is below the TFTP root. It reports the first file that is not. It leaves out
// configurations of other authors, and paths that do not begin at the TFTP root.
func (c *check) named(ctx context.Context, config Config, entry pxelinux.Entry, about Attribute) {
	root := rootOf(c.guest.Config)
	_, known := c.plans.Roots.Find(root)
	if !c.guest.Starts || !known || !config.Entered || c.elsewhere {
		return
	}
	for _, file := range append([]string{entry.Kernel}, entry.Initrds()...) {
		below := path.Clean(strings.TrimLeft(file, "/"))
		if strings.ContainsAny(file, "($:") || !c.isMissing(ctx, root, below) || c.publishesUnknown(root) {
			continue
		}
		severity := pxelinux.Warning // another program may add the file before the guest starts
		if c.publishesKernels(root) {
			severity = pxelinux.Error
		}
		c.report(&pxelinux.Problem{
			Severity: severity,
			Message:  fmt.Sprintf("entry %q names %q, but there is no such file below the TFTP root", entry.Label, file),
			Remedy:   "use the path of a netboot_image, such as netboot_image.debian.kernel.path, or correct the path",
		}, about)
		return
	}
}

// loadsElsewhere notes whether a guest may load what its configuration names from a place other than the TFTP root of its configuration.
func (c *check) loadsElsewhere(network Network, offer dnsmasq.Rule) {
	root, _ := c.plans.Roots.Find(rootOf(c.guest.Config))
	nextToLoader := c.guest.Arch == arch.X86 && !c.guest.GRUB && path.Dir(strings.TrimPrefix(offer.Bootfile, "/")) != "."
	c.elsewhere = c.elsewhere || !network.DHCP || network.TFTPRoot != root || offer.NextServer != "" || offer.PathPrefix != "" || nextToLoader
}

// publishesKernels tells whether this run publishes kernels below a TFTP root.
func (c *check) publishesKernels(root string) bool {
	return c.plans.Files.Search(func(name string, file File) bool { return file.Kind == "kernel" && rootOf(name) == root }) != ""
}

// publishesUnknown tells whether this run publishes files below a TFTP root whose names only the apply knows.
func (c *check) publishesUnknown(root string) bool {
	return c.plans.Images.Search(func(name string, image Image) bool { return !image.Known && rootOf(name) == root }) != ""
}
