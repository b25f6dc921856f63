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
	if !m.BootResult.IsUnknown() {
		n.BootResult = framework.As[bootResultModel](ctx, m.BootResult, diags)
	}
	if n == (note{}) {
		return "", nil
	}
	text, err := json.Marshal(n)
	return string(text), err
}

// fromNote reads the note. A note that cannot be read counts as empty.
func (m *domainModel) fromNote(ctx context.Context, text string, diags *diag.Diagnostics) {
	m.BootCheck, m.BootResult, m.WaitFor = types.ObjectNull(bootCheckTypes), types.ObjectNull(bootResultTypes), types.ObjectNull(waitForTypes)
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
	if n.BootResult != nil {
		n.BootResult.ConsoleTail = framework.Printable(n.BootResult.ConsoleTail) // anyone who can change the note on the host can write to the output of a plan
		m.BootResult, problems = types.ObjectValueFrom(ctx, bootResultTypes, n.BootResult)
		diags.Append(problems...)
	}
}

// saveNote replaces the note.
func (r *domainResource) saveNote(ctx context.Context, m domainModel, diags *diag.Diagnostics) error {
	text, err := m.note(ctx, diags)
	if err != nil {
		return err
	}
	return r.Host.SetNote(ctx, m.Name.ValueString(), text)
}
