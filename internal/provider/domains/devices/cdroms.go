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

// CDROMType is that of an element of the attribute cdroms.
var CDROMType = types.ObjectType{AttrTypes: framework.TypesOf(cdromAttributes())}

func cdromAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"volume": schema.StringAttribute{
			MarkdownDescription: "The `id` of a volume, `<pool>/<name>`, that is in the drive. A drive with none of `volume`, `path` and `url` is empty.",
			Optional:            true,
		},
		"path": schema.StringAttribute{
			MarkdownDescription: "Path on the host of an ISO image that is in no pool, or of a drive.",
			Optional:            true,
			Validators:          []validator.String{framework.HostPath, stringvalidator.ConflictsWith(path.MatchRelative().AtParent().AtName("volume"))},
		},
		"url": schema.StringAttribute{
			MarkdownDescription: "An ISO image that QEMU itself reads from the network: `https://server:443/dvd.iso`.",
			Optional:            true,
			Validators: []validator.String{
				remoteURL,
				stringvalidator.ConflictsWith(path.MatchRelative().AtParent().AtName("volume"), path.MatchRelative().AtParent().AtName("path")),
			},
		},
		"bus": schema.StringAttribute{
			MarkdownDescription: "`scsi`, or on other architectures than s390x also `sata`, `ide` and `usb`. Default: `scsi`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("scsi"),
			Validators:          []validator.String{stringvalidator.OneOf("scsi", "sata", "ide", "usb", "virtio")},
		},
		"boot": bootsAttribute("Whether the guest boots from it where `boot` has `cdrom`; of several, from the first."),
	}
}

// CDROMsAttribute is for CD-ROM drives.
func CDROMsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "CD-ROM drives, in order. What is in them changes while the guest runs; one more or less restarts it. `[]` removes all of them. Default: none, and what an imported guest has.",
		Optional:            true,
		Computed:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: cdromAttributes()},
	}
}

// CDROMs are drives as libvirt's layer takes them; nil, which leaves them as they are, where nothing is known of them. With
// an error it says which attribute that is about.
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

// FromCDROMs are the drives of a guest, in the words of before where they say the same. Whether one boots shows only where
// drives do.
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
			read.Volume, read.URL = old[i].Volume, old[i].URL // which may be said in other words
		}
		if i < len(old) && !slices.Contains(d.Boot, virt.BootCDROM) {
			read.Boot = old[i].Boot
		}
		drives = append(drives, read)
	}
	return framework.ListLike(ctx, before, CDROMType, drives, diags), nil
}

// medium is what is in a drive.
func (m CDROM) medium() Disk { return Disk{Volume: m.Volume, Path: m.Path, URL: m.URL} }

// ChangeOfCDROMs is how drives get to be others: what is in them changes while the guest runs.
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
