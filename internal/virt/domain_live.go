package virt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// detachPatience is how long a guest may take to let go of a device, which is looked at every
// detachInterval. On s390x it takes a tenth of a second where a kernel runs, and 5 to 7 s where the
// firmware does.
const (
	detachPatience = 30 * time.Second
	detachInterval = 200 * time.Millisecond
)

// UpdateRunningDomain makes of a running guest what can be made of it without a new start: disks and
// interfaces come and go, links go up and down, interfaces change their network, processors come, and a
// balloon takes or gives memory. The definition is changed by itself. A guest that ends meanwhile needs
// none of it.
func (h *Host) UpdateRunningDomain(ctx context.Context, d Domain) error {
	domain, err := h.lookupDomain(ctx, d.Name)
	if err != nil || domain.ID < 0 {
		return err
	}
	live := liveDomain{h, domain}
	err = live.update(ctx, d)
	if err == nil {
		return nil
	}
	ended, problem := read(ctx, h, func(l *libvirt.Libvirt) (bool, error) { return hasEnded(l, domain), nil })
	if ended && problem == nil {
		return nil
	}
	return err
}

// liveDomain is a guest that runs.
type liveDomain struct {
	host   *Host
	domain libvirt.Domain
}

func (l liveDomain) update(ctx context.Context, d Domain) error {
	now, err := l.devices(ctx)
	if err != nil {
		return err
	}
	if err := l.detachMissing(ctx, now, d); err != nil {
		return err
	}
	if now, err = l.devices(ctx); err != nil {
		return err
	}
	if err := l.attachDisks(ctx, now, d.Disks); err != nil {
		return err
	}
	if err := l.setInterfaces(ctx, now, d.Interfaces); err != nil {
		return err
	}
	return l.resize(ctx, now, d)
}

// devices is the domain as it runs.
func (l liveDomain) devices(ctx context.Context) (*libvirtxml.Domain, error) {
	text, err := read(ctx, l.host, func(c *libvirt.Libvirt) (string, error) {
		return c.DomainGetXMLDesc(l.domain, libvirt.DomainXMLSecure)
	})
	if err != nil {
		return nil, err
	}
	var doc libvirtxml.Domain
	err = doc.Unmarshal(text)
	if err == nil && (doc.Devices == nil || doc.VCPU == nil) {
		err = errors.New("domain XML: devices or vcpu are missing")
	}
	return &doc, err
}

func (l liveDomain) detachMissing(ctx context.Context, now *libvirtxml.Domain, d Domain) error {
	for _, nic := range now.Devices.Interfaces {
		if slices.ContainsFunc(d.Interfaces, func(i Interface) bool { return strings.EqualFold(i.MAC, macOf(nic)) }) {
			continue
		}
		err := l.detach(ctx, "interface "+macOf(nic), &nic, func(now *libvirtxml.Domain) bool {
			return slices.ContainsFunc(now.Devices.Interfaces, func(o libvirtxml.DomainInterface) bool { return macOf(o) == macOf(nic) })
		})
		if err != nil {
			return err
		}
	}
	for _, disk := range now.Devices.Disks {
		if !isDisk(disk) || slices.ContainsFunc(d.Disks, func(o Disk) bool { return o.Path == diskPath(disk) }) {
			continue
		}
		err := l.detach(ctx, "disk "+diskPath(disk), &disk, func(now *libvirtxml.Domain) bool {
			return slices.ContainsFunc(now.Devices.Disks, func(o libvirtxml.DomainDisk) bool { return diskPath(o) == diskPath(disk) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// detach asks for a device, once, and waits until it is gone. libvirt waits for the guest's answer
// itself, for 5 s, and calls no answer a success (libvirt src/qemu/qemu_hotplug.c,
// qemuDomainWaitForDeviceRemoval). To ask again meanwhile can crash libvirtd 9.0: the answer to the
// first request takes the device away under the second.
func (l liveDomain) detach(ctx context.Context, what string, device xmlDocument, has func(*libvirtxml.Domain) bool) error {
	text, err := device.Marshal()
	if err != nil {
		return err
	}
	err = do(ctx, l.host, func(c *libvirt.Libvirt) error {
		return c.DomainDetachDeviceFlags(l.domain, text, uint32(libvirt.DomainDeviceModifyLive))
	})
	if err != nil {
		return fmt.Errorf("unable to take %s from the running guest: %w", what, err)
	}
	for deadline := time.Now().Add(detachPatience); time.Now().Before(deadline); {
		if now, err := l.devices(ctx); err != nil || !has(now) {
			return err
		}
		select {
		case <-time.After(detachInterval):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return fmt.Errorf("the guest does not let go of %s: it was asked and has it still after %v; "+
		"see whether it is in use there, such as mounted, or stop the guest for the change", what, detachPatience)
}

// xmlDocument is an element of libvirt's.
type xmlDocument interface{ Marshal() (string, error) }

func (l liveDomain) attach(ctx context.Context, what string, device xmlDocument) error {
	text, err := device.Marshal()
	if err != nil {
		return err
	}
	err = do(ctx, l.host, func(c *libvirt.Libvirt) error {
		return c.DomainAttachDeviceFlags(l.domain, text, uint32(libvirt.DomainDeviceModifyLive))
	})
	if err != nil {
		return fmt.Errorf("unable to give %s to the running guest: %w", what, err)
	}
	return nil
}

// attachDisks gives the guest the disks that it does not have, each at the first name that is free:
// the guest may still have others than its definition.
func (l liveDomain) attachDisks(ctx context.Context, now *libvirtxml.Domain, wanted []Disk) error {
	taken := map[string]bool{}
	has := map[string]bool{}
	for _, disk := range now.Devices.Disks {
		has[diskPath(disk)] = true
		if disk.Target != nil {
			taken[disk.Target.Dev] = true
		}
	}
	for i, disk := range wanted {
		if has[disk.Path] {
			continue
		}
		at := i
		for taken[diskName(disk.Bus, at)] {
			at++
		}
		taken[diskName(disk.Bus, at)] = true
		var doc libvirtxml.DomainDisk
		disk.applyTo(&doc, at)
		if err := l.attach(ctx, "disk "+disk.Path, &doc); err != nil {
			return err
		}
	}
	return nil
}

func (l liveDomain) setInterfaces(ctx context.Context, now *libvirtxml.Domain, wanted []Interface) error {
	for _, nic := range wanted {
		at := slices.IndexFunc(now.Devices.Interfaces, func(o libvirtxml.DomainInterface) bool { return macOf(o) == strings.ToLower(nic.MAC) })
		if at < 0 {
			var doc libvirtxml.DomainInterface
			nic.applyTo(&doc)
			if err := l.attach(ctx, "interface "+nic.MAC, &doc); err != nil {
				return err
			}
			continue
		}
		if err := l.setInterface(ctx, now.Devices.Interfaces[at], nic); err != nil {
			return err
		}
	}
	return nil
}

// setInterface changes an interface's network or bridge, and its link.
func (l liveDomain) setInterface(ctx context.Context, doc libvirtxml.DomainInterface, nic Interface) error {
	before := parseInterface(doc)
	plugged, err := l.isPlugged(ctx, before, nic)
	if err != nil || plugged && before.Down == nic.Down {
		return err
	}
	after := before
	after.Down = nic.Down
	if !plugged {
		after.Network, after.Bridge = nic.Network, nic.Bridge
	}
	after.applyTo(&doc)
	text, err := doc.Marshal()
	if err != nil {
		return err
	}
	err = do(ctx, l.host, func(c *libvirt.Libvirt) error {
		return c.DomainUpdateDeviceFlags(l.domain, text, libvirt.DomainDeviceModifyLive)
	})
	if err != nil {
		return fmt.Errorf("unable to change interface %s of the running guest: %w", nic.MAC, err)
	}
	return nil
}

// isPlugged tells whether a running guest's interface is where it is wanted. Of a network that is a
// bridge of the host's, libvirt shows the bridge.
func (l liveDomain) isPlugged(ctx context.Context, now, wanted Interface) (bool, error) {
	if now.Network == wanted.Network && now.Bridge == wanted.Bridge {
		return true, nil
	}
	if now.Network != "" || wanted.Network == "" {
		return false, nil
	}
	network, err := l.host.networkXML(ctx, wanted.Network)
	return err == nil && network.place().bridge == now.Bridge, err
}

// resize gives processors, and lets a balloon give or take memory, which it does where the guest has
// its driver.
func (l liveDomain) resize(ctx context.Context, now *libvirtxml.Domain, d Domain) error {
	if current, _ := vcpusOf(now.VCPU); d.VCPUs > current {
		err := do(ctx, l.host, func(c *libvirt.Libvirt) error {
			return c.DomainSetVcpusFlags(l.domain, uint32(d.VCPUs), uint32(libvirt.DomainVCPULive))
		})
		if err != nil {
			return fmt.Errorf("unable to give processors to the running guest: %w", err)
		}
	}
	if now.CurrentMemory != nil && uint64(now.CurrentMemory.Value)*1024 == d.Memory {
		return nil
	}
	err := do(ctx, l.host, func(c *libvirt.Libvirt) error {
		return c.DomainSetMemoryFlags(l.domain, d.Memory/1024, uint32(libvirt.DomainMemLive))
	})
	if err != nil {
		return fmt.Errorf("unable to set the memory of the running guest: %w", err)
	}
	return nil
}
