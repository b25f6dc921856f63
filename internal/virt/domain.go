package virt

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"
)

// Domain is a guest.
type Domain struct {
	Name          string
	UUID          string
	Arch          string
	Machine       string            // "" lets libvirt choose
	Firmware      string            // bios, uefi, uefi-secure; "" for a machine with a firmware of its own; only of a new domain
	Accelerator   string            // kvm, tcg
	CPU           string            // model or mode; "" lets libvirt choose
	CPUFeatures   map[string]string // policies of features in addition to the model: force, require, optional, disable, forbid; nil leaves them as they are
	VCPUs         uint
	MaxVCPUs      uint   // the maximum while it runs; at least VCPUs
	Memory        uint64 // bytes
	MaxMemory     uint64 // bytes; the maximum that a balloon can give; at least Memory
	Topology      Topology
	Kernel        Kernel
	Loadparm      string // parameter of s390x firmware, on the device that it boots from
	Boot          []string
	Disks         []Disk
	CDROMs        []Disk // drives; a drive without a place is empty; only place, bus and boot are used; nil leaves them as they are
	Interfaces    []Interface
	Consoles      []string // types; BootDomain returns the first; an empty list leaves them as they are
	Hostdevs      []Hostdev
	Filesystems   []Filesystem // nil leaves them as they are
	MemoryBacking MemoryBacking
	IOThreads     uint
	RNG           bool   // has a random number generator that the user has not named
	NoBalloon     bool   // has no balloon, which adds and removes memory
	Secure        bool   // is an IBM Secure Execution guest
	GuestAgent    bool   // has the channel of QEMU's guest agent
	Note          string // text that this program keeps in the domain's metadata
	Autostart     bool
	Devices       map[string]string // XML of devices that no other field describes, by name; nil leaves them as they are
	Others        []string          // what else the domain has, for people to read; it stays as it is
	State         State
	Reason        Reason  // why it does not run, if it does not run
	Running       *Domain // as it runs now, if it runs; the other fields are as it is defined
}

// Topology is how processors are arranged. All fields are zero if libvirt chooses.
type Topology struct{ Sockets, Cores, Threads uint }

// Kernel is what a guest boots directly, without its firmware. The files are on the host.
type Kernel struct{ Path, Initrd, Cmdline string }

// Boot classes of Domain.Boot.
const (
	BootNetwork = "network"
	BootDisk    = "disk"
	BootCDROM   = "cdrom"
)

// Disk is a guest's disk. It has a Path, a Volume or a URL. If it has both Path and Volume, the definition may name
// either.
type Disk struct {
	Path     string // of a file or a block device on the host
	Block    bool   // Path is a block device
	Volume   string // pool/name
	URL      string // of network storage: protocol://user@host:port/name
	Secret   string // UUID or usage of libvirt's secret for the URL; "" is none
	Format   string
	Bus      string
	Serial   string
	ReadOnly bool
	Cache    string // "" lets QEMU choose, also in the next two fields
	Discard  string
	IO       string
	IOThread uint   // number of the domain's I/O thread that serves it; 0 means none
	Queues   uint   // 0 leaves them to QEMU
	OnError  string // what the guest does when the host cannot read or write: report, stop, ignore, enospace
	Shared   bool   // other guests use it as well
	NoBoot   bool   // excluded from booting although the class of disks boots

	Target string  // libvirt's name for it, such as vda; it follows from its bus and its position
	Chain  []Layer // the layers beneath it, from the top down; nil if libvirt does not show them
}

// Interface is a guest's network interface: on a libvirt network, on a bridge or a device of the host, or a PCI
// device of the host.
type Interface struct {
	Network   string
	PortGroup string // of the network
	Bridge    string
	Device    string // shared with the guest by macvtap
	Mode      string // of macvtap: bridge, private, vepa, passthrough
	PCI       string // address of the device that the host gives to the guest: 0000:01:00.1
	MAC       string
	Model     string // "" lets libvirt choose
	MTU       uint   // 0 takes the network's
	VLAN      uint   // 0 means none
	Queues    uint   // of the adapter; 0 leaves it to QEMU
	TrustRx   bool   // the host trusts the guest's changes to the receive filter of its adapter
	Down      bool   // its link is down
	NoBoot    bool   // excluded from booting although the class of interfaces boots
}

// CreateDomain defines a domain and does not start it. It returns ErrExists if the name is taken.
func (h *Host) CreateDomain(ctx context.Context, d Domain) error {
	definition, err := d.newXML()
	if err != nil {
		return err
	}
	domain, err := h.defineDomain(ctx, definition)
	if refusedWith(err, libvirt.ErrOperationFailed) {
		return existsIfFound(err, func() error { _, err := h.lookupDomain(ctx, d.Name); return err })
	}
	if err != nil || !d.Autostart {
		return err
	}
	if err := h.setAutostart(ctx, domain, true); err != nil {
		return errors.Join(err, h.DeleteDomain(context.WithoutCancel(ctx), d.Name))
	}
	return nil
}

// RedefineDomain changes a domain's definition and keeps everything that d does not model. A running guest sees the
// change at its next start. If a disk has an overlay, the guest keeps the overlay.
func (h *Host) RedefineDomain(ctx context.Context, d Domain) error {
	domain, text, err := h.definition(ctx, d.Name)
	if err != nil {
		return err
	}
	now, err := parseDomain(text)
	if err != nil {
		return err
	}
	if d.Disks, err = h.withOverlays(ctx, domain, d.Disks, now.Disks); err != nil {
		return err
	}
	definition, err := d.redefinition(text)
	if err != nil {
		return err
	}
	domain, err = h.defineDomain(ctx, definition)
	if err != nil {
		return err
	}
	return h.setAutostart(ctx, domain, d.Autostart)
}

// definition returns a domain and its complete definition, in a form that libvirt accepts again.
func (h *Host) definition(ctx context.Context, name string) (domain libvirt.Domain, text string, err error) {
	domain, err = h.lookupDomain(ctx, name)
	if err != nil {
		return domain, "", err
	}
	text, err = query(ctx, h, "virDomainGetXMLDesc", func(l *libvirt.Libvirt) (string, error) {
		return l.DomainGetXMLDesc(domain, libvirt.DomainXMLInactive|libvirt.DomainXMLSecure)
	})
	return domain, text, err
}

func (h *Host) defineDomain(ctx context.Context, definition *etree.Element) (libvirt.Domain, error) {
	text, err := formatXML(definition)
	if err != nil {
		return libvirt.Domain{}, err
	}
	return changeReturning(ctx, h, "virDomainDefineXMLFlags", func(l *libvirt.Libvirt) (libvirt.Domain, error) {
		return l.DomainDefineXMLFlags(text, libvirt.DomainDefineValidate)
	})
}

func (h *Host) setAutostart(ctx context.Context, domain libvirt.Domain, on bool) error {
	return change(ctx, h, "virDomainSetAutostart", func(l *libvirt.Libvirt) error { return l.DomainSetAutostart(domain, flag(on)) })
}

// StartDomain starts a domain, resumes it if it is paused or was saved, and wakes it up if it is suspended to RAM. A
// domain that crashed, and is preserved for inspection, is started again. A running domain stays as it is.
func (h *Host) StartDomain(ctx context.Context, name string) error {
	return change(ctx, h, "start domain", func(l *libvirt.Libvirt) error {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return err
		}
		if domain.ID < 0 {
			return start(l, domain)
		}
		state, _, err := l.DomainGetState(domain, 0)
		switch {
		case err != nil:
			return err
		case libvirt.DomainState(state) == libvirt.DomainPmsuspended:
			return l.DomainPmWakeup(domain, 0)
		case stateOf(state) == Paused:
			return l.DomainResume(domain)
		case stateOf(state) == Crashed:
			if err := kill(l, domain); err != nil {
				return err
			}
			return start(l, domain)
		default:
			return nil
		}
	})
}

// BootDomain starts a domain and returns its console from the firmware's first byte: it creates the domain paused,
// opens its console, and only then lets it run. The console ends with ctx. The guest does not, and keeps running if
// libvirtd restarts. If BootDomain fails, the domain is off.
func (h *Host) BootDomain(ctx context.Context, name string) (io.ReadCloser, error) {
	domain, err := h.lookupDomain(ctx, name)
	if err != nil {
		return nil, err
	}
	console, err := h.boot(ctx, name, "virDomainCreateWithFlags", func(l *libvirt.Libvirt) (libvirt.Domain, error) {
		return l.DomainCreateWithFlags(domain, uint32(libvirt.DomainStartPaused))
	})
	if err != nil {
		return nil, err
	}
	return &lastingConsole{host: h, current: console}, nil
}

// boot runs start, which creates a paused guest, opens the guest's console and then lets the guest run.
func (h *Host) boot(ctx context.Context, name, operation string, start func(*libvirt.Libvirt) (libvirt.Domain, error)) (*Console, error) {
	started, err := changeReturning(ctx, h, operation, start)
	if isRefused(err) { // this includes a domain that already runs, which BootDomain must not kill
		return nil, err
	}
	var console *Console
	if err == nil {
		// Force is needed because a user with a virsh console that reconnects in a loop may be faster.
		console, err = h.openConsole(ctx, started, libvirt.DomainConsoleForce)
	}
	if err == nil {
		err = change(ctx, h, "virDomainResume", func(l *libvirt.Libvirt) error { return l.DomainResume(started) })
	}
	if err == nil {
		return console, nil
	}
	if console != nil {
		_ = console.Close()
	}
	return nil, errors.Join(err, h.KillDomain(context.WithoutCancel(ctx), name))
}

// KillDomain ends a guest at once, like a power cut. A guest that is off stays as it is.
func (h *Host) KillDomain(ctx context.Context, name string) error {
	return change(ctx, h, "virDomainDestroy", func(l *libvirt.Libvirt) error {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return err
		}
		return kill(l, domain)
	})
}

func kill(l *libvirt.Libvirt, domain libvirt.Domain) error {
	if domain.ID < 0 {
		return nil
	}
	err := l.DomainDestroy(domain)
	var answer libvirt.Error
	if errors.As(err, &answer) && libvirt.ErrorNumber(answer.Code) == libvirt.ErrOperationInvalid {
		return nil // it ended by itself in the meantime
	}
	return err
}

// RebootDomain asks a guest to shut down and start again, and does not wait for it. It refuses a guest that does not
// run.
func (h *Host) RebootDomain(ctx context.Context, name string) error {
	return change(ctx, h, "virDomainReboot", func(l *libvirt.Libvirt) error {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return err
		}
		state, reason, err := l.DomainGetState(domain, 0)
		if err = cmp.Or(err, checkResponsive(state, reason)); err != nil {
			return err
		}
		return l.DomainReboot(domain, 0)
	})
}

// ResetDomain restarts a guest at once, like a reset button, even if it has crashed. A paused guest stays paused, at
// the beginning of its boot. A guest that is off is refused.
func (h *Host) ResetDomain(ctx context.Context, name string) error {
	return change(ctx, h, "virDomainReset", func(l *libvirt.Libvirt) error {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return err
		}
		state, _, err := l.DomainGetState(domain, 0)
		if err != nil {
			return err
		}
		err = l.DomainReset(domain, 0)
		if err != nil || stateOf(state) != Crashed {
			return err
		}
		return l.DomainResume(domain) // libvirt treats a crashed guest that is reset as a paused one
	})
}

// ShutDownDomain asks a guest to shut down and waits for at most timeout. Then it kills the guest. It waits by
// libvirt's events.
func (h *Host) ShutDownDomain(ctx context.Context, name string, timeout time.Duration) error {
	domain, err := h.lookupDomain(ctx, name)
	if err != nil || domain.ID < 0 {
		return err
	}
	state, err := query(ctx, h, "virDomainGetState", func(l *libvirt.Libvirt) (int32, error) {
		state, _, err := l.DomainGetState(domain, 0)
		return state, err
	})
	if err != nil {
		return err
	}
	if stateOf(state) == Paused {
		return h.KillDomain(ctx, name) // it cannot respond
	}
	ended, stop, err := h.watchEnd(ctx, domain)
	if err != nil {
		return err
	}
	defer stop()
	err = change(ctx, h, "virDomainShutdown", func(l *libvirt.Libvirt) error { return l.DomainShutdown(domain) })
	if refusedWith(err, libvirt.ErrOperationInvalid) {
		return h.KillDomain(ctx, name) // it has ended in the meantime, or has crashed and is preserved for inspection
	}
	if err != nil {
		return err
	}
	err = h.awaitShutdown(ctx, name, ended, timeout)
	if errors.Is(err, errStillRunning) {
		return h.KillDomain(ctx, name)
	}
	return err
}

var errStillRunning = errors.New("the guest did not shut down in time")

func (h *Host) awaitShutdown(ctx context.Context, name string, ended <-chan error, timeout time.Duration) (err error) {
	wait := h.beginWait(ctx, "guest's shutdown", name)
	defer func() { wait.end(err) }()
	select {
	case err := <-ended:
		return err
	case <-time.After(timeout):
		return errStillRunning
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// DeleteDomain kills a guest and removes its definition, together with what libvirt keeps with it. Its disks stay.
func (h *Host) DeleteDomain(ctx context.Context, name string) error {
	const everything = libvirt.DomainUndefineManagedSave | libvirt.DomainUndefineSnapshotsMetadata |
		libvirt.DomainUndefineCheckpointsMetadata | libvirt.DomainUndefineNvram
	return change(ctx, h, "virDomainUndefineFlags", func(l *libvirt.Libvirt) error {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return err
		}
		if err := kill(l, domain); err != nil {
			return err
		}
		return l.DomainUndefineFlags(domain, everything)
	})
}

// DomainName returns the name of the domain with a UUID, or ErrNotFound if no domain has it.
func (h *Host) DomainName(ctx context.Context, id string) (string, error) {
	wanted, err := uuid.Parse(id)
	if err != nil {
		return "", err
	}
	return query(ctx, h, "virDomainLookupByUUID", func(l *libvirt.Libvirt) (string, error) {
		domain, err := l.DomainLookupByUUID(libvirt.UUID(wanted))
		return domain.Name, err
	})
}

func (h *Host) lookupDomain(ctx context.Context, name string) (libvirt.Domain, error) {
	return query(ctx, h, "virDomainLookupByName", func(l *libvirt.Libvirt) (libvirt.Domain, error) { return l.DomainLookupByName(name) })
}
