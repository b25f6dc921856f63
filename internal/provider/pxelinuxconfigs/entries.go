package pxelinuxconfigs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

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
				"With `reader = \"s390-tools\"`, the kernel has the only limit: usually 4095 bytes. "+
				"Anyone on the network can read them.", pxelinux.MaxAppendSize, pxelinux.MaxCommandLine),
			ElementType: types.StringType,
			Optional:    true,
		},
	}
}

// fillFileName sets the file's name and what follows from it, as far as the target of the file is known.
func (m *pxelinuxConfigModel) fillFileName(diags *diag.Diagnostics) {
	m.ID, m.FileName, m.Path = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	if !m.knowsReader() {
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

// language is how the reader reads the file.
func (m pxelinuxConfigModel) language(reader pxelinux.Reader) framework.Language {
	l := framework.Language{
		Name:         "pxelinux configuration",
		Parse:        func(text string) pxelinux.Config { config, _ := pxelinux.Parse(text, reader); return config },
		Words:        strings.Fields,
		Validate:     func(c pxelinux.Config) []pxelinux.Problem { return pxelinux.Validate(c, reader) },
		ValidateText: func(text string) []pxelinux.Problem { return pxelinux.ValidateText(text, reader) },
		Render:       func(c pxelinux.Config) (string, error) { return pxelinux.Render(c, reader) },
		NamesDefault: reader == pxelinux.PXELINUX, // it does not boot without a default
	}
	switch {
	case !m.needsInitrd():
	case m.FileName.IsUnknown():
		l.Initrd = types.StringUnknown() // the path follows from it
	default:
		l.Initrd = types.StringValue(m.emptyInitrdPath())
	}
	return l
}

// checkLength refuses arguments that are longer than the command line that the kernel of an entry accepts, if this run knows the kernel.
// Other readers than the boot loader of s390-tools have lower limits themselves. A plan without changes reports nothing.
func (r *pxelinuxConfigResource) checkLength(plan pxelinuxConfigModel, prior *pxelinuxConfigModel, diags *diag.Diagnostics) {
	if plan.reader() != pxelinux.Blob || !plan.knowsReader() || plan.Content.IsUnknown() || prior != nil && prior.Content.Equal(plan.Content) {
		return
	}
	text, _ := pxelinux.Parse(plan.Content.ValueString(), pxelinux.Blob)
	for _, e := range text.Entries {
		kernel, _ := r.Plans.Files.Find(plan.root() + "/" + strings.TrimPrefix(e.Kernel, "/"))
		if kernel.Limit == 0 || len(e.Append) <= kernel.Limit {
			continue
		}
		diags.AddAttributeError(path.Root("entries").AtListIndex(0).AtName("append"), "Invalid pxelinux configuration",
			fmt.Sprintf("append has %d bytes, but the kernel %s accepts at most %d, and kexec loads nothing. Shorten the arguments, or move them into a file that the guest loads.", len(e.Append), e.Kernel, kernel.Limit))
	}
}

// needsInitrd tells whether an entry without an initrd needs an empty one.
func (m pxelinuxConfigModel) needsInitrd() bool {
	return m.reader() != pxelinux.PXELINUX && m.reader() != pxelinux.Blob
}

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
	var entries []framework.Entry
	diags.Append(m.Entries.ElementsAs(ctx, &entries, false)...)
	return slices.ContainsFunc(entries, func(e framework.Entry) bool { return e.Initrd.IsNull() })
}
