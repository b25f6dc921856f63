package virttest

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// VolumeUsers finds the users of a volume.
func (h *Host) VolumeUsers(ctx context.Context, v virt.Volume) (virt.Users, error) {
	return call(ctx, h, "VolumeUsers", func() (virt.Users, error) {
		if _, err := h.activePool(v.Pool); err != nil {
			return virt.Users{}, err
		}
		users := virt.Users{Overlays: h.overlaysOn(v.Path)}
		slices.Sort(users.Overlays)
		for _, d := range h.domains {
			user := virt.User{Domain: d.Name, Device: deviceWith(d.Domain, v), Note: d.Note}
			if d.State != virt.Off && deviceWith(d.running, v) != "" {
				user.Device, user.Running, user.Plugs = deviceWith(d.running, v), true, plugs(d.running, v)
			}
			if user.Device != "" {
				users.Guests = append(users.Guests, user)
			}
		}
		slices.SortFunc(users.Guests, func(a, b virt.User) int { return strings.Compare(a.Domain, b.Domain) })
		return users, nil
	})
}

func (h *Host) overlaysOn(file string) (overlays []string) {
	for _, p := range h.pools {
		for name := range maps.Keys(p.listed) {
			at := path.Join(p.Path, name)
			f := h.files[at]
			if f == nil {
				continue
			}
			if i, isImage := readImage(f); isImage && i.backing != nil && i.backing.Path == file {
				overlays = append(append(overlays, at), h.overlaysOn(at)...)
			}
		}
	}
	return overlays
}

// isAt returns a function that reports whether a disk is a volume.
func isAt(v virt.Volume) func(virt.Disk) bool {
	return func(disk virt.Disk) bool { return disk.Is(virt.Disk{Path: v.Path, Volume: v.Pool + "/" + v.Name}) }
}

// deviceWith returns the name of the device that uses a volume, as libvirt names virtio and SCSI disks.
func deviceWith(d virt.Domain, v virt.Volume) string {
	switch at := slices.IndexFunc(d.Disks, isAt(v)); {
	case at >= 0:
		return "vd" + string(rune('a'+at))
	case slices.ContainsFunc(d.CDROMs, isAt(v)):
		return "sd" + string(rune('a'+slices.IndexFunc(d.CDROMs, isAt(v))))
	case d.Kernel.Path == v.Path:
		return "kernel"
	case d.Kernel.Initrd == v.Path:
		return "initrd"
	}
	return ""
}

func plugs(d virt.Domain, v virt.Volume) bool {
	writes := func(disk virt.Disk) bool { return isAt(v)(disk) && (!disk.ReadOnly || disk.Bus != "virtio") }
	return !slices.ContainsFunc(d.Disks, writes) && d.Kernel.Path != v.Path && d.Kernel.Initrd != v.Path
}

// UnplugVolume removes a volume from a running guest.
func (h *Host) UnplugVolume(ctx context.Context, name string, v virt.Volume) error {
	return h.onDomain(ctx, "UnplugVolume", name, func(d *domain) error {
		d.running.Disks = slices.DeleteFunc(clone(d.running.Disks), isAt(v))
		for i, drive := range d.running.CDROMs {
			if isAt(v)(drive) {
				d.running.CDROMs[i] = virt.Disk{Bus: drive.Bus}
			}
		}
		return nil
	})
}

// PlugVolume attaches a volume to a running guest as the guest is defined with it.
func (h *Host) PlugVolume(ctx context.Context, name string, v virt.Volume) error {
	return h.onDomain(ctx, "PlugVolume", name, func(d *domain) error {
		if d.State == virt.Off {
			return nil
		}
		for _, disk := range d.Disks {
			if isAt(v)(disk) && !slices.ContainsFunc(d.running.Disks, isAt(v)) {
				d.running.Disks = append(clone(d.running.Disks), disk)
			}
		}
		for i := range min(len(d.CDROMs), len(d.running.CDROMs)) {
			if isAt(v)(d.CDROMs[i]) {
				d.running.CDROMs[i] = d.CDROMs[i]
			}
		}
		return h.has(d.running)
	})
}
