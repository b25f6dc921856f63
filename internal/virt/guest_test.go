package virt_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// guestXML is a guest that boots a kernel, waits in its firmware for a DHCP server, or crashes because its firmware
// finds nothing to boot.
const guestXML = `<domain type='qemu'>
  <name>kept</name>
  <memory unit='MiB'>512</memory>
  <os><type arch='s390x'>hvm</type>KERNEL</os>
  <on_crash>ACTION</on_crash>
  <devices>
    INTERFACE
    <console type='pty'><target type='sclp'/></console>
  </devices>
</domain>`

const waiting = "<interface type='network'><source network='kept'/><boot order='1'/></interface>"

// TestShutDownWaitsForTheGuest boots a real kernel, which responds.
func TestShutDownWaitsForTheGuest(t *testing.T) {
	h := givenGuest(t, "<kernel>"+inLab(t, lab.Kernel)+"</kernel><initrd>"+inLab(t, lab.Initrd)+"</initrd>", "", "destroy")
	console, err := h.BootDomain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(console)
	for lines.Scan() && !strings.Contains(lines.Text(), "NETBOOT-INIT: ready") {
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	const patience = 5 * time.Minute
	began := time.Now()
	if err := h.ShutDownDomain(t.Context(), "kept", patience); err != nil || time.Since(began) > patience/2 {
		t.Errorf("ShutDownDomain returned %v after %v", err, time.Since(began))
	}
	if _, err := io.ReadAll(console); err != nil {
		t.Errorf("the console ended with %v", err)
	}
	if err := console.Close(); err != nil {
		t.Error(err)
	}
}

// TestShutDownEndsWhatDoesNotReact has a guest that is still in its firmware.
func TestShutDownEndsWhatDoesNotReact(t *testing.T) {
	h := givenGuest(t, "", waiting, "destroy")
	if err := h.StartDomain(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := h.ShutDownDomain(ctx, "kept", time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ShutDownDomain returned %v, want the context's end", err)
	}
	wantState(t, h, virt.Running)
	began := time.Now()
	const patience = 500 * time.Millisecond
	if err := h.ShutDownDomain(t.Context(), "kept", patience); err != nil || time.Since(began) < patience {
		t.Errorf("ShutDownDomain returned %v after %v, want patience", err, time.Since(began))
	}
	wantState(t, h, virt.Off)
}

// TestWhatHasCrashed has a crashed guest that libvirt preserves for inspection.
func TestWhatHasCrashed(t *testing.T) {
	h := givenGuest(t, "", "", "preserve")
	crash := func() {
		t.Helper()
		if err := h.StartDomain(t.Context(), "kept"); err != nil {
			t.Fatal(err)
		}
		awaitState(t, h, virt.Crashed)
	}
	crash()
	if err := h.RebootDomain(t.Context(), "kept"); err == nil || !strings.Contains(err.Error(), "crashed and cannot respond") {
		t.Errorf("RebootDomain returned %v", err)
	}
	console, err := h.OpenConsole(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.ResetDomain(t.Context(), "kept"); err != nil {
		t.Error(err)
	}
	if line, err := bufio.NewReader(console).ReadString(']'); err != nil || !strings.Contains(line, "LOADPARM=[") {
		t.Errorf("after ResetDomain the console shows %q, %v", line, err)
	}
	_ = console.Close()
	awaitState(t, h, virt.Crashed)
	first := virsh(t, "domid", "kept")
	crash() // which starts it again
	if again := virsh(t, "domid", "kept"); again == first {
		t.Error("StartDomain left it crashed")
	}
	if err := h.ShutDownDomain(t.Context(), "kept", time.Minute); err != nil {
		t.Errorf("ShutDownDomain returned %v", err)
	}
	wantState(t, h, virt.Off)
}

// awaitState waits for a state that a guest reaches by itself.
func awaitState(t *testing.T, h *virt.Host, want virt.State) virt.Domain {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		d, err := h.Domain(t.Context(), "kept")
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the guest is %v (%v), not %v", d.State, err, want)
		}
		if d.State == want {
			return d
		}
	}
}

// TestShutDownWithoutEventsKillsNobody: a lost connection says nothing about the guest.
func TestShutDownWithoutEventsKillsNobody(t *testing.T) {
	direct := givenGuest(t, "", waiting, "destroy")
	if err := direct.StartDomain(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, lab.Shared(t).URI)
	time.AfterFunc(300*time.Millisecond, p.cut)
	err := open(t, p.URI).ShutDownDomain(t.Context(), "kept", time.Minute)
	if err == nil || !strings.Contains(err.Error(), "was lost") {
		t.Errorf("ShutDownDomain returned %v, want the loss of the connection", err)
	}
	wantState(t, direct, virt.Running)
}

// domainInterfaceAddresses is REMOTE_PROC_DOMAIN_INTERFACE_ADDRESSES of libvirt's src/remote/remote_protocol.x.
const domainInterfaceAddresses = 353

// TestAddressesOfGuestThatEnds has a guest that ends after the check that it runs, and before the request for its
// addresses.
func TestAddressesOfGuestThatEnds(t *testing.T) {
	givenGuest(t, "", waiting, "destroy")
	h, wire := givenWire(t, "addresses", patience)
	if err := h.StartDomain(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	asked := false
	wire.Judge(func(packet []byte) lab.Fate {
		if lab.IsCall(packet) && binary.BigEndian.Uint32(packet[12:]) == domainInterfaceAddresses {
			asked = true
			virsh(t, "destroy", "kept")
		}
		return lab.Passes
	})
	addresses, err := h.Addresses(t.Context(), "kept", virt.FromLeases)
	if err != nil || len(addresses) > 0 || !asked {
		t.Errorf("it has %v (%v), want none; asked: %v", addresses, err, asked)
	}
}

// TestConsoleIsLost loses the host permanently. That must not look like the end of the guest.
func TestConsoleIsLost(t *testing.T) {
	givenGuest(t, "", waiting, "destroy")
	p := newProxy(t, lab.Shared(t).URI)
	console, err := open(t, p.URI).BootDomain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, p.die)
	text, err := io.ReadAll(console)
	if err == nil || !strings.Contains(err.Error(), "was lost") {
		t.Errorf("the console showed %q and then %v", text, err)
	}
	if err := console.Close(); err != nil {
		t.Error(err)
	}
}

// givenGuest defines the guest and its network, which are removed after the test.
func givenGuest(t *testing.T, kernel, nic, onCrash string) *virt.Host {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.xml")
	text := strings.NewReplacer("KERNEL", kernel, "INTERFACE", nic, "ACTION", onCrash).Replace(guestXML)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, lab.Shared(t).URI)
	if err := h.CreateNetwork(t.Context(), virt.Network{Name: "kept", Mode: "isolated", Active: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.DeleteNetwork(context.Background(), "kept"); err != nil {
			t.Error(err)
		}
	})
	define(t, "define", file, "undefine")
	t.Cleanup(func() {
		if err := h.KillDomain(context.Background(), "kept"); err != nil {
			t.Error(err)
		}
	})
	return h
}

func wantState(t *testing.T, h *virt.Host, want virt.State) {
	t.Helper()
	if d, err := h.Domain(t.Context(), "kept"); err != nil || d.State != want {
		t.Errorf("the guest is %v (%v), want %v", d.State, err, want)
	}
}

// inLab copies one of the lab's files to a place where QEMU may read it, and returns the path there.
func inLab(t *testing.T, source func(context.Context) (string, error)) string {
	t.Helper()
	from, err := source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("srv", filepath.Base(from))
	copied := filepath.Join(lab.Shared(t).Dir, path)
	if err := os.WriteFile(copied, content, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(copied) })
	return "/" + path
}
