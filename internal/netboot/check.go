package netboot

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// Attribute is an attribute of a guest that a finding is about.
type Attribute string

// Attributes that findings are about.
const (
	OfMemory  Attribute = "memory"
	OfConfig  Attribute = "pxelinux_config"
	OfGRUB    Attribute = "grub_config"
	OfNetwork Attribute = "network" // of an interface
)

// Finding is a reason why a guest would not boot, or may not boot if it is a warning.
type Finding struct {
	pxelinux.Problem
	Attribute Attribute
	Interface int // index of the interface whose network it is about
}

// check finds what would prevent a guest from booting from the network.
type check struct {
	guest       Guest
	plans       *Plans
	host        Host
	reader      pxelinux.Reader // what reads the guest's configuration
	readsByBlob bool            // the boot loader of s390-tools reads it, because DHCP names it
	elsewhere   bool            // the guest may load files from a place other than the TFTP root of its configuration
	findings    []Finding
}

// Check finds what would prevent a guest from booting from the network, as far as this run knows what the guest boots. A
// finding about something that only the host knows is a warning, because it may change before the guest starts.
func Check(ctx context.Context, guest Guest, plans *Plans, host Host) []Finding {
	c := &check{guest: guest, plans: plans, host: host}
	if guest.GRUB {
		c.grub(ctx)
		return c.findings
	}
	reader, err := pxelinux.ReaderOf(guest.Arch)
	if !c.sameArch(err == nil) || err != nil {
		return c.findings
	}
	c.reader = reader
	c.memory(ctx)
	searches, known := c.searches(ctx)
	if known && guest.Config != "" {
		c.configuration(searches)
		c.bootFiles(ctx)
	}
	return c.findings
}

// sameArch checks that the configuration is for guests of this architecture. A guest of some architectures reads none.
func (c *check) sameArch(reads bool) bool {
	config, known := c.plans.Configs.Find(c.guest.Config)
	if !known || config.Arch == "" || config.Arch == c.guest.Arch {
		return true
	}
	remedy := fmt.Sprintf("use a netboot_pxelinux_config with arch = %q", c.guest.Arch)
	if !reads {
		remedy = "remove pxelinux_config; " + c.guest.Arch + " guests read no such configuration"
		if slices.Contains(grub.Archs, c.guest.Arch) {
			remedy = "use a netboot_grub_config and grub_config instead of pxelinux_config, because " + c.guest.Arch + " guests start GRUB"
		}
	}
	c.report(&pxelinux.Problem{
		Severity: pxelinux.Error,
		Message:  fmt.Sprintf("the configuration %s is for %s guests, but this guest has the architecture %s, which reads other keywords and other file names", c.guest.Config, config.Arch, c.guest.Arch),
		Remedy:   remedy,
	}, OfConfig)
	return false
}

// searches are what the firmware requests over each interface that it may boot from. They are not known if a network tells
// guests something that cannot be read here.
func (c *check) searches(ctx context.Context) (searches []pxelinux.Search, known bool) {
	for i, nic := range c.guest.Interfaces {
		if !nic.Boots {
			continue
		}
		search := pxelinux.Search{Reader: c.reader, UUID: c.guest.UUID, MAC: nic.MAC}
		if c.plans.ReadByBlob(c.guest.Config) {
			search.Reader = pxelinux.Blob
		}
		if network, planned, found := c.network(ctx, nic.Network); found {
			offer, known := network.Offer(c.guest.Arch, nic.MAC)
			if !known {
				return nil, false
			}
			c.offer(i, network, planned, offer)
			c.loadsElsewhere(network, offer)
			if c.blob(ctx, i, network, planned, offer) {
				search.Reader = pxelinux.Blob
			}
			if c.guest.Arch == arch.X86 && c.guest.Config != "" {
				c.loader(ctx, i, network, offer)
			}
			search.BootFile, search.ConfigFile, search.PathPrefix = offer.Bootfile, offer.ConfigFile, offer.PathPrefix
			search.IPv4 = network.Reserved[nic.MAC]
		} else {
			c.elsewhere = true
		}
		searches = append(searches, search)
	}
	return searches, true
}

// memory checks that the guest has enough memory for the firmware.
func (c *check) memory(ctx context.Context) {
	if c.guest.Arch != arch.S390X || c.guest.Memory == 0 || pxelinux.UnknownFirmware.CheckMemory(c.guest.Memory) == nil {
		return
	}
	c.report(c.host.BootFirmware(ctx).CheckMemory(c.guest.Memory), OfMemory)
}

// network is a network as this run plans it, or as it is on the host if this run does not plan it.
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

// offer checks what a network offers. If this run does not plan the network, a finding is a warning, because the network may
// still change.
func (c *check) offer(nic int, network Network, planned bool, offer dnsmasq.Rule) {
	if !network.DHCP {
		return // another DHCP server may answer there
	}
	report := c.ofNetwork(nic, planned)
	if c.guest.Arch == arch.X86 && c.guest.Config != "" && offer.Bootfile == "" {
		report("add a rule in ipv4.dhcp.boot of the netboot_network with arch = \"x86_64\" and the path of pxelinux.0 as bootfile",
			"DHCP on network %q names no bootfile for x86_64 guests, so the guest does not start PXELINUX, which reads the configuration", network.Name)
	}
	if c.guest.Arch == arch.S390X && pxelinux.IsForeignLoader(offer.Bootfile) && !c.startsBlob(network, offer) {
		report("move the bootfile to a rule in ipv4.dhcp.boot of the netboot_network, for the architecture that it is for; s390x guests do not need a bootfile",
			"DHCP on network %q tells this guest to boot %q, a boot loader for other architectures; the firmware of s390x guests treats it as a kernel, jumps into it and stops without a message",
			network.Name, offer.Bootfile)
	}
	name, twice := strings.CutPrefix(offer.ConfigFile, tftproot.ConfigDir+"/")
	if c.guest.Arch != arch.X86 && twice && offer.PathPrefix == "" {
		report(fmt.Sprintf("set config_file to %q", name),
			"DHCP on network %q tells this guest to load the configuration %q, but the firmware looks for this name below %s/", network.Name, offer.ConfigFile, tftproot.ConfigDir)
	}
	c.servesRoot(network, offer, report)
}

// ofNetwork reports what is wrong with the network of an interface.
func (c *check) ofNetwork(nic int, planned bool) func(remedy, message string, values ...any) {
	severity := pxelinux.Warning
	if planned {
		severity = pxelinux.Error
	}
	return func(remedy, message string, values ...any) {
		c.report(&pxelinux.Problem{Severity: severity, Message: fmt.Sprintf(message, values...), Remedy: remedy}, OfNetwork, nic)
	}
}

// servesRoot checks that a network serves the TFTP root of the configuration.
func (c *check) servesRoot(network Network, offer dnsmasq.Rule, report func(remedy, message string, values ...any)) {
	root, known := c.plans.Roots.Find(rootOf(c.guest.Config))
	switch {
	case c.guest.Config == "" || offer.NextServer != "" || network.TFTPRoot == root:
	case network.TFTPRoot == "":
		report("set tftp_root of the netboot_network to the path of the netboot_tftp_root",
			"network %q serves no TFTP root, so the guest finds no file there", network.Name)
	case known:
		report("set tftp_root of the network to that TFTP root, or use a configuration below the root that the network serves",
			"network %q serves the TFTP root %s, but the configuration is below %s", network.Name, network.TFTPRoot, root)
	}
}

// configuration checks that the firmware requests the configuration, and that it does not find another one first.
func (c *check) configuration(searches []pxelinux.Search) {
	root, file, _ := strings.Cut(c.guest.Config, "/")
	if c.unsure(file, searches) {
		return
	}
	var asked []string
	for _, search := range searches {
		paths, err := search.Paths()
		if err != nil {
			c.report(&pxelinux.Problem{Severity: pxelinux.Error, Message: err.Error(), Remedy: "the guest does not boot"}, OfConfig)
			return
		}
		for i, asked := range paths {
			paths[i] = strings.TrimPrefix(asked, "/") // dnsmasq looks below its root as well
		}
		if place := slices.Index(paths, tftproot.ConfigDir+"/"+file); place >= 0 {
			c.earlier(root, file, paths[:place])
			return
		}
		asked = append(asked, paths...)
	}
	c.report(&pxelinux.Problem{
		Severity: pxelinux.Error,
		Message:  fmt.Sprintf("this guest never reads %s/%s; its %s requests %s", tftproot.ConfigDir, file, c.requester(), cmp.Or(strings.Join(asked, ", "), "no configuration")),
		Remedy:   c.remedyOfUnread(asked, searches),
	}, OfConfig)
}

// requester is what requests configurations.
func (c *check) requester() string {
	if c.readsByBlob {
		return "boot loader"
	}
	return "firmware"
}

// remedyOfUnread says what makes the guest read a configuration.
func (c *check) remedyOfUnread(asked []string, searches []pxelinux.Search) string {
	inRoot := slices.ContainsFunc(asked, func(p string) bool { return strings.HasPrefix(p, tftproot.ConfigDir+"/") })
	switch {
	case !inRoot && c.guest.Arch == arch.X86:
		return "set a bootfile without a directory, such as pxelinux.0, and no path_prefix, because PXELINUX looks for configurations and boot files next to itself"
	case !inRoot && c.readsByBlob:
		return "remove path_prefix, because the boot loader of s390-tools puts it in front of pxelinux.cfg/ and of all files"
	case !inRoot && c.guest.Arch == arch.PPC64LE:
		return "remove the bootfile for ppc64le guests, because their firmware then looks for no configuration"
	default:
		return "use a configuration for this guest's MAC address, " + searches[0].MAC + ", or for all guests"
	}
}

// unsure tells whether it is not known before the guest runs that it requests a file: a file for a UUID that the guest does
// not have yet, or for an address that DHCP chooses.
func (c *check) unsure(file string, searches []pxelinux.Search) bool {
	if pxelinux.IPv4Of(file) != "" {
		return slices.ContainsFunc(searches, func(s pxelinux.Search) bool { return s.IPv4 == "" })
	}
	_, err := pxelinux.UUIDFileName(file)
	return err == nil && c.guest.UUID == ""
}

// earlier warns about files that the firmware requests before the configuration.
func (c *check) earlier(root, file string, paths []string) {
	for _, p := range paths {
		other, isConfig := strings.CutPrefix(p, tftproot.ConfigDir+"/")
		_, planned := c.plans.Configs.Find(root + "/" + other)
		if isConfig && !planned || pxelinux.IsForeignLoader(p) { // the check of the network refuses it
			continue
		}
		c.report(&pxelinux.Problem{
			Severity: pxelinux.Warning,
			Message:  fmt.Sprintf("the %s requests %s before %s/%s, and uses the first file that it finds", c.requester(), p, tftproot.ConfigDir, file),
			Remedy:   "set pxelinux_config to the configuration that the guest should use, or remove the other one",
		}, OfConfig)
	}
}

// bootFiles checks that kernel and initrd exist, and fit into the guest's memory.
func (c *check) bootFiles(ctx context.Context) {
	config, known := c.plans.Configs.Find(c.guest.Config)
	if !known {
		return
	}
	if c.readsByBlob {
		if entry, err := config.Boot(pxelinux.Blob, ""); err == nil {
			c.fits(entry, copiesOfBlob)
		}
		return
	}
	entry, err := config.Boot(c.reader, "")
	if err != nil {
		return // the plan of the configuration reports this error
	}
	c.named(ctx, config, entry, OfConfig)
	c.live(ctx, entry)
	if c.guest.Arch == arch.S390X && !c.fitsFirmware(ctx, fmt.Sprintf("entry %q", entry.Label), c.size(entry.Kernel), c.size(entry.Initrd)) {
		return
	}
	c.fits(entry, 1)
}

// fitsFirmware checks that the firmware of an s390x guest can load a kernel and an initrd into the guest's memory, and tells whether it
// can.
func (c *check) fitsFirmware(ctx context.Context, what string, kernel, initrd uint64) bool {
	if c.guest.Memory == 0 || pxelinux.UnknownFirmware.CheckSize(kernel, initrd, c.guest.Memory) == nil {
		return true
	}
	problem := c.host.BootFirmware(ctx).CheckSize(kernel, initrd, c.guest.Memory)
	if problem != nil {
		problem.Message = what + ": " + problem.Message
	}
	c.report(problem, OfConfig)
	return problem == nil
}

// fits checks that the files of an entry fit into the guest's memory: those that a boot loader loads, as often as it does, and those
// that the system keeps in memory. How much more the firmware and Linux need is not known.
func (c *check) fits(entry pxelinux.Entry, copies uint64) {
	size := c.size(entry.Kernel)
	for _, initrd := range entry.Initrds() {
		size += c.size(initrd)
	}
	files := "kernel and initrd"
	size *= copies
	if copies > 1 {
		files = fmt.Sprintf("kernel and initrd, %d times in the memory of the boot loader,", copies)
	}
	for _, url := range fetched(entry.Append) {
		name := path.Base(url)
		if c.size(name) > 0 {
			size, files = size+c.size(name), files+" and "+name
		}
	}
	if c.guest.Memory == 0 || size < c.guest.Memory {
		return
	}
	c.report(&pxelinux.Problem{
		Severity: pxelinux.Error,
		Message:  fmt.Sprintf("entry %q: %s have %d MiB, but the guest has %d MiB of memory", entry.Label, files, size>>20, c.guest.Memory>>20),
		Remedy:   "give the guest more memory",
	}, OfMemory)
}

// size is the size of a file below the guest's TFTP root; 0 if it is not known.
func (c *check) size(path string) uint64 {
	file, _ := c.plans.Files.Find(rootOf(c.guest.Config) + "/" + strings.TrimPrefix(path, "/"))
	return file.Size
}

// report records a problem, if there is one: an error always, and a warning only if the guest starts.
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
