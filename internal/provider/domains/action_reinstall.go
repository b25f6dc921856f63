package domains

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

type domainReinstallAction struct{ framework.Action[Host] }

// NewReinstallAction makes the action netboot_domain_reinstall.
func NewReinstallAction() action.Action { return &domainReinstallAction{} }

type domainReinstallModel struct {
	framework.Placement
	Domain types.String `tfsdk:"domain"`
}

func (a *domainReinstallAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_domain_reinstall"
}

func (a *domainReinstallAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Installs a guest again that a `netboot_domain` with `install` created. The action shuts the guest down, boots it from the network once and waits for its installer. If the guest was running, the action then starts it from disk. " +
			"The installer can overwrite the guest's disks. Actions need Terraform 1.14; a change of `reinstall` does the same, also in OpenTofu.",
		Attributes: map[string]schema.Attribute{
			"host":   schema.StringAttribute{MarkdownDescription: framework.HostDescription, Optional: true},
			"domain": schema.StringAttribute{MarkdownDescription: "Name of the guest.", Required: true, Validators: []validator.String{framework.ObjectName}},
		},
	}
}

func (a *domainReinstallAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m domainReinstallModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	r := &domainResource{framework.Resource[Host]{Scope: a.On(m.Placement, &resp.Diagnostics).Scope}}
	if resp.Diagnostics.HasError() {
		return
	}
	say := func(format string, values ...any) {
		resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf(format, values...)})
	}
	guest := domainToImport(ctx, m.Placement, m.Domain.ValueString(), &resp.Diagnostics)
	if err := r.reinstall(ctx, &guest, say, &resp.Diagnostics); err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("domain"), "install", guest.subject(), err)
	}
}

// domainToImport is a guest with nothing but its name, as in an import.
func domainToImport(ctx context.Context, p framework.Placement, name string, diags *diag.Diagnostics) (m domainModel) {
	s := domainSchema(ctx)
	state := tfsdk.State{Schema: s, Raw: tftypes.NewValue(s.Type().TerraformType(ctx), nil)}
	diags.Append(domainIdentity.Begin(ctx, &state, p, []string{name})...)
	diags.Append(state.Get(ctx, &m)...)
	return m
}

// reinstall installs a guest as the note in its definition says, and reports its progress.
func (r *domainResource) reinstall(ctx context.Context, m *domainModel, say func(format string, values ...any), diags *diag.Diagnostics) error {
	if _, err := r.read(ctx, m, diags); err != nil {
		return err
	}
	if m.Install.IsNull() {
		return errors.New("it does not have install, so it is not known what ends its installation; add install to its netboot_domain and apply that first")
	}
	name, runs := m.Name.ValueString(), m.Running.ValueBool()
	say("asking %s to shut down, for at most %v", name, m.patience())
	if err := r.Host.ShutDownDomain(ctx, name, m.patience()); err != nil {
		return err
	}
	m.phase = netboot.PhaseDue
	if err := r.saveNote(ctx, *m, diags); err != nil {
		return err
	}
	say("%s boots from the network and installs", name)
	if err := r.install(ctx, m, diags); err != nil || !runs {
		return err
	}
	say("%s is installed, and starts from disk", name)
	return r.boot(ctx, m, noPrivateState{}, diags)
}

// noPrivateState discards private state, because an action does not have it.
type noPrivateState struct{}

// SetKey implements privateWriter.
func (noPrivateState) SetKey(context.Context, string, []byte) diag.Diagnostics { return nil }
