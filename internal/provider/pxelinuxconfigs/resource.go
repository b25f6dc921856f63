// Package pxelinuxconfigs has the resource netboot_pxelinux_config. Package pxelinux knows what the firmware reads in such a
// configuration.
package pxelinuxconfigs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type pxelinuxConfigResource struct{ framework.Resource[Host] }

// NewResource makes the resource netboot_pxelinux_config.
func NewResource() resource.Resource { return &pxelinuxConfigResource{} }

type pxelinuxConfigModel struct {
	framework.Placement
	framework.BootText
	ID       types.String   `tfsdk:"id"`
	TFTPRoot types.String   `tfsdk:"tftp_root"`
	Arch     types.String   `tfsdk:"arch"`
	Reader   types.String   `tfsdk:"reader"`
	MAC      types.String   `tfsdk:"mac"`
	UUID     types.String   `tfsdk:"uuid"`
	IPv4     types.String   `tfsdk:"ipv4"`
	FileName types.String   `tfsdk:"file_name"`
	Path     types.String   `tfsdk:"path"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

var pxelinuxConfigIdentity = framework.Identity{"tftp_root", "file_name"}

// configKey is the key for the published file in the private state.
const configKey = "config"

func (m pxelinuxConfigModel) subject() framework.Subject {
	return framework.Subject{Kind: "pxelinux configuration", ID: m.id()}
}

// root is the name of the TFTP root on its host.
func (m pxelinuxConfigModel) root() string { return m.Local(m.TFTPRoot) }

func (m pxelinuxConfigModel) id() string {
	return m.Qualified(m.root() + "/" + m.FileName.ValueString())
}

func (r *pxelinuxConfigResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_pxelinux_config"
}

func (r *pxelinuxConfigResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = pxelinuxConfigIdentity.Schema()
}

func (r *pxelinuxConfigResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A file below `pxelinux.cfg/` that tells guests what to boot.\n\n" +
			"A guest's firmware looks for a file for its UUID, then for its MAC address, then for its IPv4 address and ever shorter prefixes of that address, and then for `default`. " +
			"Set one of `mac`, `uuid` and `ipv4`, or none of them for `default`.\n\n" +
			"Each architecture has its own reader of these files. The firmware of s390x and ppc64le guests reads far less than real PXELINUX, and does not report most of what it cannot read. " +
			"x86_64 guests with a BIOS run the real PXELINUX. " +
			"s390x guests can also start the old boot loader of s390-tools, which is the `reader` then. " +
			"Everything that the reader would cut off, ignore or misread, or that would make it skip this file and use the file of another guest, is an error in the plan.",
		Attributes: map[string]schema.Attribute{
			"host":      framework.HostAttribute,
			"id":        framework.IDAttribute("`<tftp_root>/<file_name>`."),
			"tftp_root": framework.RootReference(),
			"arch": schema.StringAttribute{
				MarkdownDescription: "Architecture of the guests that the file is for: `s390x`, `ppc64le` (the firmware SLOF) or `x86_64` (PXELINUX, for guests with a BIOS). " +
					"The keywords, the limits, the name of the file and what is written depend on it. Default: `s390x`. A change replaces the resource.",
				Optional:   true,
				Computed:   true,
				Default:    stringdefault.StaticString(arch.S390X),
				Validators: []validator.String{stringvalidator.OneOf(pxelinux.Archs...)},
			},
			"reader": schema.StringAttribute{
				MarkdownDescription: "What reads the file, if that is not the usual reader of `arch`. The only value is `s390-tools`, for the old boot loader of s390-tools on s390x guests: DHCP names it as the bootfile, " +
					"the firmware loads it as a kernel, and its script reads the file. It reads one entry, without a limit on the length of the file. " +
					"A file on the host does not show its reader: an import assumes `s390-tools` only if the file is as this resource writes it for an entry without an `initrd`. " +
					"See [When the boot loader of s390-tools is the better choice](https://registry.terraform.io/providers/s390x-netboot/netboot/latest/docs/guides/netboot-an-s390x-guest#when-the-boot-loader-of-s390-tools-is-the-better-choice).",
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(pxelinux.S390Tools)},
			},
			"mac":  targetString("MAC address of the guest that the file is for."),
			"uuid": targetString("UUID of the guest that the file is for. PXELINUX reads the first three groups of a UUID in another byte order, so the name of the file differs from the UUID if `arch` is `x86_64`."),
			"ipv4": targetString("IPv4 address of the guest that the file is for, or a prefix such as `192.168.150.0/24` for all guests in it. The prefix length must be a multiple of 4."),
			"default": schema.StringAttribute{
				MarkdownDescription: "Label of the entry to boot. Default: the first entry. For `x86_64`, the file always names this label, because PXELINUX does not boot without it.",
				Optional:            true,
				Computed:            true,
			},
			"entries": schema.ListNestedAttribute{
				MarkdownDescription: fmt.Sprintf("Entries that can be booted: at most %s. PXELINUX has no limit. With `content`, the entries that it contains.", pxelinux.EntryLimits()),
				Optional:            true,
				Computed:            true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
				NestedObject:        schema.NestedAttributeObject{Attributes: entryAttributes()},
			},
			"content": schema.StringAttribute{
				MarkdownDescription: "Text of the file. Set it instead of `entries` if you already have the text. The same rules apply to it. " +
					"A file that another program or user wrote is imported as `content`. The import warns once about what s390x firmware does not read in it. These problems are not errors until they change.",
				Optional: true,
				Computed: true,
			},
			"file_name": framework.ComputedString("Name of the file, such as `01-52-54-00-12-34-56`, `C0A89601` or `default`."),
			"path":      framework.ComputedString("Path of the file relative to the TFTP root."),
			"sha256":    framework.ComputedString("SHA-256 of the file on the host, in hexadecimal digits."),
			"timeouts":  framework.TimeoutsAttribute(ctx),
		},
	}
}

func (r *pxelinuxConfigResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{
		resourcevalidator.Conflicting(path.MatchRoot("mac"), path.MatchRoot("uuid"), path.MatchRoot("ipv4")),
		resourcevalidator.ExactlyOneOf(path.MatchRoot("entries"), path.MatchRoot("content")),
		resourcevalidator.Conflicting(path.MatchRoot("default"), path.MatchRoot("content")),
	}
}

func (r *pxelinuxConfigResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config pxelinuxConfigModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	config.checkReader(&resp.Diagnostics)
	config.fillFileName(&resp.Diagnostics)
	if config.Content.IsNull() && config.knowsReader() { // content may be an imported text, which only a plan knows
		config.Fill(ctx, config.language(config.reader()), nil, &resp.Diagnostics)
	}
}

func (r *pxelinuxConfigResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	pxelinuxConfigIdentity.Import(ctx, r.Sites, req, resp)
}

// MoveState takes over by a moved block.
func (r *pxelinuxConfigResource) MoveState(context.Context) []resource.StateMover {
	return pxelinuxConfigIdentity.Movers("netboot_pxelinux_config")
}

// ModifyPlan sets every attribute that follows from the known ones.
func (r *pxelinuxConfigResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		var state pxelinuxConfigModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		r = &pxelinuxConfigResource{r.On(state.Placement, &resp.Diagnostics)}
		if !resp.Diagnostics.HasError() {
			r.Plans.Holds.Add(netboot.ConfigHolder(state.Local(state.ID)), nil)
		}
		return
	}
	var plan, config pxelinuxConfigModel
	var prior *pxelinuxConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	r = &pxelinuxConfigResource{r.On(plan.Placement, &resp.Diagnostics)}
	r.CheckReference(plan.Placement, plan.TFTPRoot, path.Root("tftp_root"), &resp.Diagnostics)
	if resp.Diagnostics.HasError() || plan.Host.IsUnknown() {
		return
	}
	plan.Default, plan.Entries, plan.Content = config.Default, config.Entries, config.Content
	plan.fillFileName(&resp.Diagnostics)
	claims := framework.NewClaims(ctx, r.Plans, plan.subject(), req, resp)
	claims.Add(path.Root("file_name"), framework.Subject{Kind: "pxelinux configuration", ID: plan.ID.ValueString()}, prior != nil && !prior.ID.Equal(plan.ID))
	plan.checkReader(&resp.Diagnostics)
	r.fill(ctx, &plan, prior, framework.LoadPrivate[framework.Foreign](ctx, req.Private, framework.ForeignKey, &resp.Diagnostics), &resp.Diagnostics)
	r.checkLength(plan, prior, &resp.Diagnostics)
	if !plan.ID.IsUnknown() && !plan.Content.IsUnknown() {
		text, _ := pxelinux.Parse(plan.Content.ValueString(), plan.reader())
		r.Plans.Configs.Add(plan.Local(plan.ID), netboot.Config{Config: text, Arch: plan.Arch.ValueString(), Reader: plan.Reader.ValueString(), Entered: !config.Entries.IsNull()})
		r.Plans.Holds.Add(netboot.ConfigHolder(plan.Local(plan.ID)), text.Files())
	}
	if plan.replacesArch(prior, framework.LoadPrivate[guessedArch](ctx, req.Private, guessedArchKey, &resp.Diagnostics)) {
		resp.RequiresReplace.Append(path.Root("arch"))
	}
	if prior != nil && prior.FileName.Equal(plan.FileName) {
		plan.keepWriting(*prior)
		plan.KeepImported(config.BootText, prior.BootText)
	} else if prior != nil {
		resp.RequiresReplace.Append(path.Root("file_name"))
	}
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	}
}

// fill sets the text, or what follows from it, by the rules of its reader.
func (r *pxelinuxConfigResource) fill(ctx context.Context, plan, prior *pxelinuxConfigModel, found *framework.Foreign, diags *diag.Diagnostics) {
	if !plan.knowsReader() {
		plan.FillUnknown()
		return
	}
	hasEntries := !plan.Entries.IsNull() && !plan.Entries.IsUnknown() // before Fill sets those of content
	language := plan.language(r.readerFor(ctx, *plan))
	risks := plan.Fill(ctx, language, found, diags)
	if hasEntries {
		risks = append(risks, plan.CheckKinds(ctx, language, plan.Arch.ValueString(), plan.root(), r.Plans, diags)...)
	}
	if prior == nil || !prior.SHA256.Equal(plan.SHA256) && !prior.Content.Equal(plan.Content) {
		language.Warn(risks, diags)
	}
}

func (r *pxelinuxConfigResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan pxelinuxConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	r = &pxelinuxConfigResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Create, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	if err := r.publishInitrd(ctx, plan, &resp.Diagnostics); err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("tftp_root"), "create", plan.subject(), err)
		return
	}
	file, err := tftproot.PublishText(ctx, r.directory(plan), plan.FileName.ValueString(), plan.Content.ValueString())
	if err != nil {
		err = errors.Join(err, r.removeInitrd(context.WithoutCancel(ctx), plan, &resp.Diagnostics))
		framework.Fail(&resp.Diagnostics, path.Root("tftp_root"), "create", plan.subject(), err)
		return
	}
	framework.SavePrivate(ctx, resp.Private, configKey, &file, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(pxelinuxConfigIdentity.Set(ctx, resp.Identity, plan.Placement, plan.TFTPRoot, plan.FileName)...)
}

func (r *pxelinuxConfigResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	pxelinuxConfigIdentity.Keep(ctx, req, resp)
	var state pxelinuxConfigModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	known := framework.LoadPrivate[tftproot.File](ctx, req.Private, configKey, &resp.Diagnostics)
	r = &pxelinuxConfigResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Read, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	if known != nil {
		state.Arch = types.StringValue(cmp.Or(state.Arch.ValueString(), arch.S390X)) // a state from before there was arch
		state.Complete(ctx, state.language(state.reader()), &resp.Diagnostics)
	}
	now, text, err := framework.ReadText(ctx, r.Host, tftproot.ConfigPool(state.root()), state.FileName.ValueString(), known, state.Content.ValueString())
	if errors.Is(err, fs.ErrNotExist) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil && known != nil && framework.PoolStopped(ctx, r.Host, tftproot.ConfigPool(state.root()), state.subject(), &resp.Diagnostics) {
		return
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	if known == nil {
		state.Arch, state.Reader = archOf(text), readerOf(text)
		framework.SavePrivate(ctx, resp.Private, guessedArchKey, &guessedArch{Guessed: true}, &resp.Diagnostics)
	}
	if now.SHA256 != state.SHA256.ValueString() {
		state.SetContent(ctx, state.language(state.reader()), text, &resp.Diagnostics)
		state.SHA256 = types.StringValue(now.SHA256)
	}
	if err := r.findInitrd(ctx, state, &resp.Diagnostics); now.Unreadable || errors.Is(err, fs.ErrNotExist) {
		state.SHA256 = types.StringNull() // so that the next apply publishes both again
	} else if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	if known == nil {
		framework.SavePrivate(ctx, resp.Private, framework.ForeignKey, state.takeOver(ctx, &resp.Diagnostics), &resp.Diagnostics)
	}
	framework.SavePrivate(ctx, resp.Private, configKey, &now, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(pxelinuxConfigIdentity.Set(ctx, resp.Identity, state.Placement, state.TFTPRoot, state.FileName)...)
}

func (r *pxelinuxConfigResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state pxelinuxConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &pxelinuxConfigResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Update, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	err := r.publishInitrd(ctx, plan, &resp.Diagnostics)
	var file tftproot.File
	if err == nil {
		file, err = tftproot.ReplaceText(ctx, r.directory(plan), plan.FileName.ValueString(), plan.Content.ValueString())
	}
	if err == nil && !plan.lacksInitrd(ctx, &resp.Diagnostics) {
		err = r.removeInitrd(ctx, state, &resp.Diagnostics)
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("tftp_root"), "update", plan.subject(), err)
		return
	}
	r.releaseFiles(ctx, plan, plan.Content.ValueString())
	framework.SavePrivate(ctx, resp.Private, guessedArchKey, &guessedArch{}, &resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, configKey, &file, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(pxelinuxConfigIdentity.Set(ctx, resp.Identity, plan.Placement, plan.TFTPRoot, plan.FileName)...)
}

func (r *pxelinuxConfigResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state pxelinuxConfigModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &pxelinuxConfigResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Delete, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	err := errors.Join(framework.RemoveFile(ctx, r.directory(state), state.FileName.ValueString()), r.removeInitrd(ctx, state, &resp.Diagnostics))
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
		return
	}
	r.releaseFiles(ctx, state, "")
}

// releaseFiles removes the old files of images that this configuration was the last to name.
func (r *pxelinuxConfigResource) releaseFiles(ctx context.Context, m pxelinuxConfigModel, content string) {
	r.Superseded.Released(ctx, r.Host, m.root(), netboot.ConfigHolder(m.Local(m.ID)), pxelinux.FilesOf(content))
}

func (r *pxelinuxConfigResource) directory(m pxelinuxConfigModel) tftproot.Directory {
	return virt.NewDirectory(r.Host, tftproot.ConfigPool(m.root()))
}

// reader is what reads the file. For s390x, it is the firmware of any host, unless another reader is set.
func (m pxelinuxConfigModel) reader() pxelinux.Reader {
	reader, err := pxelinux.ReaderOf(cmp.Or(m.Reader.ValueString(), m.Arch.ValueString()))
	if err != nil {
		return pxelinux.UnknownFirmware // the attribute's validator reports this error
	}
	return reader
}

// knowsReader tells whether it is known what reads the file.
func (m pxelinuxConfigModel) knowsReader() bool { return !m.Arch.IsUnknown() && !m.Reader.IsUnknown() }

// checkReader refuses a reader that guests of the architecture do not have.
func (m pxelinuxConfigModel) checkReader(diags *diag.Diagnostics) {
	if m.Reader.ValueString() == "" || m.Arch.IsUnknown() || m.Arch.IsNull() || m.Arch.ValueString() == arch.S390X {
		return
	}
	diags.AddAttributeError(path.Root("reader"), "Invalid reader",
		fmt.Sprintf("The boot loader of s390-tools is for s390x guests, but arch is %q. Remove reader, or set arch to %q.", m.Arch.ValueString(), arch.S390X))
}

// readerFor is the host's firmware if a configuration for s390x has more entries than every firmware accepts. Otherwise the
// firmware makes no difference.
func (r *pxelinuxConfigResource) readerFor(ctx context.Context, m pxelinuxConfigModel) pxelinux.Reader {
	if m.reader() != pxelinux.UnknownFirmware {
		return m.reader()
	}
	entries := len(m.Entries.Elements())
	if m.Entries.IsNull() {
		text, _ := pxelinux.Parse(m.Content.ValueString(), pxelinux.UnknownFirmware)
		entries = len(text.Entries)
	}
	if entries <= pxelinux.SeparateLoader.MaxEntries() {
		return pxelinux.UnknownFirmware
	}
	return netboot.FirmwareOf(ctx, r.Host)
}
