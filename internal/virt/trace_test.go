package virt_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// events are the events that a host's hook received.
type events struct {
	mu    sync.Mutex
	given []virt.Event
}

func observed(h *virt.Host) *events {
	e := &events{}
	h.Observe(func(_ context.Context, event virt.Event) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.given = append(e.given, event)
	})
	return e
}

// want waits for an event that has ended, with this kind, operation and object.
func (e *events) want(t *testing.T, kind virt.EventKind, operation, object string) virt.Event {
	t.Helper()
	is := func(event virt.Event) bool {
		return event.Ended && event.Kind == kind && event.Operation == operation && event.Object == object
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		e.mu.Lock()
		at := slices.IndexFunc(e.given, is)
		given := slices.Clone(e.given)
		e.mu.Unlock()
		if at >= 0 {
			return given[at]
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %v is %q of %q: %+v", kind, operation, object, given)
		}
	}
}

func TestEventsOfTransfers(t *testing.T) {
	h := open(t, lab.Shared(t).URI)
	e := observed(h)
	const size = 3 << 20
	givenFile(t, h, size)
	if err := h.Download(t.Context(), "cut", "file", io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, direction := range []string{"upload", "download"} {
		if event := e.want(t, virt.EventTransfer, direction, "cut/file"); event.Bytes != size || event.Err != nil || event.Duration <= 0 {
			t.Errorf("the %s is %+v", direction, event)
		}
	}
	broken := errors.New("broken source")
	if err := h.Upload(t.Context(), "cut", "file", io.MultiReader(io.LimitReader(zeros{}, size), failing{broken})); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	e.mu.Lock()
	last := e.given[len(e.given)-1]
	e.mu.Unlock()
	if last.Kind != virt.EventTransfer || !errors.Is(last.Err, broken) {
		t.Errorf("an upload that fails ends with %+v", last)
	}
	for _, operation := range []string{"virConnectOpen", "virStoragePoolDefineXML", "virStorageVolCreateXML", "virStorageVolUpload", "virStorageVolDownload"} {
		if event := e.want(t, virt.EventCall, operation, ""); event.Attempt != 1 || event.Err != nil {
			t.Errorf("%s is %+v", operation, event)
		}
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// TestEventsOfWaits waits for a guest in every way, while a libvirtd is killed.
func TestEventsOfWaits(t *testing.T) {
	h := givenGuest(t, "", waiting, "destroy")
	e := observed(h)
	console, err := h.BootDomain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = console.Close() }()
	var shown strings.Builder
	watched := make(chan error, 1)
	go func() { _, err := io.Copy(&shown, console); watched <- err }()

	host := lab.Shared(t)
	if err := host.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	restarted := make(chan error, 1)
	go func() { restarted <- host.Restart(t.Context()) }()
	e.want(t, virt.EventWait, "libvirtd after a lost connection", "")
	e.want(t, virt.EventWait, "console that was lost", "kept")
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}

	without, err := h.Domain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	without.Interfaces = nil
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // the firmware takes seconds
	defer cancel()
	_ = h.UpdateRunningDomain(ctx, without)
	if event := e.want(t, virt.EventWait, "removal of devices", "kept"); !errors.Is(event.Err, context.DeadlineExceeded) {
		t.Errorf("the removal of devices is %+v", event)
	}
	if err := h.ShutDownDomain(t.Context(), "kept", 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if event := e.want(t, virt.EventWait, "guest's shutdown", "kept"); event.Err == nil {
		t.Errorf("a shutdown in vain is %+v", event)
	}
	if err := <-watched; err != nil {
		t.Error(err)
	}

	run, err := h.InstallDomain(t.Context(), without)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.KillDomain(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, run)
	run.Leave()
	if event := e.want(t, virt.EventWait, "end of an installation", "kept"); event.Err != nil {
		t.Errorf("the installation is %+v", event)
	}
	wantNothingOf(t, e, shown.String())
}

// TestDeviceComesBeforeOneGoes checks the order in which devices of a running s390x guest are exchanged.
func TestDeviceComesBeforeOneGoes(t *testing.T) {
	h := givenGuest(t, "", waiting, "destroy")
	if err := h.StartDomain(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	d, err := h.Domain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	e := observed(h)
	d.Interfaces[0].MAC = "52:54:00:00:00:0f"
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // the firmware releases it later, if at all
	defer cancel()
	_ = h.UpdateRunningDomain(ctx, d)
	comes := e.want(t, virt.EventCall, "virDomainAttachDeviceFlags", "")
	goes := e.want(t, virt.EventCall, "virDomainDetachDeviceAlias", "")
	if slices.Index(e.given, comes) > slices.Index(e.given, goes) {
		t.Errorf("the old interface goes before the new one comes: %+v", e.given)
	}
}

// wantNothingOf checks that no event contains a line of a console, or XML.
func wantNothingOf(t *testing.T, e *events, shown string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.given {
		text := event.Operation + event.Object + event.Host
		if event.Err != nil {
			text += event.Err.Error()
		}
		if strings.Contains(text, "<") {
			t.Errorf("there is XML in %s", text)
		}
		for line := range strings.Lines(shown) {
			if line = strings.TrimSpace(line); len(line) > 8 && strings.Contains(text, line) {
				t.Errorf("the console's %q is in %s", line, text)
			}
		}
	}
}
