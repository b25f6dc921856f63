package pxelinuxconfigs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

type entryModel struct {
	Label  types.String `tfsdk:"label"`
	Kernel types.String `tfsdk:"kernel"`
	Initrd types.String `tfsdk:"initrd"`
	Append types.List   `tfsdk:"append"`
}

func entryAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"label": schema.StringAttribute{
			MarkdownDescription: "Name of the entry.",
			Required:            true,
		},
		"kernel": schema.StringAttribute{
			MarkdownDescription: "Path of the kernel, relative to the TFTP root: a `netboot_image`'s `kernel.path`.",
			Required:            true,
		},
		"initrd": schema.StringAttribute{
			MarkdownDescription: "Path of the initrd, relative to the TFTP root: a `netboot_image`'s `initrd.path`. Without it, an empty initrd is published next to the configuration, because the firmware of s390x and ppc64le guests cannot boot without an initrd. For `x86_64`, it can be several paths, separated by commas.",
			Optional:            true,
		},
		"append": schema.ListAttribute{
			MarkdownDescription: fmt.Sprintf("Arguments of the kernel, together at most %d bytes. For longer arguments, see `kernel.cmdline` of `netboot_image`. "+
				"For `x86_64`, the whole command line has at most %d bytes, with `BOOT_IMAGE=` and `initrd=`, which PXELINUX adds. For `ppc64le`, arguments are an error, because SLOF does not pass them to the kernel; set `kernel.cmdline` of `netboot_image` instead. "+
				"Anyone on the network can read them.", pxelinux.MaxAppendSize, pxelinux.MaxCommandLine),
			ElementType: types.StringType,
			Optional:    true,
		},
	}
}

// fillFileName sets the file's name and what follows from it, as far as the target of the file is known.
func (m *pxelinuxConfigModel) fillFileName(diags *diag.Diagnostics) {
	m.ID, m.FileName, m.Path = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	if m.Arch.IsUnknown() {
		return
	}
	name := "default"
	for attribute, target := range map[string]struct {
		value types.String
		name  func(string) (string, error)
	}{
		"mac":  {m.MAC, pxelinux.MACFileName},
		"uuid": {m.UUID, m.reader().UUIDFileName},
		"ipv4": {m.IPv4, pxelinux.IPv4FileName},
	} {
		if target.value.IsUnknown() {
			return
		}
		if target.value.IsNull() {
			continue
		}
		var err error
		if name, err = target.name(target.value.ValueString()); err != nil {
			diags.AddAttributeError(path.Root(attribute), "Invalid "+attribute, framework.Sentence(err))
			return
		}
	}
	m.FileName = types.StringValue(name)
	m.Path = types.StringValue(tftproot.ConfigDir + "/" + name)
	if !m.TFTPRoot.IsUnknown() {
		m.ID = types.StringValue(m.id())
	}
}

// targetString is an attribute that says which guests the file is for. Another file name replaces the resource, but not
// another spelling of the same address.
func targetString(what string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what + " A change that results in another file name replaces the resource.", Optional: true}
}

// keepWriting keeps the spelling of the addresses from before, by another user or by an import.
func (m *pxelinuxConfigModel) keepWriting(prior pxelinuxConfigModel) {
	for now, before := range map[*types.String]types.String{&m.MAC: prior.MAC, &m.UUID: prior.UUID, &m.IPv4: prior.IPv4} {
		if !now.IsNull() && !before.IsNull() {
			*now = before
		}
	}
}

// setTarget is the reverse of fillFileName, for an import: it finds out the target of the file from its name.
func (m *pxelinuxConfigModel) setTarget() {
	name := m.FileName.ValueString()
	m.Path = types.StringValue(tftproot.ConfigDir + "/" + name)
	switch mac, isMAC := strings.CutPrefix(name, "01-"); {
	case name == "default":
	case isMAC:
		m.MAC = types.StringValue(strings.ReplaceAll(mac, "-", ":"))
	case strings.Contains(name, "-"):
		m.UUID = types.StringValue(m.reader().UUIDOf(name))
	default:
		m.IPv4 = types.StringValue(pxelinux.IPv4Of(name))
	}
}

// fillContent sets the text from the entries, or the entries from the text. It refuses what the firmware would read
// differently from how it is meant, unless an import found it like this. It returns what only some versions of the firmware
// would misread.
func (m *pxelinuxConfigModel) fillContent(ctx context.Context, reader pxelinux.Reader, found *foreign, diags *diag.Diagnostics) (risks []pxelinux.Problem) {
	m.SHA256 = types.StringUnknown()
	m.fillDefault(ctx, diags)
	switch {
	case !m.Entries.IsNull() && !m.Entries.IsUnknown():
		m.Content = types.StringUnknown()
		config, known := m.config(ctx, diags)
		if len(config.Entries) > 0 {
			risks = refuse(pxelinux.Validate(config, reader), path.Root("entries"), diags)
		}
		if !known || diags.HasError() {
			return risks
		}
		text, err := pxelinux.Render(config, reader)
		if err != nil {
			diags.AddAttributeError(path.Root("entries"), "Invalid pxelinux configuration", framework.Sentence(err))
			return nil
		}
		m.Content = types.StringValue(text)
	case !m.Content.IsNull() && !m.Content.IsUnknown():
		risks = refuseNew(pxelinux.ValidateText(m.Content.ValueString(), reader), found, diags)
		if diags.HasError() {
			return nil
		}
		m.setEntries(ctx, diags)
	default:
		m.Default, m.Entries = types.StringUnknown(), types.ListUnknown(framework.EntryType)
		return nil
	}
	sum := sha256.Sum256([]byte(m.Content.ValueString()))
	m.SHA256 = types.StringValue(hex.EncodeToString(sum[:]))
	return risks
}

// setContent sets a text that was found on the host. It can contain anything, so control characters are replaced: a plan shows
// multi-line texts unchanged, and a terminal would obey them.
func (m *pxelinuxConfigModel) setContent(ctx context.Context, text string, diags *diag.Diagnostics) {
	m.Content = types.StringValue(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) {
			return unicode.ReplacementChar
		}
		return r // for invalid UTF-8, it is also the replacement character
	}, text))
	m.setEntries(ctx, diags)
}

// setEntries sets the entries and the default from the text.
func (m *pxelinuxConfigModel) setEntries(ctx context.Context, diags *diag.Diagnostics) {
	config, _ := pxelinux.Parse(m.Content.ValueString(), m.reader())
	m.Default = types.StringNull()
	if config.Default != "" {
		m.Default = types.StringValue(config.Default)
	}
	entries := make([]entryModel, len(config.Entries))
	for i, e := range config.Entries {
		entries[i] = entryModel{
			Label:  types.StringValue(e.Label),
			Kernel: types.StringValue(e.Kernel),
			Initrd: types.StringValue(e.Initrd),
			Append: types.ListNull(types.StringType),
		}
		if e.Initrd == m.emptyInitrdPath() || e.Initrd == "" && !m.needsInitrd() {
			entries[i].Initrd = types.StringNull()
		}
		if e.Append != "" {
			arguments, problems := types.ListValueFrom(ctx, types.StringType, strings.Fields(e.Append))
			diags.Append(problems...)
			entries[i].Append = arguments
		}
	}
	list, problems := types.ListValueFrom(ctx, framework.EntryType, entries)
	diags.Append(problems...)
	m.Entries = list
}

// config is the configuration that the entries describe. Unknown parts are replaced by placeholders that break no rule of the
// firmware.
func (m pxelinuxConfigModel) config(ctx context.Context, diags *diag.Diagnostics) (config pxelinux.Config, known bool) {
	if framework.HasUnknownElement(m.Entries) {
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
	config.Default = or(m.Default, "")
	for i, e := range framework.Elements[entryModel](ctx, m.Entries, diags) {
		if e.Label.IsUnknown() {
			config.Default = "" // it may name this entry
		}
		if e.Initrd.IsNull() && m.needsInitrd() {
			known = known && !m.FileName.IsUnknown() // the path follows from it
			e.Initrd = types.StringValue(m.emptyInitrdPath())
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
			Append: strings.Join(framework.Each(arguments, func(a types.String) string { return or(a, "?") }), " "),
		})
	}
	return config, known && !diags.HasError()
}

// fillDefault sets the label that the file for PXELINUX names, because that file always names one.
func (m *pxelinuxConfigModel) fillDefault(ctx context.Context, diags *diag.Diagnostics) {
	if m.reader() != pxelinux.PXELINUX || !m.Default.IsNull() || m.Entries.IsNull() || m.Entries.IsUnknown() || framework.HasUnknownElement(m.Entries) {
		return
	}
	if entries := framework.Elements[entryModel](ctx, m.Entries, diags); len(entries) > 0 {
		m.Default = entries[0].Label
	}
}

// needsInitrd tells whether an entry without an initrd needs an empty one.
func (m pxelinuxConfigModel) needsInitrd() bool { return m.reader() != pxelinux.PXELINUX }

// emptyInitrdName is the name of the empty initrd for entries without one. It is next to the configuration that has such an
// entry, and is removed with it.
func (m pxelinuxConfigModel) emptyInitrdName() string { return m.FileName.ValueString() + ".initrd" }

func (m pxelinuxConfigModel) emptyInitrdPath() string {
	return tftproot.ConfigDir + "/" + m.emptyInitrdName()
}

// lacksInitrd tells whether there is an entry without an initrd.
func (m pxelinuxConfigModel) lacksInitrd(ctx context.Context, diags *diag.Diagnostics) bool {
	if !m.needsInitrd() {
		return false
	}
	var entries []entryModel
	diags.Append(m.Entries.ElementsAs(ctx, &entries, false)...)
	return slices.ContainsFunc(entries, func(e entryModel) bool { return e.Initrd.IsNull() })
}

// checkKinds refuses an entry whose kernel is the initrd of an image, or whose initrd is the kernel: the firmware jumps into
// whatever it loads.
func (m pxelinuxConfigModel) checkKinds(ctx context.Context, planned *netboot.Plans, diags *diag.Diagnostics) {
	config, known := m.config(ctx, diags)
	if !known {
		return
	}
	for i, e := range config.Entries {
		m.checkKind(planned, i, "kernel", e.Kernel, diags)
		for _, initrd := range strings.Split(e.Initrd, ",") {
			m.checkKind(planned, i, "initrd", initrd, diags)
		}
	}
}

func (m pxelinuxConfigModel) checkKind(planned *netboot.Plans, entry int, kind, file string, diags *diag.Diagnostics) {
	found, ok := planned.Files.Find(m.root() + "/" + file)
	problem := pxelinux.Problem{Severity: pxelinux.Error, Entry: entry, Field: kind}
	switch {
	case ok && found.Kind != kind:
		problem.Message = fmt.Sprintf("%s is the %s of a netboot_image", file, found.Kind)
		problem.Remedy = fmt.Sprintf("set the path of the %s of the image", kind)
	case ok && found.Arch != "" && found.Arch != m.Arch.ValueString():
		problem.Message = fmt.Sprintf("%s is the %s of a netboot_image for %s, but this configuration is for %s guests", file, kind, found.Arch, m.Arch.ValueString())
		problem.Remedy = fmt.Sprintf("set arch of the configuration to %q, or use an image for %s", found.Arch, m.Arch.ValueString())
	default:
		return
	}
	refuse([]pxelinux.Problem{problem}, path.Root("entries"), diags)
}

// refuse reports the errors of a configuration, each for the attribute that has it, and returns the warnings. whole is the
// attribute that contains the whole configuration.
func refuse(problems []pxelinux.Problem, whole path.Path, diags *diag.Diagnostics) (warnings []pxelinux.Problem) {
	for _, p := range problems {
		if p.Severity == pxelinux.Warning {
			warnings = append(warnings, p)
			continue
		}
		at := framework.PathOfProblem(p, whole)
		diags.AddAttributeError(at, "Invalid pxelinux configuration", framework.Sentence(framework.Within(at, p)))
	}
	return warnings
}

// warn reports the risks of a configuration that is going to be written. A plan without changes reports none.
func (m pxelinuxConfigModel) warn(risks []pxelinux.Problem, diags *diag.Diagnostics) {
	for _, p := range risks {
		at := framework.PathOfProblem(p, path.Root("content"))
		diags.AddAttributeWarning(at, "Risky pxelinux configuration", framework.Sentence(framework.Within(at, p)))
	}
}
