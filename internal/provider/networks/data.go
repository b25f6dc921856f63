package networks

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type networkDataSource struct{ framework.DataSource[Host] }

// NewDataSource makes the data source netboot_network.
func NewDataSource() datasource.DataSource { return &networkDataSource{} }

type foundNetwork struct {
	framework.Placement
	Name      string       `tfsdk:"name"`
	UUID      string       `tfsdk:"uuid"`
	Mode      string       `tfsdk:"mode"`
	Bridge    types.String `tfsdk:"bridge"`
	Devices   []string     `tfsdk:"forward_devices"`
	PF        types.String `tfsdk:"physical_function"`
	Domain    types.String `tfsdk:"domain"`
	MTU       types.Int64  `tfsdk:"mtu"`
	Autostart bool         `tfsdk:"autostart"`
	Running   bool         `tfsdk:"running"`
	TFTPRoot  types.String `tfsdk:"tftp_root"`
	IPv4      *foundIP     `tfsdk:"ipv4"`
	IPv6      *foundIP     `tfsdk:"ipv6"`
	Guests    []string     `tfsdk:"guests"`
}

type foundIP struct {
	Address string      `tfsdk:"address"`
	Ranges  []ipRange   `tfsdk:"ranges"`
	Known   []knownHost `tfsdk:"reservations"`
}

type ipRange struct {
	Start string `tfsdk:"start"`
	End   string `tfsdk:"end"`
}

type knownHost struct {
	MAC      types.String `tfsdk:"mac"`
	IP       types.String `tfsdk:"ip"`
	Hostname types.String `tfsdk:"hostname"`
}

func (d *networkDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_network"
}

func (d *networkDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A network of the libvirt host, such as `default`. It does not matter who made the network.",
		Attributes: map[string]schema.Attribute{
			"host":              framework.DataHost,
			"name":              framework.DataKey("Name of the network.", framework.ObjectName),
			"uuid":              framework.DataString("UUID of the network."),
			"mode":              framework.DataString("How guests reach other networks: `nat`, `route`, `open`, `isolated`, `bridge`, `private`, `vepa`, `passthrough` or `hostdev`."),
			"bridge":            framework.DataString("Name of the network's bridge on the host. Null if guests are attached to devices of the host."),
			"forward_devices":   framework.DataStrings("Network devices of the host: those to which guests are attached by macvtap, or the one through which the host forwards packets."),
			"physical_function": framework.DataString("Network device of the host whose virtual functions guests get."),
			"domain":            framework.DataString("DNS domain of the guests."),
			"mtu":               framework.DataNumber("MTU of the bridge, in bytes. Null if the kernel chooses it."),
			"autostart":         framework.DataBool("Whether the network starts with the host."),
			"running":           framework.DataBool("Whether the network runs."),
			"tftp_root":         framework.DataString("Directory on the host that the network serves by TFTP."),
			"ipv4":              foundAddressing("IPv4 of the network: the host's address, and the addresses that DHCP hands out."),
			"ipv6":              foundAddressing("IPv6 of the network: the host's address, and the addresses that DHCP hands out."),
			"guests":            framework.DataStrings("Names of the running guests on the network."),
		},
	}
}

func foundAddressing(what string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: what,
		Computed:            true,
		Attributes: map[string]schema.Attribute{
			"address": framework.DataString("The host's address and the prefix length of the network, such as `192.168.122.1/24`."),
			"ranges": framework.DataObjects("Ranges of addresses that DHCP hands out.", map[string]schema.Attribute{
				"start": framework.DataString("First address of the range."),
				"end":   framework.DataString("Last address of the range."),
			}),
			"reservations": framework.DataObjects("Addresses that are reserved for certain guests.", map[string]schema.Attribute{
				"mac":      framework.DataString("MAC address of the guest."),
				"ip":       framework.DataString("Address that the guest gets."),
				"hostname": framework.DataString("Host name that the guest gets."),
			}),
		},
	}
}

func (d *networkDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var name string
	var at framework.Placement
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("name"), &name)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("host"), &at.Host)...)
	d = &networkDataSource{d.On(at, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, framework.CallTimeout)
	defer cancel()
	network, err := d.Host.Network(ctx, name)
	var guests []string
	if err == nil {
		guests, err = d.Host.NetworkGuests(ctx, name)
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("name"), "read", framework.Subject{Kind: "network", ID: name}, err)
		return
	}
	found := newFoundNetwork(network)
	found.Placement = at
	found.Guests = append([]string{}, guests...)
	resp.Diagnostics.Append(resp.State.Set(ctx, found)...)
}

func newFoundNetwork(n virt.Network) foundNetwork {
	found := foundNetwork{
		Name:      n.Name,
		UUID:      n.UUID,
		Mode:      n.Mode,
		Bridge:    framework.Optional(n.Bridge),
		Devices:   append([]string{}, n.Devices...),
		PF:        framework.Optional(n.PF),
		Domain:    framework.Optional(n.Domain),
		Autostart: n.Autostart,
		Running:   n.Active,
		TFTPRoot:  framework.Optional(n.TFTPRoot),
		IPv4:      newFoundIP(n.IPv4),
		IPv6:      newFoundIP(n.IPv6),
	}
	if n.MTU > 0 {
		found.MTU = types.Int64Value(int64(n.MTU))
	}
	return found
}

func newFoundIP(ip *virt.IP) *foundIP {
	if ip == nil {
		return nil
	}
	found := &foundIP{Address: ip.Address.String(), Ranges: []ipRange{}, Known: []knownHost{}}
	if ip.DHCP == nil {
		return found
	}
	for _, r := range ip.DHCP.Ranges {
		found.Ranges = append(found.Ranges, ipRange{r.Start, r.End})
	}
	for _, r := range ip.DHCP.Reservations {
		found.Known = append(found.Known, knownHost{framework.Optional(r.MAC), framework.Optional(r.IP), framework.Optional(r.Hostname)})
	}
	return found
}
