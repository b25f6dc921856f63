package virt_test

import (
	"errors"
	"io"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestConsoleIsTaken: libvirt gives a console to one client at a time. Its loss is not the end of the guest.
func TestConsoleIsTaken(t *testing.T) {
	h := givenGuest(t, "", waiting, "destroy")
	console, err := h.BootDomain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()
	if _, err := h.OpenConsole(t.Context(), "kept"); !errors.Is(err, virt.ErrConsoleTaken) {
		t.Errorf("OpenConsole returned %v", err)
	}
	taker, err := lab.Shared(t).TakeConsole(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	defer taker()
	if text, err := io.ReadAll(console); !errors.Is(err, virt.ErrConsoleTaken) {
		t.Errorf("the console showed %q and then %v", text, err)
	}
	wantState(t, h, virt.Running)
}

// TestConsoleOfKilledGuest: if the host kills a guest's QEMU, for example because memory is short, that does not
// count as a console that another client has taken.
func TestConsoleOfKilledGuest(t *testing.T) {
	h := givenGuest(t, "", waiting, "destroy")
	console, err := h.BootDomain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()
	if _, err := lab.Shared(t).Exec(t.Context(), "sh", "-c", "kill -KILL $(cat /run/libvirt/qemu/kept.pid)"); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(console); err != nil {
		t.Errorf("the console showed %q and then %v", text, err)
	}
	if d := awaitState(t, h, virt.Off); d.Reason != virt.HasCrashed {
		t.Errorf("the guest is off: %s", d.Reason)
	}
}
