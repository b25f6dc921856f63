package virttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/netip"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

const domainName = "contract"

// domainHost is what the cases of domains need of a host.
type domainHost interface {
	Info(ctx context.Context) (virt.Info, error)
	Capabilities(ctx context.Context) (virt.Capabilities, error)
	SecureExecution(ctx context.Context) (bool, error)
	Firmware(ctx context.Context) ([]byte, error)
	Domain(ctx context.Context, name string) (virt.Domain, error)
	Guests(ctx context.Context) (map[string]virt.Domain, error)
	DomainNames(ctx context.Context) ([]string, error)
	DomainName(ctx context.Context, uuid string) (string, error)
	Addresses(ctx context.Context, name string, from virt.AddressSource) ([]netip.Addr, error)
	CreateDomain(ctx context.Context, d virt.Domain) error
	RedefineDomain(ctx context.Context, d virt.Domain) error
	UpdateRunningDomain(ctx context.Context, d virt.Domain) error
	SetNote(ctx context.Context, name, note string) error
	StartDomain(ctx context.Context, name string) error
	BootDomain(ctx context.Context, name string) (io.ReadCloser, error)
	OpenConsole(ctx context.Context, name string) (io.ReadCloser, error)
	WatchRun(ctx context.Context, name string) (*virt.Run, error)
	LeasedAddresses(ctx context.Context, name string) ([]virt.LeasedAddress, error)
	AwaitPort(ctx context.Context, at netip.AddrPort) error
	RebootDomain(ctx context.Context, name string) error
	ResetDomain(ctx context.Context, name string) error
	ShutDownDomain(ctx context.Context, name string, patience time.Duration) error
	KillDomain(ctx context.Context, name string) error
	DeleteDomain(ctx context.Context, name string) error
}

var domainChecks = []check{
	{"a host says what it can run", func(t *testing.T, s Subject) {
		can, err := s.Capabilities(t.Context())
		done(t, "Capabilities", err)
		at := slices.IndexFunc(can.Guests, func(g virt.Guest) bool { return g.Arch == "s390x" })
		if at < 0 || !slices.Contains(can.Guests[at].Accelerators, "tcg") || can.Guests[at].Emulator == "" || can.Arch == "" {
			t.Errorf("Capabilities returned %+v, want s390x by tcg among them", can)
		}
		if secure, err := s.SecureExecution(t.Context()); err != nil || secure {
			t.Errorf("SecureExecution of a host without KVM for s390x returned %v, %v", secure, err)
		}
	}},
	{"a host says what it is", func(t *testing.T, s Subject) {
		info, err := s.Info(t.Context())
		done(t, "Info", err)
		dotted := regexp.MustCompile(`^\d+\.\d+\.\d+$`)
		if info.Hostname == "" || !dotted.MatchString(info.Libvirt) || info.Hypervisor != "" && !dotted.MatchString(info.Hypervisor) {
			t.Errorf("Info returned %+v, want a name and a version or two", info)
		}
	}},
	{"a domain is found by its UUID", func(t *testing.T, s Subject) {
		givenDomain(t, s, bareDomain())
		d, err := s.Domain(t.Context(), domainName)
		done(t, "Domain", err)
		if name, err := s.DomainName(t.Context(), d.UUID); err != nil || name != domainName {
			t.Errorf("DomainName returned %q, %v", name, err)
		}
		_, err = s.DomainName(t.Context(), "00000000-0000-0000-0000-00000000c0de")
		refused(t, "DomainName", err, virt.ErrNotFound)
	}},
	{"a host lists what it has", func(t *testing.T, s Subject) {
		lists := []struct {
			name string
			list func(context.Context) ([]string, error)
		}{{poolName, s.PoolNames}, {networkName, s.NetworkNames}, {domainName, s.DomainNames}}
		for _, l := range lists {
			before, err := l.list(t.Context())
			done(t, "list", err)
			if slices.Contains(before, l.name) {
				t.Errorf("%q is listed and not there: %q", l.name, before)
			}
		}
		givenPool(t, s, true)
		givenNetwork(t, s, plainNetwork())
		givenDomain(t, s, bareDomain())
		guests, err := s.Guests(t.Context())
		if err != nil || guests[domainName].Memory != bareDomain().Memory {
			t.Errorf("Guests returned %+v, %v", guests, err)
		}
		for _, l := range lists {
			after, err := l.list(t.Context())
			done(t, "list", err)
			if !slices.Contains(after, l.name) || !slices.IsSorted(after) {
				t.Errorf("%q is not listed, or not in order: %q", l.name, after)
			}
		}
	}},
	{"a guest that is off cannot be restarted", func(t *testing.T, s Subject) {
		givenDomain(t, s, bareDomain())
		failed(t, "RebootDomain", s.RebootDomain(t.Context(), domainName))
		failed(t, "ResetDomain", s.ResetDomain(t.Context(), domainName))
		_, err := s.OpenConsole(t.Context(), domainName)
		failed(t, "OpenConsole", err)
		refused(t, "ResetDomain", s.ResetDomain(t.Context(), "none"), virt.ErrNotFound)
		refused(t, "RebootDomain", s.RebootDomain(t.Context(), "none"), virt.ErrNotFound)
		_, err = s.OpenConsole(t.Context(), "none")
		refused(t, "OpenConsole", err, virt.ErrNotFound)
	}},
	{"a host shows its firmware", func(t *testing.T, s Subject) {
		for range 2 {
			content, err := s.Firmware(t.Context())
			done(t, "Firmware", err)
			if !bytes.Contains(content, []byte("LOADPARM=[")) {
				t.Errorf("Firmware returned %d bytes, which are no firmware", len(content))
			}
		}
	}},
	{"a domain is made", func(t *testing.T, s Subject) {
		d := fullDomain(t, s)
		givenDomain(t, s, d)
		read := wantDomain(t, s, d)
		if read.UUID == "" || !strings.HasPrefix(read.Machine, "s390-ccw-virtio-") {
			t.Errorf("it has UUID %q and machine %q, want its version", read.UUID, read.Machine)
		}
		again := bareDomain()
		again.Memory *= 2
		refused(t, "CreateDomain again", s.CreateDomain(t.Context(), again), virt.ErrExists)
		wantDomain(t, s, d)
		done(t, "DeleteDomain", s.DeleteDomain(t.Context(), domainName))
		_, err := s.Domain(t.Context(), domainName)
		refused(t, "Domain", err, virt.ErrNotFound)
	}},
	{"a domain gets a machine and a CPU", func(t *testing.T, s Subject) {
		d := bareDomain()
		d.Machine, d.CPU = "", ""
		givenDomain(t, s, d)
		d.CPU = "qemu"
		if read := wantDomain(t, s, d); !strings.HasPrefix(read.Machine, "s390-ccw-virtio-") {
			t.Errorf("the machine is %q", read.Machine)
		}
	}},
	{"a domain that the host cannot run", func(t *testing.T, s Subject) {
		d := bareDomain()
		d.Accelerator = "kvm"
		failed(t, "CreateDomain", s.CreateDomain(t.Context(), d))
		_, err := s.Domain(t.Context(), domainName)
		refused(t, "Domain", err, virt.ErrNotFound)
	}},
	{"a domain that does not exist", func(t *testing.T, s Subject) {
		_, err := s.Domain(t.Context(), domainName)
		refused(t, "Domain", err, virt.ErrNotFound)
		_, err = s.Addresses(t.Context(), domainName, virt.FromLeases)
		refused(t, "Addresses", err, virt.ErrNotFound)
		_, err = s.BootDomain(t.Context(), domainName)
		refused(t, "BootDomain", err, virt.ErrNotFound)
		refused(t, "RedefineDomain", s.RedefineDomain(t.Context(), bareDomain()), virt.ErrNotFound)
		refused(t, "UpdateRunningDomain", s.UpdateRunningDomain(t.Context(), bareDomain()), virt.ErrNotFound)
		refused(t, "SetNote", s.SetNote(t.Context(), domainName, "note"), virt.ErrNotFound)
		refused(t, "StartDomain", s.StartDomain(t.Context(), domainName), virt.ErrNotFound)
		refused(t, "ShutDownDomain", s.ShutDownDomain(t.Context(), domainName, time.Second), virt.ErrNotFound)
		refused(t, "KillDomain", s.KillDomain(t.Context(), domainName), virt.ErrNotFound)
		refused(t, "DeleteDomain", s.DeleteDomain(t.Context(), domainName), virt.ErrNotFound)
	}},
	{"a domain changes, one attribute after the other", func(t *testing.T, s Subject) {
		d := fullDomain(t, s)
		givenDomain(t, s, d)
		uuid := wantDomain(t, s, d).UUID
		for what, change := range domainChanges { // this also undoes the previous change
			changed := fullDomain(t, s)
			change(&changed)
			done(t, "RedefineDomain: "+what, s.RedefineDomain(t.Context(), changed))
			if read := wantDomain(t, s, changed); read.UUID != uuid {
				t.Errorf("the UUID went from %s to %s", uuid, read.UUID)
			}
			if t.Failed() {
				t.Fatal("that was: " + what)
			}
		}
	}},
	{"a domain without a boot order boots from its disks", func(t *testing.T, s Subject) {
		d := fullDomain(t, s)
		givenDomain(t, s, d)
		d.Boot = nil
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		d.Boot = []string{virt.BootDisk} // as libvirt makes it
		wantDomain(t, s, d)
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d)) // which keeps the form that libvirt writes
		wantDomain(t, s, d)
		d.Boot = []string{virt.BootNetwork, virt.BootDisk}
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		wantDomain(t, s, d)
	}},
	{"a note is kept as it is written", func(t *testing.T, s Subject) {
		d := bareDomain()
		givenDomain(t, s, d)
		for _, note := range []string{`{"a": "<b> & 'c'"}`, "two\nlines\tand ]]> more", "", "ümlaut"} {
			done(t, "SetNote", s.SetNote(t.Context(), domainName, note))
			d.Note = note
			wantDomain(t, s, d)
		}
		d.Note = "by <redefinition>"
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		wantDomain(t, s, d)
		d.Note = ""
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		wantDomain(t, s, d)
	}},
	{"a domain starts and is killed", func(t *testing.T, s Subject) {
		d := givenWaitingDomain(t, s)
		for range 2 {
			done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
			wantState(t, s, virt.Running)
		}
		guests, err := s.NetworkGuests(t.Context(), networkName)
		if err != nil || !slices.Equal(guests, []string{domainName}) {
			t.Errorf("NetworkGuests returned %q, %v", guests, err)
		}
		addresses, err := s.Addresses(t.Context(), domainName, virt.FromLeases)
		if err != nil || len(addresses) > 0 {
			t.Errorf("Addresses of a guest without a lease returned %v, %v", addresses, err)
		}
		for _, from := range []virt.AddressSource{virt.FromAgent, virt.FromARP} {
			if addresses, err := s.Addresses(t.Context(), domainName, from); err != nil || len(addresses) > 0 {
				t.Errorf("Addresses of a guest without any, from %s, returned %v, %v", from, addresses, err)
			}
		}
		d.VCPUs, d.State = 2, virt.Running
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		done(t, "SetNote", s.SetNote(t.Context(), domainName, "while it runs"))
		d.Note = "while it runs"
		wantDomain(t, s, d)
		for range 2 {
			done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
			wantState(t, s, virt.Off)
		}
		d.State, d.Reason = virt.Off, virt.ForcedOff
		wantDomain(t, s, d)
		addresses, err = s.Addresses(t.Context(), domainName, virt.FromLeases)
		if err != nil || len(addresses) > 0 {
			t.Errorf("Addresses of a guest that is off returned %v, %v", addresses, err)
		}
	}},
	{"the run of a guest is watched to its end", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		_, err := s.WatchRun(t.Context(), "none")
		refused(t, "WatchRun", err, virt.ErrNotFound)
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		run, err := s.WatchRun(t.Context(), domainName)
		done(t, "WatchRun", err)
		defer run.Leave()
		done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
		if ending := <-run.Ended; ending.Err != nil || ending.How != virt.EndDestroyed {
			t.Errorf("the guest ended %v (%v)", ending.How, ending.Err)
		}
		late, err := s.WatchRun(t.Context(), domainName)
		done(t, "WatchRun", err)
		defer late.Leave()
		if ending := <-late.Ended; ending.Err != nil || ending.How != virt.EndDestroyed {
			t.Errorf("the guest had ended %v (%v)", ending.How, ending.Err)
		}
		select {
		case <-run.Agent:
			t.Error("the agent of a guest without a system is connected")
		default:
		}
	}},
	{"a guest without a system has no lease, and a port that no one listens on does not answer", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		if leases, err := s.LeasedAddresses(t.Context(), domainName); err != nil || len(leases) > 0 {
			t.Errorf("LeasedAddresses returned %v, %v", leases, err)
		}
		_, err := s.LeasedAddresses(t.Context(), "none")
		refused(t, "LeasedAddresses", err, virt.ErrNotFound)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := s.AwaitPort(ctx, netip.MustParseAddrPort("127.0.0.1:1")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("AwaitPort returned %v", err)
		}
	}},
	{"a paused guest resumes, and does not respond before", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		done(t, "Suspend", s.Suspend(t.Context(), domainName))
		wantState(t, s, virt.Paused)
		wantReason(t, s, virt.WasPaused)
		if err := s.RebootDomain(t.Context(), domainName); err == nil || !strings.Contains(err.Error(), "paused and cannot respond") {
			t.Errorf("RebootDomain returned %v", err)
		}
		done(t, "ResetDomain", s.ResetDomain(t.Context(), domainName))
		wantState(t, s, virt.Paused)
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		wantState(t, s, virt.Running)
		wantReason(t, s, virt.NoReason)
		done(t, "Suspend", s.Suspend(t.Context(), domainName))
		done(t, "ShutDownDomain", s.ShutDownDomain(t.Context(), domainName, time.Minute))
		wantState(t, s, virt.Off)
		wantReason(t, s, virt.ForcedOff)
	}},
	{"a domain shuts down, by force when it does not", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		done(t, "ShutDownDomain of one that is off", s.ShutDownDomain(t.Context(), domainName, time.Second))
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		done(t, "ShutDownDomain", s.ShutDownDomain(t.Context(), domainName, 500*time.Millisecond))
		wantState(t, s, virt.Off)
	}},
	{"a domain says why it does not run", func(t *testing.T, s Subject) {
		d := bareDomain()
		givenDomain(t, s, d)
		wantReason(t, s, virt.NoReason)
		console, err := s.BootDomain(t.Context(), domainName)
		done(t, "BootDomain", err)
		readAll(t, console)
		done(t, "Close", console.Close())
		wantReason(t, s, virt.HasCrashed)
		done(t, "DeleteDomain", s.DeleteDomain(t.Context(), domainName))
		givenWaitingDomain(t, s)
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		wantReason(t, s, virt.NoReason)
		done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
		wantReason(t, s, virt.ForcedOff)
	}},
	{"a running domain changes, and its definition does not", runningDomainChanges},
	{"a running domain is deleted", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		done(t, "DeleteDomain", s.DeleteDomain(t.Context(), domainName))
		_, err := s.Domain(t.Context(), domainName)
		refused(t, "Domain", err, virt.ErrNotFound)
		if guests, err := s.NetworkGuests(t.Context(), networkName); err != nil || len(guests) > 0 {
			t.Errorf("NetworkGuests returned %q, %v", guests, err)
		}
	}},
	{"a domain without its network or disk stays off", func(t *testing.T, s Subject) {
		d := fullDomain(t, s)
		givenDomain(t, s, d)
		if s.StartDomain(t.Context(), domainName) == nil {
			t.Error("StartDomain: no error although a network is missing")
		}
		if _, err := s.BootDomain(t.Context(), domainName); err == nil {
			t.Error("BootDomain: no error although a network is missing")
		}
		wantState(t, s, virt.Off)
		d.Interfaces = nil
		d.Boot = []string{virt.BootDisk}
		d.Disks[0].Path = path.Join(poolPath, "missing")
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		failed(t, "StartDomain without a disk", s.StartDomain(t.Context(), domainName))
		wantState(t, s, virt.Off)
	}},
	{"a boot shows from the first line until the guest gives up", func(t *testing.T, s Subject) {
		givenDomain(t, s, bareDomain())
		for range 2 {
			console, err := s.BootDomain(t.Context(), domainName)
			done(t, "BootDomain", err)
			text := readAll(t, console)
			if !strings.Contains(text, "LOADPARM=[") {
				t.Errorf("the console showed %q", text)
			}
			done(t, "Close", console.Close())
			wantStateSoon(t, s, virt.Off) // libvirtd may end a console before it records the end of the guest
		}
	}},
	{"a console is released and the guest keeps running", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		console, err := s.BootDomain(ctx, domainName)
		done(t, "BootDomain", err)
		wantFirstLine(t, console)
		if _, err := s.BootDomain(t.Context(), domainName); err == nil {
			t.Error("BootDomain of a running domain: no error")
		}
		cancel()
		err = soon(t, "Read after the context", func() error { _, err := io.ReadAll(console); return err })
		refused(t, "Read after the context", err, context.Canceled)
		done(t, "Close", console.Close())
		done(t, "Close again", console.Close())
		wantState(t, s, virt.Running)
	}},
	{"a console ends when the guest is killed", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		console, err := s.BootDomain(t.Context(), domainName)
		done(t, "BootDomain", err)
		wantFirstLine(t, console)
		done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
		readAll(t, console)
		done(t, "Close", console.Close())
	}},
}

// domainChanges are changes to fullDomain, of everything that a domain has except its name.
var domainChanges = map[string]func(d *virt.Domain){
	"CPU":             func(d *virt.Domain) { d.CPU = "max" },
	"VCPUs":           func(d *virt.Domain) { d.VCPUs = 3 },
	"memory":          func(d *virt.Domain) { d.Memory = 768 << 20 },
	"boot from disk":  func(d *virt.Domain) { d.Boot = []string{virt.BootDisk} },
	"boot from both":  func(d *virt.Domain) { d.Boot = []string{virt.BootDisk, virt.BootNetwork} },
	"more VCPUs":      func(d *virt.Domain) { d.MaxVCPUs = 8 },
	"more memory":     func(d *virt.Domain) { d.MaxMemory = 1 << 30 },
	"topology":        func(d *virt.Domain) { d.Topology = virt.Topology{Sockets: 1, Cores: 2, Threads: 1} },
	"kernel":          func(d *virt.Domain) { d.Kernel = virt.Kernel{Path: "/srv/kernel", Cmdline: "a <b> & 'c'\tx\n\ny\n"} },
	"kernel's initrd": func(d *virt.Domain) { d.Kernel = virt.Kernel{Path: "/srv/kernel", Initrd: "/srv/initrd"} },
	"loadparm":        func(d *virt.Domain) { d.Loadparm = "LINUX" },
	"consoles":        func(d *virt.Domain) { d.Consoles = []string{"sclp", "sclplm", "virtio"} },
	"other console":   func(d *virt.Domain) { d.Consoles = []string{"virtio"} },
	"guest agent":     func(d *virt.Domain) { d.GuestAgent = true },
	"disk cache":      func(d *virt.Domain) { d.Disks[0].Cache, d.Disks[0].IO = "none", "native" },
	"disk discard":    func(d *virt.Domain) { d.Disks[0].Discard = "unmap" },
	"disk boot":       func(d *virt.Domain) { d.Disks[0].NoBoot = true },
	"model":           func(d *virt.Domain) { d.Interfaces[0].Model = "e1000" },
	"MTU":             func(d *virt.Domain) { d.Interfaces[0].MTU = 1400 },
	"VLAN":            func(d *virt.Domain) { d.Interfaces[0].VLAN = 42 },
	"link":            func(d *virt.Domain) { d.Interfaces[0].Down = true },
	"interface boot":  func(d *virt.Domain) { d.Interfaces[0].NoBoot = true },
	"disk path":       func(d *virt.Domain) { d.Disks[0].Path = path.Join(poolPath, "other") },
	"disk device":     func(d *virt.Domain) { d.Disks[0].Path, d.Disks[0].Block = "/dev/disk/by-path/ccw-0.0.0100", true },
	"disk of network": func(d *virt.Domain) {
		d.Disks[0] = virt.Disk{URL: "rbd://me@192.0.2.1:6789,192.0.2.2/pool/image", Secret: "ceph-me", Format: "raw", Bus: "virtio"}
	},
	"disk format":    func(d *virt.Domain) { d.Disks[0].Format = "qcow2" },
	"disk bus":       func(d *virt.Domain) { d.Disks[1].Bus = "scsi" },
	"disk serial":    func(d *virt.Domain) { d.Disks[0].Serial = "" },
	"disk read-only": func(d *virt.Domain) { d.Disks[0].ReadOnly, d.Disks[1].ReadOnly = true, false },
	"disks swapped":  func(d *virt.Domain) { d.Disks[0], d.Disks[1] = d.Disks[1], d.Disks[0] },
	"fewer disks":    func(d *virt.Domain) { d.Disks = d.Disks[1:] },
	"no disks":       func(d *virt.Domain) { d.Disks, d.Boot = nil, []string{virt.BootNetwork} },
	"network":        func(d *virt.Domain) { d.Interfaces[0].Network = "other" },
	"MAC":            func(d *virt.Domain) { d.Interfaces[0].MAC = "52:54:00:00:01:03" },
	"bridge":         func(d *virt.Domain) { d.Interfaces[1].Bridge = "br1" },
	"network for bridge": func(d *virt.Domain) {
		d.Interfaces[0] = virt.Interface{Bridge: "br0", MAC: d.Interfaces[0].MAC, Model: "virtio"}
	},
	"macvtap": func(d *virt.Domain) {
		d.Interfaces[1] = virt.Interface{Device: "eth0", Mode: "private", MAC: d.Interfaces[1].MAC, Model: "virtio"}
	},
	"device for bridge": func(d *virt.Domain) { d.Interfaces[1] = virt.Interface{PCI: "0000:01:00.1", MAC: d.Interfaces[1].MAC} },
	"CD-ROMs": func(d *virt.Domain) {
		d.Boot = []string{virt.BootCDROM, virt.BootDisk}
		d.CDROMs = []virt.Disk{{Bus: "scsi"}, {Path: path.Join(poolPath, "dvd.iso"), Bus: "scsi", NoBoot: true}}
	},
	"one CD-ROM": func(d *virt.Domain) { d.CDROMs = []virt.Disk{{Path: path.Join(poolPath, "cd.iso"), Bus: "scsi"}} },
	"filesystems": func(d *virt.Domain) {
		d.Filesystems = []virt.Filesystem{{Source: "/srv/a", Target: "a", Driver: virt.Virtiofs}, {Source: "/srv/b", Target: "b", Driver: virt.Plan9, ReadOnly: true}}
		d.MemoryBacking = virt.MemoryBacking{Source: "memfd", Shared: true}
	},
	"huge pages":    func(d *virt.Domain) { d.MemoryBacking = virt.MemoryBacking{HugePages: "1MiB"} },
	"default pages": func(d *virt.Domain) { d.MemoryBacking = virt.MemoryBacking{HugePages: virt.HugePagesDefault} },
	"CPU features":  func(d *virt.Domain) { d.CPU, d.CPUFeatures = "max", map[string]string{"vx": "disable"} },
	"portgroup":     func(d *virt.Domain) { d.Interfaces[0].PortGroup = "slow" },
	"queues":        func(d *virt.Domain) { d.Interfaces[0].Queues, d.Disks[0].Queues = 4, 2 },
	"trust":         func(d *virt.Domain) { d.Interfaces[0].TrustRx = true },
	"I/O thread":    func(d *virt.Domain) { d.IOThreads, d.Disks[0].IOThread = 2, 2 },
	"errors":        func(d *virt.Domain) { d.Disks[0].OnError = "stop" },
	"shared":        func(d *virt.Domain) { d.Disks[0].Shared, d.Disks[0].Cache = true, "none" },
	"RNG":           func(d *virt.Domain) { d.RNG = true },
	"balloon":       func(d *virt.Domain) { d.NoBalloon = true },
	"device of the host": func(d *virt.Domain) {
		d.Hostdevs = []virt.Hostdev{{Mdev: "0a1b2c3d-0000-4000-8000-0000000000c2", Model: "vfio-ccw"}, {PCI: "0000:01:00.1"}}
	},
	"device": func(d *virt.Domain) {
		d.Devices = map[string]string{"entropy": `<rng model="virtio"><backend model="random">/dev/urandom</backend></rng>`}
	},
	"other device": func(d *virt.Domain) {
		d.Devices = map[string]string{
			"entropy": `<rng model="virtio"><rate bytes="1024"/><backend model="random">/dev/random</backend></rng>`,
			"dog":     `<watchdog model="diag288" action="reset"/>`,
		}
	},
	"no device":        func(d *virt.Domain) { d.Devices = map[string]string{} },
	"fewer interfaces": func(d *virt.Domain) { d.Interfaces = d.Interfaces[1:] },
	"no interfaces":    func(d *virt.Domain) { d.Interfaces, d.Boot = nil, []string{virt.BootDisk} },
	"note":             func(d *virt.Domain) { d.Note = "<other>" },
	"autostart":        func(d *virt.Domain) { d.Autostart = false },
}

// bareDomain has nothing to boot from: its firmware gives up at once.
func bareDomain() virt.Domain {
	return virt.Domain{
		Name: domainName, Arch: "s390x", Machine: "s390-ccw-virtio", Accelerator: "tcg",
		CPU: "qemu", VCPUs: 1, Memory: 512 << 20, Consoles: []string{"sclp"},
	}
}

// fullDomain uses everything that a domain has. It does not start, because its network does not exist.
func fullDomain(t *testing.T, s Subject) virt.Domain {
	t.Helper()
	tidyDirectory(t, s)
	d := bareDomain()
	d.VCPUs = 2
	d.Boot = []string{virt.BootNetwork, virt.BootDisk}
	d.Disks = []virt.Disk{
		{Path: path.Join(poolPath, "one"), Format: "raw", Bus: "virtio", Serial: "disk-1"},
		{Path: path.Join(poolPath, "two"), Format: "qcow2", Bus: "virtio", ReadOnly: true},
	}
	d.Interfaces = []virt.Interface{
		{Network: networkName, MAC: "52:54:00:00:01:01", Model: "virtio"},
		{Bridge: "br0", MAC: "52:54:00:00:01:02", Model: "virtio"},
	}
	d.CDROMs, d.Filesystems, d.Devices = []virt.Disk{}, []virt.Filesystem{}, map[string]string{} // and no others
	d.CPUFeatures = map[string]string{}
	d.Note = `{"<a>": "b & c"}`
	d.Autostart = true
	return d
}

// givenWaitingDomain keeps running: its firmware waits for a DHCP server that the network does not have.
func givenWaitingDomain(t *testing.T, s Subject) virt.Domain {
	t.Helper()
	givenNetwork(t, s, plainNetwork())
	d := bareDomain()
	d.Boot = []string{virt.BootNetwork}
	d.Interfaces = []virt.Interface{{Network: networkName, MAC: "52:54:00:00:01:01", Model: "virtio"}}
	givenDomain(t, s, d)
	return d
}

func givenDomain(t *testing.T, s Subject, d virt.Domain) {
	t.Helper()
	tidy(t, "the domain", func(ctx context.Context) error { return s.DeleteDomain(ctx, d.Name) })
	done(t, "CreateDomain", s.CreateDomain(t.Context(), d))
}

// wantDomain asks for the domain and compares everything except what the host chose.
func wantDomain(t *testing.T, s Subject, want virt.Domain) virt.Domain {
	t.Helper()
	read, err := s.Domain(t.Context(), want.Name)
	done(t, "Domain", err)
	want.UUID, want.Machine, want.Running = read.UUID, read.Machine, read.Running
	read.Disks, want.Disks = plainDisks(read.Disks), plainDisks(want.Disks)
	want.MaxVCPUs, want.MaxMemory = max(want.MaxVCPUs, want.VCPUs), max(want.MaxMemory, want.Memory)
	for name, device := range read.Devices { // the host may have more in it
		if virt.IncludesDevice(device, want.Devices[name]) {
			want.Devices = maps.Clone(want.Devices)
			want.Devices[name] = device
		}
	}
	if len(want.CPUFeatures) == 0 {
		want.CPUFeatures = nil
	}
	if len(want.Filesystems) == 0 {
		want.Filesystems = nil
	}
	if len(want.CDROMs) == 0 {
		want.CDROMs = nil
	}
	if len(want.Devices) == 0 {
		want.Devices = nil
	}
	if !reflect.DeepEqual(read, want) {
		t.Errorf("Domain returned\n%+v, want\n%+v", read, want)
	}
	return read
}

// plainDisks returns disks without the fields that only a host sets.
func plainDisks(disks []virt.Disk) []virt.Disk {
	disks = slices.Clone(disks)
	for i := range disks {
		disks[i].Target, disks[i].Chain = "", nil
	}
	return disks
}

func wantState(t *testing.T, s Subject, want virt.State) {
	t.Helper()
	read, err := s.Domain(t.Context(), domainName)
	done(t, "Domain", err)
	if read.State != want {
		t.Errorf("the domain is %v, want %v", read.State, want)
	}
}

func wantStateSoon(t *testing.T, s Subject, want virt.State) {
	t.Helper()
	for range 50 {
		if read, err := s.Domain(t.Context(), domainName); err != nil || read.State == want {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	wantState(t, s, want)
}

func wantFirstLine(t *testing.T, console io.Reader) {
	t.Helper()
	text := ""
	for chunk := make([]byte, 256); !strings.Contains(text, "LOADPARM=["); {
		n, err := console.Read(chunk)
		text += string(chunk[:n])
		if err != nil {
			t.Fatalf("the console showed %q and then %v", text, err)
		}
	}
}

// readAll reads a console until it ends, which must be soon.
func readAll(t *testing.T, console io.Reader) string {
	t.Helper()
	ended := time.AfterFunc(30*time.Second, func() { panic("the console goes on and on") })
	defer ended.Stop()
	text, err := io.ReadAll(console)
	done(t, "Read", err)
	return string(text)
}

func wantReason(t *testing.T, s Subject, want virt.Reason) {
	t.Helper()
	if read, err := s.Domain(t.Context(), domainName); err != nil || read.Reason != want {
		t.Errorf("the domain does not run because %s (%v), want: %s", read.Reason, err, want)
	}
}

// runningDomainChanges has a guest whose firmware runs, which releases devices slowly.
func runningDomainChanges(t *testing.T, s Subject) {
	d := givenWaitingDomain(t, s)
	done(t, "UpdateRunningDomain of one that is off", s.UpdateRunningDomain(t.Context(), d))
	if read, err := s.Domain(t.Context(), domainName); err != nil || read.Running != nil {
		t.Errorf("a domain that is off runs as %+v (%v)", read.Running, err)
	}
	other := plainNetwork()
	other.Name, other.Bridge, other.IPv4 = networkName+"-2", "", nil
	givenNetwork(t, s, other)
	givenPool(t, s, true)
	for _, name := range []string{"one", "two"} {
		done(t, "CreateVolume", s.CreateVolume(t.Context(), virt.Volume{Pool: poolName, Name: name, Format: "raw", Capacity: 1 << 20}))
	}
	d.MaxVCPUs, d.MaxMemory = 3, 1<<30
	done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
	done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
	defined := wantDomain(t, s, withState(d, virt.Running))
	wantRunning(t, s, d)

	changed := d
	changed.VCPUs = 2
	changed.Disks = []virt.Disk{
		{Path: path.Join(poolPath, "one"), Format: "raw", Bus: "virtio", Serial: "ONE"},
		{Path: path.Join(poolPath, "two"), Format: "raw", Bus: "scsi", Cache: "none"},
	}
	changed.Interfaces = []virt.Interface{
		{Network: other.Name, MAC: d.Interfaces[0].MAC, Model: "virtio", Down: true},
		{Network: networkName, MAC: "52:54:00:00:01:09", Model: "virtio"},
	}
	changed.Devices = map[string]string{"entropy": `<rng model="virtio"><backend model="random">/dev/urandom</backend></rng>`}
	for range 2 { // the second finds nothing to do
		done(t, "UpdateRunningDomain", s.UpdateRunningDomain(t.Context(), changed))
		wantRunning(t, s, changed)
	}
	missing := changed
	missing.Disks = append(slices.Clone(changed.Disks), virt.Disk{Path: path.Join(poolPath, "none"), Format: "raw", Bus: "virtio"})
	failed(t, "UpdateRunningDomain with a disk that is not there", s.UpdateRunningDomain(t.Context(), missing))
	wantRunning(t, s, changed)

	changed.Disks, changed.Interfaces, changed.Devices = nil, d.Interfaces, map[string]string{}
	done(t, "UpdateRunningDomain", s.UpdateRunningDomain(t.Context(), changed))
	wantRunning(t, s, changed)
	if read := wantDomain(t, s, withState(d, virt.Running)); read.Machine != defined.Machine {
		t.Errorf("the definition became %+v", read)
	}
}

func withState(d virt.Domain, state virt.State) virt.Domain {
	d.State = state
	return d
}

// wantRunning compares the running domain's processors, disks and interfaces, except for what only a definition
// contains.
func wantRunning(t *testing.T, s Subject, want virt.Domain) {
	t.Helper()
	read, err := s.Domain(t.Context(), want.Name)
	done(t, "Domain", err)
	if read.Running == nil {
		t.Fatalf("the domain does not run: %+v", read)
	}
	now := read.Running
	now.Disks, want.Disks = plainDisks(now.Disks), plainDisks(want.Disks)
	for i := range now.Disks {
		now.Disks[i].NoBoot = false
	}
	for i := range now.Interfaces {
		now.Interfaces[i].NoBoot, now.Interfaces[i].MTU = false, 0
	}
	if now.VCPUs != want.VCPUs || !sameSet(now.Disks, want.Disks) || !sameSet(now.Interfaces, want.Interfaces) || !maps.EqualFunc(now.Devices, want.Devices, virt.IncludesDevice) {
		t.Errorf("the domain runs with\n%+v, want\n%+v", *now, want)
	}
}

// sameSet compares without regard to order.
func sameSet[T any](a, b []T) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(value T) bool {
		return !slices.ContainsFunc(b, func(other T) bool { return reflect.DeepEqual(value, other) })
	})
}
