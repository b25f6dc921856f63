// Package hosts has the data source netboot_host.
package hosts

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type hostDataSource struct{ framework.DataSource[Host] }

// NewDataSource makes the data source netboot_host.
func NewDataSource() datasource.DataSource { return &hostDataSource{} }

type hostModel struct {
	framework.Placement
	URI               types.String     `tfsdk:"uri"`
	Hostname          types.String     `tfsdk:"hostname"`
	Arch              types.String     `tfsdk:"arch"`
	LibvirtVersion    types.String     `tfsdk:"libvirt_version"`
	HypervisorVersion types.String     `tfsdk:"hypervisor_version"`
	SecurityModels    []string         `tfsdk:"security_models"`
	Guests            []guestArchModel `tfsdk:"guests"`
	Firmware          types.String     `tfsdk:"firmware"`
	SecureExecution   types.Bool       `tfsdk:"secure_execution"`
	Missing           []string         `tfsdk:"missing"`
}

type guestArchModel struct {
	Arch         string   `tfsdk:"arch"`
	Emulator     string   `tfsdk:"emulator"`
	Accelerators []string `tfsdk:"accelerators"`
}

func (d *hostDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_host"
}

func (d *hostDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Properties of the libvirt host: its versions, the guests that it can run, and what is missing to netboot s390x guests.",
		Attributes: map[string]schema.Attribute{
			"host":               framework.DataHost,
			"uri":                framework.DataString("The host's libvirt URI, without a password."),
			"hostname":           framework.DataString("Host name of the host."),
			"arch":               framework.DataString("Architecture of the host itself, such as `x86_64`."),
			"libvirt_version":    framework.DataString("Version of libvirt on the host."),
			"hypervisor_version": framework.DataString("Version of QEMU on the host. Null if libvirt does not report it. For example, libvirt 9.0 does not report it if QEMU for the host's own architecture is missing."),
			"security_models":    framework.DataStrings("Security drivers that confine guests, such as `apparmor`, `selinux` and `dac`."),
			"guests": framework.DataObjects("Architectures for which the host can run guests.", map[string]schema.Attribute{
				"arch":         framework.DataString("Architecture, as in `arch` of a `netboot_domain`."),
				"emulator":     framework.DataString("Path of QEMU for this architecture."),
				"accelerators": framework.DataStrings("Available accelerators: `kvm`, and `tcg`, which is emulation."),
			}),
			"firmware":         framework.DataString("Generation of the firmware that netboots s390x guests: `separate` (QEMU before 9.2), `merged` (from 9.2), `menu` (from 10.1). Null if libvirt does not show it."),
			"secure_execution": framework.DataBool("Whether the host can run guests with IBM Secure Execution (`launch_security = \"s390-pv\"`). This requires KVM for s390x, and a kernel that was started with `prot_virt=1`."),
			"missing":          framework.DataStrings("What is missing on the host to netboot s390x guests, each with a remedy. Empty if nothing is missing, so that a precondition can check it."),
		},
	}
}

func (d *hostDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var at framework.Placement
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("host"), &at.Host)...)
	d = &hostDataSource{d.On(at, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, framework.CallTimeout)
	defer cancel()
	info, err := d.Host.Info(ctx)
	var offers virt.Capabilities
	if err == nil {
		offers, err = d.Host.Capabilities(ctx)
	}
	secure := false
	if err == nil {
		secure, err = d.Host.SecureExecution(ctx)
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "read", framework.Subject{Kind: "host", ID: d.Host.URI()}, err)
		return
	}
	firmware := netboot.FirmwareOf(ctx, d.Host)
	resp.Diagnostics.Append(resp.State.Set(ctx, hostModel{
		Placement:         at,
		URI:               types.StringValue(d.Host.URI()),
		Hostname:          types.StringValue(info.Hostname),
		Arch:              types.StringValue(offers.Arch),
		LibvirtVersion:    types.StringValue(info.Libvirt),
		HypervisorVersion: framework.Optional(info.Hypervisor),
		SecurityModels:    append([]string{}, offers.SecurityModels...),
		Guests:            guestArchs(offers),
		Firmware:          framework.Optional(generations[firmware]),
		SecureExecution:   types.BoolValue(secure),
		Missing:           missing(offers, firmware),
	})...)
}

// generations are the names of the generations of the firmware in the schema.
var generations = map[pxelinux.Firmware]string{
	pxelinux.SeparateLoader: "separate",
	pxelinux.Merged:         "merged",
	pxelinux.Menu:           "menu",
}

func guestArchs(offers virt.Capabilities) []guestArchModel {
	archs := []guestArchModel{}
	for _, g := range offers.Guests {
		archs = append(archs, guestArchModel{g.Arch, g.Emulator, append([]string{}, g.Accelerators...)})
	}
	return archs
}

// missing lists what prevents s390x guests from booting on the host.
func missing(offers virt.Capabilities, firmware pxelinux.Firmware) []string {
	lacks := []string{}
	if _, err := offers.Accelerator(arch.S390X, "auto"); err != nil {
		lacks = append(lacks, framework.Sentence(err))
	}
	if firmware == pxelinux.UnknownFirmware {
		lacks = append(lacks, "libvirt does not show the boot firmware of s390x guests, s390-ccw.img, in the usual directories of QEMU. If it is not installed, install qemu-system-data on Debian and Ubuntu, or qemu-system-s390x-core on Fedora.")
	}
	return lacks
}
