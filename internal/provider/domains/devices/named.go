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

// NamedAttribute is the attribute for devices that no other attribute describes.
func NamedAttribute() schema.MapAttribute {
	return schema.MapAttribute{
		MarkdownDescription: "Devices that no other attribute describes, in [libvirt's XML](https://libvirt.org/formatdomain.html#devices). The keys are names of your choice, which libvirt keeps as aliases (`ua-<name>`). " +
			"The provider compares only the parts of a device that you write; libvirt may add others. A device can be added and removed while the guest runs if libvirt supports that; the plan says so. " +
			"`{}` removes all devices that have such an alias. Default: the devices that the guest has. Devices without such an alias stay unchanged.",
		ElementType: types.StringType,
		Optional:    true,
		Computed:    true,
		Validators:  []validator.Map{mapvalidator.KeysAre(deviceName), mapvalidator.ValueStringsAre(deviceXML)},
	}
}

var deviceNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,126}$`) })

// checkDeviceName accepts names that libvirt keeps as aliases: src/conf/domain_conf.c, USER_ALIAS_CHARS.
func checkDeviceName(value string) error {
	if !deviceNames().MatchString(value) {
		return fmt.Errorf("%q is not a name of up to 127 letters, digits, hyphens and underscores that begins with a letter or a digit", value)
	}
	return nil
}

// Named converts devices for package virt. It returns nil, which leaves them unchanged, if the attribute is null or unknown.
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

// Made is what libvirt made of named devices: numbers and units may differ from those that were written.
type Made struct {
	Devices map[string]string
	JustNow bool `json:"-"` // the devices that exist now are those that were just made
}

// FromNamed reads the named devices of a guest, in the spelling of before if that means the same.
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

// pluggable are the devices that libvirt can attach to and detach from a running guest: src/qemu/qemu_driver.c,
// qemuDomainAttachDeviceLive and qemuDomainDetachDeviceLive. For watchdogs and filesystems it depends on the model.
var pluggable = []string{"hostdev", "interface", "rng", "vsock", "memory", "shmem", "redirdev", "channel", "input", "lease"}

// ChangeOfNamed is what a change of the named devices does to a running guest: devices can be added and removed live if libvirt
// supports that.
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

// ChangeBetween is what adding and removing devices does to a running guest.
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
