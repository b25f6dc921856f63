package pxelinuxconfigs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// foreign lists the problems that an import found in a file, and that would be refused in a new file. They are not errors
// later either, even after the file has changed on the host: its author may know guests that this provider does not know.
type foreign struct{ Problems []string }

// foreignKey is the key for foreign in the private state.
const foreignKey = "foreign"

// takeOver completes the state of an import: the target of the file, and its text, either as entries or as content. A CLI
// that generates configuration writes every attribute that has a value, and entries and content together are refused.
func (m *pxelinuxConfigModel) takeOver(ctx context.Context, diags *diag.Diagnostics) *foreign {
	m.setTarget()
	if err := m.checkName(); err != nil {
		framework.Fail(diags, path.Empty(), "import", m.subject(), err)
		return nil
	}
	if m.isOurs(ctx, diags) {
		m.Content = types.StringNull()
		return nil
	}
	m.Default, m.Entries = types.StringNull(), types.ListNull(framework.EntryType)
	problems := pxelinux.ValidateText(m.Content.ValueString(), m.reader())
	m.warnOfForeign(problems, diags)
	found := &foreign{}
	for _, p := range problems {
		found.Problems = append(found.Problems, p.Message)
	}
	return found
}

// guessedArch says that an import has guessed arch from the file, which does not contain it.
type guessedArch struct{ Guessed bool }

// guessedArchKey is the key for guessedArch in the private state.
const guessedArchKey = "guessed_arch"

// archOf guesses the architecture of the guests that a file is for. A file that this resource writes for x86_64 guests shows it. A
// file for ppc64le guests is the same as one for s390x guests.
func archOf(text string) string {
	config, _ := pxelinux.Parse(text, pxelinux.PXELINUX)
	if written, err := pxelinux.Render(config, pxelinux.PXELINUX); err == nil && written == text {
		return arch.X86
	}
	return arch.S390X
}

// replacesArch tells whether the file is for guests of another architecture than before. After an import, which has only
// guessed arch, a change does not replace the resource.
func (m pxelinuxConfigModel) replacesArch(prior *pxelinuxConfigModel, arch *guessedArch) bool {
	if prior == nil || prior.Arch.IsNull() || m.Arch.Equal(prior.Arch) {
		return false
	}
	return arch == nil || !arch.Guessed
}

// checkName refuses a file that no firmware looks for, for example a file that other files include.
func (m pxelinuxConfigModel) checkName() error {
	named := m
	var problems diag.Diagnostics
	named.fillFileName(&problems)
	if !problems.HasError() && named.FileName.Equal(m.FileName) {
		return nil
	}
	return errors.New("no firmware looks for a file with this name, so no guest uses it; valid names are default, 01- with a MAC address in lower case with dashes, " +
		"a UUID in lower case, and an IPv4 address, or its beginning, in upper-case hexadecimal digits")
}

// isOurs tells whether the entries give exactly the same text, byte by byte.
func (m pxelinuxConfigModel) isOurs(ctx context.Context, diags *diag.Diagnostics) bool {
	if len(m.Entries.Elements()) == 0 {
		return false
	}
	config, known := m.config(ctx, diags)
	if !known || countErrors(pxelinux.Validate(config, m.reader())) > 0 {
		return false
	}
	text, err := pxelinux.Render(config, m.reader())
	return err == nil && text == m.Content.ValueString()
}

func countErrors(problems []pxelinux.Problem) (count int) {
	for _, p := range problems {
		if p.Severity == pxelinux.Error {
			count++
		}
	}
	return count
}

// shownProblems is how many problems of an imported file are listed.
const shownProblems = 5

// warnOfForeign warns once about what s390x guests misread in a file of another author. The file may be for guests that
// read more.
func (m pxelinuxConfigModel) warnOfForeign(problems []pxelinux.Problem, diags *diag.Diagnostics) {
	if countErrors(problems) == 0 {
		return
	}
	var said strings.Builder
	for i, p := range problems {
		if i == shownProblems {
			fmt.Fprintf(&said, "\n- and %d more", len(problems)-i)
			break
		}
		said.WriteString("\n- " + framework.Printable(p.Error()))
	}
	advice := ""
	if countErrors(pxelinux.ValidateText(m.Content.ValueString(), pxelinux.PXELINUX)) == 0 {
		advice = fmt.Sprintf("PXELINUX reads it as it is written: if it is for x86_64 guests, set arch to %q. ", arch.X86)
	}
	diags.AddWarning("Risky pxelinux configuration", fmt.Sprintf("The firmware of s390x guests does not read all of %s as it is written, although real PXELINUX may. %s"+
		"The file stays as it is. The following problems are not errors in a later change of content:%s", m.subject(), advice, said.String()))
}

// complete fills in the form of the text, content or entries, that an import omitted.
func (m *pxelinuxConfigModel) complete(ctx context.Context, diags *diag.Diagnostics) {
	switch {
	case m.Content.IsNull() && !m.Entries.IsNull():
		config, known := m.config(ctx, diags)
		text, err := pxelinux.Render(config, m.reader())
		if known && err == nil {
			m.Content = types.StringValue(text)
		}
	case m.Entries.IsNull() && !m.Content.IsNull():
		m.setEntries(ctx, diags)
	}
}

// keepImported keeps a plan without changes empty: it omits what an import omitted. Some texts on a host cannot be written in
// a configuration, because they are not UTF-8. Such a text counts as unchanged if the configuration has it as the import
// wrote it.
func (m *pxelinuxConfigModel) keepImported(config, prior pxelinuxConfigModel) {
	same := config.Content.Equal(prior.Content) && strings.ContainsRune(config.Content.ValueString(), utf8.RuneError)
	if same && !prior.SHA256.IsNull() {
		m.SHA256 = prior.SHA256
	}
	if !m.SHA256.Equal(prior.SHA256) {
		return
	}
	if config.Content.IsNull() && prior.Content.IsNull() {
		m.Content = types.StringNull()
	}
	if config.Entries.IsNull() && prior.Entries.IsNull() {
		m.Default, m.Entries = types.StringNull(), types.ListNull(framework.EntryType)
	}
}

// refuseNew reports the errors of a text, but only warns about those that its import found.
func refuseNew(problems []pxelinux.Problem, found *foreign, diags *diag.Diagnostics) (warnings []pxelinux.Problem) {
	for i := range problems {
		if found != nil && slices.Contains(found.Problems, problems[i].Message) {
			problems[i].Severity = pxelinux.Warning
		}
	}
	return refuse(problems, path.Root("content"), diags)
}
