package domains

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// directKernelModel is a kernel that the guest boots without its firmware: from an image, or from any file on the host.
type directKernelModel struct {
	Image      types.String `tfsdk:"image"`
	File       types.String `tfsdk:"file"`
	InitrdFile types.String `tfsdk:"initrd_file"`
	Cmdline    types.String `tfsdk:"cmdline"`
	Path       types.String `tfsdk:"path"`
	InitrdPath types.String `tfsdk:"initrd_path"`
}

var directKernelTypes = map[string]attr.Type{
	"image":       types.StringType,
	"file":        types.StringType,
	"initrd_file": types.StringType,
	"cmdline":     types.StringType,
	"path":        types.StringType,
	"initrd_path": types.StringType,
}

// planKernel finds the files of the image: those that this run plans, otherwise those on the host.
func (r *domainResource) planKernel(ctx context.Context, m *domainModel, diags *diag.Diagnostics) {
	if m.Kernel.IsUnknown() {
		return
	}
	kernel := framework.As[directKernelModel](ctx, m.Kernel, diags)
	if kernel == nil {
		return
	}
	if kernel.Image.IsNull() {
		kernel.Path, kernel.InitrdPath = kernel.File, kernel.InitrdFile
		m.Kernel = framework.ObjectFrom(ctx, directKernelTypes, kernel, diags)
		return
	}
	kernel.Path, kernel.InitrdPath = types.StringUnknown(), types.StringUnknown()
	if planned, _ := r.Plans.Images.Find(m.Local(kernel.Image)); planned.Arch != "" && !m.Arch.IsUnknown() && planned.Arch != m.Arch.ValueString() {
		at := path.Root("kernel").AtName("image")
		diags.AddAttributeError(at, "Guest would not boot",
			framework.Sentence(framework.Within(at, fmt.Errorf("image %s has a kernel for %s, but the guest's architecture is %s", kernel.Image.ValueString(), planned.Arch, m.Arch.ValueString()))))
	}
	if !kernel.Image.IsUnknown() {
		if err := r.findKernel(ctx, m.Placement, kernel); err != nil && !errors.Is(err, errImageUnknown) {
			kernel.Path, kernel.InitrdPath = types.StringUnknown(), types.StringUnknown() // the apply reports what is missing
		}
	}
	m.Kernel = framework.ObjectFrom(ctx, directKernelTypes, kernel, diags)
}

// checkCommandLine refuses a command line that the user cannot have meant, unless the guest already has it.
func (m domainModel) checkCommandLine(state *domainModel, diags *diag.Diagnostics) {
	cmdline := framework.Member(m.Kernel, "cmdline")
	if state != nil && cmdline == framework.Member(state.Kernel, "cmdline") {
		return
	}
	err := checkNewCommandLine(cmdline)
	if err == nil && m.Arch.ValueString() == arch.S390X {
		err = pxelinux.CheckASCII(cmdline)
	}
	if err != nil {
		at := path.Root("kernel").AtName("cmdline")
		diags.AddAttributeError(at, "Invalid command line", framework.Sentence(framework.Within(at, err)))
	}
}

// warnCommandLine warns about a new command line that the kernel does not use, because the image writes its own into the kernel.
func (r *domainResource) warnCommandLine(m domainModel, state *domainModel, diags *diag.Diagnostics) {
	image, cmdline := framework.Member(m.Kernel, "image"), framework.Member(m.Kernel, "cmdline")
	noted, _ := r.Plans.Images.Find(m.Local(types.StringValue(image)))
	if cmdline == "" || !noted.Cmdline || state != nil && m.Kernel.Equal(state.Kernel) {
		return
	}
	diags.AddAttributeWarning(path.Root("kernel").AtName("cmdline"), "Command line is not used",
		fmt.Sprintf("The kernel of image %s has a command line of its own, kernel.cmdline of the netboot_image, and uses only that. Remove one of the two.", image))
}

// errImageUnknown means that the files of an image are known only after apply.
var errImageUnknown = errors.New("image is known after apply")

// findKernel fills in the paths of the image's files on the host.
func (r *domainResource) findKernel(ctx context.Context, p framework.Placement, kernel *directKernelModel) error {
	id := p.Local(kernel.Image)
	root, name, ok := strings.Cut(id, "/")
	if !ok {
		return fmt.Errorf("%q is not the id of a netboot_image, which has the form tftp_root/name", id)
	}
	files, planned := r.Plans.Images.Find(id)
	if planned && !files.Known {
		return errImageUnknown
	}
	if !planned {
		found, err := bootfiles.FindNewest(ctx, r.Host, virt.NewDirectory(r.Host, root), root, name)
		if err != nil {
			return err
		}
		if found[bootfiles.Kernel] == nil {
			return fmt.Errorf("image %s does not exist on the host; an image whose files set file_name is found only if it is in the same configuration", id)
		}
		files.Kernel = found[bootfiles.Kernel].Name
		if found[bootfiles.Initrd] != nil {
			files.Initrd = found[bootfiles.Initrd].Name
		}
	}
	dir, known := r.Plans.Roots.Find(root)
	if !known {
		pool, err := r.Host.Pool(ctx, root)
		if err != nil {
			return err
		}
		dir = pool.Path
	}
	kernel.Path, kernel.InitrdPath = types.StringValue(dir+"/"+files.Kernel), types.StringNull()
	if files.Initrd != "" {
		kernel.InitrdPath = types.StringValue(dir + "/" + files.Initrd)
	}
	return nil
}

// kernel converts the model's kernel for package virt.
func (r *domainResource) kernel(ctx context.Context, m domainModel, diags *diag.Diagnostics) (virt.Kernel, error) {
	kernel := framework.As[directKernelModel](ctx, m.Kernel, diags)
	if kernel == nil {
		return virt.Kernel{}, nil
	}
	if !kernel.Image.IsNull() && (kernel.Path.IsUnknown() || kernel.InitrdPath.IsUnknown()) {
		if err := r.findKernel(ctx, m.Placement, kernel); err != nil {
			return virt.Kernel{}, err
		}
	}
	if kernel.Image.IsNull() { // file and initrd_file may have been unknown in the plan
		kernel.Path, kernel.InitrdPath = kernel.File, kernel.InitrdFile
	}
	return virt.Kernel{Path: kernel.Path.ValueString(), Initrd: kernel.InitrdPath.ValueString(), Cmdline: kernel.Cmdline.ValueString()}, nil
}

// fromKernel reads the kernel that the guest boots directly, with the image from the state, or with the image that the file belongs
// to. Files that belong to no image become file and initrd_file.
func (r *domainResource) fromKernel(ctx context.Context, m *domainModel, found virt.Kernel, diags *diag.Diagnostics) error {
	before := m.Kernel
	m.Kernel = types.ObjectNull(directKernelTypes)
	if found.Path == "" {
		return nil
	}
	kernel := directKernelModel{Cmdline: framework.Optional(found.Cmdline), Path: types.StringValue(found.Path), InitrdPath: framework.Optional(found.Initrd)}
	image := framework.Member(before, "image")
	if image == "" && framework.Member(before, "file") == "" {
		var err error
		if image, err = r.imageOf(ctx, m.Placement, found.Path); err != nil {
			return err
		}
	}
	if kernel.Image = framework.Optional(image); image == "" {
		kernel.File, kernel.InitrdFile = kernel.Path, kernel.InitrdPath
	}
	m.Kernel = framework.ObjectFrom(ctx, directKernelTypes, kernel, diags)
	return nil
}

// imageOf is the id of the image that a kernel file belongs to, or "".
func (r *domainResource) imageOf(ctx context.Context, p framework.Placement, file string) (string, error) {
	pool, name, err := r.Host.VolumeAt(ctx, file)
	if framework.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if image := bootfiles.ImageOf(name); image != "" {
		return p.Qualified(pool + "/" + image), nil
	}
	return "", nil
}

// forgetUnknownKernel sets paths of a kernel that could not be read to null.
func (m *domainModel) forgetUnknownKernel() {
	attributes := m.Kernel.Attributes()
	for _, name := range []string{"path", "initrd_path"} {
		if value, found := attributes[name]; found && value.IsUnknown() {
			attributes[name] = types.StringNull()
		}
	}
	if !m.Kernel.IsNull() {
		m.Kernel = types.ObjectValueMust(directKernelTypes, attributes)
	}
}

// releaseKernel removes the old files of the image that the guest has booted, if the guest was the last to name them.
func (r *domainResource) releaseKernel(ctx context.Context, before domainModel, now types.Object) {
	root, _, ok := strings.Cut(before.Local(types.StringValue(framework.Member(before.Kernel, "image"))), "/")
	if !ok {
		return
	}
	named := []string{filepath.Base(framework.Member(now, "path")), filepath.Base(framework.Member(now, "initrd_path"))}
	r.Superseded.Released(ctx, r.Host, root, netboot.GuestHolder(before.Name.ValueString()), named)
}
