package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// netbootCheck finds what would keep a guest from booting from the network as it is planned, as far
// as this run knows what it boots.
type netbootCheck struct {
	r      *domainResource
	guest  domainModel
	starts bool // only then is there a warning, and are networks asked for that this run does not plan
	nics   []interfaceModel
	diags  *diag.Diagnostics
}

// checkNetboot checks an s390x guest that boots from the network.
func (r *domainResource) checkNetboot(ctx context.Context, guest domainModel, starts bool, diags *diag.Diagnostics) {
	if guest.Arch.ValueString() != archS390X || guest.Boot.IsUnknown() || !guest.bootsFrom(ctx, virt.BootNetwork) || !guest.Kernel.IsNull() ||
		guest.Interfaces.IsUnknown() || hasUnknownElement(guest.Interfaces) {
		return
	}
	c := netbootCheck{r: r, guest: guest, starts: starts, diags: diags}
	diags.Append(guest.Interfaces.ElementsAs(ctx, &c.nics, false)...)
	c.memory(ctx)
	var searches []pxelinux.Search
	for i, nic := range c.nics {
		if nic.Boot.Equal(types.BoolValue(false)) {
			continue
		}
		search := pxelinux.Search{UUID: guest.UUID.ValueString(), MAC: canonicalMAC(nic.MAC.ValueString())}
		if network, planned, found := c.network(ctx, nic); found {
			offer, known := offered(network, search.MAC)
			if !known {
				return
			}
			c.checkNetwork(i, network, planned, offer)
			search.BootFile, search.ConfigFile, search.PathPrefix = offer.Bootfile, offer.ConfigFile, offer.PathPrefix
			search.IPv4 = reserved(network, search.MAC)
		}
		searches = append(searches, search)
	}
	if id := guest.PxelinuxConfig; !id.IsNull() && !id.IsUnknown() {
		c.configuration(guest.local(id), searches)
		c.bootFiles(ctx, guest.local(id))
	}
}

// memory checks that the firmware runs in the guest's memory.
func (c netbootCheck) memory(ctx context.Context) {
	memory := c.memoryAtBoot()
	if c.guest.Memory.IsUnknown() || pxelinux.UnknownFirmware.CheckMemory(memory) == nil {
		return
	}
	c.report(c.r.firmware(ctx).CheckMemory(memory), path.Root("memory"))
}

// memoryAtBoot is what the firmware has: a balloon takes none of it before a kernel runs.
func (c netbootCheck) memoryAtBoot() uint64 {
	return max(c.guest.Memory.bytes(), c.guest.MaxMemory.bytes())
}

// network is the network of an interface: as this run plans it, or else as it is on the host.
func (c netbootCheck) network(ctx context.Context, nic interfaceModel) (network virt.Network, planned, found bool) {
	if nic.Network.IsNull() || nic.Network.IsUnknown() {
		return virt.Network{}, false, false
	}
	if network, found = c.r.plans.networks.find(nic.Network.ValueString()); found || !c.starts {
		return network, true, found
	}
	network, err := c.r.host.Network(ctx, nic.Network.ValueString())
	return network, false, err == nil
}

// offered is what DHCP on a network tells an s390x guest to boot. It is not known where raw options
// of dnsmasq say something about booting.
func offered(network virt.Network, mac string) (offer dnsmasq.Rule, known bool) {
	rules, options := bootRules(network)
	if dnsmasq.SpeaksOfBooting(options) {
		return dnsmasq.Rule{}, false
	}
	offer = dnsmasq.Offer(rules, archS390X, mac)
	if offer.Bootfile == "" && network.IPv4 != nil && network.IPv4.DHCP != nil {
		offer.Bootfile, offer.NextServer = network.IPv4.DHCP.Bootfile, network.IPv4.DHCP.NextServer
	}
	return offer, true
}

// reserved is the address that a guest has a reservation for.
func reserved(network virt.Network, mac string) string {
	if network.IPv4 == nil || network.IPv4.DHCP == nil {
		return ""
	}
	for _, reservation := range network.IPv4.DHCP.Reservations {
		if canonicalMAC(reservation.MAC) == mac {
			return reservation.IP
		}
	}
	return ""
}

// checkNetwork checks what a network offers. Of one that this run does not plan, somebody may still
// change what is found now.
func (c netbootCheck) checkNetwork(nic int, network virt.Network, planned bool, offer dnsmasq.Rule) {
	at := path.Root("interfaces").AtListIndex(nic).AtName("network")
	severity := pxelinux.Warning
	if planned {
		severity = pxelinux.Error
	}
	if network.IPv4 == nil || network.IPv4.DHCP == nil {
		return // somebody else may answer there
	}
	if pxelinux.IsForeignLoader(offer.Bootfile) {
		c.report(&pxelinux.Problem{
			Severity: severity,
			Message:  fmt.Sprintf("DHCP on network %q tells this guest to boot %q, a boot loader of other machines; the firmware of s390x guests takes it for a kernel, jumps into it and stops without a word", network.Name, offer.Bootfile),
			Remedy:   "give the bootfile to the machines that it is for, by a rule of their arch in ipv4.dhcp.boot of the netboot_network, as s390x guests need none",
		}, at)
	}
	if name, twice := strings.CutPrefix(offer.ConfigFile, configDir+"/"); twice && offer.PathPrefix == "" {
		c.report(&pxelinux.Problem{
			Severity: severity,
			Message:  fmt.Sprintf("DHCP on network %q tells this guest to load the configuration %q, which its firmware looks for below %s/", network.Name, offer.ConfigFile, configDir),
			Remedy:   fmt.Sprintf("set config_file to %q", name),
		}, at)
	}
	config := c.guest.PxelinuxConfig
	root, known := c.r.plans.roots.find(poolOf(c.guest.local(config)))
	switch {
	case config.IsNull() || config.IsUnknown() || offer.NextServer != "" || network.TFTPRoot == root:
	case network.TFTPRoot == "":
		c.report(&pxelinux.Problem{
			Severity: severity,
			Message:  fmt.Sprintf("network %q serves no TFTP root, so the guest finds no file there", network.Name),
			Remedy:   "set tftp_root of the netboot_network to the path of the netboot_tftp_root",
		}, at)
	case known:
		c.report(&pxelinux.Problem{
			Severity: severity,
			Message:  fmt.Sprintf("network %q serves the TFTP root %s, and the configuration is below %s", network.Name, network.TFTPRoot, root),
			Remedy:   "give the network that tftp_root, or the guest a configuration of the other one",
		}, at)
	}
}

// configuration checks that the firmware asks for the configuration, and that no other comes first.
func (c netbootCheck) configuration(id string, searches []pxelinux.Search) {
	at := path.Root("pxelinux_config")
	root, file, ok := strings.Cut(id, "/")
	if !ok {
		c.diags.AddAttributeError(at, "Invalid pxelinux_config",
			fmt.Sprintf("%q is not the id of a netboot_pxelinux_config, which has the form tftp_root/file_name.", id))
		return
	}
	if c.unsure(file, searches) {
		return
	}
	var asked []string
	for _, search := range searches {
		paths, err := search.Paths()
		if err != nil {
			c.report(&pxelinux.Problem{Severity: pxelinux.Error, Message: err.Error(), Remedy: "nothing boots"}, at)
			return
		}
		if place := slices.Index(paths, configDir+"/"+file); place >= 0 {
			c.others(root, file, paths[:place])
			return
		}
		asked = append(asked, paths...)
	}
	c.report(&pxelinux.Problem{
		Severity: pxelinux.Error,
		Message:  fmt.Sprintf("this guest never reads %s/%s; its firmware asks for %s", configDir, file, strings.Join(asked, ", ")),
		Remedy:   "make the configuration for this guest's MAC address, " + searches[0].MAC + ", or for every guest",
	}, at)
}

// unsure tells whether only the running guest shows that it asks for a file: one of a UUID that it
// does not have yet, or of an address that DHCP chooses.
func (c netbootCheck) unsure(file string, searches []pxelinux.Search) bool {
	if pxelinux.IPv4Of(file) != "" {
		return slices.ContainsFunc(searches, func(s pxelinux.Search) bool { return s.IPv4 == "" })
	}
	_, err := pxelinux.UUIDFileName(file)
	return err == nil && c.guest.UUID.IsUnknown()
}

// others warns of what the firmware asks for before it asks for the configuration.
func (c netbootCheck) others(root, file string, before []string) {
	for _, p := range before {
		other, isConfig := strings.CutPrefix(p, configDir+"/")
		_, planned := c.r.plans.configs.find(root + "/" + other)
		if isConfig && !planned || pxelinux.IsForeignLoader(p) { // which the network's check refuses
			continue
		}
		c.report(&pxelinux.Problem{
			Severity: pxelinux.Warning,
			Message:  fmt.Sprintf("the firmware asks for %s before %s/%s, and boots by what it finds first", p, configDir, file),
			Remedy:   "set pxelinux_config to the one that the guest is to boot by, or take the other away",
		}, path.Root("pxelinux_config"))
	}
}

// bootFiles checks that kernel and initrd fit into the guest's memory.
func (c netbootCheck) bootFiles(ctx context.Context, id string) {
	config, known := c.r.plans.configs.find(id)
	if !known || c.guest.Memory.IsUnknown() {
		return
	}
	memory := c.memoryAtBoot()
	entry, err := config.Boot(pxelinux.UnknownFirmware, "")
	if err != nil {
		return // which the configuration's own plan has refused
	}
	size := func(p string) uint64 {
		file, _ := c.r.plans.files.find(poolOf(id) + "/" + strings.TrimPrefix(p, "/"))
		return file.size
	}
	kernel, initrd := size(entry.Kernel), size(entry.Initrd)
	if pxelinux.UnknownFirmware.CheckSize(kernel, initrd, memory) == nil {
		return
	}
	problem := c.r.firmware(ctx).CheckSize(kernel, initrd, memory)
	if problem != nil {
		problem.Message = fmt.Sprintf("entry %q: %s", entry.Label, problem.Message)
	}
	c.report(problem, path.Root("pxelinux_config"))
}

// report reports a problem, if there is one: an error always, a warning when the guest starts.
func (c netbootCheck) report(p *pxelinux.Problem, at path.Path) {
	switch {
	case p == nil:
	case p.Severity == pxelinux.Error:
		c.diags.AddAttributeError(at, "Guest would not boot", sentence(within(at, p)))
	case c.starts:
		c.diags.AddAttributeWarning(at, "Guest may not boot", sentence(within(at, p)))
	}
}

// poolOf is the TFTP root in the id of what is below it.
func poolOf(id string) string {
	root, _, _ := strings.Cut(id, "/")
	return root
}
