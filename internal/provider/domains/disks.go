package domains

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type diskModel struct {
	Volume   types.String `tfsdk:"volume"`
	Bus      types.String `tfsdk:"bus"`
	Serial   types.String `tfsdk:"serial"`
	ReadOnly types.Bool   `tfsdk:"readonly"`
	Cache    types.String `tfsdk:"cache"`
	Discard  types.String `tfsdk:"discard"`
	IO       types.String `tfsdk:"io"`
	Boot     types.Bool   `tfsdk:"boot"`
}

var diskType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"volume":   types.StringType,
	"bus":      types.StringType,
	"serial":   types.StringType,
	"readonly": types.BoolType,
	"cache":    types.StringType,
	"discard":  types.StringType,
	"io":       types.StringType,
	"boot":     types.BoolType,
}}

func bootsAttribute(what string) schema.BoolAttribute {
	return schema.BoolAttribute{
		MarkdownDescription: what + " Default: `true`.",
		Optional:            true,
		Computed:            true,
		Default:             booldefault.StaticBool(true),
	}
}

func diskAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"volume": schema.StringAttribute{
			MarkdownDescription: "The `id` of a volume, `<pool>/<name>`.",
			Required:            true,
		},
		"bus": schema.StringAttribute{
			MarkdownDescription: "`virtio` or `scsi`. Default: `virtio`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(defaultBus),
			Validators:          []validator.String{stringvalidator.OneOf(defaultBus, "scsi")},
		},
		"serial": schema.StringAttribute{
			MarkdownDescription: "Serial number that the guest sees.",
			Optional:            true,
			Validators:          []validator.String{serial},
		},
		"readonly": schema.BoolAttribute{
			MarkdownDescription: "Whether the guest can only read it. Default: `false`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(false),
		},
		"cache": schema.StringAttribute{
			MarkdownDescription: "How the host caches it: `none`, `writeback`, `writethrough`, `directsync` or `unsafe`. Default: QEMU's, `writeback`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("none", "writeback", "writethrough", "directsync", "unsafe")},
		},
		"discard": schema.StringAttribute{
			MarkdownDescription: "Whether what the guest discards is given back to the host's file system: `unmap` or `ignore`. Default: QEMU's, `ignore`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("unmap", "ignore")},
		},
		"io": schema.StringAttribute{
			MarkdownDescription: "How QEMU reads and writes it: `threads`, `native` (which needs `cache` `none` or `directsync`) or `io_uring`. Default: QEMU's, `threads`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("threads", "native", "io_uring")},
		},
		"boot": bootsAttribute("Whether the guest boots from it where `boot` has `disk`; of several, from the first."),
	}
}

// disks are the model's disks with their files on the host. With an error it says which attribute that
// is about.
func (r *domainResource) disks(ctx context.Context, m domainModel, diags *diag.Diagnostics) ([]virt.Disk, path.Path, error) {
	var models []diskModel
	diags.Append(m.Disks.ElementsAs(ctx, &models, false)...)
	var disks []virt.Disk
	for i, disk := range models {
		v, err := r.volume(ctx, m.Local(disk.Volume))
		if err != nil {
			return nil, path.Root("disks").AtListIndex(i).AtName("volume"), err
		}
		disks = append(disks, virt.Disk{
			Path:     v.Path,
			Format:   v.Format,
			Bus:      disk.Bus.ValueString(),
			Serial:   disk.Serial.ValueString(),
			ReadOnly: disk.ReadOnly.ValueBool(),
			Cache:    disk.Cache.ValueString(),
			Discard:  disk.Discard.ValueString(),
			IO:       disk.IO.ValueString(),
			NoBoot:   !disk.Boot.ValueBool(),
		})
	}
	return disks, path.Empty(), nil
}

// volume looks up the volume of an id.
func (r *domainResource) volume(ctx context.Context, id string) (virt.Volume, error) {
	pool, name, ok := strings.Cut(id, "/")
	if !ok {
		return virt.Volume{}, fmt.Errorf("%q is not the id of a volume, which has the form pool/name", id)
	}
	v, err := r.Host.Volume(ctx, pool, name)
	if err != nil {
		return virt.Volume{}, fmt.Errorf("volume %s: %w", id, err)
	}
	return v, nil
}

// fromDisks takes over the disks. Whether one boots shows only where disks do.
func (r *domainResource) fromDisks(ctx context.Context, m *domainModel, d virt.Domain, diags *diag.Diagnostics) error {
	var before []diskModel
	diags.Append(m.Disks.ElementsAs(ctx, &before, false)...)
	disks := make([]diskModel, len(d.Disks))
	for i, disk := range d.Disks {
		id, err := framework.VolumeID(ctx, r.Host, m.Placement, disk.Path)
		if err != nil {
			return err
		}
		disks[i] = diskModel{
			types.StringValue(id), types.StringValue(disk.Bus), framework.Optional(disk.Serial), types.BoolValue(disk.ReadOnly),
			framework.Optional(disk.Cache), framework.Optional(disk.Discard), framework.Optional(disk.IO), types.BoolValue(!disk.NoBoot),
		}
		at := slices.IndexFunc(before, func(b diskModel) bool { return m.Local(b.Volume) == m.Local(disks[i].Volume) })
		if at < 0 {
			continue
		}
		disks[i].Volume = before[at].Volume // with the host's name or without
		if !slices.Contains(d.Boot, virt.BootDisk) {
			disks[i].Boot = before[at].Boot
		}
	}
	m.Disks = framework.ListFrom(ctx, diskType, disks, diags)
	return nil
}

// changeOfDisks is how disks get from one list to another: they come and go while the guest runs, and
// those that stay do not change.
func changeOfDisks(ctx context.Context, plan, state domainModel) change {
	return changeOfDevices(ctx, state.Disks, plan.Disks, func(from, to diskModel) (same bool, how change) {
		other := plan.Local(from.Volume) != plan.Local(to.Volume)
		from.Volume = to.Volume // with the host's name or without
		switch {
		case other:
			return false, 0
		case from == to:
			return true, unchanged
		default:
			return true, needsRestart
		}
	})
}
