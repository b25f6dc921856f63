package virt

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestAwaitRemovals has answers that no guest of the lab gives.
func TestAwaitRemovals(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		events []removal
		want   string // "" means success
	}{
		"all are gone":           {[]removal{{alias: "net0"}, {alias: "other", refused: true}, {alias: "disk0"}}, ""},
		"one is refused":         {[]removal{{alias: "net0"}, {alias: "disk0", refused: true}}, "refuses to release disk /one: check whether the guest uses it"},
		"the connection is lost": {[]removal{{alias: "net0"}, {err: broken}}, "broken"},
	} {
		events := make(chan removal, len(test.events))
		for _, event := range test.events {
			events <- event
		}
		err := awaitRemovals(t.Context(), map[string]string{"net0": "interface 1", "disk0": "disk /one"}, events)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	if err := awaitRemovals(ctx, map[string]string{"net0": "interface 1"}, nil); !errors.Is(err, broken) {
		t.Errorf("with a context that has ended it returned %v", err)
	}
}
