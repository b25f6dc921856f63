package domains

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

type domainPowerAction struct{ framework.Action[Host] }

// NewPowerAction makes the action netboot_domain_power.
func NewPowerAction() action.Action { return &domainPowerAction{} }

type domainPowerModel struct {
	framework.Placement
	Domain  types.String `tfsdk:"domain"`
	Power   types.String `tfsdk:"power"`
	Timeout types.String `tfsdk:"timeout"`
}

// The values of power.
const (
	powerStart    = "start"
	powerShutDown = "shutdown"
	powerReboot   = "reboot"
	powerReset    = "reset"
)

func (a *domainPowerAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_domain_power"
}

func (a *domainPowerAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Starts, shuts down, reboots or resets a guest, once. Actions need Terraform 1.14; OpenTofu does not have them. " +
			"`running` of a `netboot_domain` sets the permanent state of a guest: if this action stops a guest with `running = true`, the next apply starts it.",
		Attributes: map[string]schema.Attribute{
			"host":   schema.StringAttribute{MarkdownDescription: framework.HostDescription, Optional: true},
			"domain": schema.StringAttribute{MarkdownDescription: "Name of the guest.", Required: true, Validators: []validator.String{framework.ObjectName}},
			"power": schema.StringAttribute{
				MarkdownDescription: "`start`: starts the guest; also resumes a paused guest, wakes a suspended guest, and restarts a guest that crashed and was preserved. " +
					"`shutdown`: asks the guest to shut down, waits, and forces it off after `timeout`, or at once if the guest cannot receive the request. " +
					"`reboot`: asks the guest to reboot, and does not wait; an error if the guest is not running. `reset`: resets the guest without asking it.",
				Required:   true,
				Validators: []validator.String{stringvalidator.OneOf(powerStart, powerShutDown, powerReboot, powerReset)},
			},
			"timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("How long the guest may take to shut down, such as `\"5m\"`. Default: `%q`.", framework.ShutdownPatience),
				Optional:            true,
				Validators:          []validator.String{duration},
			},
		},
	}
}

func (a *domainPowerAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m domainPowerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a = &domainPowerAction{a.On(m.Placement, &resp.Diagnostics)}
	patience := patienceOf(m.Timeout, framework.ShutdownPatience, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	say := func(format string, values ...any) {
		resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf(format, values...)})
	}
	if err := a.press(ctx, m, patience, say); err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("power"), m.Power.ValueString(), framework.Subject{Kind: "domain", ID: m.Domain.ValueString()}, err)
	}
}

// press performs the action, and reports its progress.
func (a *domainPowerAction) press(ctx context.Context, m domainPowerModel, patience time.Duration, say func(format string, values ...any)) error {
	name := m.Domain.ValueString()
	switch m.Power.ValueString() {
	case powerStart:
		if err := a.Host.StartDomain(ctx, name); err != nil {
			return explainStart(err, name)
		}
		say("%s is running", name)
		return nil
	case powerReboot:
		say("asking %s to reboot", name)
		return a.Host.RebootDomain(ctx, name)
	case powerReset:
		say("resetting %s", name)
		return a.Host.ResetDomain(ctx, name)
	}
	say("asking %s to shut down, for at most %v", name, patience)
	if err := a.Host.ShutDownDomain(ctx, name, patience); err != nil {
		return err
	}
	say("%s is shut off", name)
	return nil
}
