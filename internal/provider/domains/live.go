package domains

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// domainPart is an attribute that affects a running guest.
type domainPart struct {
	name   string
	change func(ctx context.Context, plan, state domainModel) devices.Change
	advice string // what the guest must do for a live change
}

var domainParts = []domainPart{
	restarting("machine", func(m domainModel) attr.Value { return m.Machine }),
	restarting("accelerator", func(m domainModel) attr.Value { return m.Accelerator }),
	restarting("cpu", func(m domainModel) attr.Value { return m.CPU }),
	restarting("cpu_features", func(m domainModel) attr.Value { return m.CPUFeatures }),
	restarting("cpu_topology", func(m domainModel) attr.Value { return m.CPUTopology }),
	{"vcpus", changeOfVCPUs, "Linux may leave new virtual CPUs off until you run chcpu --enable in the guest."},
	{"max_vcpus", changeOfMaxVCPUs, ""},
	{"memory", changeOfMemory, "The memory changes only if the guest has the driver for the memory balloon (virtio_balloon)."},
	{"max_memory", changeOfMaxMemory, ""},
	restarting("boot", func(m domainModel) attr.Value { return m.Boot }),
	restarting("loadparm", func(m domainModel) attr.Value { return m.Loadparm }),
	restarting("kernel", func(m domainModel) attr.Value { return m.Kernel }),
	{"disks", func(ctx context.Context, plan, state domainModel) devices.Change {
		return devices.ChangeOfDisks(ctx, plan.Placement, state.Disks, plan.Disks)
	},
		"A disk that is removed must not be in use in the guest: unmount it first."},
	{"interfaces", func(ctx context.Context, plan, state domainModel) devices.Change {
		return devices.ChangeOfInterfaces(ctx, state.Interfaces, plan.Interfaces)
	}, ""},
	restarting("consoles", func(m domainModel) attr.Value { return m.Consoles }),
	restarting("filesystems", func(m domainModel) attr.Value { return m.Filesystems }),
	restarting("memory_backing", func(m domainModel) attr.Value { return m.MemoryBacking }),
	restarting("iothreads", func(m domainModel) attr.Value { return m.IOThreads }),
	restarting("rng", func(m domainModel) attr.Value { return m.RNG }),
	restarting("memory_balloon", func(m domainModel) attr.Value { return m.MemoryBalloon }),
	restarting("launch_security", func(m domainModel) attr.Value { return m.LaunchSecurity }),
	{"cdroms", func(ctx context.Context, plan, state domainModel) devices.Change {
		return devices.ChangeOfCDROMs(ctx, plan.Placement, state.CDROMs, plan.CDROMs)
	}, ""},
	{"hostdevs", func(ctx context.Context, plan, state domainModel) devices.Change {
		return devices.ChangeOfHostdevs(ctx, state.Hostdevs, plan.Hostdevs)
	}, "A device that is removed must not be in use in the guest."},
	{"devices_xml", func(ctx context.Context, plan, state domainModel) devices.Change {
		return devices.ChangeOfNamed(ctx, state.DevicesXML, plan.DevicesXML)
	}, "A device that is removed must not be in use in the guest."},
	restarting("guest_agent", func(m domainModel) attr.Value { return m.GuestAgent }),
}

// restarting is an attribute whose every change restarts the guest.
func restarting(name string, value func(domainModel) attr.Value) domainPart {
	return domainPart{name: name, change: func(_ context.Context, plan, state domainModel) devices.Change {
		if value(plan).Equal(value(state)) {
			return devices.Unchanged
		}
		return devices.NeedsRestart
	}}
}

// changeOfVCPUs is MadeLive only for more virtual CPUs. On s390x, QEMU cannot remove them from a running guest ("CPU hot unplug not
// supported on this machine"), and on other architectures only if the guest agrees.
func changeOfVCPUs(_ context.Context, plan, state domainModel) devices.Change {
	switch {
	case plan.VCPUs.Equal(state.VCPUs):
		return devices.Unchanged
	case plan.MaxVCPUs.Equal(state.MaxVCPUs) && plan.VCPUs.ValueInt64() > state.VCPUs.ValueInt64():
		return devices.MadeLive
	default:
		return devices.NeedsRestart
	}
}

// changeOfMaxVCPUs does not count a change of max_vcpus that only follows a change of vcpus.
func changeOfMaxVCPUs(_ context.Context, plan, state domainModel) devices.Change {
	if plan.MaxVCPUs.Equal(state.MaxVCPUs) || !plan.VCPUs.Equal(state.VCPUs) && plan.MaxVCPUs.Equal(plan.VCPUs) {
		return devices.Unchanged
	}
	return devices.NeedsRestart
}

func changeOfMemory(_ context.Context, plan, state domainModel) devices.Change {
	switch {
	case plan.MemoryBytes.Equal(state.MemoryBytes):
		return devices.Unchanged
	case plan.MaxMemoryBytes.Equal(state.MaxMemoryBytes):
		return devices.MadeLive
	default:
		return devices.NeedsRestart
	}
}

func changeOfMaxMemory(_ context.Context, plan, state domainModel) devices.Change {
	if plan.MaxMemoryBytes.Equal(state.MaxMemoryBytes) || !plan.MemoryBytes.Equal(state.MemoryBytes) && plan.MaxMemoryBytes.Equal(plan.MemoryBytes) {
		return devices.Unchanged
	}
	return devices.NeedsRestart
}

// changes are the parts that change, by what the change does to a running guest.
func (m domainModel) changes(ctx context.Context, state domainModel) map[devices.Change][]domainPart {
	parts := map[devices.Change][]domainPart{}
	for _, part := range domainParts {
		how := part.change(ctx, m, state)
		parts[how] = append(parts[how], part)
	}
	return parts
}

// restarts tells whether a running guest must start again to get from the state to the plan.
func (m domainModel) restarts(ctx context.Context, state domainModel) bool {
	return len(m.changes(ctx, state)[devices.NeedsRestart]) > 0
}

// announce says what a change does to a running guest.
func (m domainModel) announce(ctx context.Context, state domainModel, diags *diag.Diagnostics) {
	parts := m.changes(ctx, state)
	live, restart := parts[devices.MadeLive], parts[devices.NeedsRestart]
	switch {
	case len(restart) > 0:
		diags.AddWarning(fmt.Sprintf("Domain %q will be restarted", m.Name.ValueString()),
			fmt.Sprintf("A change of %s needs a restart: the guest is asked to shut down, is forced off if it still runs after %v, and boots again.", partNames(restart), m.patience()))
	case len(live) > 0:
		detail := fmt.Sprintf("The guest keeps running during the change of: %s.", partNames(live))
		for _, part := range live {
			if part.advice != "" {
				detail += " " + part.advice
			}
		}
		diags.AddWarning(fmt.Sprintf("Domain %q will be changed while it runs", m.Name.ValueString()), detail)
	}
}

func partNames(parts []domainPart) string { return strings.Join(framework.Each(parts, partName), ", ") }

func partName(p domainPart) string { return p.name }

// patience is how long the guest may take to shut down.
func (m domainModel) patience() time.Duration {
	patience, err := time.ParseDuration(m.ShutdownTimeout.ValueString())
	if err != nil {
		return framework.ShutdownPatience
	}
	return patience
}

// changeLive makes the changes of the definition in the running guest. If that fails, it restores the old definition. The next
// plan finds the changes that the running guest already has.
func (r *domainResource) changeLive(ctx context.Context, domain virt.Domain, plan, state domainModel, diverged *divergence, diags *diag.Diagnostics) (path.Path, error) {
	live := append(framework.Each(plan.changes(ctx, state)[devices.MadeLive], partName), diverged.live()...)
	if len(live) == 0 || !state.Running.ValueBool() {
		return path.Empty(), nil
	}
	if !slices.Contains(live, "cdroms") {
		domain.CDROMs = nil // do not insert a medium again that the guest has ejected
	}
	if err := r.keepAdopted(ctx, &domain, plan, state, diags); err != nil {
		return path.Root(live[0]), r.takeBack(ctx, state, err, diags)
	}
	if err := r.Host.UpdateRunningDomain(ctx, domain); err != nil {
		return path.Root(live[0]), r.takeBack(ctx, state, err, diags)
	}
	return path.Empty(), nil
}

// takeBack restores the old definition after an incomplete change, so that the next plan shows the change again.
func (r *domainResource) takeBack(ctx context.Context, state domainModel, cause error, diags *diag.Diagnostics) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), framework.CallTimeout)
	defer cancel()
	if err := r.redefine(ctx, state, diags); err != nil {
		return fmt.Errorf("%w; restoring the old definition failed as well: %w", cause, err)
	}
	return cause
}

func (r *domainResource) redefine(ctx context.Context, m domainModel, diags *diag.Diagnostics) error {
	domain, _, err := r.domain(ctx, m, diags)
	if err != nil {
		return err
	}
	if m.had != nil {
		domain.Disks = m.had
	}
	// If the state has no devices of a kind, the guest had none.
	domain.CDROMs = append([]virt.Disk{}, domain.CDROMs...)
	domain.Filesystems = append([]virt.Filesystem{}, domain.Filesystems...)
	if domain.CPUFeatures == nil {
		domain.CPUFeatures = map[string]string{}
	}
	if domain.Devices == nil {
		domain.Devices = map[string]string{}
	}
	return r.Host.RedefineDomain(ctx, domain)
}
