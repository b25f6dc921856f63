package virt

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// detachTimeout is how long a guest may take to release a device. On s390x it takes a tenth of a second if a kernel
// runs, and 5 to 7 s if the firmware runs.
const detachTimeout = 30 * time.Second

// UpdateRunningDomain changes a running guest as far as possible without a new start: it attaches and detaches disks
// and interfaces, sets links up and down, moves interfaces to another network, adds processors, and sets the memory
// by a balloon. If a disk has an overlay, the guest keeps the overlay. The definition is changed separately. A guest
// that ends in the meantime needs no change.
func (h *Host) UpdateRunningDomain(ctx context.Context, d Domain) error {
	return h.whileRunning(ctx, d.Name, func(live liveDomain) error { return live.update(ctx, d) })
}

// whileRunning changes a guest if it runs. A guest that ends in the meantime needs no change.
func (h *Host) whileRunning(ctx context.Context, name string, change func(liveDomain) error) error {
	domain, err := h.lookupDomain(ctx, name)
	if err != nil || domain.ID < 0 {
		return err
	}
	err = change(liveDomain{h, domain})
	if err == nil {
		return nil
	}
	ended, problem := query(ctx, h, "virDomainLookupByUUID", func(l *libvirt.Libvirt) (bool, error) { return hasEnded(l, domain), nil })
	if ended && problem == nil {
		return nil
	}
	return err
}

// liveDomain is a running guest.
type liveDomain struct {
	host   *Host
	domain libvirt.Domain
}

func (l liveDomain) update(ctx context.Context, d Domain) error {
	now, devices, err := l.read(ctx)
	if err != nil {
		return err
	}
	if d.Disks, err = l.host.overThese(ctx, d.Name, d.Disks, now.Disks); err != nil {
		return err
	}
	if isOnChannel(devices) {
		if err := l.attachFirst(ctx, now, devices, d); err != nil {
			return err
		}
	}
	if err := l.detachMissing(ctx, now, devices, d); err != nil {
		return err
	}
	if now, devices, err = l.read(ctx); err != nil {
		return err
	}
	if err := l.attachDisks(ctx, now, devices, d.Disks); err != nil {
		return err
	}
	if err := l.changeMedia(ctx, now, devices, d.CDROMs); err != nil {
		return err
	}
	if err := l.setInterfaces(ctx, now, devices, d.Interfaces); err != nil {
		return err
	}
	if err := l.attachDevices(ctx, now, d.Devices); err != nil {
		return err
	}
	if err := l.attachHostdevs(ctx, now, d.Hostdevs); err != nil {
		return err
	}
	return l.resize(ctx, now, d)
}

// attachFirst attaches a guest's new disks and interfaces before the old ones are detached. QEMU gives a device that
// is attached after a removal the same subchannel as the removed one. A busy kernel has not noticed the removal by
// then: its driver talks to the new device, and hangs ("Failed to deregister indicators"). Nothing shows when the
// kernel has noticed.
func (l liveDomain) attachFirst(ctx context.Context, now Domain, devices *etree.Element, d Domain) error {
	if err := l.attachDisks(ctx, now, devices, d.Disks); err != nil {
		return err
	}
	return l.setInterfaces(ctx, now, devices, d.Interfaces)
}

// isOnChannel reports whether a guest has a channel subsystem, as guests of s390x do. Other guests may have no slot
// for an additional device, but their kernels release a removed device correctly.
func isOnChannel(devices *etree.Element) bool {
	return slices.ContainsFunc(devices.ChildElements(), func(device *etree.Element) bool {
		return attr(device.SelectElement("address"), "type") == "ccw"
	})
}

// read returns the domain as it runs, and its devices, in the same order.
func (l liveDomain) read(ctx context.Context) (Domain, *etree.Element, error) {
	text, err := query(ctx, l.host, "virDomainGetXMLDesc", func(c *libvirt.Libvirt) (string, error) {
		return c.DomainGetXMLDesc(l.domain, libvirt.DomainXMLSecure)
	})
	if err != nil {
		return Domain{}, nil, err
	}
	root, err := parseXML(text)
	if err != nil {
		return Domain{}, nil, err
	}
	now, err := parseDomainElement(root)
	return now, child(root, "devices"), err
}

// detachMissing detaches from the guest all devices that d does not have, at the same time.
func (l liveDomain) detachMissing(ctx context.Context, now Domain, devices *etree.Element, d Domain) error {
	missing := map[string]string{} // a description of the device, by libvirt's alias
	alias := func(device *etree.Element) string { return attr(device.SelectElement("alias"), "name") }
	for i, element := range hostdevElements(devices) {
		if !slices.ContainsFunc(d.Hostdevs, now.Hostdevs[i].Is) {
			missing[alias(element)] = "host device " + now.Hostdevs[i].Where()
		}
	}
	for i, element := range interfaceElements(devices) {
		if !slices.ContainsFunc(d.Interfaces, now.Interfaces[i].Is) {
			missing[alias(element)] = "interface " + now.Interfaces[i].MAC
		}
	}
	for name, element := range namedDevices(devices) {
		if _, wanted := d.Devices[name]; !wanted && d.Devices != nil {
			missing[alias(element)] = "device " + name
		}
	}
	for i, element := range diskElements(devices) {
		if !slices.ContainsFunc(d.Disks, now.Disks[i].Is) {
			missing[alias(element)] = "disk " + now.Disks[i].Where()
		}
	}
	if len(missing) == 0 {
		return nil
	}
	removals, stop, err := l.host.watchRemovals(ctx, l.domain.UUID)
	if err != nil {
		return err
	}
	defer stop()
	for alias, what := range missing {
		if err := l.detach(ctx, alias); err != nil {
			return fmt.Errorf("unable to detach %s from the running guest: %w", what, err)
		}
	}
	wait := l.host.beginWait(ctx, "removal of devices", l.domain.Name)
	err = awaitRemovals(ctx, missing, removals)
	wait.end(err)
	return err
}

// detach requests the removal of a device, once. A second request before the guest's answer can crash libvirtd 9.0,
// because the answer to the first request removes the device while the second is handled. The call does not wait for
// the answer.
func (l liveDomain) detach(ctx context.Context, alias string) error {
	return change(ctx, l.host, "virDomainDetachDeviceAlias", func(c *libvirt.Libvirt) error {
		return c.DomainDetachDeviceAlias(l.domain, alias, uint32(libvirt.DomainDeviceModifyLive))
	})
}

// awaitRemovals waits until all requested devices are removed.
func awaitRemovals(ctx context.Context, missing map[string]string, removals <-chan removal) error {
	timeout := time.After(detachTimeout)
	for len(missing) > 0 {
		select {
		case event := <-removals:
			what, asked := missing[event.alias]
			switch {
			case event.err != nil:
				return event.err
			case asked && event.refused:
				return fmt.Errorf("the guest refuses to release %s: %s", what, inUse)
			default:
				delete(missing, event.alias)
			}
		case <-timeout:
			return fmt.Errorf("the guest did not release %s within %v after the request: %s",
				strings.Join(slices.Sorted(maps.Values(missing)), " and "), detachTimeout, inUse)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// inUse says what to do if a guest keeps a device.
const inUse = "check whether the guest uses it, for example has it mounted, or stop the guest for the change"

func (l liveDomain) attach(ctx context.Context, what string, device *etree.Element) error {
	text, err := formatXML(device)
	if err != nil {
		return err
	}
	for began := time.Now(); ; {
		err = change(ctx, l.host, "virDomainAttachDeviceFlags", func(c *libvirt.Libvirt) error {
			return c.DomainAttachDeviceFlags(l.domain, text, uint32(libvirt.DomainDeviceModifyLive))
		})
		if !isLocked(err) || time.Since(began) > detachTimeout {
			break
		}
		select { // another guest may release it, perhaps in the same run
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	if err != nil {
		return fmt.Errorf("unable to attach %s to the running guest: %w", what, err)
	}
	return nil
}

// isLocked reports whether another QEMU uses a file. libvirt passes on QEMU's message (util/osdep.c,
// block/file-posix.c) without an error code or an event.
func isLocked(err error) bool {
	return err != nil && strings.Contains(err.Error(), `Failed to get "write" lock`)
}

// attachDisks attaches the disks that the guest does not have, each with the first free name: the guest may still
// have disks that its definition does not have.
func (l liveDomain) attachDisks(ctx context.Context, now Domain, devices *etree.Element, wanted []Disk) error {
	names := newDiskNames(devices.SelectElements("disk"))
	for i, disk := range wanted {
		if slices.ContainsFunc(now.Disks, disk.Is) {
			continue
		}
		element := newDisk("disk")
		disk.edit(element)
		names.give(element, i)
		if err := l.attach(ctx, "disk "+disk.Where(), element); err != nil {
			return err
		}
	}
	return nil
}

// changeMedia changes the media in the drives that the guest has.
func (l liveDomain) changeMedia(ctx context.Context, now Domain, devices *etree.Element, wanted []Disk) error {
	for i, element := range cdromElements(devices) {
		if i >= len(wanted) || wanted[i].sameMedium(now.CDROMs[i]) {
			continue
		}
		wanted[i].editMedium(element)
		err := l.updateDevice(ctx, element)
		if err != nil {
			return fmt.Errorf("unable to change the medium of %s in the running guest: %w", attr(element.SelectElement("target"), "dev"), err)
		}
	}
	return nil
}

func (l liveDomain) updateDevice(ctx context.Context, device *etree.Element) error {
	text, err := formatXML(device)
	if err != nil {
		return err
	}
	return change(ctx, l.host, "virDomainUpdateDeviceFlags", func(c *libvirt.Libvirt) error {
		return c.DomainUpdateDeviceFlags(l.domain, text, libvirt.DomainDeviceModifyLive)
	})
}

// attachDevices attaches the named devices that the guest does not have.
func (l liveDomain) attachDevices(ctx context.Context, now Domain, wanted map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if _, has := now.Devices[name]; has {
			continue
		}
		device, err := namedDevice(name, wanted[name])
		if err != nil {
			return err
		}
		if err := l.attach(ctx, "device "+name, device); err != nil {
			return err
		}
	}
	return nil
}

func (l liveDomain) attachHostdevs(ctx context.Context, now Domain, wanted []Hostdev) error {
	for _, dev := range wanted {
		if slices.ContainsFunc(now.Hostdevs, dev.Is) {
			continue
		}
		element := etree.NewElement("hostdev")
		dev.edit(element)
		if err := l.attach(ctx, "host device "+dev.Where(), element); err != nil {
			return err
		}
	}
	return nil
}

func (l liveDomain) setInterfaces(ctx context.Context, now Domain, devices *etree.Element, wanted []Interface) error {
	elements := interfaceElements(devices)
	for _, nic := range wanted {
		at := slices.IndexFunc(now.Interfaces, nic.Is)
		if at < 0 {
			element := etree.NewElement("interface")
			nic.edit(element, Interface{})
			if err := l.attach(ctx, "interface "+nic.MAC, element); err != nil {
				return err
			}
			continue
		}
		if err := l.setInterface(ctx, elements[at], now.Interfaces[at], nic); err != nil {
			return err
		}
	}
	return nil
}

// setInterface changes an interface's network or bridge, and its link.
func (l liveDomain) setInterface(ctx context.Context, element *etree.Element, before, nic Interface) error {
	plugged, err := l.isPlugged(ctx, before, nic)
	if err != nil || plugged && before.Down == nic.Down {
		return err
	}
	after := before
	after.Down = nic.Down
	if !plugged {
		after = after.at(nic)
	}
	after.edit(element, before)
	if err := l.updateDevice(ctx, element); err != nil {
		return fmt.Errorf("unable to change interface %s of the running guest: %w", nic.MAC, err)
	}
	return nil
}

// isPlugged reports whether a running guest's interface is where it is wanted. If a network is a bridge of the host
// or shares devices of the host, libvirt shows the bridge or the device.
func (l liveDomain) isPlugged(ctx context.Context, now, wanted Interface) (bool, error) {
	if now.isAt(wanted) {
		return true, nil
	}
	if now.Network != "" || wanted.Network == "" {
		return false, nil
	}
	network, err := l.host.networkXML(ctx, wanted.Network)
	return err == nil && network.plugs(now), err
}

// plugs reports whether a running guest's interface can be on the network.
func (x networkXML) plugs(nic Interface) bool {
	if nic.Bridge != "" {
		return x.place().bridge == nic.Bridge
	}
	forward := x.defined.NotNil().SelectElement("forward").NotNil()
	if nic.PCI != "" {
		return attr(forward, "mode") == "hostdev"
	}
	return slices.ContainsFunc(append(forward.SelectElements("interface"), forward), func(e *etree.Element) bool { return attr(e, "dev") == nic.Device })
}

// resize adds processors and lets a balloon add or remove memory. The balloon does so if the guest has its driver.
func (l liveDomain) resize(ctx context.Context, now, d Domain) error {
	if d.VCPUs > now.VCPUs {
		err := change(ctx, l.host, "virDomainSetVcpusFlags", func(c *libvirt.Libvirt) error {
			return c.DomainSetVcpusFlags(l.domain, uint32(d.VCPUs), uint32(libvirt.DomainVCPULive))
		})
		if err != nil {
			return fmt.Errorf("unable to add processors to the running guest: %w", err)
		}
	}
	if now.Memory == d.Memory {
		return nil
	}
	err := change(ctx, l.host, "virDomainSetMemoryFlags", func(c *libvirt.Libvirt) error {
		return c.DomainSetMemoryFlags(l.domain, d.Memory/1024, uint32(libvirt.DomainMemLive))
	})
	if err != nil {
		return fmt.Errorf("unable to set the memory of the running guest: %w", err)
	}
	return nil
}
