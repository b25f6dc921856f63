package netboot

import (
	"context"
	"fmt"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// copiesOfBlob is how often the boot loader of s390-tools holds kernel and initrd in memory: as files, and as the kernel that kexec loads.
const copiesOfBlob = 2

// IsKernel tells whether a netboot_image publishes a file below the TFTP root at a path as a kernel. Its content was checked then,
// whatever its name is: s390-tools calls its boot loader pxelinux.0.
func (p *Plans) IsKernel(rootPath, file string) bool {
	root := p.Roots.Search(func(_, path string) bool { return path == rootPath })
	found, published := p.Files.Find(root + "/" + strings.TrimPrefix(file, "/"))
	return published && found.Kind == "kernel"
}

// ReadByBlob tells whether a configuration is for the boot loader of s390-tools, as far as this run knows it.
func (p *Plans) ReadByBlob(config string) bool {
	found, _ := p.Configs.Find(config)
	return found.Reader == pxelinux.S390Tools
}

// startsBlob tells whether a guest starts the boot loader of s390-tools: DHCP names a bootfile for it that is a kernel of a
// netboot_image, or any file if the configuration is for this boot loader.
func (c *check) startsBlob(network Network, offer dnsmasq.Rule) bool {
	if c.guest.Arch != arch.S390X || offer.Bootfile == "" || strings.HasSuffix(offer.Bootfile, "/") {
		return false
	}
	return c.plans.ReadByBlob(c.guest.Config) || offer.NextServer == "" && c.plans.IsKernel(network.TFTPRoot, offer.Bootfile)
}

// blob checks a guest that starts the boot loader of s390-tools, and a guest that only its configuration expects to start it. It tells
// whether the guest starts it.
func (c *check) blob(ctx context.Context, nic int, network Network, planned bool, offer dnsmasq.Rule) bool {
	expected := c.plans.ReadByBlob(c.guest.Config)
	if c.startsBlob(network, offer) {
		c.readsByBlob = true
		c.fitsFirmware(ctx, fmt.Sprintf("bootfile %q", offer.Bootfile), c.size(offer.Bootfile), 0)
		if !expected { // else the plan of the configuration checks it
			c.understoodByBlob(network, planned, offer)
		}
		return true
	}
	if expected && network.DHCP { // else another DHCP server may name it
		c.ofNetwork(nic, planned)("publish the boot loader as the kernel of a netboot_image, and set its kernel.path as bootfile of a rule in ipv4.dhcp.boot of the netboot_network; or remove reader from the configuration",
			"the configuration %s is for the boot loader of s390-tools, but DHCP on network %q names no bootfile for this guest, so its firmware reads the configuration", c.guest.Config, network.Name)
	}
	return false
}

// understoodByBlob checks a configuration for the firmware that the boot loader of s390-tools reads, if this is what the guest starts.
func (c *check) understoodByBlob(network Network, planned bool, offer dnsmasq.Rule) {
	config, known := c.plans.Configs.Find(c.guest.Config)
	if !known {
		return
	}
	for _, problem := range pxelinux.Validate(config.Config, pxelinux.Blob) {
		if !planned {
			problem.Severity = pxelinux.Warning
		}
		problem.Message = fmt.Sprintf("DHCP on network %q tells this guest to boot %q, a kernel. If it is the boot loader of s390-tools, it does not read %s as it is written: %s",
			network.Name, offer.Bootfile, c.guest.Config, problem.Message)
		problem.Remedy += "; or name no bootfile for this guest"
		c.report(&problem, OfConfig)
	}
}
