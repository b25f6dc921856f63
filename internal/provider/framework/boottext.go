package framework

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// BootText has the attributes of a configuration that tells guests what to boot: its entries, or its text.
type BootText struct {
	Default types.String `tfsdk:"default"`
	Entries types.List   `tfsdk:"entries"`
	Content types.String `tfsdk:"content"`
	SHA256  types.String `tfsdk:"sha256"`
}

// Entry is an entry of a boot configuration.
type Entry struct {
	Label  types.String `tfsdk:"label"`
	Kernel types.String `tfsdk:"kernel"`
	Initrd types.String `tfsdk:"initrd"`
	Append types.List   `tfsdk:"append"`
}

// EntryType is the type of an entry of a boot configuration.
var EntryType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"label":  types.StringType,
	"kernel": types.StringType,
	"initrd": types.StringType,
	"append": types.ListType{ElemType: types.StringType},
}}

// Language is how a boot configuration is written.
type Language struct {
	Name         string // of such a configuration, for messages
	Parse        func(text string) pxelinux.Config
	Words        func(arguments string) []string // of the arguments of a kernel
	Validate     func(c pxelinux.Config) []pxelinux.Problem
	ValidateText func(text string) []pxelinux.Problem
	Render       func(c pxelinux.Config) (string, error)

	NamesDefault bool         // the text always has a default
	Initrd       types.String // path of the initrd for entries without one; null if they need none
}

// Fill sets the text from the entries, or the entries from the text. It refuses what would be read differently from how it is
// meant, unless an import found it like this. It returns the warnings.
func (b *BootText) Fill(ctx context.Context, l Language, found *Foreign, diags *diag.Diagnostics) (risks []pxelinux.Problem) {
	b.SHA256 = types.StringUnknown()
	b.fillDefault(ctx, l, diags)
	switch {
	case !b.Entries.IsNull() && !b.Entries.IsUnknown():
		b.Content = types.StringUnknown()
		config, known := b.Config(ctx, l, diags)
		if len(config.Entries) > 0 {
			risks = l.Refuse(l.Validate(config), path.Root("entries"), diags)
		}
		if !known || diags.HasError() {
			return risks
		}
		text, err := l.Render(config)
		if err != nil {
			diags.AddAttributeError(path.Root("entries"), "Invalid "+l.Name, Sentence(err))
			return nil
		}
		b.Content = types.StringValue(text)
	case !b.Content.IsNull() && !b.Content.IsUnknown():
		risks = l.refuseNew(l.ValidateText(b.Content.ValueString()), found, diags)
		if diags.HasError() {
			return nil
		}
		b.setEntries(ctx, l, diags)
	default:
		b.Default, b.Entries = types.StringUnknown(), types.ListUnknown(EntryType)
		return nil
	}
	sum := sha256.Sum256([]byte(b.Content.ValueString()))
	b.SHA256 = types.StringValue(hex.EncodeToString(sum[:]))
	return risks
}

// FillUnknown leaves open what follows from the text, or from the entries, because it is not known yet what reads them.
func (b *BootText) FillUnknown() {
	b.SHA256 = types.StringUnknown()
	if b.Default.IsNull() {
		b.Default = types.StringUnknown()
	}
	if b.Entries.IsNull() {
		b.Entries = types.ListUnknown(EntryType)
	}
	if b.Content.IsNull() {
		b.Content = types.StringUnknown()
	}
}

// fillDefault sets the label that the text names, if it always names one.
func (b *BootText) fillDefault(ctx context.Context, l Language, diags *diag.Diagnostics) {
	if !l.NamesDefault || !b.Default.IsNull() || b.Entries.IsNull() || b.Entries.IsUnknown() || HasUnknownElement(b.Entries) {
		return
	}
	if entries := Elements[Entry](ctx, b.Entries, diags); len(entries) > 0 {
		b.Default = entries[0].Label
	}
}

// SetContent sets a text that was found on the host. It can contain anything, so control characters are replaced: a plan shows
// multi-line texts unchanged, and a terminal would obey them.
func (b *BootText) SetContent(ctx context.Context, l Language, text string, diags *diag.Diagnostics) {
	b.Content = types.StringValue(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) {
			return unicode.ReplacementChar
		}
		return r // for invalid UTF-8, it is also the replacement character
	}, text))
	b.setEntries(ctx, l, diags)
}

// setEntries sets the entries and the default from the text.
func (b *BootText) setEntries(ctx context.Context, l Language, diags *diag.Diagnostics) {
	config := l.Parse(b.Content.ValueString())
	b.Default = types.StringNull()
	if config.Default != "" {
		b.Default = types.StringValue(config.Default)
	}
	entries := make([]Entry, len(config.Entries))
	for i, e := range config.Entries {
		entries[i] = Entry{
			Label:  types.StringValue(e.Label),
			Kernel: types.StringValue(e.Kernel),
			Initrd: types.StringValue(e.Initrd),
			Append: types.ListNull(types.StringType),
		}
		if e.Initrd == l.Initrd.ValueString() {
			entries[i].Initrd = types.StringNull()
		}
		if e.Append != "" {
			arguments, problems := types.ListValueFrom(ctx, types.StringType, l.Words(e.Append))
			diags.Append(problems...)
			entries[i].Append = arguments
		}
	}
	list, problems := types.ListValueFrom(ctx, EntryType, entries)
	diags.Append(problems...)
	b.Entries = list
}

// Config is the configuration that the entries describe. Unknown parts are replaced by placeholders that break no rule.
func (b BootText) Config(ctx context.Context, l Language, diags *diag.Diagnostics) (config pxelinux.Config, known bool) {
	if HasUnknownElement(b.Entries) {
		return config, false
	}
	known = true
	or := func(value types.String, standIn string) string {
		if value.IsUnknown() {
			known = false
			return standIn
		}
		return value.ValueString()
	}
	config.Default = or(b.Default, "")
	for i, e := range Elements[Entry](ctx, b.Entries, diags) {
		if e.Label.IsUnknown() {
			config.Default = "" // it may name this entry
		}
		if e.Initrd.IsNull() {
			e.Initrd = l.Initrd
		}
		known = known && !e.Append.IsUnknown()
		var arguments []types.String
		if !e.Append.IsUnknown() {
			diags.Append(e.Append.ElementsAs(ctx, &arguments, false)...)
		}
		config.Entries = append(config.Entries, pxelinux.Entry{
			Label:  or(e.Label, fmt.Sprintf("?%d", i)),
			Kernel: or(e.Kernel, "?"),
			Initrd: or(e.Initrd, "?"),
			Append: strings.Join(Each(arguments, func(a types.String) string { return or(a, "?") }), " "),
		})
	}
	return config, known && !diags.HasError()
}

// TakeOver completes the state of an import: its text, either as entries or as content. A CLI that generates configuration writes
// every attribute that has a value, and entries and content together are refused. It returns the problems of a text of another author.
func (b *BootText) TakeOver(ctx context.Context, l Language, diags *diag.Diagnostics) []pxelinux.Problem {
	if b.isOurs(ctx, l, diags) {
		b.Content = types.StringNull()
		return nil
	}
	b.Default, b.Entries = types.StringNull(), types.ListNull(EntryType)
	return l.ValidateText(b.Content.ValueString())
}

// isOurs tells whether the entries give exactly the same text, byte by byte.
func (b BootText) isOurs(ctx context.Context, l Language, diags *diag.Diagnostics) bool {
	if len(b.Entries.Elements()) == 0 {
		return false
	}
	config, known := b.Config(ctx, l, diags)
	text, err := l.Render(config)
	return known && err == nil && text == b.Content.ValueString()
}

// Complete fills in the form of the text, content or entries, that an import omitted.
func (b *BootText) Complete(ctx context.Context, l Language, diags *diag.Diagnostics) {
	switch {
	case b.Content.IsNull() && !b.Entries.IsNull():
		config, known := b.Config(ctx, l, diags)
		text, err := l.Render(config)
		if known && err == nil {
			b.Content = types.StringValue(text)
		}
	case b.Entries.IsNull() && !b.Content.IsNull():
		b.setEntries(ctx, l, diags)
	}
}

// KeepImported keeps a plan without changes empty: it omits what an import omitted. Some texts on a host cannot be written in
// a configuration, because they are not UTF-8. Such a text counts as unchanged if the configuration has it as the import
// wrote it.
func (b *BootText) KeepImported(config, prior BootText) {
	same := config.Content.Equal(prior.Content) && strings.ContainsRune(config.Content.ValueString(), utf8.RuneError)
	if same && !prior.SHA256.IsNull() {
		b.SHA256 = prior.SHA256
	}
	if !b.SHA256.Equal(prior.SHA256) {
		return
	}
	if config.Content.IsNull() && prior.Content.IsNull() {
		b.Content = types.StringNull()
	}
	if config.Entries.IsNull() && prior.Entries.IsNull() {
		b.Default, b.Entries = types.StringNull(), types.ListNull(EntryType)
	}
}

// Foreign lists the problems that an import found in a file, and that would be refused in a new file. They are not errors
// later either, even after the file has changed on the host: its author may know guests that this provider does not know.
type Foreign struct{ Problems []string }

// ForeignKey is the key for Foreign in the private state.
const ForeignKey = "foreign"

// ForeignOf lists these problems.
func ForeignOf(problems []pxelinux.Problem) *Foreign {
	found := &Foreign{}
	for _, p := range problems {
		found.Problems = append(found.Problems, p.Message)
	}
	return found
}

// refuseNew reports the errors of a text, but only warns about those that its import found.
func (l Language) refuseNew(problems []pxelinux.Problem, found *Foreign, diags *diag.Diagnostics) (warnings []pxelinux.Problem) {
	for i := range problems {
		if found != nil && slices.Contains(found.Problems, problems[i].Message) {
			problems[i].Severity = pxelinux.Warning
		}
	}
	return l.Refuse(problems, path.Root("content"), diags)
}

// Refuse reports the errors of a configuration, each for the attribute that has it, and returns the warnings. whole is the
// attribute that contains the whole configuration.
func (l Language) Refuse(problems []pxelinux.Problem, whole path.Path, diags *diag.Diagnostics) (warnings []pxelinux.Problem) {
	for _, p := range problems {
		if p.Severity == pxelinux.Warning {
			warnings = append(warnings, p)
			continue
		}
		at := PathOfProblem(p, whole)
		diags.AddAttributeError(at, "Invalid "+l.Name, Sentence(Within(at, p)))
	}
	return warnings
}

// Warn reports the risks of a configuration that is going to be written. A plan without changes reports none.
func (l Language) Warn(risks []pxelinux.Problem, diags *diag.Diagnostics) {
	for _, p := range risks {
		at := PathOfProblem(p, path.Root("content"))
		diags.AddAttributeWarning(at, "Risky "+l.Name, Sentence(Within(at, p)))
	}
}

// CheckKinds refuses an entry whose kernel is the initrd of an image, or whose initrd is the kernel: a guest jumps into
// whatever it loads. It returns warnings about arguments that a kernel does not use. arch is the architecture of the guests, and root
// their TFTP root.
func (b BootText) CheckKinds(ctx context.Context, l Language, arch, root string, planned *netboot.Plans, diags *diag.Diagnostics) (risks []pxelinux.Problem) {
	config, known := b.Config(ctx, l, diags)
	if !known {
		return nil
	}
	var problems []pxelinux.Problem
	for i, e := range config.Entries {
		problems = append(problems, checkKind(planned, arch, root, pxelinux.Problem{Severity: pxelinux.Error, Entry: i, Field: "kernel"}, e.Kernel)...)
		for _, initrd := range e.Initrds() {
			problems = append(problems, checkKind(planned, arch, root, pxelinux.Problem{Severity: pxelinux.Error, Entry: i, Field: "initrd"}, initrd)...)
		}
	}
	l.Refuse(problems, path.Root("entries"), diags)
	return unusedArguments(config, root, planned)
}

// unusedArguments warns about arguments of kernels that have a command line of their own.
func unusedArguments(config pxelinux.Config, root string, planned *netboot.Plans) (risks []pxelinux.Problem) {
	for i, e := range config.Entries {
		if kernel, _ := planned.Files.Find(fileBelow(root, e.Kernel)); kernel.Cmdline && e.Append != "" {
			risks = append(risks, pxelinux.Problem{
				Severity: pxelinux.Warning, Entry: i, Field: "append",
				Message: fmt.Sprintf("the kernel %s has a command line of its own, kernel.cmdline of its netboot_image, and uses only that", e.Kernel),
				Remedy:  "remove append, or kernel.cmdline of the image",
			})
		}
	}
	return risks
}

// fileBelow is the name of a file in netboot.Plans.Files.
func fileBelow(root, file string) string { return root + "/" + strings.TrimPrefix(file, "/") }

func checkKind(planned *netboot.Plans, arch, root string, problem pxelinux.Problem, file string) []pxelinux.Problem {
	found, ok := planned.Files.Find(fileBelow(root, file))
	kind := problem.Field
	switch {
	case ok && found.Kind != kind && slices.Contains(bootfiles.Kinds, found.Kind):
		problem.Message = fmt.Sprintf("%s is the %s of a netboot_image", file, found.Kind)
		problem.Remedy = fmt.Sprintf("set the path of the %s of the image", kind)
	case ok && found.Arch != "" && found.Arch != arch:
		problem.Message = fmt.Sprintf("%s is the %s of a netboot_image for %s, but this configuration is for %s guests", file, kind, found.Arch, arch)
		problem.Remedy = fmt.Sprintf("set arch of the configuration to %q, or use an image for %s", found.Arch, arch)
	default:
		return nil
	}
	return []pxelinux.Problem{problem}
}

// PathOfProblem is the attribute that a problem is about.
func PathOfProblem(p pxelinux.Problem, whole path.Path) path.Path {
	switch {
	case p.Line > 0: // in content
		return whole
	case p.Entry < 0 && p.Field != "":
		return path.Root(p.Field)
	case p.Entry < 0:
		return whole
	case p.Field == "":
		return path.Root("entries").AtListIndex(p.Entry)
	default:
		return path.Root("entries").AtListIndex(p.Entry).AtName(p.Field)
	}
}

// TextHost has the methods of a host that a text file below a TFTP root needs.
type TextHost interface {
	virt.DirectoryHost
	VolumeNames(ctx context.Context, pool string) ([]string, error)
}

// ReadText reads a file in a pool if it has changed since known. Otherwise it returns the text in the state. Without known, it is for
// an import.
func ReadText(ctx context.Context, host TextHost, pool, name string, known *tftproot.File, text string) (tftproot.File, string, error) {
	dir := virt.NewDirectory(host, pool)
	if known != nil {
		now, err := tftproot.Verify(ctx, dir, *known)
		if err != nil || now == *known {
			return now, text, err
		}
		if now.Size > tftproot.MaxText {
			return now, "", nil // too big to be what was written; the plan shows a change
		}
		return tftproot.ReadText(ctx, dir, name)
	}
	// libvirt finds a file of another program only when it lists the pool.
	names, err := host.VolumeNames(ctx, pool)
	if err == nil && !slices.Contains(names, name) {
		err = fmt.Errorf("%w: %s", fs.ErrNotExist, name)
	}
	if err != nil {
		return tftproot.File{}, "", err
	}
	return tftproot.ReadText(ctx, dir, name)
}

// RemoveFile removes a file, if it exists.
func RemoveFile(ctx context.Context, dir tftproot.Directory, name string) error {
	if err := dir.Remove(ctx, name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
