// Package domains has guests: the resource netboot_domain, the data sources for a guest and for its console, and the actions on a
// guest.
package domains

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type domainResource struct{ framework.Resource[Host] }

// NewResource makes the resource netboot_domain.
func NewResource() resource.Resource { return &domainResource{} }

type domainModel struct {
	framework.Placement
	ID              types.String   `tfsdk:"id"`
	Name            types.String   `tfsdk:"name"`
	Arch            types.String   `tfsdk:"arch"`
	Machine         types.String   `tfsdk:"machine"`
	Firmware        types.String   `tfsdk:"firmware"`
	Accelerator     types.String   `tfsdk:"accelerator"`
	CPU             types.String   `tfsdk:"cpu"`
	CPUFeatures     types.Map      `tfsdk:"cpu_features"`
	CPUTopology     types.Object   `tfsdk:"cpu_topology"`
	VCPUs           types.Int64    `tfsdk:"vcpus"`
	MaxVCPUs        types.Int64    `tfsdk:"max_vcpus"`
	Memory          framework.Size `tfsdk:"memory"`
	MemoryBytes     types.Int64    `tfsdk:"memory_bytes"`
	MaxMemory       framework.Size `tfsdk:"max_memory"`
	MaxMemoryBytes  types.Int64    `tfsdk:"max_memory_bytes"`
	Autostart       types.Bool     `tfsdk:"autostart"`
	Running         types.Bool     `tfsdk:"running"`
	ShutdownTimeout types.String   `tfsdk:"shutdown_timeout"`
	Boot            types.List     `tfsdk:"boot"`
	Loadparm        types.String   `tfsdk:"loadparm"`
	Kernel          types.Object   `tfsdk:"kernel"`
	Disks           types.List     `tfsdk:"disks"`
	Interfaces      types.List     `tfsdk:"interfaces"`
	Consoles        types.List     `tfsdk:"consoles"`
	CDROMs          types.List     `tfsdk:"cdroms"`
	Hostdevs        types.List     `tfsdk:"hostdevs"`
	Filesystems     types.List     `tfsdk:"filesystems"`
	MemoryBacking   types.Object   `tfsdk:"memory_backing"`
	IOThreads       types.Int64    `tfsdk:"iothreads"`
	RNG             types.Bool     `tfsdk:"rng"`
	MemoryBalloon   types.Bool     `tfsdk:"memory_balloon"`
	LaunchSecurity  types.String   `tfsdk:"launch_security"`
	GuestAgent      types.Bool     `tfsdk:"guest_agent"`
	DevicesXML      types.Map      `tfsdk:"devices_xml"`
	PxelinuxConfig  types.String   `tfsdk:"pxelinux_config"`
	GrubConfig      types.String   `tfsdk:"grub_config"`
	BootCheck       types.Object   `tfsdk:"boot_check"`
	BootResult      types.Object   `tfsdk:"boot_result"`
	WaitFor         types.Object   `tfsdk:"wait_for"`
	Install         types.Object   `tfsdk:"install"`
	Reinstall       types.String   `tfsdk:"reinstall"`
	Installed       types.Bool     `tfsdk:"installed"`
	InstallResult   types.Object   `tfsdk:"install_result"`
	UUID            types.String   `tfsdk:"uuid"`
	AddressesFrom   types.String   `tfsdk:"addresses_from"`
	Addresses       types.List     `tfsdk:"addresses"`
	Timeouts        timeouts.Value `tfsdk:"timeouts"`

	phase     netboot.Phase // of the installation, from the note
	made      devices.Made  // what libvirt made of named devices
	adopted   *divergence   // from before the import
	foreign   devices.Foreign
	resumes   bool        // the guest is saved, and continues where it was
	had       []virt.Disk // the guest's disks before a change, with the overlays of others; nil means those of the state
	logGoesOn bool        // the boot from disk appends to the console log of the installation
}

var domainIdentity = framework.Identity{"name"}

func (m domainModel) subject() framework.Subject {
	return framework.Subject{Kind: "domain", ID: m.Qualified(m.Name.ValueString())}
}

func (r *domainResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_domain"
	resp.ResourceBehavior = resource.ResourceBehavior{MutableIdentity: true} // other programs can rename guests
}

func (r *domainResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = domainIdentity.Schema()
}

func (r *domainResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = domainSchema(ctx)
}

func (r *domainResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config domainModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	config.validate(ctx, &resp.Diagnostics)
}

// ImportState imports by name, by identity, or by UUID.
func (r *domainResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	framework.ImportByUUID(ctx, domainIdentity, r.Scope, Host.DomainName, req, resp)
}

// MoveState takes over by a moved block.
func (r *domainResource) MoveState(context.Context) []resource.StateMover {
	return domainIdentity.Movers("netboot_domain", "libvirt_domain")
}

// ModifyPlan plans the values that follow from the configuration, and says what a change does to a running guest.
func (r *domainResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, req, &resp.Diagnostics)
		return
	}
	var plan, config domainModel
	var state *domainModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	failed, problems := req.Private.GetKey(ctx, bootFailedKey)
	resp.Diagnostics.Append(problems...)
	diverged := framework.LoadPrivate[divergence](ctx, req.Private, divergedKey, &resp.Diagnostics)
	r = &domainResource{r.On(plan.Placement, &resp.Diagnostics)}
	r.checkReferences(ctx, plan, &resp.Diagnostics)
	checkRenamed(ctx, plan, state, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || plan.Host.IsUnknown() {
		return
	}
	r.planKernel(ctx, &plan, &resp.Diagnostics)
	r.keepAccelerator(ctx, plan, state)
	fate := r.followVolumes(&plan, state, &resp.Diagnostics)
	again := fate == netboot.FateBoot || failed != nil || diverged.restarts()
	plan.fillPlan(ctx, config, state, again, &resp.Diagnostics)
	r.planSpareVCPU(ctx, &plan, config, state)
	plan.checkOrder(state, &resp.Diagnostics)
	plan.checkCommandLine(state, &resp.Diagnostics)
	r.warnCommandLine(plan, state, &resp.Diagnostics)
	plan.fixDivergence(ctx, state, diverged, &resp.Diagnostics)
	if fate == netboot.FateRestart {
		plan.Addresses = types.ListUnknown(types.StringType)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	r.claim(ctx, plan, state, framework.NewClaims(ctx, r.Plans, plan.subject(), req, resp), &resp.Diagnostics)
	r.noteHeld(ctx, plan, &resp.Diagnostics)
	r.checkRivals(ctx, plan, state, &resp.Diagnostics)
	if state != nil && !plan.replaces(*state) && !resp.Plan.Raw.Equal(req.State.Raw) {
		r.planOthers(ctx, &plan, *state, req.Private, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	}
	r.checkBridges(ctx, plan, state, &resp.Diagnostics)
	r.checkNetboot(ctx, plan.netboot(state), plan.starts(ctx, state, again) || plan.installs(state), &resp.Diagnostics)
	switch {
	case state == nil:
	case plan.replaces(*state):
		plan.warnReplaced(loadOverlays(ctx, req.Private, &resp.Diagnostics), &resp.Diagnostics)
	case plan.installs(state):
		phase, err := r.nextPhase(ctx, plan, *state)
		if err != nil && !framework.IsNotFound(err) {
			framework.Fail(&resp.Diagnostics, path.Root("install"), "plan the installation of", plan.subject(), err)
		}
		plan.warnInstall(*state, phase, &resp.Diagnostics)
	case state.Running.ValueBool() && plan.Running.ValueBool():
		plan.announce(ctx, *state, &resp.Diagnostics)
	}
}

func (r *domainResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan domainModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	r = &domainResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	plan.settleInstall()
	if plan.Firmware.IsUnknown() { // the architecture was not known in the plan
		plan.Firmware = plan.defaultFirmware()
	}
	if plan.RNG.IsUnknown() {
		plan.RNG = plan.defaultRNG()
	}
	if plan.MaxVCPUs.IsUnknown() { // the host was not known in the plan
		plan.MaxVCPUs = plan.VCPUs
		r.planSpareVCPU(ctx, &plan, domainModel{}, nil)
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Create, framework.TransferTimeout+plan.installPatience(ctx, nil)+plan.waitPatience(ctx), &resp.Diagnostics)
	defer cancel()

	if plan.installs(nil) {
		plan.phase = netboot.PhaseDue
	}
	domain, at, err := r.domain(ctx, plan, &resp.Diagnostics)
	if err == nil {
		err = r.Host.CreateDomain(ctx, domain)
	}
	if errors.Is(err, virt.ErrExists) {
		at = path.Root("name")
	}
	if err != nil && at.Equal(path.Empty()) {
		at = plan.blamedForDefinition(err)
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, at, "create", plan.subject(), err)
		return
	}
	if plan.phase != netboot.PhaseNone {
		if err := r.install(ctx, &plan, &resp.Diagnostics); err != nil {
			framework.Fail(&resp.Diagnostics, path.Root("install"), "install", plan.subject(), err)
		}
	}
	if plan.Running.ValueBool() && !resp.Diagnostics.HasError() {
		if err := r.boot(ctx, &plan, resp.Private, &resp.Diagnostics); err != nil {
			framework.Fail(&resp.Diagnostics, blamedForStart(err), "start", plan.subject(), explainStart(err, plan.Name.ValueString()))
		}
	}
	r.refresh(context.WithoutCancel(ctx), &plan, &resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, devices.MadeKey, &plan.made, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(context.WithoutCancel(ctx), plan)...)
	resp.Diagnostics.Append(domainIdentity.Set(context.WithoutCancel(ctx), resp.Identity, plan.Placement, plan.Name)...)
}

func (r *domainResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	domainIdentity.Keep(ctx, req, resp)
	var state domainModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &domainResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Read, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	before := state
	if made := framework.LoadPrivate[devices.Made](ctx, req.Private, devices.MadeKey, &resp.Diagnostics); made != nil {
		state.made = *made
	}
	domain, err := r.read(ctx, &state, &resp.Diagnostics)
	if framework.IsNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	state.tellForeign(&resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, overlaysKey, &state.foreign.Overlays, &resp.Diagnostics)
	framework.SaveRenamed(ctx, resp.Private, before.Name, state.Name, &resp.Diagnostics)
	diverged := divergenceOf(domain)
	if before.Memory.IsNull() {
		framework.NoteImport(ctx, resp.Private, &resp.Diagnostics)
		state.tellDivergence(diverged, &resp.Diagnostics)
		r.tellTransient(ctx, domain, resp.Private, &resp.Diagnostics)
		framework.SavePrivate(ctx, resp.Private, adoptedKey, diverged, &resp.Diagnostics)
	}
	if diverged == nil {
		framework.SavePrivate[divergence](ctx, resp.Private, adoptedKey, nil, &resp.Diagnostics)
	}
	adopted := framework.LoadPrivate[divergence](ctx, req.Private, adoptedKey, &resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, divergedKey, diverged.without(adopted, before.Memory.IsNull()), &resp.Diagnostics)
	if before.Running.ValueBool() && !state.Running.ValueBool() {
		resp.Diagnostics.AddAttributeWarning(path.Root("running"), fmt.Sprintf("Domain %q is not running", state.Name.ValueString()),
			fmt.Sprintf("The guest was running, and %s. If running is true, the plan starts it again.", domain.Reason))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(domainIdentity.Set(ctx, resp.Identity, state.Placement, state.Name)...)
}

func (r *domainResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state domainModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &domainResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	plan.settleInstall()
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Update, framework.TransferTimeout+plan.installPatience(ctx, &state)+plan.waitPatience(ctx), &resp.Diagnostics)
	defer cancel()

	r.keepAccelerator(ctx, plan, &state)
	r.keepHad(ctx, plan, &state, &resp.Diagnostics)
	failed, problems := req.Private.GetKey(ctx, bootFailedKey)
	resp.Diagnostics.Append(problems...)
	saved, err := r.lookSaved(ctx, plan, state, failed != nil)
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "check the saved memory of", plan.subject(), err)
		return
	}
	diverged := framework.LoadPrivate[divergence](ctx, req.Private, divergedKey, &resp.Diagnostics)
	plan.adopted = framework.LoadPrivate[divergence](ctx, req.Private, adoptedKey, &resp.Diagnostics)
	installs := plan.installs(&state)
	plan.resumes = saved != nil && saved.fresh == ""
	restarts := failed != nil || plan.BootResult.IsUnknown() || plan.restarts(ctx, state) || diverged.restarts() || installs || saved != nil && saved.fresh != ""
	at, err := r.change(ctx, &plan, state, restarts, diverged, &resp.Diagnostics)
	if err != nil {
		framework.Fail(&resp.Diagnostics, at, "update", plan.subject(), err)
		return
	}
	framework.SavePrivate[divergence](ctx, resp.Private, divergedKey, nil, &resp.Diagnostics)
	framework.SavePrivate[bool](ctx, resp.Private, transientKey, nil, &resp.Diagnostics)
	if restarts {
		framework.SavePrivate[divergence](ctx, resp.Private, adoptedKey, nil, &resp.Diagnostics)
	}
	if plan.phase != netboot.PhaseNone {
		if err := r.install(ctx, &plan, &resp.Diagnostics); err != nil {
			framework.Fail(&resp.Diagnostics, path.Root("install"), "install", plan.subject(), err)
		}
	}
	starts := plan.Running.ValueBool() && (!state.Running.ValueBool() || restarts)
	now := &plan
	if starts && !resp.Diagnostics.HasError() {
		if err := r.boot(ctx, &plan, resp.Private, &resp.Diagnostics); err != nil {
			if state.Running.ValueBool() && !installs && ctx.Err() == nil {
				now, err = &state, r.putBack(ctx, state, err, &resp.Diagnostics)
			}
			framework.Fail(&resp.Diagnostics, blamedForStart(err), "start", plan.subject(), explainStart(err, plan.Name.ValueString()))
		} else if plan.resumes {
			r.catchUp(ctx, plan, &resp.Diagnostics)
		}
	}
	if !resp.Diagnostics.HasError() {
		r.releaseKernel(ctx, state, plan.Kernel)
	}
	r.refresh(context.WithoutCancel(ctx), now, &resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, devices.MadeKey, &now.made, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(context.WithoutCancel(ctx), now)...)
	resp.Diagnostics.Append(domainIdentity.Set(context.WithoutCancel(ctx), resp.Identity, plan.Placement, plan.Name)...)
}

func (r *domainResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state domainModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &domainResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Delete, framework.CallTimeout+state.patience(), &resp.Diagnostics)
	defer cancel()

	domain, err := r.find(ctx, state)
	if err == nil && !state.ShutdownTimeout.IsNull() {
		err = r.Host.ShutDownDomain(ctx, domain.Name, state.patience())
	}
	if err == nil {
		err = r.Host.DeleteDomain(ctx, domain.Name)
	}
	if err != nil && !framework.IsNotFound(err) {
		framework.Fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
		return
	}
	r.releaseKernel(ctx, state, types.ObjectNull(directKernelTypes))
}

// change updates the definition as planned, and stops the guest if the change needs it or the plan says so. The definition is
// changed before the guest is stopped: if libvirt refuses the definition, the guest keeps running.
func (r *domainResource) change(ctx context.Context, plan *domainModel, state domainModel, restarts bool, diverged *divergence, diags *diag.Diagnostics) (at path.Path, err error) {
	if plan.phase, err = r.nextPhase(ctx, *plan, state); err != nil {
		return path.Root("install"), err
	}
	if plan.installs(&state) && plan.phase == netboot.PhaseNone { // the installer has ended after an earlier apply was interrupted
		plan.InstallResult = types.ObjectNull(bootResultTypes)
		plan.warnUnseen(framework.As[installModel](ctx, plan.Install, diags).Expect, diags)
	}
	domain, at, err := r.domain(ctx, *plan, diags)
	if err != nil {
		return at, err
	}
	if err := r.Host.RedefineDomain(ctx, domain); err != nil {
		return plan.blamedForDefinition(err), err
	}
	if plan.phase == netboot.PhaseInstalling {
		return path.Empty(), nil
	}
	if !state.Running.ValueBool() && restarts {
		if err := r.Host.DiscardSaved(ctx, domain.Name); err != nil {
			return path.Root("running"), r.takeBack(ctx, state, err, diags)
		}
	}
	if !plan.Running.ValueBool() && !state.Running.ValueBool() {
		return path.Empty(), nil // a guest that is paused, or preserved after a crash, stays so: someone wants that
	}
	if plan.Running.ValueBool() && !restarts {
		return r.changeLive(ctx, domain, *plan, state, diverged, diags)
	}
	err = r.Host.ShutDownDomain(ctx, plan.Name.ValueString(), plan.patience())
	if err != nil {
		err = r.takeBack(ctx, state, err, diags)
	}
	return path.Root("running"), err
}

// putBack restores the old definition of a guest that was running, because the guest does not start with the new definition.
func (r *domainResource) putBack(ctx context.Context, state domainModel, cause error, diags *diag.Diagnostics) error {
	err := r.redefine(ctx, state, diags)
	if err == nil {
		err = r.Host.StartDomain(ctx, state.Name.ValueString())
	}
	if err != nil {
		return fmt.Errorf("%w; restoring the old definition failed as well: %w", cause, err)
	}
	return fmt.Errorf("%w; the old definition was restored, and the guest runs with it again", cause)
}
