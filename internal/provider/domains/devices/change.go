// Package devices has the devices of guests as attributes: disks, network interfaces and others, and what a change of them does to a
// running guest.
package devices

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Host is what devices need of a host.
type Host interface {
	Volume(ctx context.Context, pool, name string) (virt.Volume, error)
	VolumeAt(ctx context.Context, path string) (pool, name string, err error)
	Beneath(ctx context.Context, domain string, disk virt.Disk) ([]virt.Layer, error)
}

// Change is what a change of an attribute does to a running guest.
type Change int

// Changes, in the order of their effect.
const (
	Unchanged    Change = iota
	MadeLive            // the change is made while the guest runs
	NeedsRestart        // the guest must start again
)

// changeOf is what a change of a list of devices does to a running guest. compare tells whether from and to are the same device, and
// what it takes to change from into to. A new order of devices that stay needs a restart.
func changeOf[T any](ctx context.Context, from, to types.List, compare func(from, to T) (same bool, how Change)) Change {
	if from.Equal(to) {
		return Unchanged
	}
	if to.IsUnknown() || framework.HasUnknownElement(to) {
		return NeedsRestart
	}
	var before, after []T
	if from.ElementsAs(ctx, &before, false).HasError() || to.ElementsAs(ctx, &after, false).HasError() {
		return NeedsRestart
	}
	result, last := Unchanged, -1
	if len(before) != len(after) {
		result = MadeLive
	}
	for _, device := range after {
		at := slices.IndexFunc(before, func(b T) bool { same, _ := compare(b, device); return same })
		switch {
		case at < 0:
			result = max(result, MadeLive)
		case at < last:
			return NeedsRestart
		default:
			_, how := compare(before[at], device)
			result, last = max(result, how), at
		}
	}
	return result
}
