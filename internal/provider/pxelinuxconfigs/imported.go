package pxelinuxconfigs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// takeOver completes the state of an import.
func (m *pxelinuxConfigModel) takeOver(ctx context.Context, diags *diag.Diagnostics) *framework.Foreign {
	m.setTarget()
	if err := m.checkName(); err != nil {
		framework.Fail(diags, path.Empty(), "import", m.subject(), err)
		return nil
	}
	problems := m.TakeOver(ctx, m.language(m.reader()), diags)
	m.warnOfForeign(problems, diags)
	return framework.ForeignOf(problems)
}

// guessedArch says that an import has guessed arch from the file, which does not contain it.
type guessedArch struct{ Guessed bool }

// guessedArchKey is the key for guessedArch in the private state.
const guessedArchKey = "guessed_arch"

// archOf guesses the architecture of the guests that a file is for. A file that this resource writes for x86_64 guests shows it. A
// file for ppc64le guests is the same as one for s390x guests.
func archOf(text string) types.String {
	if isWrittenFor(pxelinux.PXELINUX, text) {
		return types.StringValue(arch.X86)
	}
	return types.StringValue(arch.S390X)
}

// readerOf guesses the reader of a file; null for the usual one. A file that this resource writes for the boot loader of s390-tools shows
// it by an entry without an initrd. Any other file is for the firmware, unless the user says something else.
func readerOf(text string) types.String {
	config, _ := pxelinux.Parse(text, pxelinux.Blob)
	if isWrittenFor(pxelinux.Blob, text) && config.Entries[0].Initrd == "" {
		return types.StringValue(pxelinux.S390Tools)
	}
	return types.StringNull()
}

// isWrittenFor tells whether a file is as this resource writes it for a reader.
func isWrittenFor(by pxelinux.Reader, text string) bool {
	config, _ := pxelinux.Parse(text, by)
	written, err := pxelinux.Render(config, by)
	return err == nil && written == text
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
	if countErrors(pxelinux.ValidateText(m.Content.ValueString(), pxelinux.Blob)) == 0 {
		advice += fmt.Sprintf("So does the boot loader of s390-tools: if guests read the file with it, set reader to %q. ", pxelinux.S390Tools)
	}
	diags.AddWarning("Risky pxelinux configuration", fmt.Sprintf("The firmware of s390x guests does not read all of %s as it is written, although real PXELINUX may. %s"+
		"The file stays as it is. The following problems are not errors in a later change of content:%s", m.subject(), advice, said.String()))
}
