package devices

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// CDROM is an element of the attribute cdroms.
type CDROM struct {
	Volume types.String `tfsdk:"volume"`
	Path   types.String `tfsdk:"path"`
	URL    types.String `tfsdk:"url"`
	Bus    types.String `tfsdk:"bus"`
	Boot   types.Bool   `tfsdk:"boot"`
}

// CDROMType is the type of an element of the attribute cdroms.
var CDROMType = types.ObjectType{AttrTypes: framework.TypesOf(cdromAttributes())}

func cdromAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"volume": schema.StringAttribute{
			MarkdownDescription: "The `id` of a volume in the drive, `<pool>/<name>`. A drive without `volume`, `path` and `url` is empty.",
			Optional:            true,
		},
		"path": schema.StringAttribute{
			MarkdownDescription: "Path on the host of an ISO image that is in no pool, or of a CD-ROM drive.",
			Optional:            true,
			Validators:          []validator.String{framework.HostPath, stringvalidator.ConflictsWith(framework.Sibling("volume"))},
		},
		"url": schema.StringAttribute{
			MarkdownDescription: "URL of an ISO image that QEMU itself reads from the network: `https://server:443/dvd.iso`.",
			Optional:            true,
			Validators: []validator.String{
				remoteURL,
				stringvalidator.ConflictsWith(framework.Sibling("volume"), framework.Sibling("path")),
			},
		},
		"bus": schema.StringAttribute{
			MarkdownDescription: "`scsi`; on architectures other than s390x also `sata`, `ide` or `usb`. Default: `scsi`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("scsi"),
			Validators:          []validator.String{stringvalidator.OneOf("scsi", "sata", "ide", "usb", "virtio")},
		},
		"boot": bootsAttribute("Whether the guest can boot from this drive if its `boot` contains `cdrom`. The guest boots from the first such drive."),
	}
}

// CDROMsAttribute is the attribute for CD-ROM drives.
func CDROMsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "CD-ROM drives, in order. The medium in a drive can change while the guest runs. Adding or removing a drive restarts the guest. `[]` removes all drives. Default: none; an imported guest keeps what it has.",
		Optional:            true,
		Computed:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: cdromAttributes()},
	}
}

// CDROMs converts drives for package virt. It returns nil, which leaves the drives unchanged, if the attribute is null or unknown.
// With an error it returns the attribute that the error is about.
func CDROMs(ctx context.Context, host Host, at framework.Placement, list types.List, diags *diag.Diagnostics) ([]virt.Disk, path.Path, error) {
	if list.IsNull() || list.IsUnknown() {
		return nil, path.Empty(), nil
	}
	var models []CDROM
	diags.Append(list.ElementsAs(ctx, &models, false)...)
	drives := []virt.Disk{}
	for i, model := range models {
		drive := virt.Disk{Path: model.Path.ValueString(), URL: model.URL.ValueString(), Bus: model.Bus.ValueString(), NoBoot: !model.Boot.ValueBool()}
		if !model.Volume.IsNull() {
			v, err := volume(ctx, host, at.Local(model.Volume))
			if err != nil {
				return nil, path.Root("cdroms").AtListIndex(i).AtName("volume"), err
			}
			drive.Path, drive.Volume = v.Path, at.Local(model.Volume)
		}
		drive.Block = isDevice(drive.Path)
		drives = append(drives, drive)
	}
	return drives, path.Empty(), nil
}

// FromCDROMs reads the drives of a guest, in the spelling of before if that means the same. Whether the guest boots from a drive is
// known only if it boots from drives at all.
func FromCDROMs(ctx context.Context, host Host, at framework.Placement, before types.List, d virt.Domain, diags *diag.Diagnostics) (types.List, error) {
	var old []CDROM
	diags.Append(before.ElementsAs(ctx, &old, false)...)
	oldDisks := framework.Each(old, CDROM.medium)
	var drives []CDROM
	for i, drive := range d.CDROMs {
		medium := Disk{URL: framework.Optional(drive.URL)}
		if err := medium.locate(ctx, host, at, drive, oldDisks); err != nil {
			return types.ListNull(CDROMType), err
		}
		read := CDROM{medium.Volume, medium.Path, medium.URL, types.StringValue(drive.Bus), types.BoolValue(!drive.NoBoot)}
		if i < len(old) && oldDisks[i].isSame(at, medium) {
			read.Volume, read.URL = old[i].Volume, old[i].URL // they may be spelled differently
		}
		if i < len(old) && !slices.Contains(d.Boot, virt.BootCDROM) {
			read.Boot = old[i].Boot
		}
		drives = append(drives, read)
	}
	return framework.ListLike(ctx, before, CDROMType, drives, diags), nil
}

// medium is the medium in a drive.
func (m CDROM) medium() Disk { return Disk{Volume: m.Volume, Path: m.Path, URL: m.URL} }

// ChangeOfCDROMs is what a change of the drives does to a running guest: only the media can change live.
func ChangeOfCDROMs(ctx context.Context, at framework.Placement, from, to types.List) Change {
	if from.Equal(to) {
		return Unchanged
	}
	var before, after []CDROM
	if to.IsUnknown() || framework.HasUnknownElement(to) || from.ElementsAs(ctx, &before, false).HasError() || to.ElementsAs(ctx, &after, false).HasError() || len(before) != len(after) {
		return NeedsRestart
	}
	how := Unchanged
	for i, drive := range after {
		if drive.Bus != before[i].Bus || drive.Boot != before[i].Boot {
			return NeedsRestart
		}
		if !drive.medium().isSame(at, before[i].medium()) {
			how = MadeLive
		}
	}
	return how
}
