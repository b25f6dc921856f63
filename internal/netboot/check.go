package netboot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// Attribute is a part of a guest's description that a finding is about.
type Attribute string

// Attributes that findings are about.
const (
	OfMemory  Attribute = "memory"
	OfConfig  Attribute = "pxelinux_config"
	OfNetwork Attribute = "network" // of an interface
)

// Finding is a reason why a guest would not boot, or as a warning, may not.
type Finding struct {
	pxelinux.Problem
	Attribute Attribute
	Interface int // index of the interface whose network it is about
}

// check finds what would keep a guest from booting from the network.
type check struct {
	guest    Guest
	plans    *Plans
	host     Host
	findings []Finding
}

// Check finds what would keep a guest from booting from the network, as far as this run knows what it boots. Of what only
// the host knows, a finding is a warning, because it may change until the guest starts.
func Check(ctx context.Context, guest Guest, plans *Plans, host Host) []Finding {
	c := &check{guest: guest, plans: plans, host: host}
	c.memory(ctx)
	searches, known := c.searches(ctx)
	if known && guest.Config != "" {
		c.configuration(searches)
		c.bootFiles(ctx)
	}
	return c.findings
}

// searches are what the firmware asks for by each interface that it may boot from. They are not known where a network
// tells guests what nobody can see here.
func (c *check) searches(ctx context.Context) (searches []pxelinux.Search, known bool) {
	for i, nic := range c.guest.Interfaces {
		if !nic.Boots {
			continue
		}
		search := pxelinux.Search{UUID: c.guest.UUID, MAC: nic.MAC}
		if network, planned, found := c.network(ctx, nic.Network); found {
			offer, known := network.Offer(arch.S390X, nic.MAC)
			if !known {
				return nil, false
			}
			c.offer(i, network, planned, offer)
			search.BootFile, search.ConfigFile, search.PathPrefix = offer.Bootfile, offer.ConfigFile, offer.PathPrefix
			search.IPv4 = network.Reserved[nic.MAC]
		}
		searches = append(searches, search)
	}
	return searches, true
}

// memory checks that the firmware runs in the guest's memory.
func (c *check) memory(ctx context.Context) {
	if c.guest.Memory == 0 || pxelinux.UnknownFirmware.CheckMemory(c.guest.Memory) == nil {
		return
	}
	c.report(c.host.BootFirmware(ctx).CheckMemory(c.guest.Memory), OfMemory)
}

// network is a network as this run plans it, or else as it is on the host.
func (c *check) network(ctx context.Context, name string) (network Network, planned, found bool) {
	if name == "" {
		return Network{}, false, false
	}
	if network, found = c.plans.Networks.Find(name); found || !c.guest.Starts {
		return network, true, found
	}
	network, err := c.host.BootNetwork(ctx, name)
	return network, false, err == nil
}

// offer checks what a network offers. Of one that this run does not plan, somebody may still change what is found now.
func (c *check) offer(nic int, network Network, planned bool, offer dnsmasq.Rule) {
	if !network.DHCP {
		return // somebody else may answer there
	}
	severity := pxelinux.Warning
	if planned {
		severity = pxelinux.Error
	}
	report := func(remedy, message string, values ...any) {
		c.report(&pxelinux.Problem{Severity: severity, Message: fmt.Sprintf(message, values...), Remedy: remedy}, OfNetwork, nic)
	}
	if pxelinux.IsForeignLoader(offer.Bootfile) {
		report("give the bootfile to the machines that it is for, by a rule of their arch in ipv4.dhcp.boot of the netboot_network, as s390x guests need none",
			"DHCP on network %q tells this guest to boot %q, a boot loader of other machines; the firmware of s390x guests takes it for a kernel, jumps into it and stops without a word",
			network.Name, offer.Bootfile)
	}
	if name, twice := strings.CutPrefix(offer.ConfigFile, tftproot.ConfigDir+"/"); twice && offer.PathPrefix == "" {
		report(fmt.Sprintf("set config_file to %q", name),
			"DHCP on network %q tells this guest to load the configuration %q, which its firmware looks for below %s/", network.Name, offer.ConfigFile, tftproot.ConfigDir)
	}
	root, known := c.plans.Roots.Find(rootOf(c.guest.Config))
	switch {
	case c.guest.Config == "" || offer.NextServer != "" || network.TFTPRoot == root:
	case network.TFTPRoot == "":
		report("set tftp_root of the netboot_network to the path of the netboot_tftp_root",
			"network %q serves no TFTP root, so the guest finds no file there", network.Name)
	case known:
		report("give the network that tftp_root, or the guest a configuration of the other one",
			"network %q serves the TFTP root %s, and the configuration is below %s", network.Name, network.TFTPRoot, root)
	}
}

// configuration checks that the firmware asks for the configuration, and that no other comes first.
func (c *check) configuration(searches []pxelinux.Search) {
	root, file, _ := strings.Cut(c.guest.Config, "/")
	if c.unsure(file, searches) {
		return
	}
	var asked []string
	for _, search := range searches {
		paths, err := search.Paths()
		if err != nil {
			c.report(&pxelinux.Problem{Severity: pxelinux.Error, Message: err.Error(), Remedy: "nothing boots"}, OfConfig)
			return
		}
		if place := slices.Index(paths, tftproot.ConfigDir+"/"+file); place >= 0 {
			c.earlier(root, file, paths[:place])
			return
		}
		asked = append(asked, paths...)
	}
	c.report(&pxelinux.Problem{
		Severity: pxelinux.Error,
		Message:  fmt.Sprintf("this guest never reads %s/%s; its firmware asks for %s", tftproot.ConfigDir, file, strings.Join(asked, ", ")),
		Remedy:   "make the configuration for this guest's MAC address, " + searches[0].MAC + ", or for every guest",
	}, OfConfig)
}

// unsure tells whether only the running guest shows that it asks for a file: one of a UUID that it
// does not have yet, or of an address that DHCP chooses.
func (c *check) unsure(file string, searches []pxelinux.Search) bool {
	if pxelinux.IPv4Of(file) != "" {
		return slices.ContainsFunc(searches, func(s pxelinux.Search) bool { return s.IPv4 == "" })
	}
	_, err := pxelinux.UUIDFileName(file)
	return err == nil && c.guest.UUID == ""
}

// earlier warns of what the firmware asks for before it asks for the configuration.
func (c *check) earlier(root, file string, paths []string) {
	for _, p := range paths {
		other, isConfig := strings.CutPrefix(p, tftproot.ConfigDir+"/")
		_, planned := c.plans.Configs.Find(root + "/" + other)
		if isConfig && !planned || pxelinux.IsForeignLoader(p) { // which the network's check refuses
			continue
		}
		c.report(&pxelinux.Problem{
			Severity: pxelinux.Warning,
			Message:  fmt.Sprintf("the firmware asks for %s before %s/%s, and boots by what it finds first", p, tftproot.ConfigDir, file),
			Remedy:   "set pxelinux_config to the one that the guest is to boot by, or take the other away",
		}, OfConfig)
	}
}

// bootFiles checks that kernel and initrd fit into the guest's memory.
func (c *check) bootFiles(ctx context.Context) {
	config, known := c.plans.Configs.Find(c.guest.Config)
	if !known || c.guest.Memory == 0 {
		return
	}
	entry, err := config.Boot(pxelinux.UnknownFirmware, "")
	if err != nil {
		return // which the configuration's own plan has refused
	}
	size := func(path string) uint64 {
		file, _ := c.plans.Files.Find(rootOf(c.guest.Config) + "/" + strings.TrimPrefix(path, "/"))
		return file.Size
	}
	kernel, initrd := size(entry.Kernel), size(entry.Initrd)
	if pxelinux.UnknownFirmware.CheckSize(kernel, initrd, c.guest.Memory) == nil {
		return
	}
	problem := c.host.BootFirmware(ctx).CheckSize(kernel, initrd, c.guest.Memory)
	if problem != nil {
		problem.Message = fmt.Sprintf("entry %q: %s", entry.Label, problem.Message)
	}
	c.report(problem, OfConfig)
}

// report notes a problem, if there is one: an error always, a warning when the guest starts.
func (c *check) report(p *pxelinux.Problem, about Attribute, nic ...int) {
	if p == nil || p.Severity != pxelinux.Error && !c.guest.Starts {
		return
	}
	finding := Finding{Problem: *p, Attribute: about}
	if len(nic) > 0 {
		finding.Interface = nic[0]
	}
	c.findings = append(c.findings, finding)
}
