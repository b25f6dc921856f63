package virt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/digitalocean/go-libvirt"
)

// Belongings are what libvirt keeps for a domain in addition to its definition.
type Belongings struct {
	Saved       bool     // its memory is saved (virsh managedsave)
	Snapshots   []string // names
	Checkpoints []string // names
	Jobs        []string // running on its disks: "backup of vda"
}

// Belongings finds what libvirt keeps for a domain. It takes about six calls.
func (h *Host) Belongings(ctx context.Context, name string) (Belongings, error) {
	return query(ctx, h, "read what belongs to a domain", func(l *libvirt.Libvirt) (Belongings, error) {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return Belongings{}, err
		}
		var found Belongings
		err = concurrently(func() error {
			saved, err := l.DomainHasManagedSaveImage(domain, 0)
			found.Saved = saved == 1
			return err
		}, func() error {
			snapshots, _, err := l.DomainListAllSnapshots(domain, 1, 0)
			for _, snapshot := range snapshots {
				found.Snapshots = append(found.Snapshots, snapshot.Name)
			}
			return err
		}, func() error {
			checkpoints, _, err := l.DomainListAllCheckpoints(domain, 1, 0)
			for _, checkpoint := range checkpoints {
				found.Checkpoints = append(found.Checkpoints, checkpoint.Name)
			}
			if isCode(err, libvirt.ErrNoSupport) { // a libvirt before 5.6
				return nil
			}
			return err
		}, func() (err error) {
			found.Jobs, err = diskJobs(l, domain)
			return err
		})
		slices.Sort(found.Snapshots)
		slices.Sort(found.Checkpoints)
		return found, err
	})
}

// jobNames are names for the values of virDomainBlockJobType.
var jobNames = map[libvirt.DomainBlockJobType]string{
	libvirt.DomainBlockJobTypePull:         "blockpull",
	libvirt.DomainBlockJobTypeCopy:         "blockcopy",
	libvirt.DomainBlockJobTypeCommit:       "blockcommit",
	libvirt.DomainBlockJobTypeActiveCommit: "blockcommit",
	libvirt.DomainBlockJobTypeBackup:       "backup",
}

// diskJobs returns the jobs that run on the disks of a guest. Its definition does not show all of them.
func diskJobs(l *libvirt.Libvirt, domain libvirt.Domain) ([]string, error) {
	if domain.ID < 0 {
		return nil, nil
	}
	text, err := l.DomainGetXMLDesc(domain, 0)
	if err != nil {
		return nil, err
	}
	running, err := parseDomain(text)
	if err != nil {
		return nil, err
	}
	var jobs []string
	for _, disk := range running.Disks {
		found, kind, _, _, _, err := l.DomainGetBlockJobInfo(domain, disk.Target, 0)
		var answer libvirt.Error
		if errors.As(err, &answer) {
			continue // the guest has ended in the meantime, or has released the disk
		}
		if err != nil {
			return nil, err
		}
		if found != 0 {
			jobs = append(jobs, fmt.Sprintf("%s of %s", jobNames[libvirt.DomainBlockJobType(kind)], disk.Target))
		}
	}
	return jobs, nil
}

// IsTransient reports whether libvirt forgets a domain when it ends, for example a domain from virsh create.
func (h *Host) IsTransient(ctx context.Context, name string) (bool, error) {
	return query(ctx, h, "virDomainIsPersistent", func(l *libvirt.Libvirt) (bool, error) {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return false, err
		}
		persistent, err := l.DomainIsPersistent(domain)
		return persistent == 0, err
	})
}
