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
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// change is what a change of an attribute asks of a running guest.
type change int

const (
	unchanged    change = iota
	madeLive            // it is made while the guest runs
	needsRestart        // the guest has to start again
)

// domainPart is an attribute that a running guest has.
type domainPart struct {
	name   string
	change func(ctx context.Context, plan, state domainModel) change
	advice string // what a live change needs of the guest
}

var domainParts = []domainPart{
	restarting("machine", func(m domainModel) attr.Value { return m.Machine }),
	restarting("accelerator", func(m domainModel) attr.Value { return m.Accelerator }),
	restarting("cpu", func(m domainModel) attr.Value { return m.CPU }),
	restarting("cpu_topology", func(m domainModel) attr.Value { return m.CPUTopology }),
	{"vcpus", changeOfVCPUs, "Linux may leave new processors off until chcpu --enable."},
	{"max_vcpus", changeOfMaxVCPUs, ""},
	{"memory", changeOfMemory, "The guest follows where it has the driver of the memory balloon (virtio_balloon)."},
	{"max_memory", changeOfMaxMemory, ""},
	restarting("boot", func(m domainModel) attr.Value { return m.Boot }),
	restarting("loadparm", func(m domainModel) attr.Value { return m.Loadparm }),
	restarting("kernel", func(m domainModel) attr.Value { return m.Kernel }),
	{"disks", changeOfDisks,
		"A disk that goes must not be in use in the guest: unmount it first."},
	{"interfaces", changeOfInterfaces, ""},
	restarting("consoles", func(m domainModel) attr.Value { return m.Consoles }),
	restarting("guest_agent", func(m domainModel) attr.Value { return m.GuestAgent }),
}

// restarting is an attribute of which every change needs a new start.
func restarting(name string, value func(domainModel) attr.Value) domainPart {
	return domainPart{name: name, change: func(_ context.Context, plan, state domainModel) change {
		if value(plan).Equal(value(state)) {
			return unchanged
		}
		return needsRestart
	}}
}

// changeOfVCPUs: processors come while the guest runs. QEMU takes none back on s390x ("CPU hot unplug
// not supported on this machine"), and elsewhere only with the guest's consent.
func changeOfVCPUs(_ context.Context, plan, state domainModel) change {
	switch {
	case plan.VCPUs.Equal(state.VCPUs):
		return unchanged
	case plan.MaxVCPUs.Equal(state.MaxVCPUs) && plan.VCPUs.ValueInt64() > state.VCPUs.ValueInt64():
		return madeLive
	default:
		return needsRestart
	}
}

// changeOfMaxVCPUs: where it follows vcpus, that is what changes.
func changeOfMaxVCPUs(_ context.Context, plan, state domainModel) change {
	if plan.MaxVCPUs.Equal(state.MaxVCPUs) || !plan.VCPUs.Equal(state.VCPUs) && plan.MaxVCPUs.Equal(plan.VCPUs) {
		return unchanged
	}
	return needsRestart
}

func changeOfMemory(_ context.Context, plan, state domainModel) change {
	switch {
	case plan.MemoryBytes.Equal(state.MemoryBytes):
		return unchanged
	case plan.MaxMemoryBytes.Equal(state.MaxMemoryBytes):
		return madeLive
	default:
		return needsRestart
	}
}

func changeOfMaxMemory(_ context.Context, plan, state domainModel) change {
	if plan.MaxMemoryBytes.Equal(state.MaxMemoryBytes) || !plan.MemoryBytes.Equal(state.MemoryBytes) && plan.MaxMemoryBytes.Equal(plan.MemoryBytes) {
		return unchanged
	}
	return needsRestart
}

// changeOfDevices is how a list of devices gets to be another one. compare tells whether two are the same
// device, and what it takes to make the one the other. Devices that stay keep their order.
func changeOfDevices[T any](ctx context.Context, from, to types.List, compare func(from, to T) (same bool, how change)) change {
	if from.Equal(to) {
		return unchanged
	}
	if to.IsUnknown() || framework.HasUnknownElement(to) {
		return needsRestart
	}
	var before, after []T
	if from.ElementsAs(ctx, &before, false).HasError() || to.ElementsAs(ctx, &after, false).HasError() {
		return needsRestart
	}
	result, last := unchanged, -1
	if len(before) != len(after) {
		result = madeLive
	}
	for _, device := range after {
		at := slices.IndexFunc(before, func(b T) bool { same, _ := compare(b, device); return same })
		switch {
		case at < 0:
			result = max(result, madeLive)
		case at < last:
			return needsRestart
		default:
			_, how := compare(before[at], device)
			result, last = max(result, how), at
		}
	}
	return result
}

// changes are the parts that change, by what that asks of a running guest.
func (m domainModel) changes(ctx context.Context, state domainModel) map[change][]domainPart {
	parts := map[change][]domainPart{}
	for _, part := range domainParts {
		how := part.change(ctx, m, state)
		parts[how] = append(parts[how], part)
	}
	return parts
}

// restarts tells whether a running guest has to start again to get from the state to the plan.
func (m domainModel) restarts(ctx context.Context, state domainModel) bool {
	return len(m.changes(ctx, state)[needsRestart]) > 0
}

// announce says what a change does to a running guest.
func (m domainModel) announce(ctx context.Context, state domainModel, diags *diag.Diagnostics) {
	parts := m.changes(ctx, state)
	live, restart := parts[madeLive], parts[needsRestart]
	switch {
	case len(restart) > 0:
		diags.AddWarning(fmt.Sprintf("Domain %q will be restarted", m.Name.ValueString()),
			fmt.Sprintf("A change of %s needs a new start: the guest is asked to shut down, is forced off if it has not after %v, and boots again.", partNames(restart), m.patience()))
	case len(live) > 0:
		detail := fmt.Sprintf("The guest runs on while this changes: %s.", partNames(live))
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
		return shutdownPatience
	}
	return patience
}

// changeLive makes the changes of the definition in the running guest. Where that fails, the old
// definition is put back; what was changed in the guest by then, the next plan finds.
func (r *domainResource) changeLive(ctx context.Context, domain virt.Domain, plan, state domainModel, diverged *divergence, diags *diag.Diagnostics) (path.Path, error) {
	live := append(framework.Each(plan.changes(ctx, state)[madeLive], partName), diverged.live()...)
	if len(live) == 0 || !state.Running.ValueBool() {
		return path.Empty(), nil
	}
	if err := r.Host.UpdateRunningDomain(ctx, domain); err != nil {
		return path.Root(live[0]), r.takeBack(ctx, state, err, diags)
	}
	return path.Empty(), nil
}

// takeBack puts the old definition back after a change that did not come to its end, so that the next
// plan finds that it is still to be made.
func (r *domainResource) takeBack(ctx context.Context, state domainModel, cause error, diags *diag.Diagnostics) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), framework.CallTimeout)
	defer cancel()
	if err := r.redefine(ctx, state, diags); err != nil {
		return fmt.Errorf("%w; putting its old definition back failed too: %w", cause, err)
	}
	return cause
}

func (r *domainResource) redefine(ctx context.Context, m domainModel, diags *diag.Diagnostics) error {
	domain, _, err := r.domain(ctx, m, diags)
	if err != nil {
		return err
	}
	return r.Host.RedefineDomain(ctx, domain)
}
