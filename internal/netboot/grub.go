package netboot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// grub finds what would prevent a guest from booting by its GRUB configuration.
func (c *check) grub(ctx context.Context) {
	if !c.sameArchForGRUB() {
		return
	}
	if c.guest.Config != "" {
		c.readsGRUB()
	}
	for i, nic := range c.guest.Interfaces {
		if !nic.Boots {
			continue
		}
		if network, planned, found := c.network(ctx, nic.Network); found && network.DHCP {
			c.offersGRUB(ctx, i, nic, network, planned)
		} else { // another DHCP server may answer there
			c.elsewhere = true
		}
	}
	config, known := c.plans.Configs.Find(c.guest.Config)
	entry, err := grub.Boot(config.Config)
	if !known || err != nil {
		return
	}
	c.fits(entry, 1)
	c.named(ctx, config, entry, OfGRUB)
	c.live(ctx, entry)
}

// sameArchForGRUB checks that the configuration is for guests of this architecture.
func (c *check) sameArchForGRUB() bool {
	config, known := c.plans.Configs.Find(c.guest.Config)
	if !known || config.Arch == c.guest.Arch {
		return true
	}
	c.refuse(fmt.Sprintf("the configuration %s is for %s guests, but this guest has the architecture %s", c.guest.Config, config.Arch, c.guest.Arch),
		fmt.Sprintf("use a netboot_grub_config with arch = %q", c.guest.Arch))
	return false
}

func (c *check) refuse(message, remedy string) {
	c.report(&pxelinux.Problem{Severity: pxelinux.Error, Message: message, Remedy: remedy}, OfGRUB)
}

// readsGRUB checks that GRUB loads this configuration, and no other.
func (c *check) readsGRUB() {
	root, file, _ := strings.Cut(c.guest.Config, "/")
	var macs []string
	for _, nic := range c.guest.Interfaces {
		if nic.Boots && nic.MAC == "" {
			return // not known before the apply
		}
		if nic.Boots {
			macs = append(macs, nic.MAC)
		}
	}
	mac, forAll := grub.MACOf(file), grub.ArchOf(file)
	switch {
	case mac != "" && slices.Contains(macs, mac), forAll == c.guest.Arch:
	case mac != "":
		c.refuse(fmt.Sprintf("this guest never reads %s/%s, which is for the MAC address %s; it boots with %s", grub.Dir, file, mac, strings.Join(macs, ", ")),
			"use a configuration for a MAC address of this guest, or for all guests")
		return
	default:
		c.refuse(fmt.Sprintf("this guest never reads %s/%s", grub.Dir, file), "use a configuration for a MAC address of this guest, or for all guests of its architecture")
		return
	}
	for _, mac := range macs {
		earlier, err := grub.MACFileName(mac)
		if _, planned := c.plans.Configs.Find(root + "/" + earlier); err == nil && planned && forAll != "" {
			c.report(&pxelinux.Problem{
				Severity: pxelinux.Warning,
				Message:  fmt.Sprintf("GRUB loads %s/%s before %s/%s, and uses the first file that it finds", grub.Dir, earlier, grub.Dir, file),
				Remedy:   "set grub_config to the configuration that the guest should use, or remove the other one",
			}, OfGRUB)
		}
	}
}

// offersGRUB checks that a network tells the guest what to boot, and serves the configuration.
func (c *check) offersGRUB(ctx context.Context, nic int, of Interface, network Network, planned bool) {
	var offer dnsmasq.Rule
	var viaHTTP bool
	for _, client := range arch.Of(c.guest.Arch).Clients {
		if client.Name == arch.X86 {
			continue // a BIOS
		}
		told, known := network.Offer(client.Name, of.MAC)
		if !known {
			c.elsewhere = true
			return
		}
		if offer.Bootfile == "" {
			offer, viaHTTP = told, client.HTTP
		}
	}
	report := c.ofNetwork(nic, planned)
	if offer.Bootfile == "" {
		report(fmt.Sprintf("add a rule in ipv4.dhcp.boot of the netboot_network with arch = %q and the path of the boot loader as bootfile, such as shimx64.efi", c.guest.Arch+"-efi"),
			"DHCP on network %q names no bootfile for %s guests with UEFI, so the guest does not start GRUB, which reads the configuration", network.Name, c.guest.Arch)
	}
	c.loadsElsewhere(network, offer)
	c.elsewhere = c.elsewhere || viaHTTP
	if !viaHTTP { // a web server can serve any directory
		c.servesRoot(network, offer, report)
		c.loader(ctx, nic, network, offer)
	}
}
