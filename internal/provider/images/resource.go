// Package images has the resource netboot_image. Package bootfiles decides what is published.
package images

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

type imageResource struct{ framework.Resource[Host] }

// NewResource makes the resource netboot_image.
func NewResource() resource.Resource { return &imageResource{} }

type imageModel struct {
	framework.Placement
	ID                types.String   `tfsdk:"id"`
	TFTPRoot          types.String   `tfsdk:"tftp_root"`
	Name              types.String   `tfsdk:"name"`
	Arch              types.String   `tfsdk:"arch"`
	Kernel            types.Object   `tfsdk:"kernel"`
	Initrd            types.Object   `tfsdk:"initrd"`
	Files             types.Map      `tfsdk:"files"`
	INS               types.Object   `tfsdk:"ins"`
	Cmdline           types.String   `tfsdk:"cmdline"`
	ChecksumSignature types.Object   `tfsdk:"checksum_signature"`
	TLS               types.Object   `tfsdk:"tls"`
	Timeouts          timeouts.Value `tfsdk:"timeouts"`
}

var imageIdentity = framework.Identity{"tftp_root", "name"}

func (m imageModel) subject() framework.Subject { return framework.Subject{Kind: "image", ID: m.id()} }

func (m imageModel) id() string { return m.Qualified(m.root() + "/" + m.Name.ValueString()) }

// root is the name of the TFTP root on its host.
func (m imageModel) root() string { return m.Local(m.TFTPRoot) }

func (r *imageResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image"
}

func (r *imageResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = imageIdentity.Schema()
}

func (r *imageResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A kernel, an initrd and further files, published under a TFTP root.\n\n" +
			"The files are streamed from their sources to the libvirt host. Their names contain a hash of their content (`<name>-kernel-<12 digits of its SHA-256>`), " +
			"so that a new version never overwrites a file that a guest is loading. Content that already exists on the host is not sent again. " +
			"If a file is removed, truncated or changed on the host, the next plan detects it.\n\n" +
			"The host does not know the sources of its files. After an import, each plan reads the sources, and changes nothing as long as they have the content that was imported. With `checksum = \"sha256:…\"`, the plan does not read a source.\n\n" +
			"Anyone on a network that serves the TFTP root can read these files.",
		Attributes: map[string]schema.Attribute{
			"id":                 framework.IDAttribute("`<tftp_root>/<name>`."),
			"host":               framework.HostAttribute,
			"tftp_root":          framework.RootReference(),
			"name":               framework.ReplacingString("Prefix of the names of the files.", framework.ObjectName),
			"arch":               imageArchAttribute,
			"kernel":             kernelAttribute,
			"initrd":             initrdAttribute,
			"files":              furtherAttribute,
			"ins":                insAttribute,
			"checksum_signature": framework.SignatureAttribute,
			"tls":                framework.TLSAttribute,
			"cmdline":            framework.ComputedString("Command line of the parameter file that `ins` names."),
			"timeouts":           framework.TimeoutsAttribute(ctx),
		},
	}
}

func (r *imageResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{
		resourcevalidator.ExactlyOneOf(path.MatchRoot("kernel"), path.MatchRoot("ins")),
		resourcevalidator.Conflicting(path.MatchRoot("initrd"), path.MatchRoot("ins")),
	}
}

func (r *imageResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config imageModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	config.checkCommandLine(ctx, &resp.Diagnostics)
	for _, kind := range config.kinds() {
		file := config.file(ctx, kind, &resp.Diagnostics)
		if file == nil || file.ISOPath.IsNull() {
			continue
		}
		if _, isList := image.ListOf(file.Checksum.ValueString()); isList {
			at := attributeOf(kind).AtName("checksum")
			resp.Diagnostics.AddAttributeError(at, "Invalid checksum",
				framework.Sentence(framework.Within(at, errors.New("a list has the checksum of the whole ISO image, but only a part of the image is fetched; set the checksum of the file in the image, sha256:…, or omit checksum"))))
		}
	}
}

// checkCommandLine refuses a command line that kernels of the architecture cannot carry.
func (m imageModel) checkCommandLine(ctx context.Context, diags *diag.Diagnostics) {
	kernel := m.file(ctx, bootfiles.Kernel, diags)
	if kernel == nil || kernel.Cmdline.IsNull() || m.Arch.IsUnknown() {
		return
	}
	if err := image.CheckCommandLineOf(cmp.Or(m.Arch.ValueString(), arch.S390X), kernel.Cmdline.ValueString()); err != nil {
		at := path.Root("kernel").AtName("cmdline")
		diags.AddAttributeError(at, "Invalid command line", framework.Sentence(framework.Within(at, err)))
	}
}

func (r *imageResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	imageIdentity.Import(ctx, r.Sites, req, resp)
}

// MoveState takes over by a moved block.
func (r *imageResource) MoveState(context.Context) []resource.StateMover {
	return imageIdentity.Movers("netboot_image")
}

// ModifyPlan plans what is published and under which names, as far as this is known before the content is fetched.
func (r *imageResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		var state imageModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		r = &imageResource{r.On(state.Placement, &resp.Diagnostics)}
		if !resp.Diagnostics.HasError() {
			r.warnUsers(ctx, state, &resp.Diagnostics)
		}
		return
	}
	var config, plan imageModel
	var prior *imageModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	r = &imageResource{r.On(plan.Placement, &resp.Diagnostics)}
	r.CheckReference(plan.Placement, plan.TFTPRoot, path.Root("tftp_root"), &resp.Diagnostics)
	if resp.Diagnostics.HasError() || plan.Host.IsUnknown() {
		return
	}
	plan.ID = types.StringUnknown()
	if !plan.TFTPRoot.IsUnknown() && !plan.Name.IsUnknown() {
		plan.ID = types.StringValue(plan.id())
	}
	claims := framework.NewClaims(ctx, r.Plans, plan.subject(), req, resp)
	claims.Add(path.Root("name"), framework.Subject{Kind: "image", ID: plan.ID.ValueString()}, prior != nil && !prior.ID.Equal(plan.ID))
	plan.complete(config, prior)
	from := plan.sources(ctx, &resp.Diagnostics)
	published := loadPublished(ctx, req.Private, &resp.Diagnostics)
	for _, kind := range plan.kinds() {
		wanted := plan.file(ctx, kind, &resp.Diagnostics)
		if wanted == nil || resp.Diagnostics.HasError() {
			continue
		}
		var before *bootFileModel
		if prior != nil && prior.ID.Equal(plan.ID) {
			before = prior.file(ctx, kind, &resp.Diagnostics)
		}
		if err := wanted.plan(ctx, from, plan.Name, kind, before, published[kind], &resp.Diagnostics); err != nil {
			at := faultyAttribute(kind, err)
			resp.Diagnostics.AddAttributeError(at, "Unable to read "+kind, framework.Sentence(framework.Within(at, err)))
		}
		plan.setFile(ctx, kind, wanted, &resp.Diagnostics)
		r.note(plan, kind, *wanted)
	}
	if prior != nil {
		left := r.existing(ctx, plan.root(), loadLeft(ctx, req.Private, &resp.Diagnostics))
		if left, _, err := framework.Unused(ctx, r.Host, plan.root(), left); err == nil { // otherwise a later plan removes them
			plan.planRemoval(ctx, left, &resp.Diagnostics)
		}
	}
	r.noteImage(ctx, plan, &resp.Diagnostics)
	plan.checkNames(ctx, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	}
}

// complete fills in what the configuration omits: nothing, or the files that the manifest named. The manifest is read again
// only if ins has changed.
func (m *imageModel) complete(config imageModel, prior *imageModel) {
	if m.INS.IsNull() {
		m.Cmdline = types.StringNull()
		framework.Fill(&m.Initrd, config.Initrd, types.ObjectNull(initrdTypes))
		return
	}
	if prior != nil && m.INS.Equal(prior.INS) {
		m.Kernel, m.Initrd, m.Cmdline = prior.Kernel, prior.Initrd, prior.Cmdline
		return
	}
	m.Kernel, m.Initrd, m.Cmdline = types.ObjectUnknown(kernelTypes), types.ObjectUnknown(initrdTypes), types.StringUnknown()
}

func (r *imageResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan imageModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	r = &imageResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Create, framework.TransferTimeout, &resp.Diagnostics)
	defer cancel()

	published := r.publish(ctx, &plan, nil, nil, "create", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		if len(published) == 0 {
			return
		}
		plan.forgetUnknown(ctx, &resp.Diagnostics) // what is left there is in the state
	}
	plan.ID = types.StringValue(plan.id())
	savePublished(ctx, resp.Private, published, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(imageIdentity.Set(ctx, resp.Identity, plan.Placement, plan.TFTPRoot, plan.Name)...)
}

func (r *imageResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	imageIdentity.Keep(ctx, req, resp)
	var state imageModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	published := loadPublished(ctx, req.Private, &resp.Diagnostics)
	r = &imageResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Read, framework.TransferTimeout, &resp.Diagnostics)
	defer cancel()

	dir := r.directory(state)
	if len(published) == 0 {
		var err error
		if published, err = bootfiles.Find(ctx, r.Host, state.root(), state.Name.ValueString()); err == nil {
			err = r.findCommandLine(ctx, &state, published[bootfiles.Kernel], &resp.Diagnostics)
		}
		if err != nil {
			framework.Fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
			return
		}
	}
	present := 0
	for kind, known := range published {
		now, err := tftproot.Verify(ctx, dir, known.File)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			state.setPresent(ctx, kind, nil, &resp.Diagnostics)
		case err != nil && known.SHA256 != "" && framework.PoolStopped(ctx, r.Host, state.root(), state.subject(), &resp.Diagnostics):
			return
		case err != nil:
			framework.Fail(&resp.Diagnostics, attributeOf(kind), "read", state.subject(), err)
			return
		case isForeign(kind, known, now):
			delete(published, kind)
		default:
			present++
			state.setPresent(ctx, kind, &now, &resp.Diagnostics)
			if now.SHA256 == known.SHA256 || known.SHA256 == "" {
				known.File = now // so that a file that was only touched, or was imported, is not read again
			}
		}
	}
	if present == 0 {
		resp.State.RemoveResource(ctx)
		return
	}
	savePublished(ctx, resp.Private, published, &resp.Diagnostics)
	r.forgetRemoved(ctx, state, req.Private, resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(imageIdentity.Set(ctx, resp.Identity, state.Placement, state.TFTPRoot, state.Name)...)
}

// Update first publishes the new files and then removes the old files that nothing names, so that guests can boot at any time.
func (r *imageResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state imageModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	before := loadPublished(ctx, req.Private, &resp.Diagnostics)
	left := loadLeft(ctx, req.Private, &resp.Diagnostics)
	r = &imageResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Update, framework.TransferTimeout, &resp.Diagnostics)
	defer cancel()

	now := r.publish(ctx, &plan, &state, before, "update", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		left = append(left, before.Lacks(now.Names())...)
		framework.SavePrivate(ctx, resp.Private, leftKey, &left, &resp.Diagnostics)
		return
	}
	savePublished(ctx, resp.Private, now, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(imageIdentity.Set(ctx, resp.Identity, plan.Placement, plan.TFTPRoot, plan.Name)...)
	left, err := r.removeUnused(ctx, plan, now.Lacks(append(left, before.Names()...)))
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "remove the old files of", plan.subject(), fmt.Errorf("%w; the next apply removes them", err))
	}
	framework.SavePrivate(ctx, resp.Private, leftKey, &left, &resp.Diagnostics)
}

func (r *imageResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state imageModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	published := loadPublished(ctx, req.Private, &resp.Diagnostics)
	r = &imageResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Delete, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	names := published.Names()
	if len(published) == 0 { // Terraform does not pass the private state after terraform taint
		names = state.names(ctx, &resp.Diagnostics)
	}
	names = append(names, loadLeft(ctx, req.Private, &resp.Diagnostics)...)
	names = slices.DeleteFunc(names, func(name string) bool { return r.Claims.Has(state.root(), name) })
	staged, err := r.staged(ctx, state)
	if err == nil {
		err = errors.Join(bootfiles.Remove(ctx, r.directory(state), names), staged.RemoveIdle(ctx, r.directory(state)))
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
	}
}

// staged are the incomplete files of an image. Runs that were killed left them, or still write them.
func (r *imageResource) staged(ctx context.Context, m imageModel) (tftproot.Leftovers, error) {
	there, err := r.Host.VolumeNames(ctx, m.root())
	if framework.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return tftproot.FindLeftovers(ctx, r.directory(m), bootfiles.StagedOf(m.Name.ValueString(), there))
}

// isForeign tells whether a further file, which an import has found by its name, has another content than its name says. Then the
// provider has not published it.
func isForeign(kind string, known *bootfiles.Published, now tftproot.File) bool {
	_, isFurther := bootfiles.FurtherName(kind)
	return isFurther && known.SHA256 == "" && !bootfiles.IsNamedByContent(now)
}
