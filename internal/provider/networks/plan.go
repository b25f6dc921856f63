package networks

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// heldAttributes are the attributes of what a network serves that stay as they are on the host until a configuration
// sets them.
var heldAttributes = []string{"ipv6", "dns", "routes", "dnsmasq_options"}

// setKey is the key in the private state for the names of the attributes that the configuration set at the last apply.
const setKey = "set"

// ModifyPlan fills in what the configuration leaves to the host, and reports how the network changes and which running
// guests are on it.
func (r *networkResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		var state networkModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		r = &networkResource{r.On(state.Placement, &resp.Diagnostics)}
		if resp.Diagnostics.HasError() {
			return
		}
		r.Plans.Holds.Add(netboot.NetworkHolder(state.Name.ValueString()), nil)
		framework.WarnImported(ctx, req, state.subject(), "removes its definition, its DHCP leases and, if libvirt made it, its bridge", &resp.Diagnostics)
		return
	}
	var config, plan networkModel
	var state *networkModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	wasSet := loadSet(ctx, req.Private, &resp.Diagnostics)
	r = &networkResource{r.On(plan.Placement, &resp.Diagnostics)}
	if state != nil {
		framework.CheckRenamed(ctx, req.Private, "network", plan.Name, state.Name, "libvirt cannot rename a network, so another program or user has defined it again under this name.", &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() || plan.Host.IsUnknown() {
		return
	}
	if state == nil {
		plan.complete(config, noNetwork(), nil)
		plan.validateNew(&resp.Diagnostics)
	} else {
		plan.complete(config, state.without(wasSet), wasSet)
	}
	change := networkChange{plan: plan, state: state, known: plan.isKnown(ctx)}
	if change.known {
		change.now = plan.definition(ctx, &resp.Diagnostics)
		r.note(change.now.Network)
	}
	if state != nil {
		change.before = state.definition(ctx, &resp.Diagnostics)
		change.keepWords()
	}
	change.check(&resp.Diagnostics)
	change.claim(framework.NewClaims(ctx, r.Plans, plan.subject(), req, resp))
	if change.known {
		r.checkSubnets(ctx, change, &resp.Diagnostics)
	}
	r.checkBridge(ctx, change, &resp.Diagnostics)
	r.checkVLANs(ctx, change, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, change.plan)...)
	r.warn(ctx, change, &resp.Diagnostics)
}

// note records what this run plans, for other resources.
func (r *networkResource) note(n virt.Network) {
	r.Plans.Networks.Add(n.Name, framework.NetworkOf(n))
	if n.MakesBridge() && n.Bridge != "" {
		r.Plans.Bridges.Add(n.Bridge, n.Name)
	}
}

// networkChange is a planned change of a network.
type networkChange struct {
	plan        networkModel
	state       *networkModel // nil for a new network
	now, before definition
	known       bool // whether now is
}

// claim claims the name and the bridge, which only one network can have.
func (c networkChange) claim(claims framework.Claims) {
	before := virt.Network{}
	if c.state != nil {
		before = c.before.Network
	}
	claims.Add(path.Root("name"), framework.Subject{Kind: "network", ID: c.plan.Name.ValueString()}, c.now.Name != before.Name)
	if !c.known {
		return
	}
	if c.now.MakesBridge() {
		claims.Add(path.Root("bridge"), framework.Subject{Kind: "bridge", ID: c.now.Bridge}, c.now.Bridge != before.Bridge)
	}
}

// noNetwork is the model before a network exists.
func noNetwork() networkModel {
	return networkModel{
		IPv6: types.ObjectNull(ipv6Types), DNS: types.ObjectNull(dnsTypes), Routes: types.ListNull(routeType), DnsmasqOptions: types.ListNull(types.StringType),
		Devices: types.ListNull(types.StringType), PF: types.StringNull(),
	}
}

// without is the model without the named attributes.
func (m networkModel) without(names []string) networkModel {
	none := noNetwork()
	for _, name := range names {
		switch name {
		case "ipv6":
			m.IPv6 = none.IPv6
		case "dns":
			m.DNS = none.DNS
		case "dnsmasq_options":
			m.DnsmasqOptions = none.DnsmasqOptions
		case "routes":
			m.Routes = none.Routes
		case "forward_devices":
			m.Devices = none.Devices
		case "physical_function":
			m.PF = none.PF
		}
	}
	return m
}

// loadSet reads the names that saveSet has saved.
func loadSet(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) []string {
	names := framework.LoadPrivate[[]string](ctx, private, setKey, diags)
	if names == nil {
		return nil
	}
	return *names
}

// saveSet saves the names of the set attributes that are removed from the network as soon as the configuration no longer
// sets them.
func (m networkModel) saveSet(ctx context.Context, private framework.PrivateWriter, diags *diag.Diagnostics) {
	names := m.setLeases()
	for name, value := range map[string]attr.Value{
		"ipv6": m.IPv6, "dns": m.DNS, "routes": m.Routes, "dnsmasq_options": m.DnsmasqOptions, "forward_devices": m.Devices, "physical_function": m.PF,
	} {
		if !value.IsNull() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	framework.SavePrivate(ctx, private, setKey, &names, diags)
}

// complete fills in what the configuration omits with the values from before.
func (m *networkModel) complete(config, before networkModel, wasSet []string) {
	m.ID = m.QualifiedName(m.Name)
	m.completePlug(config, before)
	if m.isPluggedIn() { // and so serves nothing
		before = before.without(heldAttributes)
	}
	stp, delay := before.spanningTree(m.Mode)
	framework.Fill(&m.STP, config.STP, stp)
	framework.Fill(&m.Delay, config.Delay, delay)
	framework.Fill(&m.IPv6, config.IPv6, before.IPv6)
	framework.Fill(&m.DNS, config.DNS, before.DNS)
	framework.Fill(&m.Routes, config.Routes, before.Routes)
	framework.Fill(&m.DnsmasqOptions, config.DnsmasqOptions, before.DnsmasqOptions)
	m.completeLeases(config, before, wasSet)
}

// spanningTree is the default of stp and delay in a mode. A new network has no spanning tree: while its bridge listens
// for other bridges, it drops the DHCP requests of firmware.
func (m networkModel) spanningTree(mode types.String) (stp types.Bool, delay types.Int64) {
	switch {
	case mode.IsUnknown():
		return types.BoolUnknown(), types.Int64Unknown()
	case !virt.MakesBridge(mode.ValueString()):
		return types.BoolNull(), types.Int64Null()
	case m.STP.IsNull():
		return types.BoolValue(false), types.Int64Value(0)
	default:
		return m.STP, m.Delay
	}
}

// bridgeOf is the bridge if the configuration does not name one: the bridge that libvirt chose. If the network is going
// to be started, the bridge is unknown, because another network may use the old name by then.
func (m networkModel) bridgeOf(plan networkModel) types.String {
	starts := !m.Running.ValueBool() && !plan.Running.Equal(m.Running)
	if m.Bridge.IsNull() || starts || m.isPluggedIn() {
		return types.StringUnknown()
	}
	return m.Bridge
}

// keepWords keeps the spelling of the state if the plan means the same: a MAC address or a lease time can be written in
// several ways.
func (c *networkChange) keepWords() {
	if !c.known {
		return
	}
	if reflect.DeepEqual(c.now.IPv4, c.before.IPv4) && slices.Equal(c.now.boot, c.before.boot) && saysLeasesAlike(c.plan.IPv4, c.state.IPv4) {
		c.plan.IPv4 = c.state.IPv4
	}
	if reflect.DeepEqual(c.now.IPv6, c.before.IPv6) && saysLeasesAlike(c.plan.IPv6, c.state.IPv6) {
		c.plan.IPv6 = c.state.IPv6
	}
	if reflect.DeepEqual(c.now.DNS, c.before.DNS) {
		c.plan.DNS = c.state.DNS
	}
}

// warn reports what a user wants to know before the change is applied.
func (r *networkResource) warn(ctx context.Context, c networkChange, diags *diag.Diagnostics) {
	if c.known && (c.state == nil || !reflect.DeepEqual(c.now.IPv4, c.before.IPv4) || !slices.Equal(c.now.Options, c.before.Options)) {
		r.warnOfForeignLoader(c.now.Network, diags)
	}
	if c.state == nil || !c.plan.TFTPRoot.Equal(c.state.TFTPRoot) {
		r.warnOfConfinement(ctx, c.plan, diags)
	}
	if c.state == nil || !c.state.Running.ValueBool() {
		return
	}
	summary, detail := c.announce()
	if summary == "" {
		return
	}
	guests, err := r.Host.NetworkGuests(ctx, c.state.Name.ValueString())
	if err != nil {
		framework.Fail(diags, path.Empty(), "plan", c.plan.subject(), err)
		return
	}
	diags.AddWarning(fmt.Sprintf("Network %q will be %s", c.plan.Name.ValueString(), summary), fmt.Sprintf(detail, guestList(guests)))
}

// warnOfForeignLoader warns about a bootfile that s390x guests on the network cannot boot.
func (r *networkResource) warnOfForeignLoader(n virt.Network, diags *diag.Diagnostics) {
	offer, known := framework.NetworkOf(n).Offer(arch.S390X, "")
	if !known || !pxelinux.IsForeignLoader(offer.Bootfile) || r.Plans.IsKernel(n.TFTPRoot, offer.Bootfile) {
		return
	}
	diags.AddAttributeWarning(path.Root("ipv4").AtName("dhcp").AtName("bootfile"), "Bootfile is for other architectures",
		fmt.Sprintf("DHCP tells s390x guests on network %q to boot %q. Their firmware treats the file as a kernel and stops without a message. "+
			"Instead of bootfile, add a rule in ipv4.dhcp.boot for the architecture that the file is for. This warning appears only when the network's addresses change.",
			n.Name, offer.Bootfile))
}

// confinements are the directories in which the usual policy of a security model lets dnsmasq read files.
// AppArmor: apparmor.d/usr.sbin.dnsmasq, @{TFTP_DIR}; SELinux: the contexts of tftpdir_t in refpolicy.
var confinements = map[string][]string{
	"apparmor": {"/srv/tftp", "/srv/tftpboot", "/var/tftp"},
	"selinux":  {"/var/lib/tftpboot", "/tftpboot"},
}

// warnOfConfinement warns about a TFTP root that dnsmasq may not be allowed to read on the host.
func (r *networkResource) warnOfConfinement(ctx context.Context, plan networkModel, diags *diag.Diagnostics) {
	root := plan.TFTPRoot.ValueString()
	if root == "" {
		return
	}
	capabilities, err := r.Host.Capabilities(ctx)
	if err != nil {
		return // a create or an update reports this error
	}
	for _, model := range capabilities.SecurityModels {
		allowed, known := confinements[model]
		if !known || slices.ContainsFunc(allowed, func(dir string) bool { return root == dir || strings.HasPrefix(root, dir+"/") }) {
			continue
		}
		diags.AddAttributeWarning(path.Root("tftp_root"), "Security policy may block the TFTP root",
			fmt.Sprintf("The host runs %s. Its usual policy lets dnsmasq read only below %s, and %s is not below them. If the network does not start, or guests cannot read files, "+
				"use one of these directories, or allow this one in the policy (AppArmor: the tunable TFTP_DIR; SELinux: the type tftpdir_t).", model, strings.Join(allowed, ", "), root))
	}
}
