// Package virttest has a libvirt host in memory for tests of code that uses a host, and the contract that compares it
// with real hosts.
package virttest

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Host is a libvirt host in memory. It has virt.Host's methods and errors. As with virt.Host, many goroutines may use
// it at the same time.
type Host struct {
	mu         sync.Mutex
	offers     virt.Capabilities
	firmware   []byte
	files      map[string]*file
	pools      map[string]*pool
	networks   map[string]virt.Network
	interfaces map[string]bool // whether each is a bridge; nil means that every name is a bridge
	domains    map[string]*domain
	layers     map[string]virt.Layer // the layer beneath each file, by the file's path
	scripts    map[string]script
	ports      map[netip.AddrPort]chan struct{} // closed when they answer
	installs   map[string]installScript
	calls      map[string]int
	faults     map[string]fault
}

// New returns an empty host, which emulates s390x on x86_64, with the firmware of QEMU before 9.2.
func New() *Host {
	return &Host{
		offers: virt.Capabilities{Arch: "x86_64", Guests: []virt.Guest{
			{Arch: "s390x", Emulator: "/usr/bin/qemu-system-s390x", Accelerators: []string{"tcg"}},
			{Arch: "x86_64", Emulator: "/usr/bin/qemu-system-x86_64", Accelerators: []string{"tcg", "kvm"}},
		}},
		firmware: []byte("LOADPARM=[________]"),
		files:    map[string]*file{},
		pools:    map[string]*pool{},
		networks: map[string]virt.Network{},
		domains:  map[string]*domain{},
		layers:   map[string]virt.Layer{},
		scripts:  map[string]script{},
		ports:    map[netip.AddrPort]chan struct{}{},
		installs: map[string]installScript{},
		calls:    map[string]int{},
		faults:   map[string]fault{},
	}
}

// URI returns a URI at which no one answers.
func (h *Host) URI() string { return "memory:///" }

// Close does nothing, as the host has no connection.
func (h *Host) Close() error { return nil }

// fault is an error for the calls of a method, after a number of calls that work.
type fault struct {
	spare int
	err   error
}

// Fail makes every later call of a method return err before it does anything. A nil err ends that. Upload, Fill and
// Download are exceptions: they fail after the first bytes.
func (h *Host) Fail(method string, err error) { h.FailAfter(method, 0, err) }

// FailAfter is Fail, but this many calls still work.
func (h *Host) FailAfter(method string, calls int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults[method] = fault{calls, err}
}

// Calls returns how often a method was called, whatever its result.
func (h *Host) Calls(method string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[method]
}

// Offer sets what the host can run.
func (h *Host) Offer(offers virt.Capabilities) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offers = offers
}

// WhileConnected returns a context that does not end by itself, because no connection can be lost.
func (h *Host) WhileConnected(ctx context.Context) (context.Context, context.CancelFunc, error) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, cancel, nil
}

// Info returns what the host reports about itself.
func (h *Host) Info(ctx context.Context) (virt.Info, error) {
	return call(ctx, h, "Info", func() (virt.Info, error) {
		return virt.Info{Hostname: "memory", Libvirt: "9.0.0", Hypervisor: "7.2.0"}, nil
	})
}

// PoolNames lists the host's pools.
func (h *Host) PoolNames(ctx context.Context) ([]string, error) {
	return call(ctx, h, "PoolNames", func() ([]string, error) { return slices.Sorted(maps.Keys(h.pools)), nil })
}

// NetworkNames lists the host's networks.
func (h *Host) NetworkNames(ctx context.Context) ([]string, error) {
	return call(ctx, h, "NetworkNames", func() ([]string, error) { return slices.Sorted(maps.Keys(h.networks)), nil })
}

// DomainNames lists the host's guests.
func (h *Host) DomainNames(ctx context.Context) ([]string, error) {
	return call(ctx, h, "DomainNames", func() ([]string, error) { return slices.Sorted(maps.Keys(h.domains)), nil })
}

// DomainName returns the name of the domain with a UUID.
func (h *Host) DomainName(ctx context.Context, id string) (string, error) {
	return call(ctx, h, "DomainName", func() (string, error) {
		for name, d := range h.domains {
			if d.UUID == id {
				return name, nil
			}
		}
		return "", notFound("domain", id)
	})
}

// Capabilities returns what the host can run.
func (h *Host) Capabilities(ctx context.Context) (virt.Capabilities, error) {
	return call(ctx, h, "Capabilities", func() (virt.Capabilities, error) { return h.offers, nil })
}

// SecureExecution reports that the host runs no guests of IBM Secure Execution.
func (h *Host) SecureExecution(ctx context.Context) (bool, error) {
	return call(ctx, h, "SecureExecution", func() (bool, error) { return false, nil })
}

// SetFirmware sets the content of the boot firmware. "" means a host without firmware.
func (h *Host) SetFirmware(content string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.firmware = []byte(content)
}

// Firmware returns the boot firmware.
func (h *Host) Firmware(ctx context.Context) ([]byte, error) {
	return call(ctx, h, "Firmware", func() ([]byte, error) {
		if len(h.firmware) == 0 {
			return nil, notFound("firmware", "s390-ccw.img")
		}
		return h.firmware, nil
	})
}

// call runs a call of a method, which has exclusive use of the host.
func call[T any](ctx context.Context, h *Host, method string, f func() (T, error)) (T, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.enter(ctx, method); err != nil {
		var none T
		return none, err
	}
	return f()
}

// do is call for a method that returns only an error.
func do(ctx context.Context, h *Host, method string, f func() error) error {
	_, err := call(ctx, h, method, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// enter counts a call and returns the error with which it fails.
func (h *Host) enter(ctx context.Context, method string) error {
	h.calls[method]++
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f := h.faults[method]
	if f.spare > 0 {
		f.spare--
		h.faults[method] = f
		return nil
	}
	return f.err
}

func notFound(what, name string) error {
	return fmt.Errorf("no %s %q: %w", what, name, virt.ErrNotFound)
}

func exists(what, name string) error { return fmt.Errorf("%s %q: %w", what, name, virt.ErrExists) }
