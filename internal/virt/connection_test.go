package virt_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestLostConnection cuts the connection at the worst moments. A request must end soon, with an error that cannot be
// mistaken for "not found", and the next request must work.
func TestLostConnection(t *testing.T) {
	lose := map[string]func(t *testing.T, p *proxy, h *virt.Host) error{
		"in a call": func(t *testing.T, p *proxy, h *virt.Host) error {
			p.cutAfter(0)
			return h.DeleteVolume(t.Context(), "cut", "none")
		},
		"in a call for what is not there": func(t *testing.T, p *proxy, h *virt.Host) error {
			p.cutAfter(200) // the question arrives, the answer does not
			return h.DeleteVolume(t.Context(), "cut", "none")
		},
		"in an upload": func(t *testing.T, p *proxy, h *virt.Host) error {
			p.cutAfter(2 << 20)
			return h.Upload(t.Context(), "cut", "file", io.LimitReader(zeros{}, 64<<20))
		},
		"in a fill": func(t *testing.T, p *proxy, h *virt.Host) error {
			p.cutAfter(2 << 20)
			return h.Fill(t.Context(), "cut", "file", io.LimitReader(ones{}, 64<<20))
		},
		"in a fill with zeros without an end": func(t *testing.T, p *proxy, h *virt.Host) error {
			p.cutAfter(500) // after the call that opens the stream
			return h.Fill(t.Context(), "cut", "file", zeros{})
		},
		"in an upload before libvirtd took all": func(t *testing.T, p *proxy, h *virt.Host) error {
			p.cutAfter(1 << 20)
			return h.Upload(t.Context(), "cut", "file", io.LimitReader(zeros{}, 1<<20))
		},
		"in a download": func(t *testing.T, p *proxy, h *virt.Host) error {
			p.cutAfter(2 << 20)
			return h.Download(t.Context(), "cut", "file", io.Discard)
		},
		"in a download that stands still": func(t *testing.T, p *proxy, h *virt.Host) error {
			read, write := io.Pipe()
			go func() {
				_, _ = io.CopyN(io.Discard, read, 1<<20)
				p.cut()
				_, _ = io.Copy(io.Discard, read)
			}()
			return h.Download(t.Context(), "cut", "file", write)
		},
	}
	for when, do := range lose {
		t.Run(when, func(t *testing.T) {
			p := newProxy(t, lab.Shared(t).URI)
			h := open(t, p.URI)
			givenFile(t, h, 16<<20)
			began := time.Now()
			err := do(t, p, h)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			if err == nil || errors.Is(err, virt.ErrNotFound) || !strings.Contains(err.Error(), "was lost") {
				t.Errorf("error %v, want one that says that the connection was lost", err)
			}
			time.Sleep(100 * time.Millisecond) // for the end of the other connections to arrive
			if _, err := h.Volume(t.Context(), "cut", "file"); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

// TestReadIsRepeated loses the connection during calls that change nothing. The caller does not notice it.
func TestReadIsRepeated(t *testing.T) {
	p := newProxy(t, lab.Shared(t).URI)
	h := open(t, p.URI)
	givenFile(t, h, 1<<20)
	for _, bytes := range []int{0, 200} {
		p.cutAfter(bytes)
		if _, err := h.Volume(t.Context(), "cut", "file"); err != nil {
			t.Errorf("cut after %d bytes: %v", bytes, err)
		}
		p.cutAfter(bytes)
		if _, err := h.Volume(t.Context(), "cut", "none"); !errors.Is(err, virt.ErrNotFound) {
			t.Errorf("cut after %d bytes, for what is not there: %v", bytes, err)
		}
	}
}

// TestRestartedHost has a libvirtd that is upgraded. Requests that were not sent yet wait for it.
func TestRestartedHost(t *testing.T) {
	host := lab.Shared(t)
	h := open(t, host.URI)
	givenFile(t, h, 1<<20)
	for what, ask := range map[string]func() error{
		"read":   func() error { _, err := h.Volume(t.Context(), "cut", "file"); return err },
		"change": func() error { return h.ResizeVolume(t.Context(), "cut", "file", 2<<20, true) },
	} {
		if err := host.Quit(t.Context()); err != nil {
			t.Fatal(err)
		}
		restarted := make(chan error, 1)
		go func() { restarted <- host.Restart(t.Context()) }()
		if err := ask(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := <-restarted; err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhileConnected checks that a caller that waits for a third party is told about a lost connection.
func TestWhileConnected(t *testing.T) {
	p := newProxy(t, lab.Shared(t).URI)
	h := open(t, p.URI)
	ctx, cancel, err := h.WhileConnected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	p.cutAll()
	select {
	case <-ctx.Done():
		if cause := context.Cause(ctx); !strings.Contains(cause.Error(), "was lost") {
			t.Errorf("the cause is %v", cause)
		}
	case <-time.After(2 * time.Second):
		t.Error("nobody hears of the lost connection")
	}
}

func TestIdleConnectionIsReplaced(t *testing.T) {
	p := newProxy(t, lab.Shared(t).URI)
	h := open(t, p.URI)
	for range 3 {
		if _, err := h.Capabilities(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Pool(t.Context(), "none"); !errors.Is(err, virt.ErrNotFound) {
			t.Fatal(err)
		}
		p.cut()
		time.Sleep(100 * time.Millisecond) // for the end to arrive
	}
}

func TestUnreachableHost(t *testing.T) {
	for what, uri := range map[string]string{
		"nobody listens":  "qemu+unix:///system?socket=/nonexistent/sock",
		"nobody's driver": lab.Shared(t).URI + "&name=nobody:///system",
		"no certificates": "qemu+tls://127.0.0.1/system?pkipath=/nonexistent",
		"no program":      "qemu+ssh://127.0.0.1/system?command=/nonexistent/ssh",
	} {
		_, err := open(t, uri).Pool(t.Context(), "default")
		if !errors.As(err, new(*virt.ConnectError)) || !strings.Contains(err.Error(), uri) {
			t.Errorf("%s: error %v, want a ConnectError that names the URI", what, err)
		}
		if errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v is taken for something that the host does not have", what, err)
		}
	}
}

// TestMuteHost: a libvirtd that no longer answers delays a caller no longer than the caller's context lasts.
func TestMuteHost(t *testing.T) {
	p := newProxy(t, lab.Shared(t).URI)
	h := open(t, p.URI)
	givenFile(t, h, 1<<20)
	release := p.hold(t)
	fresh := open(t, p.URI)
	for what, ask := range map[string]func(ctx context.Context) error{
		"call":     func(ctx context.Context) error { _, err := h.Pool(ctx, "cut"); return err },
		"connect":  func(ctx context.Context) error { _, err := fresh.Pool(ctx, "cut"); return err },
		"upload":   func(ctx context.Context) error { return h.Upload(ctx, "cut", "file", zeros{}) },
		"fill":     func(ctx context.Context) error { return h.Fill(ctx, "cut", "file", zeros{}) },
		"download": func(ctx context.Context) error { return h.Download(ctx, "cut", "file", io.Discard) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		began := time.Now()
		if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
			t.Errorf("%s: error %v after %v, want the context's", what, err, time.Since(began))
		}
		cancel()
	}
	release()
	if _, err := h.Pool(t.Context(), "cut"); err != nil {
		t.Errorf("after it speaks again: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	host := lab.Shared(t)
	const mount = "mkdir -p /srv/cut && mount -t tmpfs -o size=1m none /srv/cut"
	if _, err := host.Exec(t.Context(), "sh", "-c", mount); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := host.Exec(context.Background(), "umount", "--lazy", "/srv/cut"); err != nil {
			t.Error(err)
		}
	})
	h := open(t, host.URI)
	givenFile(t, h, 0)
	for _, size := range []int64{1<<20 + 1, 3 << 20, 64 << 20} {
		for what, upload := range map[string]func(context.Context, string, string, io.Reader) error{"upload": h.Upload, "fill": h.Fill} {
			err := upload(t.Context(), "cut", "file", io.LimitReader(ones{}, size))
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), "no space left") {
				t.Errorf("%s of %d bytes: error %v, want what libvirtd says about the disk", what, size, err)
			}
		}
	}
}

// TestStuckReaderDelaysNobody has more streams than calls are allowed at once. Their readers, including one of a
// console, do not read. Other calls and streams continue at the same time.
func TestStuckReaderDelaysNobody(t *testing.T) {
	h := givenGuest(t, "", waiting, "destroy")
	const size, readers = 16 << 20, 8
	givenFile(t, h, size)
	console, err := h.BootDomain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = console.Close() }()
	stuck, release := make(chan struct{}, readers), make(chan struct{})
	downloaded := make(chan error)
	for range readers {
		go func() {
			downloaded <- h.Download(t.Context(), "cut", "file", &stuckWriter{stuck: stuck, release: release})
		}()
	}
	for range readers {
		<-stuck
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := h.Volume(ctx, "cut", "file"); err != nil {
		t.Errorf("a call beside stuck streams: %v", err)
	}
	if err := h.Download(ctx, "cut", "file", io.Discard); err != nil {
		t.Errorf("a download beside stuck streams: %v", err)
	}
	close(release)
	for range readers {
		if err := <-downloaded; err != nil {
			t.Errorf("a stream that was stuck: %v", err)
		}
	}
}

// stuckWriter reports that it got something, and accepts it when it is released.
type stuckWriter struct {
	stuck   chan<- struct{}
	release <-chan struct{}
	once    sync.Once
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	w.once.Do(func() { w.stuck <- struct{}{} })
	<-w.release
	return len(p), nil
}

// givenFile makes a volume of this many bytes, in a pool that is removed after the test.
func givenFile(t *testing.T, h *virt.Host, size int64) {
	t.Helper()
	if _, _, err := h.CreatePool(t.Context(), "cut", "/srv/cut"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		err := errors.Join(h.DeleteVolume(ctx, "cut", "file"), h.DeletePool(ctx, "cut", true))
		if err != nil {
			t.Error(err)
		}
	})
	if err := h.CreateVolume(t.Context(), virt.Volume{Pool: "cut", Name: "file", Format: "raw"}); err != nil {
		t.Fatal(err)
	}
	if err := h.Upload(t.Context(), "cut", "file", io.LimitReader(zeros{}, size)); err != nil {
		t.Fatal(err)
	}
}

// ones is endless content.
type ones struct{}

func (ones) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

// zeros is endless content.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
