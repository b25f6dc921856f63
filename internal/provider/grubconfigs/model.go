package grubconfigs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// language is GRUB's.
var language = framework.Language{
	Name:         "GRUB configuration",
	Parse:        grub.Parse,
	Words:        grub.Words,
	Validate:     grub.Validate,
	ValidateText: grub.ValidateText,
	Render:       grub.Render,
	NamesDefault: true,
}

// fillFileName sets the file's name and what follows from it, as far as the target of the file is known.
func (m *grubConfigModel) fillFileName(diags *diag.Diagnostics) {
	m.ID, m.FileName, m.Path = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	if m.Arch.IsUnknown() || m.MAC.IsUnknown() {
		return
	}
	name, err := grub.ArchFileName(m.Arch.ValueString())
	if !m.MAC.IsNull() {
		if name, err = grub.MACFileName(m.MAC.ValueString()); err != nil {
			diags.AddAttributeError(path.Root("mac"), "Invalid mac", framework.Sentence(err))
		}
	}
	if err != nil {
		return // the validator of arch reports this error
	}
	m.FileName = types.StringValue(name)
	m.Path = types.StringValue(grub.Dir + "/" + name)
	if !m.TFTPRoot.IsUnknown() {
		m.ID = types.StringValue(m.id())
	}
}

// keepWriting keeps the spelling of the MAC address from before, by another user or by an import.
func (m *grubConfigModel) keepWriting(prior grubConfigModel) {
	if !m.MAC.IsNull() && !prior.MAC.IsNull() {
		m.MAC = prior.MAC
	}
}

// takeOver completes the state of an import: the target of the file, and its text. The name of a file for one guest does not say its
// architecture, so it counts as the default.
func (m *grubConfigModel) takeOver(ctx context.Context, diags *diag.Diagnostics) *framework.Foreign {
	name := m.FileName.ValueString()
	mac, forAll := grub.MACOf(name), grub.ArchOf(name)
	if mac == "" && forAll == "" {
		framework.Fail(diags, path.Empty(), "import", m.subject(), errors.New("the dispatcher loads no file with this name; valid names are grub.cfg-01- with a MAC address in lower case with dashes, grub.cfg-x86_64 and grub.cfg-arm64"))
		return nil
	}
	m.Path = types.StringValue(grub.Dir + "/" + name)
	m.Arch = types.StringValue(grub.Archs[0])
	if forAll != "" {
		m.Arch = types.StringValue(forAll)
	} else {
		m.MAC = types.StringValue(mac)
	}
	problems := m.TakeOver(ctx, language, diags)
	m.warnOfForeign(problems, diags)
	return framework.ForeignOf(problems)
}

// warnOfForeign warns once about what GRUB does not run in a file of another author.
func (m grubConfigModel) warnOfForeign(problems []pxelinux.Problem, diags *diag.Diagnostics) {
	var said strings.Builder
	for _, p := range problems {
		if p.Severity == pxelinux.Error {
			said.WriteString("\n- " + framework.Printable(p.Error()))
		}
	}
	if said.Len() > 0 {
		diags.AddWarning("Risky "+language.Name, fmt.Sprintf("GRUB does not run all of %s as it is written. The file stays as it is. The following problems are not errors in a later change of content:%s", m.subject(), said.String()))
	}
}
