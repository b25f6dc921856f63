package devices

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Filesystem is an element of the attribute filesystems.
type Filesystem struct {
	Source   types.String `tfsdk:"source"`
	Target   types.String `tfsdk:"target"`
	Driver   types.String `tfsdk:"driver"`
	ReadOnly types.Bool   `tfsdk:"readonly"`
}

// FilesystemType is the type of an element of the attribute filesystems.
var FilesystemType = types.ObjectType{AttrTypes: framework.TypesOf(filesystemAttributes())}

func filesystemAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"source": schema.StringAttribute{
			MarkdownDescription: "Directory on the host.",
			Required:            true,
			Validators:          []validator.String{framework.AbsolutePath},
		},
		"target": schema.StringAttribute{
			MarkdownDescription: "Tag with which the guest mounts the directory: `mount -t virtiofs <target> /mnt`.",
			Required:            true,
			Validators:          []validator.String{framework.ObjectName},
		},
		"driver": schema.StringAttribute{
			MarkdownDescription: "`virtiofs`, which needs `memory_backing.shared`, or the slower `9p`. Default: `virtiofs`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(virt.Virtiofs),
			Validators:          []validator.String{stringvalidator.OneOf(virt.Virtiofs, virt.Plan9)},
		},
		"readonly": schema.BoolAttribute{
			MarkdownDescription: "Whether the guest can only read the directory. QEMU supports this only for `9p`. Default: `false`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(false),
		},
	}
}

// FilesystemsAttribute is the attribute for directories of the host.
func FilesystemsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Directories on the host that the guest can mount. `[]` removes all of them. Default: none; an imported guest keeps what it has.",
		Optional:            true,
		Computed:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: filesystemAttributes()},
	}
}

// Filesystems converts directories of the host for package virt. It returns nil, which leaves them unchanged, if the attribute is
// null or unknown.
func Filesystems(ctx context.Context, list types.List, diags *diag.Diagnostics) []virt.Filesystem {
	if list.IsNull() || list.IsUnknown() {
		return nil
	}
	var models []Filesystem
	diags.Append(list.ElementsAs(ctx, &models, false)...)
	return slices.Concat([]virt.Filesystem{}, framework.Each(models, func(m Filesystem) virt.Filesystem {
		return virt.Filesystem{Source: m.Source.ValueString(), Target: m.Target.ValueString(), Driver: m.Driver.ValueString(), ReadOnly: m.ReadOnly.ValueBool()}
	}))
}

// FromFilesystems reads the directories of the host that a guest has.
func FromFilesystems(ctx context.Context, before types.List, found []virt.Filesystem, diags *diag.Diagnostics) types.List {
	return framework.ListLike(ctx, before, FilesystemType, framework.Each(found, func(fs virt.Filesystem) Filesystem {
		return Filesystem{types.StringValue(fs.Source), types.StringValue(fs.Target), types.StringValue(fs.Driver), types.BoolValue(fs.ReadOnly)}
	}), diags)
}
