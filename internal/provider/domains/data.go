package domains

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type domainDataSource struct{ framework.DataSource[Host] }

// NewDataSource makes the data source netboot_domain.
func NewDataSource() datasource.DataSource { return &domainDataSource{} }

type foundDomain struct {
	framework.Placement
	Name        string           `tfsdk:"name"`
	UUID        string           `tfsdk:"uuid"`
	Arch        string           `tfsdk:"arch"`
	Machine     string           `tfsdk:"machine"`
	Accelerator string           `tfsdk:"accelerator"`
	VCPUs       int64            `tfsdk:"vcpus"`
	MemoryBytes int64            `tfsdk:"memory_bytes"`
	Autostart   bool             `tfsdk:"autostart"`
	State       string           `tfsdk:"state"`
	Running     bool             `tfsdk:"running"`
	Boot        []string         `tfsdk:"boot"`
	Disks       []foundDisk      `tfsdk:"disks"`
	Interfaces  []foundInterface `tfsdk:"interfaces"`
	Addresses   []string         `tfsdk:"addresses"`
}

type foundDisk struct {
	Path     types.String `tfsdk:"path"`
	Volume   types.String `tfsdk:"volume"`
	URL      types.String `tfsdk:"url"`
	Bus      string       `tfsdk:"bus"`
	Serial   types.String `tfsdk:"serial"`
	ReadOnly bool         `tfsdk:"readonly"`
	Beneath  []string     `tfsdk:"beneath"`
}

type foundInterface struct {
	Network types.String `tfsdk:"network"`
	Bridge  types.String `tfsdk:"bridge"`
	Device  types.String `tfsdk:"device"`
	PCI     types.String `tfsdk:"pci"`
	MAC     string       `tfsdk:"mac"`
}

func (d *domainDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_domain"
}

func (d *domainDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A guest on the libvirt host, created by any program: its definition, its current state and its current addresses.",
		Attributes: map[string]schema.Attribute{
			"host":         framework.DataHost,
			"name":         framework.DataKey("Name of the guest.", framework.ObjectName),
			"uuid":         framework.DataString("UUID of the domain."),
			"arch":         framework.DataString("Architecture of the guest."),
			"machine":      framework.DataString("Machine type with its version."),
			"accelerator":  framework.DataString("`kvm` or `tcg`."),
			"vcpus":        framework.DataNumber("Number of virtual CPUs."),
			"memory_bytes": framework.DataNumber("Memory, in bytes."),
			"autostart":    framework.DataBool("Whether the guest starts when the host starts."),
			"state":        framework.DataString("State of the guest: `running`, `paused`, `off` or `crashed`."),
			"running":      framework.DataBool("Whether `state` is `running`."),
			"boot":         framework.DataStrings("Classes of devices that the guest boots from, in order."),
			"disks": framework.DataObjects("Disks of the guest, in order.", map[string]schema.Attribute{
				"path":     framework.DataString("Path of the file or the block device on the host."),
				"volume":   framework.DataString("The volume, `<pool>/<name>`, if the definition has a volume instead of a path."),
				"url":      framework.DataString("URL of network storage, instead of a path."),
				"bus":      framework.DataString("Bus, such as `virtio`."),
				"serial":   framework.DataString("Serial number that the guest sees."),
				"readonly": framework.DataBool("Whether the guest can only read the disk."),
				"beneath":  framework.DataStrings("Files that the disk is an overlay on, from the top down, for example after a snapshot or with a backing volume."),
			}),
			"interfaces": framework.DataObjects("Network interfaces of the guest, in order.", map[string]schema.Attribute{
				"network": framework.DataString("Name of the libvirt network."),
				"bridge":  framework.DataString("Name of the bridge on the host, instead of a network."),
				"device":  framework.DataString("Name of the network device on the host that the guest shares with macvtap."),
				"pci":     framework.DataString("Address of the PCI function of the host that is assigned to the guest."),
				"mac":     framework.DataString("MAC address."),
			}),
			"addresses": framework.DataStrings("IP addresses that libvirt's DHCP server leased to the guest."),
		},
	}
}

func (d *domainDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var name string
	var at framework.Placement
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("name"), &name)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("host"), &at.Host)...)
	d = &domainDataSource{d.On(at, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, framework.CallTimeout)
	defer cancel()
	found, err := d.find(ctx, name)
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("name"), "read", framework.Subject{Kind: "domain", ID: name}, err)
		return
	}
	found.Placement = at
	resp.Diagnostics.Append(resp.State.Set(ctx, found)...)
}

func (d *domainDataSource) find(ctx context.Context, name string) (foundDomain, error) {
	domain, err := d.Host.Domain(ctx, name)
	if err != nil {
		return foundDomain{}, err
	}
	found := newFoundDomain(domain)
	for i, disk := range domain.Disks {
		if found.Disks[i].Beneath, err = d.beneath(ctx, name, disk); err != nil {
			return found, err
		}
	}
	addresses, err := d.Host.Addresses(ctx, name, virt.FromLeases)
	if err != nil && !framework.IsNotFound(err) { // a network that no longer exists has no leases, but the guest exists
		return found, err
	}
	for _, address := range addresses {
		found.Addresses = append(found.Addresses, address.String())
	}
	return found, nil
}

// beneath asks the host only if libvirt did not return the chain with the disk.
func (d *domainDataSource) beneath(ctx context.Context, domain string, disk virt.Disk) ([]string, error) {
	layers := disk.Chain
	if layers == nil && disk.Format != "raw" {
		var err error
		if layers, err = d.Host.Beneath(ctx, domain, disk); err != nil {
			return nil, err
		}
	}
	return append([]string{}, framework.Each(layers, func(l virt.Layer) string { return l.Where })...), nil
}

func newFoundDomain(d virt.Domain) foundDomain {
	found := foundDomain{
		Name:        d.Name,
		UUID:        d.UUID,
		Arch:        d.Arch,
		Machine:     d.Machine,
		Accelerator: d.Accelerator,
		VCPUs:       int64(d.VCPUs),
		MemoryBytes: int64(d.Memory),
		Autostart:   d.Autostart,
		State:       d.State.String(),
		Running:     d.State == virt.Running,
		Boot:        append([]string{}, d.Boot...),
		Disks:       []foundDisk{},
		Interfaces:  []foundInterface{},
		Addresses:   []string{},
	}
	for _, disk := range d.Disks {
		found.Disks = append(found.Disks, foundDisk{framework.Optional(disk.Path), framework.Optional(disk.Volume), framework.Optional(disk.URL), disk.Bus, framework.Optional(disk.Serial), disk.ReadOnly, nil})
	}
	for _, nic := range d.Interfaces {
		found.Interfaces = append(found.Interfaces, foundInterface{framework.Optional(nic.Network), framework.Optional(nic.Bridge), framework.Optional(nic.Device), framework.Optional(nic.PCI), nic.MAC})
	}
	return found
}
