// Package grubconfigs has the resource netboot_grub_config. Package grub knows what GRUB makes of such a configuration.
package grubconfigs

import (
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
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type grubConfigResource struct{ framework.Resource[Host] }

// NewResource makes the resource netboot_grub_config.
func NewResource() resource.Resource { return &grubConfigResource{} }

type grubConfigModel struct {
	framework.Placement
	framework.BootText
	ID       types.String   `tfsdk:"id"`
	TFTPRoot types.String   `tfsdk:"tftp_root"`
	Arch     types.String   `tfsdk:"arch"`
	MAC      types.String   `tfsdk:"mac"`
	FileName types.String   `tfsdk:"file_name"`
	Path     types.String   `tfsdk:"path"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

var grubConfigIdentity = framework.Identity{"tftp_root", "file_name"}

// configKey is the key for the published file in the private state.
const configKey = "config"

func (m grubConfigModel) subject() framework.Subject {
	return framework.Subject{Kind: language.Name, ID: m.id()}
}

// root is the name of the TFTP root on its host.
func (m grubConfigModel) root() string { return m.Local(m.TFTPRoot) }

// pool is the storage pool of the directory that holds the file.
func (m grubConfigModel) pool() string { return tftproot.DirPool(m.root(), grub.Dir) }

func (m grubConfigModel) id() string {
	return m.Qualified(m.root() + "/" + m.FileName.ValueString())
}

func (r *grubConfigResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_grub_config"
}

func (r *grubConfigResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = grubConfigIdentity.Schema()
}

func (r *grubConfigResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{
		resourcevalidator.ExactlyOneOf(path.MatchRoot("entries"), path.MatchRoot("content")),
		resourcevalidator.Conflicting(path.MatchRoot("default"), path.MatchRoot("content")),
	}
}

func (r *grubConfigResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config grubConfigModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	config.fillFileName(&resp.Diagnostics)
	if config.Content.IsNull() { // content may be an imported text, which only a plan knows
		config.Fill(ctx, language, nil, &resp.Diagnostics)
	}
}

func (r *grubConfigResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	grubConfigIdentity.Import(ctx, r.Sites, req, resp)
}

// MoveState takes over by a moved block.
func (r *grubConfigResource) MoveState(context.Context) []resource.StateMover {
	return grubConfigIdentity.Movers("netboot_grub_config")
}

// ModifyPlan sets every attribute that follows from the known ones.
func (r *grubConfigResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		var state grubConfigModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		r = &grubConfigResource{r.On(state.Placement, &resp.Diagnostics)}
		if !resp.Diagnostics.HasError() {
			r.Plans.Holds.Add(netboot.ConfigHolder(state.Local(state.ID)), nil)
		}
		return
	}
	var plan, config grubConfigModel
	var prior *grubConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	r = &grubConfigResource{r.On(plan.Placement, &resp.Diagnostics)}
	r.CheckReference(plan.Placement, plan.TFTPRoot, path.Root("tftp_root"), &resp.Diagnostics)
	if resp.Diagnostics.HasError() || plan.Host.IsUnknown() {
		return
	}
	plan.Default, plan.Entries, plan.Content = config.Default, config.Entries, config.Content
	plan.fillFileName(&resp.Diagnostics)
	claims := framework.NewClaims(ctx, r.Plans, plan.subject(), req, resp)
	claims.Add(path.Root("file_name"), framework.Subject{Kind: language.Name, ID: plan.ID.ValueString()}, prior != nil && !prior.ID.Equal(plan.ID))
	found := framework.LoadPrivate[framework.Foreign](ctx, req.Private, framework.ForeignKey, &resp.Diagnostics)
	risks := plan.Fill(ctx, language, found, &resp.Diagnostics)
	if prior == nil {
		r.checkDirectory(ctx, plan, &resp.Diagnostics)
	}
	if !config.Entries.IsNull() && !config.Entries.IsUnknown() {
		risks = append(risks, plan.CheckKinds(ctx, language, plan.Arch.ValueString(), plan.root(), r.Plans, &resp.Diagnostics)...)
	}
	if prior == nil || !prior.SHA256.Equal(plan.SHA256) && !prior.Content.Equal(plan.Content) {
		language.Warn(risks, &resp.Diagnostics)
	}
	if !plan.ID.IsUnknown() && !plan.Content.IsUnknown() {
		id := plan.Local(plan.ID)
		r.Plans.Configs.Add(id, netboot.Config{Config: grub.Parse(plan.Content.ValueString()), Arch: plan.Arch.ValueString(), Entered: !config.Entries.IsNull()})
		r.Plans.Holds.Add(netboot.ConfigHolder(id), grub.FilesOf(plan.Content.ValueString()))
	}
	if prior != nil && prior.FileName.Equal(plan.FileName) {
		plan.keepWriting(*prior)
		plan.KeepImported(config.BootText, prior.BootText)
	} else if prior != nil {
		resp.RequiresReplace.Append(path.Root("file_name"))
	}
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	}
}

func (r *grubConfigResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan grubConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	r = &grubConfigResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Create, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	file, err := tftproot.PublishText(ctx, r.directory(plan), plan.FileName.ValueString(), plan.Content.ValueString())
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("tftp_root"), "create", plan.subject(), r.explained(ctx, plan, err))
		return
	}
	framework.SavePrivate(ctx, resp.Private, configKey, &file, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(grubConfigIdentity.Set(ctx, resp.Identity, plan.Placement, plan.TFTPRoot, plan.FileName)...)
}

// checkDirectory refuses a TFTP root of this run that will not have the directory of the file.
func (r *grubConfigResource) checkDirectory(ctx context.Context, m grubConfigModel, diags *diag.Diagnostics) {
	dirs, planned := r.Plans.Dirs.Find(m.root())
	if !planned || slices.Contains(dirs, grub.Dir) {
		return
	}
	if _, err := r.Host.Pool(ctx, m.pool()); errors.Is(err, virt.ErrNotFound) {
		at := path.Root("tftp_root")
		diags.AddAttributeError(at, "Invalid tftp_root", framework.Sentence(framework.Within(at, fmt.Errorf("the TFTP root has no directory %[1]q; set grub_prefixes on the netboot_tftp_root to the prefixes of its images of GRUB, such as [%[1]q]", grub.Dir))))
	}
}

// explained adds what to do to an error if the directory of the file has no storage pool.
func (r *grubConfigResource) explained(ctx context.Context, m grubConfigModel, err error) error {
	if _, found := r.Host.Pool(ctx, m.pool()); !errors.Is(found, virt.ErrNotFound) {
		return err
	}
	return fmt.Errorf("%w; the TFTP root has no directory %q: set grub_prefixes = [%q] on the netboot_tftp_root", err, grub.Dir, grub.Dir)
}

func (r *grubConfigResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	grubConfigIdentity.Keep(ctx, req, resp)
	var state grubConfigModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	known := framework.LoadPrivate[tftproot.File](ctx, req.Private, configKey, &resp.Diagnostics)
	r = &grubConfigResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Read, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	if known != nil {
		state.Complete(ctx, language, &resp.Diagnostics)
	}
	now, text, err := framework.ReadText(ctx, r.Host, state.pool(), state.FileName.ValueString(), known, state.Content.ValueString())
	if errors.Is(err, fs.ErrNotExist) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil && known != nil && framework.PoolStopped(ctx, r.Host, state.pool(), state.subject(), &resp.Diagnostics) {
		return
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	if now.SHA256 != state.SHA256.ValueString() {
		state.SetContent(ctx, language, text, &resp.Diagnostics)
		state.SHA256 = types.StringValue(now.SHA256)
	}
	if now.Unreadable {
		state.SHA256 = types.StringNull() // so that the next apply publishes it again
	}
	if known == nil {
		framework.SavePrivate(ctx, resp.Private, framework.ForeignKey, state.takeOver(ctx, &resp.Diagnostics), &resp.Diagnostics)
	}
	framework.SavePrivate(ctx, resp.Private, configKey, &now, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(grubConfigIdentity.Set(ctx, resp.Identity, state.Placement, state.TFTPRoot, state.FileName)...)
}

func (r *grubConfigResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan grubConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	r = &grubConfigResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Update, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	file, err := tftproot.ReplaceText(ctx, r.directory(plan), plan.FileName.ValueString(), plan.Content.ValueString())
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("tftp_root"), "update", plan.subject(), r.explained(ctx, plan, err))
		return
	}
	r.releaseFiles(ctx, plan, plan.Content.ValueString())
	framework.SavePrivate(ctx, resp.Private, configKey, &file, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(grubConfigIdentity.Set(ctx, resp.Identity, plan.Placement, plan.TFTPRoot, plan.FileName)...)
}

func (r *grubConfigResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state grubConfigModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &grubConfigResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Delete, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	if err := framework.RemoveFile(ctx, r.directory(state), state.FileName.ValueString()); err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
		return
	}
	r.releaseFiles(ctx, state, "")
}

// releaseFiles removes the old files of images that this configuration was the last to name.
func (r *grubConfigResource) releaseFiles(ctx context.Context, m grubConfigModel, content string) {
	r.Superseded.Released(ctx, r.Host, m.root(), netboot.ConfigHolder(m.Local(m.ID)), grub.FilesOf(content))
}

func (r *grubConfigResource) directory(m grubConfigModel) tftproot.Directory {
	return virt.NewDirectory(r.Host, m.pool())
}
