package virt_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

const populated = "populated"

// populatedHost returns a host with a pool for the volumes of these tests.
func populatedHost(t *testing.T) *virttest.Host {
	t.Helper()
	h := virttest.New()
	if _, _, err := h.CreatePool(t.Context(), populated, "/srv/"+populated); err != nil {
		t.Fatal(err)
	}
	return h
}

func newDisk(format string, capacity uint64) virt.Volume {
	return virt.Volume{Pool: populated, Name: "disk", Format: format, Capacity: capacity, Preallocation: "off"}
}

// qcow2Of returns what a host makes for an image of that size.
func qcow2Of(t *testing.T, capacity uint64) string {
	t.Helper()
	h := populatedHost(t)
	if err := h.CreateVolume(t.Context(), newDisk("qcow2", capacity)); err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	if err := h.Download(t.Context(), populated, "disk", &content); err != nil {
		t.Fatal(err)
	}
	return content.String()
}

func contentOf(format, bytes string) virt.Content {
	return virt.Content{Reader: strings.NewReader(bytes), Format: format}
}

func wantVolumes(t *testing.T, h *virttest.Host, want ...string) {
	t.Helper()
	names, err := h.VolumeNames(t.Context(), populated)
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("the host has the volumes %q (%v), want %q", names, err, want)
	}
}

func TestPopulate(t *testing.T) {
	const mib = 1 << 20
	raw, image := strings.Repeat("x", mib), qcow2Of(t, 2*mib)
	for name, test := range map[string]struct {
		volume  virt.Volume
		content virt.Content
		want    uint64
	}{
		"raw as it is":             {newDisk("raw", 0), contentOf("raw", raw), mib},
		"raw that grows":           {newDisk("raw", 3*mib), contentOf("raw", raw), 3 * mib},
		"qcow2 as it is":           {newDisk("qcow2", 0), contentOf("qcow2", image), 2 * mib},
		"qcow2 that grows":         {newDisk("qcow2", 4*mib), contentOf("qcow2", image), 4 * mib},
		"raw into qcow2":           {newDisk("qcow2", 0), contentOf("raw", raw), mib},
		"qcow2 into raw":           {newDisk("raw", 0), contentOf("qcow2", image), 2 * mib},
		"qcow2 into larger raw":    {newDisk("raw", 3*mib), contentOf("qcow2", image), 3 * mib},
		"qcow2 of another layout":  {virt.Volume{Pool: populated, Name: "disk", Format: "qcow2", ClusterSize: 2 * mib, Compat: "1.1"}, contentOf("qcow2", image), 2 * mib},
		"raw that is preallocated": {virt.Volume{Pool: populated, Name: "disk", Format: "raw", Preallocation: "falloc"}, contentOf("raw", raw), mib},
	} {
		t.Run(name, func(t *testing.T) {
			h := populatedHost(t)
			if err := virt.Populate(t.Context(), h, test.volume, test.content); err != nil {
				t.Fatal(err)
			}
			v, err := h.Volume(t.Context(), populated, "disk")
			if err != nil || v.Format != test.volume.Format || v.Capacity != test.want {
				t.Errorf("the volume is %+v (%v)", v, err)
			}
			wantVolumes(t, h, "disk")
		})
	}
}

// TestPopulateFails checks that a failure at any call leaves nothing.
func TestPopulateFails(t *testing.T) {
	image := qcow2Of(t, 1<<20)
	hostile := strings.Replace(image, image[8:20], "\x00\x00\x00\x00\x00\x00\x00\x68\x00\x00\x00\x0b", 1)
	hostile = hostile[:104] + "/etc/shadow" + hostile[115:]
	broken := errors.New("the source broke")
	for name, test := range map[string]struct {
		volume  virt.Volume
		content virt.Content
		want    string
	}{
		"source":              {newDisk("raw", 0), virt.Content{Reader: iotest.ErrReader(broken), Format: "raw"}, "the source broke"},
		"source of a stage":   {newDisk("qcow2", 0), virt.Content{Reader: io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), Format: "raw"}, "the source broke"},
		"known to be large":   {newDisk("raw", 512), virt.Content{Reader: iotest.ErrReader(broken), Format: "raw", Size: 1024}, "a disk of 1024 bytes, which does not fit into 512 bytes"},
		"found to be large":   {newDisk("raw", 512), contentOf("raw", strings.Repeat("x", 1024)), "a disk of 1024 bytes"},
		"large stage":         {newDisk("raw", 512), contentOf("qcow2", image), "a disk of 1048576 bytes"},
		"another format":      {newDisk("raw", 0), contentOf("raw", image), "libvirt recognizes it as qcow2"},
		"backing file":        {newDisk("qcow2", 0), contentOf("qcow2", hostile), "laid over /etc/shadow"},
		"backing of a stage":  {newDisk("raw", 0), contentOf("qcow2", hostile), "laid over /etc/shadow"},
		"another pool's name": {virt.Volume{Pool: "none", Name: "disk", Format: "raw"}, contentOf("raw", "x"), "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := populatedHost(t)
				err := virt.Populate(t.Context(), h, test.volume, test.content)
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q in it", err, test.want)
				}
				wantVolumes(t, h)
			})
		})
	}
}

// TestPopulateFailsAtEachCall checks that the rest is not mistaken for a volume if nothing can be removed.
func TestPopulateFailsAtEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, method := range []string{"CreateVolume", "Volume", "Fill", "VolumeNames", "DeleteVolume", "CloneVolume", "ResizeVolume"} {
			for spare := range 4 {
				h := populatedHost(t)
				h.FailAfter(method, spare, errors.New("connection lost"))
				err := virt.Populate(t.Context(), h, newDisk("qcow2", 2<<20), contentOf("raw", strings.Repeat("x", 1<<20)))
				h.Fail(method, nil)
				if err == nil {
					continue
				}
				names, _ := h.VolumeNames(t.Context(), populated)
				if slices.Contains(names, "disk") && !slices.Contains(names, "disk.netboot-part") && spare > 0 {
					t.Errorf("%s fails after %d calls, and left is %q", method, spare, names)
				}
			}
		}
	})
}

// TestPopulateUnanswered loses the answer to the call that creates the volume, before anything shows that the volume
// is not complete.
func TestPopulateUnanswered(t *testing.T) {
	lost := errors.New("connection lost")
	for what, spoil := range map[string]func(h *virttest.Host){
		"it was made": func(*virttest.Host) {},
		"it was not":  func(h *virttest.Host) { _ = h.DeleteVolume(context.Background(), populated, "disk") },
		"another run makes it at the moment": func(h *virttest.Host) {
			_ = h.CreateVolume(context.Background(), virt.Volume{Pool: populated, Name: "disk.netboot-part", Format: "raw"})
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := populatedHost(t)
				err := virt.Populate(t.Context(), unanswered{h, func() error { spoil(h); return lost }}, newDisk("raw", 0), contentOf("raw", "content"))
				if !errors.Is(err, lost) {
					t.Errorf("error %v", err)
				}
				if what == "another run makes it at the moment" {
					wantVolumes(t, h, "disk", "disk.netboot-part")
				} else {
					wantVolumes(t, h)
				}
			})
		})
	}
}

// unanswered is a host whose answer to a new volume is lost.
type unanswered struct {
	*virttest.Host
	instead func() error
}

func (u unanswered) CreateVolume(ctx context.Context, v virt.Volume) error {
	return errors.Join(u.Host.CreateVolume(ctx, v), u.instead())
}

// TestCheckWhole checks that what a killed run leaves is not mistaken for a volume.
func TestCheckWhole(t *testing.T) {
	h := populatedHost(t)
	empty := newDisk("raw", 0)
	if err := h.CreateVolume(t.Context(), empty); err != nil {
		t.Fatal(err)
	}
	if err := virt.CheckWhole(t.Context(), h, empty); err == nil || !strings.Contains(err.Error(), "virsh vol-delete disk --pool "+populated) {
		t.Errorf("an empty volume: %v", err)
	}
	if err := virt.CheckWhole(t.Context(), h, newDisk("raw", 1)); err != nil {
		t.Errorf("a volume: %v", err)
	}
}

func TestPopulateEndsWithItsContext(t *testing.T) {
	for _, format := range []string{"raw", "qcow2"} {
		h := populatedHost(t)
		ctx, cancel := context.WithCancel(t.Context())
		content := virt.Content{Reader: io.MultiReader(strings.NewReader("x"), cancelling{cancel}), Format: "raw"}
		if err := virt.Populate(ctx, h, newDisk(format, 0), content); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v", format, err)
		}
		wantVolumes(t, h)
	}
}

// cancelling is endless content that cancels its reader.
type cancelling struct{ cancel func() }

func (c cancelling) Read(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

func TestPopulateTakesNothingOver(t *testing.T) {
	h := populatedHost(t)
	if err := h.CreateVolume(t.Context(), newDisk("raw", 512)); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"raw", "qcow2"} {
		if err := virt.Populate(t.Context(), h, newDisk("raw", 0), contentOf(format, "x")); !errors.Is(err, virt.ErrExists) {
			t.Errorf("error %v, want ErrExists", err)
		}
	}
	wantVolumes(t, h, "disk")
}

// TestPopulateAfterKill checks that a killed run does not block another run, and that a running one does.
func TestPopulateAfterKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := populatedHost(t)
		for _, name := range []string{"disk", "disk.netboot-part", "disk.netboot-stage"} {
			v := newDisk("raw", 512)
			v.Name = name
			if err := h.CreateVolume(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		goesOn, stop := context.WithCancel(t.Context())
		written := make(chan error)
		go func() { written <- h.Fill(goesOn, populated, "disk", endless{}) }()
		err := virt.Populate(t.Context(), h, newDisk("raw", 0), contentOf("raw", "new"))
		if err == nil || !strings.Contains(err.Error(), "another run is creating volume populated/disk") {
			t.Errorf("error %v", err)
		}
		wantVolumes(t, h, "disk", "disk.netboot-part", "disk.netboot-stage")
		stop()
		if err := <-written; !errors.Is(err, context.Canceled) {
			t.Errorf("the run that was stopped has error %v", err)
		}
		if err := virt.Populate(t.Context(), h, newDisk("raw", 0), contentOf("raw", "new")); err != nil {
			t.Error(err)
		}
		wantVolumes(t, h, "disk")
	})
}

// endless is content that comes slowly.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return min(len(p), 16), nil
}

// TestPopulateOvertaken checks that a run whose volume another run has treated as a leftover does not damage the
// volume that the other run made.
func TestPopulateOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := populatedHost(t)
		overtake := readerFunc(func([]byte) (int, error) {
			if err := virt.Populate(t.Context(), h, newDisk("raw", 0), contentOf("raw", "theirs")); err != nil {
				t.Error(err)
			}
			return 0, io.EOF
		})
		err := virt.Populate(t.Context(), h, newDisk("raw", 0), virt.Content{Reader: overtake, Format: "raw"})
		if err == nil || !strings.Contains(err.Error(), "another run treated it as a leftover") {
			t.Errorf("error %v", err)
		}
		wantVolumes(t, h, "disk")
		if v, err := h.Volume(t.Context(), populated, "disk"); err != nil || v.Capacity != 6 {
			t.Errorf("the volume is %+v (%v)", v, err)
		}
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
