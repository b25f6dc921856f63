package domains

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/iptypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// waitForModel is what the apply waits for.
type waitForModel struct {
	Address   *waitAddressModel `tfsdk:"address" json:"address,omitempty"`
	Agent     *waitTimeModel    `tfsdk:"agent" json:"agent,omitempty"`
	CloudInit *waitTimeModel    `tfsdk:"cloud_init" json:"cloud_init,omitempty"`
	Port      *waitPortModel    `tfsdk:"port" json:"port,omitempty"`
}

type waitTimeModel struct {
	Timeout string `tfsdk:"timeout" json:"timeout"`
}

type waitAddressModel struct {
	Prefix  *string `tfsdk:"prefix" json:"prefix,omitempty"`
	Timeout string  `tfsdk:"timeout" json:"timeout"`
}

type waitPortModel struct {
	Number  int64   `tfsdk:"number" json:"number"`
	Address *string `tfsdk:"address" json:"address,omitempty"`
	Timeout string  `tfsdk:"timeout" json:"timeout"`
}

var waitForTypes = framework.TypesOf(waitForAttributes())

func waitForAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"address": waitAttribute("Waits until the guest has an IP address, from the source in `addresses_from`. A lease that is older than the start does not count. Nor does the lease of the firmware, if the console shows the firmware.",
			map[string]schema.Attribute{
				"prefix": schema.StringAttribute{
					MarkdownDescription: "The address must be in this prefix, such as `\"192.168.150.0/24\"`. Default: any address that is not link-local.",
					Optional:            true,
					Validators:          []validator.String{prefix},
				},
			}),
		"agent": waitAttribute("Waits until the guest agent is connected. Needs `guest_agent = true`.", nil),
		"cloud_init": waitAttribute("Waits until cloud-init has finished. With `guest_agent = true`, the agent runs `cloud-init status`, and the apply fails if a module of cloud-init failed. "+
			"Without the agent, or if the agent does not run commands, the console must show the line `Cloud-init v. … finished at …`, and a failure is not noticed.", nil),
		"port": waitAttribute("Waits until a TCP port of the guest answers. The port is tried from the libvirt host if `uri` is local or has the transport `ssh`, and otherwise from the machine that runs Terraform.",
			map[string]schema.Attribute{
				"number": schema.Int64Attribute{
					MarkdownDescription: "Number of the port, such as `22`.",
					Required:            true,
					Validators:          []validator.Int64{int64validator.Between(1, 65535)},
				},
				"address": schema.StringAttribute{
					MarkdownDescription: "IP address of the guest. Default: all addresses from the source in `addresses_from`. A guest with a static address needs this.",
					Optional:            true,
					CustomType:          iptypes.IPAddressType{},
				},
			}),
	}
}

// waitAttribute is an attribute for something to wait for, with its timeout.
func waitAttribute(what string, attributes map[string]schema.Attribute) schema.SingleNestedAttribute {
	if attributes == nil {
		attributes = map[string]schema.Attribute{}
	}
	attributes["timeout"] = schema.StringAttribute{
		MarkdownDescription: "How long to wait after the start of the guest, such as `\"10m\"`. Default: `\"5m\"`.",
		Optional:            true,
		Computed:            true,
		Default:             stringdefault.StaticString("5m"),
		Validators:          []validator.String{duration},
	}
	return schema.SingleNestedAttribute{MarkdownDescription: what, Optional: true, Attributes: attributes}
}

// waitPatience is what the waits add to the time for an apply.
func (m domainModel) waitPatience(ctx context.Context) (longest time.Duration) {
	want := framework.As[waitForModel](ctx, m.WaitFor, &diag.Diagnostics{})
	if want == nil {
		return 0
	}
	for _, goal := range (&waiter{want: *want}).goals() {
		timeout, _ := time.ParseDuration(goal.timeout) // validated
		longest = max(longest, timeout)
	}
	return longest
}

// validateWaitFor refuses to wait for what cannot come.
func (m domainModel) validateWaitFor(diags *diag.Diagnostics) {
	if m.WaitFor.IsNull() || m.WaitFor.IsUnknown() {
		return
	}
	want := m.WaitFor.Attributes()
	at := path.Root("wait_for")
	if !slices.ContainsFunc(slices.Collect(maps.Values(want)), func(v attr.Value) bool { return !v.IsNull() }) {
		diags.AddAttributeError(at, "Nothing to wait for", "Set address, agent, cloud_init or port in wait_for, or remove wait_for.")
	}
	if !want["agent"].IsNull() && !m.GuestAgent.IsUnknown() && !m.GuestAgent.ValueBool() {
		framework.AddError(diags, at.AtName("agent"), "Invalid wait_for", "The guest agent needs its channel. Set guest_agent = true.")
	}
	if !want["address"].IsNull() && !m.Interfaces.IsUnknown() && len(m.Interfaces.Elements()) == 0 {
		framework.AddError(diags, at.AtName("address"), "Invalid wait_for", "The guest has no interface, so it gets no address. Add interfaces, or remove address.")
	}
}
