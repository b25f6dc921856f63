// Package tftproots has the resource netboot_tftp_root.
package tftproots

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

type tftpRootResource struct{ framework.Resource[Host] }

// NewResource makes the resource netboot_tftp_root.
func NewResource() resource.Resource { return &tftpRootResource{} }

type tftpRootModel struct {
	framework.Placement
	ID                types.String   `tfsdk:"id"`
	Path              types.String   `tfsdk:"path"`
	Name              types.String   `tfsdk:"name"`
	Files             types.Map      `tfsdk:"files"`
	GRUBPrefixes      types.List     `tfsdk:"grub_prefixes"`
	ChecksumSignature types.Object   `tfsdk:"checksum_signature"`
	TLS               types.Object   `tfsdk:"tls"`
	Active            types.Bool     `tfsdk:"active"`
	Timeouts          timeouts.Value `tfsdk:"timeouts"`
}

var tftpRootIdentity = framework.Identity{"name"}

func (m tftpRootModel) subject() framework.Subject {
	return framework.Subject{Kind: "TFTP root", ID: m.Qualified(m.Name.ValueString())}
}

func (r *tftpRootResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_tftp_root"
}

func (r *tftpRootResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = tftpRootIdentity.Schema()
}

func (r *tftpRootResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A directory on the libvirt host that a network's dnsmasq serves by TFTP.\n\n" +
			"The directory is managed only through libvirt's storage API, as autostarted directory pools: `name` at `path`, `<name>-pxelinux.cfg` at `path/pxelinux.cfg`, and one for each other directory that `files` needs. " +
			"An existing directory or pool is adopted if all users can list and enter the directory (mode 0755). Its files stay unchanged. " +
			"A destroy removes the files and pools that this resource created, and the directories that it created if they are empty. Missing parent directories of `path` are created, and are not removed.\n\n" +
			"Anyone on the networks that serve a TFTP root can read everything under it. Do not put secrets into boot files and command lines.",
		Attributes: map[string]schema.Attribute{
			"id":   framework.IDAttribute("The root's `name`."),
			"host": framework.HostAttribute,
			"path": schema.StringAttribute{
				MarkdownDescription: "Absolute path of the directory on the libvirt host. Prefer `/srv/tftp` or a directory below it on Debian, Ubuntu and SUSE, and `/var/lib/tftpboot` on Red Hat systems, because AppArmor and SELinux let dnsmasq read files there. A change replaces the root.",
				Required:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{framework.AbsolutePath},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the pool. Default: the path with `-` in place of `/`, such as `srv-tftp` for `/srv/tftp`. A change replaces the root.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{framework.ObjectName},
			},
			"files":              filesAttribute,
			"grub_prefixes":      grubPrefixesAttribute,
			"checksum_signature": framework.SignatureAttribute,
			"tls":                framework.TLSAttribute,
			"active": schema.BoolAttribute{
				MarkdownDescription: "Whether all of its pools exist, are active and are autostarted. An apply creates and starts them if needed.",
				Computed:            true,
			},
			"timeouts": framework.TimeoutsAttribute(ctx),
		},
	}
}

// ValidateConfig refuses files that the root writes itself.
func (r *tftpRootResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config tftpRootModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	config.checkPaths(&resp.Diagnostics)
	for name := range config.dispatchers() {
		if _, twice := config.Files.Elements()[name]; twice {
			at := path.Root("files").AtMapKey(name)
			resp.Diagnostics.AddAttributeError(at, "Invalid path", framework.Sentence(framework.Within(at, fmt.Errorf("grub_prefixes writes this file; remove %q from grub_prefixes to use a file of your own", tftproot.DirOf(name)))))
		}
	}
}

func (r *tftpRootResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	tftpRootIdentity.Import(ctx, r.Sites, req, resp)
}

// MoveState takes over by a moved block.
func (r *tftpRootResource) MoveState(context.Context) []resource.StateMover {
	return tftpRootIdentity.Movers("netboot_tftp_root", "libvirt_pool")
}

// ModifyPlan makes the name and the id known at plan, and plans to start what is not active.
func (r *tftpRootResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		var state tftpRootModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		framework.WarnImported(ctx, req, state.subject(), "removes its storage pools; the directories and their files stay", &resp.Diagnostics)
		return
	}
	var plan, config tftpRootModel
	var prior *tftpRootModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	r = &tftpRootResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() || plan.Host.IsUnknown() {
		return
	}
	switch moved := prior == nil || !prior.Path.Equal(plan.Path); {
	case !config.Name.IsNull() || !moved:
	case plan.Path.IsUnknown():
		plan.Name = types.StringUnknown()
	default:
		plan.Name = types.StringValue(defaultRootName(plan.Path.ValueString()))
		if err := framework.CheckObjectName(plan.Name.ValueString()); err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("path"), "Invalid name",
				framework.Sentence(fmt.Errorf("the path does not give a valid name for the root: %w; set name", err)))
			return
		}
	}
	plan.ID = plan.QualifiedName(plan.Name)
	plan.Active = types.BoolValue(true)
	claims := framework.NewClaims(ctx, r.Plans, plan.subject(), req, resp)
	claims.Add(path.Root("name"), framework.Subject{Kind: "TFTP root", ID: plan.ID.ValueString()}, prior != nil && !prior.ID.Equal(plan.ID))
	published := loadPublished(ctx, req.Private, &resp.Diagnostics)
	plan.planFiles(ctx, r, prior, published, &resp.Diagnostics)
	if prior != nil {
		plan.planRemoved(r.Plans, *prior, published)
	}
	for _, dir := range plan.directories() {
		at := filepath.Join(plan.Path.ValueString(), dir)
		if dir != "" && dir != tftproot.ConfigDir && !plan.Path.IsUnknown() {
			claims.Add(path.Root("files"), framework.Subject{Kind: "TFTP root at", ID: at}, prior != nil && !slices.Contains(prior.directories(), dir))
		}
	}
	claims.Add(path.Root("path"), framework.Subject{Kind: "TFTP root at", ID: plan.Path.ValueString()}, prior != nil && !prior.Path.Equal(plan.Path))
	if !plan.ID.IsUnknown() && !plan.Path.IsUnknown() {
		r.Plans.Roots.Add(plan.Name.ValueString(), plan.Path.ValueString())
		if !plan.GRUBPrefixes.IsUnknown() && !plan.Files.IsUnknown() {
			r.Plans.Dirs.Add(plan.Name.ValueString(), plan.directories())
		}
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

func (r *tftpRootResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan tftpRootModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	r = &tftpRootResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Create, plan.patience(), &resp.Diagnostics)
	defer cancel()

	made := madePools{}
	var there publishedFiles
	err := r.ensure(ctx, plan, made)
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("path"), "create", plan.subject(), err)
	} else {
		there = r.publish(ctx, &plan, nil, nil, made, "create", &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		clean := context.WithoutCancel(ctx)
		undone := r.removeFiles(clean, plan, there, nil)
		if undone == nil {
			undone = r.undo(clean, plan, made)
		}
		if undone == nil {
			return
		}
		// What is left on the host stays in the state, and the next apply removes it.
		framework.Fail(&resp.Diagnostics, path.Empty(), "clean up after", plan.subject(), undone)
		plan.keepFiles(ctx, there, nil, &resp.Diagnostics)
	}
	made.save(ctx, resp.Private, &resp.Diagnostics)
	there.save(ctx, resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(tftpRootIdentity.Set(ctx, resp.Identity, plan.Placement, plan.Name)...)
}

func (r *tftpRootResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	tftpRootIdentity.Keep(ctx, req, resp)
	var state tftpRootModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	imported := loadMade(ctx, req.Private, &resp.Diagnostics) == nil
	published := loadPublished(ctx, req.Private, &resp.Diagnostics)
	r = &tftpRootResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Read, state.patience(), &resp.Diagnostics)
	defer cancel()

	pools, err := r.lookAll(ctx, state)
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	root, configs := pools[""], pools[tftproot.ConfigDir]
	if root.Name == "" && (configs.Name == "" || imported) {
		resp.State.RemoveResource(ctx)
		return
	}
	if root.Name != "" {
		state.Path = types.StringValue(root.Path)
	}
	state.Active = types.BoolValue(true)
	for dir, pool := range pools {
		if !ready(pool) || pool.Path != filepath.Join(root.Path, dir) {
			state.Active = types.BoolValue(false)
		}
		if err := notPublic(pool); err != nil { // not an error, so that destroy works
			resp.Diagnostics.AddAttributeWarning(path.Root("path"), fmt.Sprintf("Unable to serve %s", state.subject()), framework.Sentence(err))
		}
	}
	if err := r.readFiles(ctx, &state, pools, published, &resp.Diagnostics); err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("files"), "read", state.subject(), err)
		return
	}
	published.save(ctx, resp.Private, &resp.Diagnostics)
	if imported {
		// Imported pools belong to this resource. Their directories and files do not.
		made := madePools{}
		made.add("", root.UUID, false)
		made.add(tftproot.ConfigDir, configs.UUID, false)
		made.save(ctx, resp.Private, &resp.Diagnostics)
		framework.NoteImport(ctx, resp.Private, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(tftpRootIdentity.Set(ctx, resp.Identity, state.Placement, state.Name)...)
}

// Update starts pools that are not active, creates missing ones again, and publishes and removes files. Every other change replaces
// the resource.
func (r *tftpRootResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state tftpRootModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	made := loadMade(ctx, req.Private, &resp.Diagnostics)
	if made == nil {
		made = madePools{}
	}
	before := loadPublished(ctx, req.Private, &resp.Diagnostics)
	r = &tftpRootResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Update, plan.patience(), &resp.Diagnostics)
	defer cancel()

	there := before
	if err := r.ensure(ctx, plan, made); err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("path"), "update", plan.subject(), err)
	} else {
		there = r.publish(ctx, &plan, &state, before, made, "update", &resp.Diagnostics)
	}
	if !resp.Diagnostics.HasError() {
		err := r.removeFiles(ctx, plan, there, plan.paths())
		if err == nil {
			err = r.prune(ctx, plan, made)
		}
		if err != nil {
			framework.Fail(&resp.Diagnostics, path.Root("files"), "remove the old files of", plan.subject(), err)
		}
	}
	made.save(ctx, resp.Private, &resp.Diagnostics)
	there.save(ctx, resp.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		plan.Path, plan.Active = state.Path, state.Active
		plan.keepFiles(ctx, there, &state, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(tftpRootIdentity.Set(ctx, resp.Identity, plan.Placement, plan.Name)...)
}

func (r *tftpRootResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state tftpRootModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	made, published := loadMade(ctx, req.Private, &resp.Diagnostics), loadPublished(ctx, req.Private, &resp.Diagnostics)
	r = &tftpRootResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Delete, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	var err error
	if made == nil {
		if made, err = r.marked(ctx, state); err == nil {
			published, err = r.unrecorded(ctx, state, &resp.Diagnostics)
		}
	}
	if err == nil {
		err = r.removeFiles(ctx, state, published, nil)
	}
	if err == nil {
		err = r.undo(ctx, state, made)
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
	}
}
