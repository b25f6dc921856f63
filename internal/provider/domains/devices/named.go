package devices

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

var (
	deviceName = framework.Rule{What: "name of a device", Check: checkDeviceName}
	deviceXML  = framework.Rule{What: "device", Check: virt.CheckDevice}
)

// NamedAttribute is for what no other attribute says.
func NamedAttribute() schema.MapAttribute {
	return schema.MapAttribute{
		MarkdownDescription: "Devices that no other attribute says, in [libvirt's XML](https://libvirt.org/formatdomain.html#devices), by names of your choice, which libvirt keeps as aliases (`ua-<name>`). " +
			"Of each, what you write is compared with what the guest has; libvirt may add to it. A device comes and goes while the guest runs where libvirt can do that; the plan says so. " +
			"`{}` removes all devices that have such a name. Default: those that the guest has. Devices without a name stay as they are.",
		ElementType: types.StringType,
		Optional:    true,
		Computed:    true,
		Validators:  []validator.Map{mapvalidator.KeysAre(deviceName), mapvalidator.ValueStringsAre(deviceXML)},
	}
}

var deviceNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,126}$`) })

// checkDeviceName accepts what libvirt keeps as an alias: src/conf/domain_conf.c, USER_ALIAS_CHARS.
func checkDeviceName(value string) error {
	if !deviceNames().MatchString(value) {
		return fmt.Errorf("%q is not a name of at most 127 letters, digits, hyphens and underscores", value)
	}
	return nil
}

// Named are devices as libvirt's layer takes them; nil, which leaves them as they are, where nothing is known of them.
func Named(ctx context.Context, m types.Map, diags *diag.Diagnostics) map[string]string {
	if m.IsNull() || m.IsUnknown() {
		return nil
	}
	named := map[string]string{}
	diags.Append(m.ElementsAs(ctx, &named, false)...)
	return named
}

// MadeKey is where a resource keeps Made.
const MadeKey = "devices"

// Made is what libvirt makes of named devices: numbers and units may be other than those that were written.
type Made struct {
	Devices map[string]string
	JustNow bool `json:"-"` // what is there now is what was made
}

// FromNamed are the devices that a guest has, in the words of before where they say the same.
func FromNamed(ctx context.Context, before types.Map, found map[string]string, made *Made, diags *diag.Diagnostics) types.Map {
	if made.JustNow {
		made.Devices, made.JustNow = found, false
	}
	written := Named(ctx, before, diags)
	read := map[string]string{}
	for name, device := range found {
		read[name] = device
		if text, known := written[name]; known && (device == made.Devices[name] || virt.IncludesDevice(device, text)) {
			read[name] = text
		}
	}
	if len(read) == 0 && written == nil {
		return types.MapNull(types.StringType)
	}
	value, problems := types.MapValueFrom(ctx, types.StringType, read)
	diags.Append(problems...)
	return value
}

// pluggable are the devices that libvirt gives to a guest that runs, and takes from it: src/qemu/qemu_driver.c,
// qemuDomainAttachDeviceLive and qemuDomainDetachDeviceLive. Of watchdogs and filesystems it depends on the model.
var pluggable = []string{"hostdev", "interface", "rng", "vsock", "memory", "shmem", "redirdev", "channel", "input", "lease"}

// ChangeOfNamed is how named devices get to be others: they come and go while the guest runs, where libvirt can do that.
func ChangeOfNamed(ctx context.Context, from, to types.Map) Change {
	if from.Equal(to) {
		return Unchanged
	}
	var diags diag.Diagnostics
	before, after := Named(ctx, from, &diags), Named(ctx, to, &diags)
	if diags.HasError() || to.IsUnknown() {
		return NeedsRestart
	}
	how := ChangeBetween(before, after)
	for name, device := range after {
		if old, was := before[name]; was && !virt.IncludesDevice(old, device) {
			how = NeedsRestart
		}
	}
	return how
}

// ChangeBetween is how devices come and go.
func ChangeBetween(before, after map[string]string) Change {
	how := Unchanged
	for name := range union(before, after) {
		old, was := before[name]
		device, is := after[name]
		switch {
		case was && is:
		case !isPluggable(old + device):
			return NeedsRestart
		default:
			how = MadeLive
		}
	}
	return how
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, b)
	return all
}

func isPluggable(device string) bool { return slices.Contains(pluggable, virt.DeviceTag(device)) }
