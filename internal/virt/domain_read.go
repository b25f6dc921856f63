package virt

import (
	"context"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// Domain looks up a domain by name. It returns the domain as it is defined, with its current state and, if it runs,
// as it runs.
func (h *Host) Domain(ctx context.Context, name string) (Domain, error) {
	one := func() (Domain, error) {
		return query(ctx, h, "read domain", func(l *libvirt.Libvirt) (Domain, error) { return readDomain(l, name) })
	}
	all := func() map[string]Domain {
		found, _ := query(ctx, h, "read all domains", readDomains)
		return found
	}
	return h.domains.look(ctx, name, one, all)
}

// Guests returns all domains of the host, by name.
func (h *Host) Guests(ctx context.Context) (map[string]Domain, error) {
	const all = "all"
	one := func() (map[string]Domain, error) { return query(ctx, h, "read all domains", readDomains) }
	return h.guests.look(ctx, all, one, func() map[string]map[string]Domain {
		found, err := one()
		if err != nil {
			return nil
		}
		return map[string]map[string]Domain{all: found}
	})
}

// domainStatus is the part of a domain that is not in its definition.
type domainStatus struct {
	state, reason int32
	autostart     bool
}

func readDomain(l *libvirt.Libvirt, name string) (Domain, error) {
	domain, err := l.DomainLookupByName(name)
	if err != nil {
		return Domain{}, err
	}
	var described Domain
	var status domainStatus
	err = concurrently(func() (err error) {
		described, err = describeDomain(l, domain)
		return err
	}, func() (err error) {
		status.state, status.reason, err = l.DomainGetState(domain, 0)
		return err
	}, func() error {
		autostart, err := l.DomainGetAutostart(domain)
		status.autostart = autostart == 1
		return err
	})
	return described.with(status), err
}

// readDomains reads all domains, with one call for each and three more.
func readDomains(l *libvirt.Libvirt) (map[string]Domain, error) {
	var domains, starting []libvirt.Domain
	var stats []libvirt.DomainStatsRecord
	err := concurrently(func() (err error) {
		domains, _, err = l.ConnectListAllDomains(1, 0)
		return err
	}, func() (err error) {
		starting, _, err = l.ConnectListAllDomains(1, libvirt.ConnectListDomainsAutostart)
		return err
	}, func() (err error) {
		stats, err = l.ConnectGetAllDomainStats(nil, uint32(libvirt.DomainStatsState), 0)
		return err
	})
	if err != nil || len(domains) > maxAhead {
		return nil, err
	}
	statuses := statusOf(stats)
	for _, domain := range starting {
		if status := statuses[domain.UUID]; status != nil {
			status.autostart = true
		}
	}
	byName := map[string]libvirt.Domain{}
	for _, domain := range domains {
		if statuses[domain.UUID] != nil {
			byName[domain.Name] = domain
		}
	}
	return readAll(byName, func(domain libvirt.Domain) (Domain, error) {
		described, err := describeDomain(l, domain)
		return described.with(*statuses[domain.UUID]), err
	}), nil
}

// statusOf finds states by UUID. The fields are those of virConnectGetAllDomainStats.
func statusOf(stats []libvirt.DomainStatsRecord) map[libvirt.UUID]*domainStatus {
	statuses := map[libvirt.UUID]*domainStatus{}
	for _, record := range stats {
		status := &domainStatus{}
		for _, param := range record.Params {
			switch value, _ := param.Value.I.(int32); param.Field {
			case "state.state":
				status.state = value
			case "state.reason":
				status.reason = value
			}
		}
		statuses[record.Dom.UUID] = status
	}
	return statuses
}

// describeDomain returns the domain as it is defined and, if it runs, as it runs.
func describeDomain(l *libvirt.Libvirt, domain libvirt.Domain) (Domain, error) {
	var defined, running string
	err := concurrently(func() (err error) {
		defined, err = l.DomainGetXMLDesc(domain, libvirt.DomainXMLInactive)
		return err
	}, func() (err error) {
		if domain.ID >= 0 {
			running, err = l.DomainGetXMLDesc(domain, 0)
		}
		return err
	})
	if err != nil {
		return Domain{}, err
	}
	described, err := parseDomain(defined)
	if err != nil || running == "" {
		return described, err
	}
	root, err := parseXML(running)
	if err != nil || !isActive(root) {
		return described, err
	}
	runs, err := parseDomainElement(root)
	described.Running = &runs
	shareChains(described.Disks, runs.Disks)
	return described, err
}

// isActive reports whether a definition belongs to a running guest, which has an id.
func isActive(root *etree.Element) bool { return root.SelectAttr("id") != nil }

func (d Domain) with(s domainStatus) Domain {
	d.State, d.Reason, d.Autostart = stateOf(s.state), reasonOf(s.state, s.reason), s.autostart
	return d
}
