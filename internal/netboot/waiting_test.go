package netboot

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// TestWaiting checks that a guest that waits for two volumes starts once, when both exist.
func TestWaiting(t *testing.T) {
	var w Waiting
	w.Add("guest", "pool/seed", FatePlug, false)
	w.Add("guest", "pool/disk", FateRestart, true)
	w.Add("other", "pool/seed", FatePlug, false)
	if guests := w.For("pool/seed"); !slices.Equal(guests, []string{"guest", "other"}) || !w.Stopped("guest") || w.Stopped("other") {
		t.Errorf("%v wait", guests)
	}
	if fate, starts := w.Ready("guest", "pool/disk"); fate != FateRestart || starts {
		t.Errorf("with one of two volumes: %v, starts: %v", fate, starts)
	}
	if fate, starts := w.Ready("guest", "pool/seed"); fate != FatePlug || !starts {
		t.Errorf("with both volumes: %v, starts: %v", fate, starts)
	}
	if fate, starts := w.Ready("other", "pool/seed"); fate != FatePlug || starts {
		t.Errorf("the other guest: %v, starts: %v", fate, starts)
	}
	if w.Stopped("guest") || len(w.For("pool/seed")) > 0 {
		t.Error("a guest still waits")
	}
}

// TestWaitingHold checks that the devices of a guest are changed by one caller at a time, and that the others stop waiting
// when their context ends.
func TestWaitingHold(t *testing.T) {
	var w Waiting
	free, err := w.Hold(t.Context(), []string{"b", "a"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := errors.New("ended")
	cancel(ended)
	if _, err := w.Hold(ctx, []string{"a", "c"}); !errors.Is(err, ended) {
		t.Errorf("a guest that is held: %v", err)
	}
	free()
	again, err := w.Hold(t.Context(), []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	again()
}
