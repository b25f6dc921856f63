package devices

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Hostdev is an element of the attribute hostdevs.
type Hostdev struct {
	Mdev  types.String `tfsdk:"mdev"`
	Model types.String `tfsdk:"model"`
	PCI   types.String `tfsdk:"pci"`
}

// HostdevType is the type of an element of the attribute hostdevs.
var HostdevType = types.ObjectType{AttrTypes: framework.TypesOf(hostdevAttributes())}

func hostdevAttributes() map[string]schema.Attribute {
	mdev := framework.Sibling("mdev")
	return map[string]schema.Attribute{
		"mdev": schema.StringAttribute{
			MarkdownDescription: "UUID of an existing mediated device. `mdevctl list` shows it.",
			Optional:            true,
			Validators:          []validator.String{mdevUUID, stringvalidator.AlsoRequires(framework.Sibling("model"))},
		},
		"model": schema.StringAttribute{
			MarkdownDescription: "Model of `mdev`: `vfio-ccw` (a DASD), `vfio-ap` (crypto) or `vfio-pci`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("vfio-ccw", "vfio-ap", "vfio-pci"), stringvalidator.AlsoRequires(mdev)},
		},
		"pci": schema.StringAttribute{
			MarkdownDescription: "Address of a PCI function in the format of `lspci -D`: `0000:01:00.1`. libvirt detaches the function from the host's driver, and returns it afterwards. For a network adapter, use `interfaces` instead.",
			Optional:            true,
			Validators:          []validator.String{pciAddress},
		},
	}
}

// HostdevsAttribute is the attribute for devices of the host.
func HostdevsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Devices of the host that are assigned only to this guest. They can be added and removed while the guest runs. `[]` removes all of them. Default: none; an imported guest keeps what it has. For USB and SCSI devices, use `devices_xml`.",
		Optional:            true,
		Computed:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: hostdevAttributes()},
	}
}

// Hostdevs converts devices of the host for package virt.
func Hostdevs(ctx context.Context, list types.List, diags *diag.Diagnostics) []virt.Hostdev {
	var models []Hostdev
	diags.Append(list.ElementsAs(ctx, &models, false)...)
	return framework.Each(models, func(m Hostdev) virt.Hostdev {
		return virt.Hostdev{Mdev: strings.ToLower(m.Mdev.ValueString()), Model: m.Model.ValueString(), PCI: m.PCI.ValueString()}
	})
}

// FromHostdevs reads the devices of the host that a guest has, in the spelling of before if that means the same.
func FromHostdevs(ctx context.Context, before types.List, found []virt.Hostdev, diags *diag.Diagnostics) types.List {
	var old []Hostdev
	diags.Append(before.ElementsAs(ctx, &old, false)...)
	models := framework.Each(found, func(dev virt.Hostdev) Hostdev {
		read := Hostdev{framework.Optional(dev.Mdev), framework.Optional(dev.Model), framework.Optional(dev.PCI)}
		if at := slices.IndexFunc(old, read.isSame); at >= 0 {
			read.Mdev = old[at].Mdev // in upper or lower case
		}
		return read
	})
	return framework.ListLike(ctx, before, HostdevType, models, diags)
}

func (m Hostdev) isSame(other Hostdev) bool {
	return strings.EqualFold(m.Mdev.ValueString(), other.Mdev.ValueString()) && m.PCI.Equal(other.PCI)
}

// ValidateHostdevs checks that each element is exactly one device, and that no device is listed twice.
func ValidateHostdevs(ctx context.Context, list types.List, diags *diag.Diagnostics) {
	if list.IsUnknown() || framework.HasUnknownElement(list) {
		return
	}
	var models []Hostdev
	diags.Append(list.ElementsAs(ctx, &models, false)...)
	for i, m := range models {
		at := path.Root("hostdevs").AtListIndex(i)
		switch {
		case m.Mdev.IsUnknown() || m.PCI.IsUnknown():
		case m.Mdev.IsNull() == m.PCI.IsNull():
			framework.AddError(diags, at, "Invalid hostdev", "A device of the host is a mediated device or a PCI function. Set either mdev or pci.")
		case slices.IndexFunc(models, m.isSame) < i:
			framework.AddError(diags, at, "Invalid hostdev", "Another element of hostdevs is the same device.")
		}
	}
}

// ChangeOfHostdevs is what a change of the devices of the host does to a running guest: they can be added and removed live.
func ChangeOfHostdevs(ctx context.Context, from, to types.List) Change {
	return changeOf(ctx, from, to, func(from, to Hostdev) (same bool, how Change) {
		switch {
		case !from.isSame(to):
			return false, 0
		case from.Model.Equal(to.Model):
			return true, Unchanged
		default:
			return true, NeedsRestart
		}
	})
}

func checkUUID(value string) error {
	if _, err := uuid.Parse(value); err != nil || len(value) != 36 {
		return fmt.Errorf("%q is not a UUID, such as 0a1b2c3d-0000-4000-8000-0000000000c2", value)
	}
	return nil
}
