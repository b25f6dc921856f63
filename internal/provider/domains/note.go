package domains

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// note is kept in the metadata of the domain for an import, because nothing else on the host has it: how the boot is checked, and
// the result.
type note struct {
	PxelinuxConfig  string           `json:"pxelinux_config,omitempty"`
	GrubConfig      string           `json:"grub_config,omitempty"`
	Image           string           `json:"image,omitempty"`
	AddressesFrom   string           `json:"addresses_from,omitempty"`
	ShutdownTimeout string           `json:"shutdown_timeout,omitempty"`
	BootCheck       *bootCheckModel  `json:"boot_check,omitempty"`
	BootResult      *bootResultModel `json:"boot_result,omitempty"`
	WaitFor         *waitForModel    `json:"wait_for,omitempty"`
	Install         *installNote     `json:"install,omitempty"`
	InstallResult   *bootResultModel `json:"install_result,omitempty"`
}

func (m domainModel) note(ctx context.Context, diags *diag.Diagnostics) (string, error) {
	n := note{
		PxelinuxConfig:  m.PxelinuxConfig.ValueString(),
		GrubConfig:      m.GrubConfig.ValueString(),
		Image:           framework.Member(m.Kernel, "image"),
		ShutdownTimeout: m.ShutdownTimeout.ValueString(),
		Install:         m.installNote(ctx, diags),
	}
	if from := m.AddressesFrom.ValueString(); from != string(virt.FromLeases) {
		n.AddressesFrom = from
	}
	n.BootCheck = framework.As[bootCheckModel](ctx, m.BootCheck, diags)
	n.WaitFor = framework.As[waitForModel](ctx, m.WaitFor, diags)
	n.BootResult = framework.AsKnown[bootResultModel](ctx, m.BootResult, diags)
	n.InstallResult = framework.AsKnown[bootResultModel](ctx, m.InstallResult, diags)
	if n == (note{}) {
		return "", nil
	}
	text, err := json.Marshal(n)
	return string(text), err
}

// fromNote reads the note. A note that cannot be read counts as empty.
func (m *domainModel) fromNote(ctx context.Context, text string, diags *diag.Diagnostics) {
	m.BootCheck, m.WaitFor = types.ObjectNull(bootCheckTypes), types.ObjectNull(waitForTypes)
	m.BootResult, m.InstallResult = types.ObjectNull(bootResultTypes), types.ObjectNull(bootResultTypes)
	m.AddressesFrom = types.StringValue(string(virt.FromLeases))
	var n note
	if json.Unmarshal([]byte(text), &n) != nil {
		return
	}
	m.GrubConfig = framework.Optional(n.GrubConfig)
	m.PxelinuxConfig, m.ShutdownTimeout = framework.Optional(n.PxelinuxConfig), framework.Optional(n.ShutdownTimeout)
	if n.AddressesFrom != "" {
		m.AddressesFrom = types.StringValue(n.AddressesFrom)
	}
	if n.Image != "" {
		m.Kernel = framework.ObjectFrom(ctx, directKernelTypes, directKernelModel{Image: types.StringValue(n.Image)}, diags)
	}
	var problems diag.Diagnostics
	if n.BootCheck != nil {
		m.BootCheck, problems = types.ObjectValueFrom(ctx, bootCheckTypes, n.BootCheck)
		diags.Append(problems...)
	}
	if n.WaitFor != nil {
		m.WaitFor, problems = types.ObjectValueFrom(ctx, waitForTypes, n.WaitFor)
		diags.Append(problems...)
	}
	m.BootResult, m.InstallResult = n.BootResult.object(ctx, diags), n.InstallResult.object(ctx, diags)
}

// object is a result as in the note. Anyone who can change the note on the host can write to the output of a plan.
func (m *bootResultModel) object(ctx context.Context, diags *diag.Diagnostics) types.Object {
	if m == nil {
		return types.ObjectNull(bootResultTypes)
	}
	m.ConsoleTail = framework.Printable(m.ConsoleTail)
	return framework.ObjectFrom(ctx, bootResultTypes, m, diags)
}

// saveNote replaces the note.
func (r *domainResource) saveNote(ctx context.Context, m domainModel, diags *diag.Diagnostics) error {
	text, err := m.note(ctx, diags)
	if err != nil {
		return err
	}
	return r.Host.SetNote(ctx, m.Name.ValueString(), text)
}
