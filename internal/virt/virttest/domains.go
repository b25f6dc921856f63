package virttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// domain is a domain and, while it runs, the end of its run.
type domain struct {
	virt.Domain
	running   virt.Domain   // as it was started and then changed
	ended     chan struct{} // closes when the guest ends
	agent     chan struct{} // closes when the guest agent of this run is connected
	installs  bool          // this run installs
	how       virt.End      // how the last run ended, as events report it
	addresses []netip.Addr
	saved     *virt.Domain // as it was saved; nil if it is not saved
	snapshots []string     // external
	internal  map[string]internalSnapshot
	run       func(context.Context, virt.Command) (virt.CommandResult, error) // by its agent
}

// Domain looks up a domain by name.
func (h *Host) Domain(ctx context.Context, name string) (virt.Domain, error) {
	return call(ctx, h, "Domain", func() (virt.Domain, error) {
		d, err := h.lookupDomain(name)
		if err != nil {
			return virt.Domain{}, err
		}
		read := cloneDomain(d.Domain)
		if d.State != virt.Off {
			running := cloneDomain(d.running)
			for i, disk := range running.Disks {
				running.Disks[i].Chain = h.beneath(disk)
			}
			read.Running = &running
		}
		return read, nil
	})
}

// Guests returns all domains of the host, by name.
func (h *Host) Guests(ctx context.Context) (map[string]virt.Domain, error) {
	return call(ctx, h, "Guests", func() (map[string]virt.Domain, error) {
		guests := map[string]virt.Domain{}
		for name, d := range h.domains {
			guests[name] = cloneDomain(d.Domain)
		}
		return guests, nil
	})
}

// CreateDomain defines a domain and does not start it.
func (h *Host) CreateDomain(ctx context.Context, d virt.Domain) error {
	return do(ctx, h, "CreateDomain", func() error {
		if h.domains[d.Name] != nil {
			return exists("domain", d.Name)
		}
		d.UUID, d.State, d.Reason, d.Running = uuid.NewString(), virt.Off, virt.NoReason, nil
		if err := h.complete(&d); err != nil {
			return err
		}
		h.domains[d.Name] = &domain{Domain: cloneDomain(d)}
		return nil
	})
}

// RedefineDomain changes a domain's definition.
func (h *Host) RedefineDomain(ctx context.Context, d virt.Domain) error {
	return do(ctx, h, "RedefineDomain", func() error {
		old, err := h.lookupDomain(d.Name)
		if err != nil {
			return err
		}
		if d.Devices == nil {
			d.Devices = old.Devices
		}
		if d.CPUFeatures == nil {
			d.CPUFeatures = old.CPUFeatures
		}
		if d.Filesystems == nil {
			d.Filesystems = old.Filesystems
		}
		if d.CDROMs == nil {
			d.CDROMs = clone(old.CDROMs)
		}
		d.Disks = h.withOverlays(d.Disks, old.Disks)
		d.UUID, d.State, d.Reason, d.Running = old.UUID, old.State, old.Reason, nil
		if err := h.complete(&d); err != nil {
			return err
		}
		old.Domain = cloneDomain(d)
		return nil
	})
}

// complete chooses what the definition leaves to libvirt, and refuses what the host cannot run.
func (h *Host) complete(d *virt.Domain) error {
	if _, err := h.offers.Accelerator(d.Arch, d.Accelerator); err != nil {
		return err
	}
	d.Firmware = cmp.Or(d.Firmware, arch.Of(d.Arch).FirmwareOf(virt.FirmwareBIOS))
	d.MaxVCPUs, d.MaxMemory = max(d.MaxVCPUs, d.VCPUs), max(d.MaxMemory, d.Memory)
	if len(d.Consoles) == 0 {
		d.Consoles = []string{arch.Of(d.Arch).DefaultConsole()}
	}
	d.Disks, d.Interfaces = clone(d.Disks), clone(d.Interfaces)
	if len(d.Boot) == 0 && len(d.Disks) > 0 && d.Kernel.Path == "" {
		d.Boot = []string{virt.BootDisk} // libvirt src/conf/domain_conf.c, virDomainDefBootPostParse()
	}
	for i := range d.Interfaces {
		if d.Interfaces[i].PCI == "" {
			d.Interfaces[i].Model = cmp.Or(d.Interfaces[i].Model, "virtio")
		}
		d.Interfaces[i].NoBoot = d.Interfaces[i].NoBoot && slices.Contains(d.Boot, virt.BootNetwork)
	}
	d.CDROMs = clone(d.CDROMs)
	for i := range d.CDROMs {
		d.CDROMs[i].NoBoot = d.CDROMs[i].NoBoot && slices.Contains(d.Boot, virt.BootCDROM)
	}
	for i := range d.Disks {
		d.Disks[i].NoBoot = d.Disks[i].NoBoot && slices.Contains(d.Boot, virt.BootDisk)
	}
	if d.Arch != "s390x" {
		d.Machine = cmp.Or(d.Machine, "pc-i440fx-7.2")
		return nil
	}
	if d.Machine == "" || d.Machine == "s390-ccw-virtio" {
		d.Machine = "s390-ccw-virtio-7.2"
	}
	if d.CPU == "" && d.Accelerator == "tcg" {
		d.CPU = "qemu"
	}
	return nil
}

// UpdateRunningDomain changes a running guest as far as possible without a new start.
func (h *Host) UpdateRunningDomain(ctx context.Context, wanted virt.Domain) error {
	return h.onDomain(ctx, "UpdateRunningDomain", wanted.Name, func(d *domain) error {
		if d.State == virt.Off {
			return nil
		}
		if err := h.complete(&wanted); err != nil {
			return err
		}
		if err := h.has(wanted); err != nil {
			return err
		}
		now := &d.running
		wanted.Disks = h.withOverlays(wanted.Disks, now.Disks)
		now.Disks, now.Interfaces, now.Memory = clone(wanted.Disks), clone(wanted.Interfaces), wanted.Memory
		for i := range min(len(now.CDROMs), len(wanted.CDROMs)) {
			now.CDROMs[i] = wanted.CDROMs[i]
		}
		if wanted.Devices != nil {
			now.Devices = maps.Clone(wanted.Devices)
		}
		now.VCPUs = max(now.VCPUs, wanted.VCPUs)
		return nil
	})
}

// SetNote stores a text with a domain.
func (h *Host) SetNote(ctx context.Context, name, note string) error {
	return h.onDomain(ctx, "SetNote", name, func(d *domain) error {
		d.Note = note
		return nil
	})
}

// StartDomain starts a domain, or resumes it if it is paused. A domain that has crashed is started again.
func (h *Host) StartDomain(ctx context.Context, name string) error {
	return h.onDomain(ctx, "StartDomain", name, func(d *domain) error {
		switch d.State {
		case virt.Crashed:
			d.end(virt.ForcedOff)
			return h.start(d)
		case virt.Off:
			return h.start(d)
		default:
			d.State, d.Reason = virt.Running, virt.NoReason
			return nil
		}
	})
}

// BootDomain starts a domain and returns its console, which shows the text of Script.
func (h *Host) BootDomain(ctx context.Context, name string) (io.ReadCloser, error) {
	return call(ctx, h, "BootDomain", func() (io.ReadCloser, error) {
		d, err := h.lookupDomain(name)
		if err != nil {
			return nil, err
		}
		if d.State != virt.Off {
			return nil, errors.New("domain is already running")
		}
		if err := h.start(d); err != nil {
			return nil, err
		}
		return newConsole(ctx, h.scriptOf(d).text, d.ended), nil
	})
}

// OpenConsole opens the console of a running guest that writes nothing more.
func (h *Host) OpenConsole(ctx context.Context, name string) (io.ReadCloser, error) {
	return call(ctx, h, "OpenConsole", func() (io.ReadCloser, error) {
		d, err := h.lookupDomain(name)
		if err != nil {
			return nil, err
		}
		if d.State == virt.Off {
			return nil, errNotRunning
		}
		return newConsole(ctx, "", d.ended), nil
	})
}

var errNotRunning = errors.New("domain is not running")

// RebootDomain restarts a guest, which has no visible effect here.
func (h *Host) RebootDomain(ctx context.Context, name string) error {
	return h.onDomain(ctx, "RebootDomain", name, func(d *domain) error {
		if d.State == virt.Paused || d.State == virt.Crashed {
			return fmt.Errorf("the guest is %v and cannot respond: %s", d.State, d.Reason)
		}
		return d.mustRun()
	})
}

// ResetDomain restarts a guest. The only visible effect here is that a crashed guest runs again.
func (h *Host) ResetDomain(ctx context.Context, name string) error {
	return h.onDomain(ctx, "ResetDomain", name, func(d *domain) error {
		if d.State == virt.Crashed {
			d.State, d.Reason = virt.Running, virt.NoReason
		}
		return d.mustRun()
	})
}

func (d *domain) mustRun() error {
	if d.State == virt.Off {
		return errNotRunning
	}
	return nil
}

// start runs the guest by its script, which may end at the same moment.
func (h *Host) start(d *domain) error {
	if err := h.run(d); err != nil {
		return err
	}
	if h.scriptOf(d).ends {
		d.end(virt.HasCrashed)
	}
	return nil
}

// run makes the domain run, if it has everything that it needs.
func (h *Host) run(d *domain) error {
	if err := h.has(d.Domain); err != nil {
		return err
	}
	machine := d.Domain
	if d.saved != nil {
		if err := virt.CheckSavedDisks(d.Domain, *d.saved); err != nil {
			return err
		}
		machine, d.saved = *d.saved, nil
	}
	d.State, d.Reason, d.ended, d.installs, d.running = virt.Running, virt.NoReason, make(chan struct{}), false, cloneDomain(machine)
	d.agent = make(chan struct{})
	return nil
}

// has returns an error if the host does not have what a guest needs to run.
func (h *Host) has(d virt.Domain) error {
	for _, i := range d.Interfaces {
		if i.Network == "" {
			continue
		}
		if n, err := h.lookupNetwork(i.Network); err != nil {
			return err
		} else if !n.Active {
			return fmt.Errorf("network %q is not active", i.Network)
		}
	}
	files := []string{d.Kernel.Path, d.Kernel.Initrd}
	for _, disk := range d.Disks {
		files = append(files, disk.Path)
	}
	for _, file := range files {
		if file != "" && h.files[file] == nil {
			return fmt.Errorf("cannot access storage file %q: No such file or directory", file)
		}
	}
	return nil
}

// end makes the domain off, if it is not off.
func (d *domain) end(reason virt.Reason) { d.endAs(reason.End(), reason) }

// endAs is end with what only events report.
func (d *domain) endAs(how virt.End, reason virt.Reason) {
	if d.State == virt.Off {
		return
	}
	d.State, d.Reason, d.how = virt.Off, reason, how
	close(d.ended)
}

// KillDomain ends a guest at once.
func (h *Host) KillDomain(ctx context.Context, name string) error {
	return h.onDomain(ctx, "KillDomain", name, func(d *domain) error {
		d.end(virt.ForcedOff)
		return nil
	})
}

// ShutDownDomain ends a guest. The guest always responds at once, if it can respond.
func (h *Host) ShutDownDomain(ctx context.Context, name string, _ time.Duration) error {
	return h.onDomain(ctx, "ShutDownDomain", name, func(d *domain) error {
		if d.State == virt.Running {
			d.end(virt.ShutDown)
		}
		d.end(virt.ForcedOff)
		return nil
	})
}

// DeleteDomain kills a guest and removes its definition.
func (h *Host) DeleteDomain(ctx context.Context, name string) error {
	return h.onDomain(ctx, "DeleteDomain", name, func(d *domain) error {
		d.end(virt.ForcedOff)
		delete(h.domains, name)
		return nil
	})
}

// Addresses returns the addresses of a running guest.
func (h *Host) Addresses(ctx context.Context, name string, from virt.AddressSource) (addresses []netip.Addr, err error) {
	err = h.onDomain(ctx, "Addresses", name, func(d *domain) error {
		if d.State == virt.Running && (from != virt.FromAgent || d.GuestAgent) {
			addresses = clone(d.addresses)
		}
		return nil
	})
	return addresses, err
}

// Lease gives a guest addresses, which it has while it runs. The domain must exist.
func (h *Host) Lease(name string, addresses ...netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.domains[name].addresses = addresses
}

// EndDomain ends a guest as if it had ended by itself. The domain must exist.
func (h *Host) EndDomain(name string) { h.EndDomainAs(name, virt.ShutDown) }

// EndDomainAs is EndDomain for any reason.
func (h *Host) EndDomainAs(name string, reason virt.Reason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.domains[name].end(reason)
}

// StallDomain makes a running guest paused, or crashed and preserved, for a reason. The domain must exist.
func (h *Host) StallDomain(name string, state virt.State, reason virt.Reason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.domains[name].State, h.domains[name].Reason = state, reason
}

// Suspend pauses a guest, as an administrator may do.
func (h *Host) Suspend(_ context.Context, name string) error {
	h.StallDomain(name, virt.Paused, virt.WasPaused)
	return nil
}

func (h *Host) onDomain(ctx context.Context, method, name string, f func(d *domain) error) error {
	return do(ctx, h, method, func() error {
		d, err := h.lookupDomain(name)
		if err != nil {
			return err
		}
		return f(d)
	})
}

func (h *Host) lookupDomain(name string) (*domain, error) {
	d, found := h.domains[name]
	if !found {
		return nil, notFound("domain", name)
	}
	return d, nil
}

func cloneDomain(d virt.Domain) virt.Domain {
	d.Devices, d.CPUFeatures = maps.Clone(d.Devices), maps.Clone(d.CPUFeatures)
	if len(d.CPUFeatures) == 0 {
		d.CPUFeatures = nil
	}
	if len(d.Devices) == 0 {
		d.Devices = nil
	}
	d.CDROMs, d.Hostdevs, d.Filesystems = clone(d.CDROMs), clone(d.Hostdevs), clone(d.Filesystems)
	d.Boot, d.Disks, d.Interfaces, d.Consoles = clone(d.Boot), clone(d.Disks), clone(d.Interfaces), clone(d.Consoles)
	return d
}
