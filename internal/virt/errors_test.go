package virt

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/digitalocean/go-libvirt"
)

func TestCallError(t *testing.T) {
	h, err := Open("qemu+tcp://user:secret@host/system")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(code libvirt.ErrorNumber) error {
		return libvirt.Error{Code: uint32(code), Message: "no such thing"}
	}
	other := errors.New("other")
	for name, tc := range map[string]struct {
		err                     error
		notFound, exists, isOut bool
	}{
		"no domain":       {err: answer(libvirt.ErrNoDomain), notFound: true},
		"no network":      {err: answer(libvirt.ErrNoNetwork), notFound: true},
		"no pool":         {err: answer(libvirt.ErrNoStoragePool), notFound: true},
		"no volume":       {err: answer(libvirt.ErrNoStorageVol), notFound: true},
		"volume exists":   {err: answer(libvirt.ErrStorageVolExist), exists: true},
		"some refusal":    {err: answer(libvirt.ErrInternalError)},
		"interrupted":     {err: libvirt.ErrInterrupted, isOut: true},
		"not connected":   {err: syscall.EINVAL, isOut: true},
		"write failed":    {err: &net.OpError{Op: "write", Err: syscall.EPIPE}, isOut: true},
		"channel closed":  {err: io.EOF, isOut: true},
		"a missing file":  {err: &net.OpError{Op: "dial", Err: fs.ErrNotExist}, isOut: true, notFound: false},
		"end of context":  {err: context.Canceled},
		"something other": {err: other},
	} {
		got := h.callError(tc.err)
		if errors.Is(got, ErrNotFound) != tc.notFound || errors.Is(got, ErrExists) != tc.exists {
			t.Errorf("%s: %v is the wrong sentinel", name, got)
		}
		if tc.notFound != errors.Is(got, fs.ErrNotExist) && !tc.isOut {
			t.Errorf("%s: %v is not fs.ErrNotExist", name, got)
		}
		if strings.Contains(got.Error(), "was lost") != tc.isOut {
			t.Errorf("%s: %v says the wrong thing about the connection", name, got)
		}
		if strings.Contains(got.Error(), "secret") {
			t.Errorf("%s: %v tells the password", name, got)
		}
	}
	if h.callError(nil) != nil {
		t.Error("no error became one")
	}
}

func TestTaken(t *testing.T) {
	refusal := &refusal{libvirt.ErrOperationFailed, "already there"}
	if err := existsIfFound(refusal, func() error { return ErrNotFound }); errors.Is(err, ErrExists) || !errors.Is(err, refusal) {
		t.Errorf("a name that is free: %v", err)
	}
	if err := existsIfFound(refusal, func() error { return nil }); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "already there") {
		t.Errorf("a name that is taken: %v", err)
	}
}

func TestStateString(t *testing.T) {
	for state, want := range map[State]string{Off: "off", Running: "running", Paused: "paused", Crashed: "crashed"} {
		if got := state.String(); got != want {
			t.Errorf("%d is %q, want %q", state, got, want)
		}
	}
}
