package virttest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

func TestHostHoldsTheContract(t *testing.T) {
	virttest.Contract(t, func(*testing.T) virttest.Subject {
		host := virttest.New()
		return virttest.Subject{API: host, Disk: host.Disk(), StopPool: host.StopPool, Suspend: host.Suspend, Snapshot: host.Snapshot, Save: host.Save}
	})
}

func TestCallsAreCountedAndFailOnDemand(t *testing.T) {
	host := virttest.New()
	host.FailAfter("CreatePool", 1, errors.ErrUnsupported)
	for i, want := range []error{nil, errors.ErrUnsupported, errors.ErrUnsupported} {
		_, _, err := host.CreatePool(t.Context(), string(rune('a'+i)), string(rune('a'+i)))
		if !errors.Is(err, want) {
			t.Errorf("call %d: %v, want %v", i, err, want)
		}
	}
	host.Fail("CreatePool", nil)
	if _, _, err := host.CreatePool(t.Context(), "b", "/b"); err != nil {
		t.Errorf("after the fault: %v", err)
	}
	if got := host.Calls("CreatePool"); got != 4 {
		t.Errorf("CreatePool was counted %d times, want 4", got)
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.ErrUnsupported)
	if _, err := virttest.New().Capabilities(ctx); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Capabilities: %v", err)
	}
}
