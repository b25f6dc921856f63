package domains

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestNewLeases holds that only leases of the guest's system count: not those of before the start, and not those of the firmware.
func TestNewLeases(t *testing.T) {
	at := time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC)
	lease := func(address string, seconds int) virt.LeasedAddress {
		return virt.LeasedAddress{Address: netip.MustParseAddr(address), Expires: at.Add(time.Duration(seconds) * time.Second)}
	}
	forEver := virt.LeasedAddress{Address: netip.MustParseAddr("10.0.0.9")}
	before, ofFirmware, ofSystem := lease("10.0.0.2", 0), lease("10.0.0.2", 5), lease("10.0.0.3", 9)
	type step struct {
		stage boot.Stage // reached before the look; StageNone is none
		has   []virt.LeasedAddress
		want  []virt.LeasedAddress
	}
	for name, test := range map[string]struct {
		fromDisk bool
		steps    []step
	}{
		"a silent console": {false, []step{
			{boot.StageNone, []virt.LeasedAddress{before}, nil},
			{boot.StageNone, []virt.LeasedAddress{before, ofSystem}, []virt.LeasedAddress{ofSystem}},
		}},
		"from the network": {false, []step{
			{boot.StageFirmware, []virt.LeasedAddress{before}, nil},
			{boot.StageNone, []virt.LeasedAddress{ofFirmware}, nil},
			{boot.StageDHCP, []virt.LeasedAddress{before}, nil},
			{boot.StageConfig, []virt.LeasedAddress{ofFirmware}, nil},
			{boot.StageKernel, []virt.LeasedAddress{lease("10.0.0.2", 6)}, nil},
			{boot.StageStarted, []virt.LeasedAddress{ofFirmware}, nil},
			{boot.StageLinux, []virt.LeasedAddress{ofFirmware}, nil},
			{boot.StageNone, nil, nil}, // the firmware of s390x guests gives it back
			{boot.StageNone, []virt.LeasedAddress{lease("10.0.0.2", 9)}, []virt.LeasedAddress{lease("10.0.0.2", 9)}},
			{boot.StageNone, []virt.LeasedAddress{ofFirmware, ofSystem}, []virt.LeasedAddress{ofSystem}},
		}},
		"a firmware that does not print its address": {false, []step{
			{boot.StageFirmware, []virt.LeasedAddress{ofFirmware}, nil},
			{boot.StageKernel, []virt.LeasedAddress{ofFirmware}, nil},
		}},
		"another boot from the network": {false, []step{
			{boot.StageFirmware, nil, nil},
			{boot.StageDHCP, []virt.LeasedAddress{ofFirmware}, nil},
			{boot.StageFirmware, []virt.LeasedAddress{ofSystem}, nil},
			{boot.StageDHCP, []virt.LeasedAddress{ofSystem}, nil},
		}},
		"from disk": {true, []step{
			{boot.StageFirmware, []virt.LeasedAddress{before}, nil},
			{boot.StageNone, []virt.LeasedAddress{ofSystem}, []virt.LeasedAddress{ofSystem}},
		}},
		"a disk after the network": {false, []step{
			{boot.StageFirmware, []virt.LeasedAddress{before}, nil},
			{boot.StageLinux, []virt.LeasedAddress{before, ofSystem}, []virt.LeasedAddress{ofSystem}},
		}},
		"leases without end": {false, []step{
			{boot.StageLinux, []virt.LeasedAddress{forEver}, []virt.LeasedAddress{forEver}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			now := []virt.LeasedAddress{before}
			l := &newLeases{
				read:     func(context.Context) ([]virt.LeasedAddress, error) { return now, nil },
				netboots: !test.fromDisk,
				outdated: make(chan struct{}, 1),
			}
			l.remember(t.Context())
			for i, step := range test.steps {
				now = step.has
				if step.stage != boot.StageNone {
					l.reached(step.stage)
				}
				var want []netip.Addr
				for _, lease := range step.want {
					want = append(want, lease.Address)
				}
				if got, err := l.addresses(t.Context()); err != nil || !slices.Equal(got, want) {
					t.Errorf("step %d: the guest has %v (%v), want %v", i, got, err, want)
				}
			}
		})
	}
}
