package virt

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalocean/go-libvirt"
)

// A guest that was saved (virsh managedsave) is off. When it is started, it continues where it was, with its saved
// memory and with the machine that it had then, whatever its definition says now.

// SavedDomain returns the machine that a domain was saved with, or nil if the domain is not saved.
func (h *Host) SavedDomain(ctx context.Context, name string) (*Domain, error) {
	return query(ctx, h, "virDomainManagedSaveGetXMLDesc", func(l *libvirt.Libvirt) (*Domain, error) {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return nil, err
		}
		return savedDomain(l, domain)
	})
}

// savedDomain first asks whether a saved image exists. If libvirtd was restarted since, a domain's state does not
// show it.
func savedDomain(l *libvirt.Libvirt, domain libvirt.Domain) (*Domain, error) {
	saved, err := l.DomainHasManagedSaveImage(domain, 0)
	if err != nil || saved == 0 {
		return nil, err
	}
	text, err := l.DomainManagedSaveGetXMLDesc(domain, 0)
	if err != nil {
		return nil, err
	}
	machine, err := parseDomain(text)
	return &machine, err
}

// DiscardSaved removes a domain's saved image, so that its next start is a fresh boot.
func (h *Host) DiscardSaved(ctx context.Context, name string) error {
	return change(ctx, h, "virDomainManagedSaveRemove", func(l *libvirt.Libvirt) error {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return err
		}
		saved, err := l.DomainHasManagedSaveImage(domain, 0)
		if err != nil || saved == 0 {
			return err
		}
		return l.DomainManagedSaveRemove(domain, 0)
	})
}

// CheckSavedDisks returns an error if a saved machine has a disk that its domain no longer has. A snapshot that is
// made while the guest is saved adds an overlay only in the definition, and the guest would continue on the file
// beneath.
func CheckSavedDisks(defined, saved Domain) error {
	for _, disk := range saved.Disks {
		if !slices.ContainsFunc(defined.Disks, disk.Is) {
			return fmt.Errorf("the guest was saved (virsh managedsave) with the disk %s, which its definition no longer has, for example after a snapshot. "+
				"If the guest resumed, it would still write to that file. Remove its saved memory (virsh managedsave-remove %s), or put that disk back into the definition", disk.Where(), saved.Name)
		}
	}
	return nil
}

// start starts a domain that is off. A saved domain is started only with the disks that it has now.
func start(l *libvirt.Libvirt, domain libvirt.Domain) error {
	saved, err := savedDomain(l, domain)
	if err != nil {
		return err
	}
	if saved != nil {
		text, err := l.DomainGetXMLDesc(domain, libvirt.DomainXMLInactive)
		if err != nil {
			return err
		}
		defined, err := parseDomain(text)
		if err != nil {
			return err
		}
		if err := CheckSavedDisks(defined, *saved); err != nil {
			return err
		}
	}
	return l.DomainCreate(domain)
}
