package domains

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// installNote is the part of the note for a guest that is installed.
type installNote struct {
	installModel
	Reinstall *string       `json:"reinstall,omitempty"`
	Boot      []string      `json:"boot"` // as the user writes it, because the definition has only disk
	Phase     netboot.Phase `json:"phase,omitempty"`
}

func (m domainModel) installNote(ctx context.Context, diags *diag.Diagnostics) *installNote {
	install := framework.As[installModel](ctx, m.Install, diags)
	if install == nil {
		return nil
	}
	n := &installNote{installModel: *install, Reinstall: m.Reinstall.ValueStringPointer(), Phase: m.phase}
	diags.Append(m.Boot.ElementsAs(ctx, &n.Boot, false)...)
	return n
}

// parseInstallNote returns nil if the note has no installation.
func parseInstallNote(text string) *installNote {
	var n note
	if json.Unmarshal([]byte(text), &n) != nil {
		return nil
	}
	return n.Install
}

// fromInstallNote reads the installation from the note: all of it for an import, otherwise only its phase and reinstall. A run that
// was killed may have begun or ended an installation that the state does not have.
func (m *domainModel) fromInstallNote(ctx context.Context, d virt.Domain, imported bool, diags *diag.Diagnostics) {
	n := parseInstallNote(d.Note)
	if imported {
		m.Install, m.Reinstall = types.ObjectNull(installTypes), types.StringNull()
		if n != nil {
			install, problems := types.ObjectValueFrom(ctx, installTypes, n.installModel)
			diags.Append(problems...)
			boot, problems := types.ListValueFrom(ctx, types.StringType, n.Boot)
			diags.Append(problems...)
			m.Install, m.Boot = install, boot
			m.fromInstalledBoot(d.Boot)
		}
	}
	m.phase, m.Installed = netboot.PhaseNone, types.BoolNull()
	if m.Install.IsNull() {
		return
	}
	if n != nil {
		m.phase, m.Reinstall = n.Phase, types.StringPointerValue(n.Reinstall)
	}
	m.Installed = types.BoolValue(m.phase == netboot.PhaseNone)
}
