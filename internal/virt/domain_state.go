package virt

import (
	"fmt"

	"github.com/digitalocean/go-libvirt"
)

// State is the state of a domain.
type State int

// States of a domain.
const (
	Off State = iota
	Running
	Paused
	Crashed
)

// String returns the state in the user's words.
func (s State) String() string { return [...]string{"off", "running", "paused", "crashed"}[s] }

// stateOf maps libvirt's virDomainState.
func stateOf(state int32) State {
	switch libvirt.DomainState(state) {
	case libvirt.DomainRunning, libvirt.DomainBlocked, libvirt.DomainShutdown:
		return Running
	case libvirt.DomainPaused, libvirt.DomainPmsuspended:
		return Paused
	case libvirt.DomainCrashed:
		return Crashed
	default:
		return Off
	}
}

// Reason is why a domain does not run.
type Reason int

// Reasons. libvirtd does not know the reason of a domain that was off when libvirtd started.
const (
	NoReason Reason = iota
	ShutDown
	ForcedOff
	HasCrashed
	HasFailed
	WasSaved
	WasPaused
	DiskError
	Asleep
)

// String describes the reason as the end of a sentence about the guest.
func (r Reason) String() string {
	return [...]string{
		"libvirt does not know why",
		"it shut down, by itself or on request",
		"it was forced off, for example by virsh destroy",
		"it crashed, as the firmware does when it finds nothing to boot",
		"QEMU failed",
		"its memory was saved and it was stopped, for example by virsh managedsave",
		"it was paused, for example by virsh suspend",
		"it is paused because of an I/O error on a disk, for example because a file system on the host is full",
		"it suspended itself to RAM",
	}[r]
}

// offReasons and pausedReasons map libvirt's virDomainShutoffReason and virDomainPausedReason.
var (
	offReasons = map[libvirt.DomainShutoffReason]Reason{
		libvirt.DomainShutoffShutdown:  ShutDown,
		libvirt.DomainShutoffDestroyed: ForcedOff,
		libvirt.DomainShutoffCrashed:   HasCrashed,
		libvirt.DomainShutoffFailed:    HasFailed,
		libvirt.DomainShutoffSaved:     WasSaved,
	}
	pausedReasons = map[libvirt.DomainPausedReason]Reason{
		libvirt.DomainPausedUser:    WasPaused,
		libvirt.DomainPausedIoerror: DiskError,
		libvirt.DomainPausedCrashed: HasCrashed,
	}
)

func reasonOf(state, reason int32) Reason {
	switch stateOf(state) {
	case Off:
		return offReasons[libvirt.DomainShutoffReason(reason)]
	case Paused:
		if libvirt.DomainState(state) == libvirt.DomainPmsuspended {
			return Asleep
		}
		return pausedReasons[libvirt.DomainPausedReason(reason)]
	case Crashed:
		return HasCrashed
	default:
		return NoReason
	}
}

// checkResponsive returns an error if a guest cannot respond because it is paused or has crashed.
func checkResponsive(state, reason int32) error {
	if now := stateOf(state); now == Paused || now == Crashed {
		return fmt.Errorf("the guest is %v and cannot respond: %s. Start it, which resumes it if it can continue, or reset it, which boots it again", now, reasonOf(state, reason))
	}
	return nil
}
