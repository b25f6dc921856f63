package virt

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// Capabilities is what a host can run.
type Capabilities struct {
	Arch           string // the host's own
	Guests         []Guest
	SecurityModels []string // such as apparmor, selinux, dac
}

// Guest is an architecture that a host can run guests of.
type Guest struct {
	Arch         string
	Emulator     string
	Accelerators []string // kvm, tcg
}

// Capabilities asks the host once what it can run.
func (h *Host) Capabilities(ctx context.Context) (Capabilities, error) {
	return h.capabilities.get(ctx, h, func() (Capabilities, error) {
		text, err := query(ctx, h, "virConnectGetCapabilities", func(l *libvirt.Libvirt) (string, error) { return l.ConnectGetCapabilities() })
		if err != nil {
			return Capabilities{}, err
		}
		return parseCapabilities(text)
	})
}

func parseCapabilities(text string) (Capabilities, error) {
	var doc libvirtxml.Caps
	if err := doc.Unmarshal(text); err != nil {
		return Capabilities{}, fmt.Errorf("capabilities: %w", err)
	}
	c := Capabilities{}
	if doc.Host.CPU != nil {
		c.Arch = doc.Host.CPU.Arch
	}
	for _, model := range doc.Host.SecModel {
		c.SecurityModels = append(c.SecurityModels, model.Name)
	}
	for _, g := range doc.Guests {
		guest := Guest{Arch: g.Arch.Name, Emulator: g.Arch.Emulator}
		for _, d := range g.Arch.Domains {
			if accelerator, known := accelerators[d.Type]; known {
				guest.Accelerators = append(guest.Accelerators, accelerator)
			}
			if d.Emulator != "" {
				guest.Emulator = d.Emulator
			}
		}
		c.Guests = append(c.Guests, guest)
	}
	return c, nil
}

// accelerators are QEMU's names for what libvirt calls a domain's type.
var accelerators = map[string]string{"kvm": "kvm", "qemu": "tcg"}

// Accelerator chooses how to run a guest: as wanted, or for "auto" with kvm if the host has it for that architecture,
// and with emulation otherwise. The error says what the host does not have.
func (c Capabilities) Accelerator(of, wanted string) (string, error) {
	at := slices.IndexFunc(c.Guests, func(g Guest) bool { return g.Arch == of })
	if at < 0 {
		packages := arch.Of(of).Packages
		if packages != "" {
			packages = " (" + packages + ")"
		}
		return "", fmt.Errorf("the host has no emulator for %s guests; install it there%s and restart libvirtd", of, packages)
	}
	offered := c.Guests[at].Accelerators
	switch {
	case wanted == "auto" && slices.Contains(offered, "kvm"):
		return "kvm", nil
	case wanted == "auto":
		return "tcg", nil
	case slices.Contains(offered, wanted):
		return wanted, nil
	default:
		return "", fmt.Errorf("the host (%s) cannot run %s guests with %s, only with %v; use accelerator = \"auto\"", c.Arch, of, wanted, offered)
	}
}

// SecureExecution reports whether the host runs guests of IBM Secure Execution. Only KVM does, on a host that was
// started with prot_virt=1. https://libvirt.org/formatdomaincaps.html#s390-pv-capability
func (h *Host) SecureExecution(ctx context.Context) (bool, error) {
	text, err := query(ctx, h, "virConnectGetDomainCapabilities", func(l *libvirt.Libvirt) (string, error) {
		return l.ConnectGetDomainCapabilities(nil, libvirt.OptString{arch.S390X}, nil, libvirt.OptString{"kvm"}, 0)
	})
	if isRefused(err) { // the host has no KVM for it
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return hasSecureExecution(text)
}

func hasSecureExecution(text string) (bool, error) {
	root, err := parseXML(text)
	if err != nil {
		return false, fmt.Errorf("domain capabilities: %w", err)
	}
	return attr(root.FindElement("features/s390-pv"), "supported") == "yes", nil
}
