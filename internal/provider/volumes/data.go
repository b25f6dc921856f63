package volumes

import (
	"cmp"
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type volumeDataSource struct{ framework.DataSource[Host] }

// NewDataSource makes the data source netboot_volume.
func NewDataSource() datasource.DataSource { return &volumeDataSource{} }

type foundVolume struct {
	framework.Placement
	ID              types.String `tfsdk:"id"`
	Name            types.String `tfsdk:"name"`
	Pool            types.String `tfsdk:"pool"`
	Path            types.String `tfsdk:"path"`
	Format          types.String `tfsdk:"format"`
	CapacityBytes   types.Int64  `tfsdk:"capacity_bytes"`
	AllocationBytes types.Int64  `tfsdk:"allocation_bytes"`
	BackingPath     types.String `tfsdk:"backing_path"`
	Mode            types.String `tfsdk:"mode"`
}

func (d *volumeDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_volume"
}

func (d *volumeDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A volume on the libvirt host, created by any program: for example a base image for overlays, or a disk for a guest.",
		Attributes: map[string]schema.Attribute{
			"id":               framework.DataString("`<pool>/<name>`, for `disks` of a `netboot_domain` and `backing` of a `netboot_volume`."),
			"host":             framework.DataHost,
			"name":             framework.DataKey("Name of the volume.", framework.ObjectName),
			"pool":             schema.StringAttribute{MarkdownDescription: "Storage pool of the volume. Default: `" + defaultPool + "`.", Optional: true, Computed: true},
			"path":             framework.DataString("Path of the volume's file on the host."),
			"format":           framework.DataString("`qcow2`, `raw`, or another format that libvirt knows."),
			"capacity_bytes":   framework.DataNumber("Size of the disk that a guest sees, in bytes."),
			"allocation_bytes": framework.DataNumber("Number of bytes that the volume uses on the host."),
			"backing_path":     framework.DataString("Path of the backing file, if the volume is an overlay."),
			"mode":             framework.DataString("Permissions of the file in octal digits."),
		},
	}
}

func (d *volumeDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config foundVolume
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	d = &volumeDataSource{d.On(config.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, framework.CallTimeout)
	defer cancel()
	pool, name := cmp.Or(config.Pool.ValueString(), defaultPool), config.Name.ValueString()
	v, err := d.Host.Volume(ctx, pool, name)
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("name"), "read", framework.Subject{Kind: "volume", ID: pool + "/" + name}, err)
		return
	}
	found := newFoundVolume(v)
	found.Placement, found.ID = config.Placement, types.StringValue(config.Qualified(v.Pool+"/"+v.Name))
	resp.Diagnostics.Append(resp.State.Set(ctx, found)...)
}

func newFoundVolume(v virt.Volume) foundVolume {
	found := foundVolume{
		Name:            types.StringValue(v.Name),
		Pool:            types.StringValue(v.Pool),
		Path:            types.StringValue(v.Path),
		Format:          types.StringValue(v.Format),
		CapacityBytes:   types.Int64Value(int64(v.Capacity)),
		AllocationBytes: types.Int64Value(int64(v.Allocation)),
		Mode:            framework.Optional(v.Mode),
	}
	if v.Backing != nil {
		found.BackingPath = types.StringValue(v.Backing.Path)
	}
	return found
}
