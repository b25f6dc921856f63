package virt_test

import (
	"context"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// patience is long enough for any machine, and short enough to be distinguished from an endless wait.
const patience = time.Minute

// givenWire returns a host that is connected through a wire, and often checks that libvirtd answers.
func givenWire(t *testing.T, name string, interval time.Duration) (*virt.Host, *lab.Wire) {
	t.Helper()
	wire, err := lab.NewWire(lab.Shared(t), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wire.Close() })
	h := open(t, wire.URI)
	h.SetKeepalive(interval)
	return h, wire
}

// TestSilentHost loses the host without a message, as in a power failure: the connection stays, and nothing comes
// through it. Each waiting caller is told soon.
func TestSilentHost(t *testing.T) {
	h, wire := givenWire(t, "silent", 100*time.Millisecond)
	givenFile(t, h, 64<<20)
	if err := h.CreateVolume(t.Context(), virt.Volume{Pool: "cut", Name: "other", Format: "raw"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.DeleteVolume(context.Background(), "cut", "other"); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	waiting := map[string]func() error{
		"upload":   func() error { return h.Upload(ctx, "cut", "other", trickle{}) },
		"download": func() error { return h.Download(ctx, "cut", "file", sluggish{}) },
		"call": func() error {
			for { // until one of them is lost
				if _, err := h.Pool(ctx, "cut"); err != nil {
					return err
				}
			}
		},
	}
	connected, done, err := h.WhileConnected(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	outcomes := map[string]chan error{}
	for what, wait := range waiting {
		outcome := make(chan error, 1)
		outcomes[what] = outcome
		go func() { outcome <- wait() }()
	}
	time.Sleep(200 * time.Millisecond) // by then the streams are open, or otherwise they are lost while they connect
	release := wire.Hold(lab.Everything)
	t.Cleanup(release)
	<-connected.Done()
	if cause := context.Cause(connected); ctx.Err() != nil || !strings.Contains(cause.Error(), "silent") {
		t.Errorf("who waits on behalf of the host is told %v", cause)
	}
	for what, outcome := range outcomes {
		if err := <-outcome; err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "silent") {
			t.Errorf("%s: %v", what, err)
		}
	}
	release()
	if _, err := h.Pool(t.Context(), "cut"); err != nil {
		t.Errorf("after it is back: %v", err)
	}
}

// trickle is endless content that comes slowly.
type trickle struct{}

func (trickle) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return min(len(p), 4096), nil
}

// sluggish accepts data slowly.
type sluggish struct{}

func (sluggish) Write(p []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return len(p), nil
}

// TestSlowHost has a libvirtd that answers slowly, but runs. It is not considered lost.
func TestSlowHost(t *testing.T) {
	const interval = 500 * time.Millisecond
	h, wire := givenWire(t, "slow", interval)
	givenFile(t, h, 1<<20)
	release := wire.Hold(lab.Answers)
	time.AfterFunc(8*interval, release)
	if _, err := h.Pool(t.Context(), "cut"); err != nil {
		t.Errorf("a call that took long ended with %v", err)
	}
}

// TestSilentEndOfAnUpload has a libvirtd that waits for its disk at the end of an upload, and answers no one until
// then. Neither the upload nor another call at the same time fails.
func TestSilentEndOfAnUpload(t *testing.T) {
	const interval = 100 * time.Millisecond
	h, wire := givenWire(t, "ending", interval)
	givenFile(t, h, 1<<20)
	ended, silence := false, make(chan struct{})
	release := wire.Hold(func(packet []byte) bool {
		const stream, ok = 3, 0
		finish := len(packet) == 28 && binary.BigEndian.Uint32(packet[16:]) == stream && binary.BigEndian.Uint32(packet[24:]) == ok
		if finish && !ended {
			ended = true
			close(silence)
		}
		return ended
	})
	uploaded := make(chan error, 1)
	go func() { uploaded <- h.Upload(t.Context(), "cut", "file", io.LimitReader(ones{}, 1<<20)) }()
	<-silence
	time.AfterFunc(8*interval, release)
	if _, err := h.Pool(t.Context(), "cut"); err != nil {
		t.Errorf("a call meanwhile: %v", err)
	}
	if err := <-uploaded; err != nil {
		t.Errorf("the upload: %v", err)
	}
}
