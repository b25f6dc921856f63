package volumes

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type backingModel struct {
	Volume types.String `tfsdk:"volume"`
	Path   types.String `tfsdk:"path"`
	Format types.String `tfsdk:"format"`
}

var backingTypes = map[string]attr.Type{
	"volume": types.StringType,
	"path":   types.StringType,
	"format": types.StringType,
}

func backingAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"volume": schema.StringAttribute{
			MarkdownDescription: "The `id` of a volume, `<pool>/<name>`.",
			Optional:            true,
		},
		"path": schema.StringAttribute{
			MarkdownDescription: "Path of a file on the host.",
			Optional:            true,
			Validators:          []validator.String{framework.AbsolutePath},
		},
		"format": schema.StringAttribute{
			MarkdownDescription: "Format of the backing, such as `qcow2` or `raw`. Default: the format of the volume; `raw` for a `path`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf(formats...)},
		},
	}
}

// validate checks what the schema cannot.
func (b backingModel) validate(diags *diag.Diagnostics) {
	if !b.Volume.IsUnknown() && !b.Path.IsUnknown() && b.Volume.IsNull() == b.Path.IsNull() {
		diags.AddAttributeError(path.Root("backing"), "Invalid backing", "A volume is an overlay on another volume or on a file: set either volume or path.")
	}
}

// resolve finds the backing file of an overlay, its format and, if the volume does not set a size, its size.
func (r *volumeResource) resolve(ctx context.Context, p framework.Placement, backing backingModel, v *virt.Volume) error {
	v.Backing = &virt.Backing{Path: backing.Path.ValueString(), Format: cmp.Or(backing.Format.ValueString(), "raw")}
	pool, name, isVolume := strings.Cut(p.Local(backing.Volume), "/")
	if !isVolume {
		var err error
		pool, name, err = r.Host.VolumeAt(ctx, v.Backing.Path)
		switch {
		case framework.IsNotFound(err) && v.Capacity == 0:
			return fmt.Errorf("the size of %s is not known, because it is in no pool; set capacity: %w", v.Backing.Path, err)
		case framework.IsNotFound(err):
			return nil
		case err != nil:
			return err
		}
	}
	base, err := r.Host.Volume(ctx, pool, name)
	if err != nil {
		return fmt.Errorf("backing volume %s/%s: %w", pool, name, err)
	}
	if base.Format == "dir" {
		return fmt.Errorf("%s is a directory; set the path of the image file in it", base.Path)
	}
	v.Backing.Path = base.Path
	v.Backing.Format = cmp.Or(backing.Format.ValueString(), base.Format)
	if v.Capacity == 0 {
		v.Capacity = base.Capacity
	}
	return nil
}

// readBacking reads the backing of a volume, as a volume if it is one. It keeps the spelling of the state if that still means
// the same.
func (r *volumeResource) readBacking(ctx context.Context, m *volumeModel, backing *virt.Backing, diags *diag.Diagnostics) error {
	if backing == nil {
		m.Backing = types.ObjectNull(backingTypes)
		return nil
	}
	if !strings.HasPrefix(backing.Path, "/") { // such as json: or nbd:
		if m.isImported() {
			diags.AddWarning("Backing cannot be imported", fmt.Sprintf("%s is an overlay on %s, which is not a file on the host. The attribute backing cannot describe it. The volume stays unchanged: leave backing out.",
				m.subject(), framework.Printable(backing.Path)))
		}
		m.Backing = types.ObjectNull(backingTypes)
		return nil
	}
	known := framework.As[backingModel](ctx, m.Backing, diags)
	if known != nil && known.Path.ValueString() == backing.Path {
		return nil
	}
	id, err := framework.VolumeID(ctx, r.Host, m.Placement, backing.Path)
	read := backingModel{Volume: types.StringValue(id)}
	if err != nil || known != nil && m.Local(known.Volume) == m.Local(read.Volume) { // with or without the name of the host
		return err
	}
	if id == backing.Path {
		read = backingModel{Path: types.StringValue(backing.Path), Format: framework.Optional(backing.Format)}
	}
	m.Backing = framework.ObjectFrom(ctx, backingTypes, read, diags)
	return nil
}
