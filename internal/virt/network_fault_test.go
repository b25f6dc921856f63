package virt_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestRestartInterrupted interrupts a change at each call that changes something on the host. The next apply, which
// runs because a plan sees a difference, repairs everything.
func TestRestartInterrupted(t *testing.T) {
	for what, interrupt := range map[string]func(t *testing.T, p *proxy) (do, wait func()){
		"the provider is killed before a call": func(_ *testing.T, p *proxy) (do, wait func()) {
			return p.cutAll, func() {}
		},
		"the provider is killed before the answer": func(_ *testing.T, p *proxy) (do, wait func()) {
			// The call passes, and libvirtd has carried it out before the test looks.
			return func() { p.limit = 1 << 10 }, func() { time.Sleep(time.Second) }
		},
		"libvirtd is killed": func(t *testing.T, _ *proxy) (do, wait func()) {
			killed := make(chan error, 1)
			kill := func() {
				time.Sleep(20 * time.Millisecond) // it is working by then
				killed <- lab.Shared(t).Kill(t.Context())
			}
			return func() { go kill() }, func() {
				if err := errors.Join(<-killed, lab.Shared(t).Restart(t.Context())); err != nil {
					t.Fatal(err)
				}
				endHalfStarted(t)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			h, n := givenServedNetwork(t)
			taps := append(givenPausedGuest(t, "one", sortsOfNIC[0]), givenPausedGuest(t, "two", sortsOfNIC[5])...)
			n.Bridge = "" // a libvirtd that is killed may leave the first one
			roots := []string{"/srv/served-b", "/srv/served-a"}
			for step := 0; ; step++ {
				n.TFTPRoot = roots[step%2]
				p := newProxy(t, lab.Shared(t).URI)
				do, wait := interrupt(t, p)
				fault := p.failAt(step, do)
				err := open(t, p.URI).UpdateNetwork(t.Context(), n)
				if !fault.done {
					if err != nil {
						t.Fatal(err)
					}
					t.Logf("%d calls change something", step)
					break
				}
				t.Logf("at call %d: %v", step, err)
				wait()
				wantOn(t, mend(t, h, n).Bridge, taps)
				wantNoParking(t)
				if t.Failed() {
					t.Fatalf("that was at call %d", step)
				}
			}
		})
	}
}

// endHalfStarted ends what no call to libvirt can end, as the provider's error tells the user to do
// (TestAccNetworkHalfStarted): if libvirtd is killed after it starts a network's dnsmasq and before it records that,
// it does not know about either.
func endHalfStarted(t *testing.T) {
	t.Helper()
	if strings.Contains(virsh(t, "net-list", "--name"), "served") || !lab.Shared(t).EndDnsmasq(t.Context(), "served") {
		return
	}
	n, err := open(t, lab.Shared(t).URI).Network(t.Context(), "served")
	if err != nil {
		t.Fatal(err)
	}
	onLab(t, "ip", "link", "delete", n.Bridge)
}

// TestRestartWhileGuestsEnd ends a guest just before it is plugged into the other network, and just before it is
// plugged in again.
func TestRestartWhileGuestsEnd(t *testing.T) {
	const guests = 3
	for when, step := range map[string]int{
		"elsewhere": firstParking,
		"again":     firstParking + guests + 2, // after destroy and create
	} {
		t.Run(when, func(t *testing.T) {
			_, n := givenServedNetwork(t)
			for _, guest := range []string{"one", "two"} {
				_ = givenPausedGuest(t, guest, sortsOfNIC[0])
			}
			taps := givenPausedGuest(t, "three", sortsOfNIC[0])
			n.TFTPRoot = "/srv/served-b"
			p := newProxy(t, lab.Shared(t).URI)
			p.failAt(step, func() { virsh(t, "destroy", "one"); virsh(t, "destroy", "two") })
			if err := open(t, p.URI).UpdateNetwork(t.Context(), n); err != nil {
				t.Error(err)
			}
			wantOn(t, "served0", taps)
			wantNoParking(t)
		})
	}
}

// firstParking is the first call that plugs a guest into another network. Before it, the TFTP root was tried on a
// network that is created and removed, the definition was changed, and the temporary network for guests was created.
const firstParking = 4

// TestLiveChangeOfNetworkThatStops stops the network after its definition has changed and before the running network
// changes.
func TestLiveChangeOfNetworkThatStops(t *testing.T) {
	h, n := givenServedNetwork(t)
	taps := givenPausedGuest(t, "kept", sortsOfNIC[0])
	n.IPv4.DHCP.Ranges[0].Lease = 600
	p := newProxy(t, lab.Shared(t).URI)
	p.failAt(1, func() { virsh(t, "net-destroy", "served") })
	err := open(t, p.URI).UpdateNetwork(t.Context(), n)
	if err == nil || !strings.Contains(err.Error(), "it no longer runs") {
		t.Errorf("UpdateNetwork returned %v", err)
	}
	if read, err := h.Network(t.Context(), n.Name); err != nil || read.Active || read.ChangeTo(servedNetwork()) != virt.NoChange {
		t.Errorf("the network is %+v (%v), and should be what it was, and not run", read, err)
	}
	mend(t, h, n)
	wantOn(t, "served0", taps)
	wantNoParking(t)
}

// TestRestartWithoutAPlaceToWait has a network that another user has defined, but not started, with the name of the
// temporary network.
func TestRestartWithoutAPlaceToWait(t *testing.T) {
	h, n := givenServedNetwork(t)
	taps := givenPausedGuest(t, "kept", sortsOfNIC[0])
	read, err := h.Network(t.Context(), n.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.CreateNetwork(t.Context(), virt.Network{Name: "netboot-change-" + read.UUID, Mode: virt.ModeIsolated}); err != nil {
		t.Fatal(err)
	}
	first := servedIndex(t)
	n.Domain = "lab.test"
	if err := h.UpdateNetwork(t.Context(), n); err == nil {
		t.Error("no error")
	} else {
		t.Log(err)
	}
	if servedIndex(t) != first {
		t.Error("the network was restarted")
	}
	wantOn(t, "served0", taps)
	if err := h.DeleteNetwork(t.Context(), "netboot-change-"+read.UUID); err != nil {
		t.Fatal(err)
	}
	mend(t, h, n)
	wantOn(t, "served0", taps)
	wantNoParking(t)
}

// mend is a plan and, if that is not empty, an apply. It returns the network afterwards.
func mend(t *testing.T, h *virt.Host, n virt.Network) virt.Network {
	t.Helper()
	read, err := h.Network(t.Context(), n.Name)
	if err != nil {
		t.Fatal(err)
	}
	if !isAsWanted(read, n) {
		if err := h.UpdateNetwork(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		if read, err = h.Network(t.Context(), n.Name); err != nil || !isAsWanted(read, n) {
			t.Fatalf("after the next apply there is %+v, %v", read, err)
		}
	}
	return read
}

func isAsWanted(read, wanted virt.Network) bool {
	wanted.Bridge = read.Bridge
	return read.Active && !read.Parked && read.Running == nil && read.ChangeTo(wanted) == virt.NoChange
}
