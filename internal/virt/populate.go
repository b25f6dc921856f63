package virt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Content is what a new volume is to begin with.
type Content struct {
	io.Reader
	Format string // qcow2 or raw
	Size   uint64 // that a guest sees, in bytes; 0 when only the end tells
}

// PopulateHost is what Populate asks of a host.
type PopulateHost interface {
	DirectoryHost
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	Fill(ctx context.Context, pool, name string, content io.Reader) error
}

// Files beside a volume that is being made. While the mark is there, the volume is not whole; the stage
// is what is converted on the host into another format or layout.
const (
	markSuffix  = ".netboot-part"
	stageSuffix = ".netboot-stage"
)

// Populate makes a volume with content, and with its size where v has none. An error leaves none of it.
// What a run that was killed has left of the volume is removed first; any other volume of that name is
// ErrExists.
//
// libvirt cannot rename, so the volume has its name while it is being made. It is told from a whole one
// by an empty file that is made after it and removed last.
func Populate(ctx context.Context, host PopulateHost, v Volume, content Content) error {
	p := &volumeCreation{host: host, volume: v, content: content}
	if err := p.checkSize(content.Size); err != nil {
		return err
	}
	if err := p.removeLeftover(ctx); err != nil {
		return err
	}
	if err := p.reserve(ctx); err != nil {
		return err
	}
	err := p.fillOrConvert(ctx)
	if err == nil {
		err = p.release(ctx)
	}
	if err != nil {
		return errors.Join(err, p.undo(context.WithoutCancel(ctx)))
	}
	return nil
}

// CheckWhole refuses a volume that is being made, or that a run which was killed has left.
func CheckWhole(ctx context.Context, host DirectoryHost, v Volume) error {
	_, err := host.Volume(ctx, v.Pool, v.Name+markSuffix)
	switch {
	case errors.Is(err, ErrNotFound) && v.Capacity > 0:
		return nil
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("it is empty, like a volume whose run was killed just after it created the volume; remove it, and the next apply creates it: virsh vol-delete %s --pool %s", v.Name, v.Pool)
	case err != nil:
		return err
	default:
		return fmt.Errorf("it is not complete, because the file %[1]s exists next to it: a run is creating the volume, or was killed. An apply that creates the volume begins again. If the volume is complete after all, remove that file: virsh vol-delete %[1]s --pool %[2]s",
			v.Name+markSuffix, v.Pool)
	}
}

// volumeCreation is a volume on its way into being.
type volumeCreation struct {
	host        PopulateHost
	volume      Volume
	content     Content
	nameWasFree bool      // the name was, before the volume was made
	reserved    time.Time // when the mark was made
}

func (p *volumeCreation) mark() string  { return p.volume.Name + markSuffix }
func (p *volumeCreation) stage() string { return p.volume.Name + stageSuffix }

// checkSize holds that all of the content fits, by the size that a guest sees of it.
func (p *volumeCreation) checkSize(size uint64) error {
	if p.volume.Capacity > 0 && p.volume.Capacity < size {
		return &TooSmallError{Capacity: p.volume.Capacity, Content: size}
	}
	return nil
}

// TooSmallError says that a volume has no room for its content.
type TooSmallError struct{ Capacity, Content uint64 }

func (e *TooSmallError) Error() string {
	return fmt.Sprintf("the source has a disk of %d bytes, which does not fit into %d bytes", e.Content, e.Capacity)
}

// abandonedAfter is how long nothing is written to a volume whose run was killed. One that still runs, but is
// taken for killed because its source is slow, finds its mark gone at the end, and fails.
const abandonedAfter = 2 * time.Second

// removeLeftover removes what a run that was killed has left.
func (p *volumeCreation) removeLeftover(ctx context.Context) error {
	before, err := p.parts(ctx)
	p.nameWasFree = err == nil && before[p.volume.Name].IsZero()
	if err != nil || before[p.mark()].IsZero() {
		return err
	}
	select {
	case <-time.After(abandonedAfter):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	now, err := p.parts(ctx)
	if err != nil {
		return err
	}
	for name, written := range now {
		if !written.Equal(before[name]) {
			return fmt.Errorf("another run is creating volume %s/%s: wait until it ends, then apply again", p.volume.Pool, p.volume.Name)
		}
	}
	err = p.remove(ctx, p.volume.Name, p.stage(), p.mark())
	p.nameWasFree = err == nil
	return err
}

// parts are those among the volume and the files beside it that are there, with the times at which they
// were last written to.
func (p *volumeCreation) parts(ctx context.Context) (map[string]time.Time, error) {
	found := map[string]time.Time{}
	for _, name := range []string{p.volume.Name, p.stage(), p.mark()} {
		v, err := p.host.Volume(ctx, p.volume.Pool, name)
		switch {
		case err == nil:
			found[name] = v.ModTime
		case !errors.Is(err, ErrNotFound):
			return nil, err
		}
	}
	return found, nil
}

// reserve makes the volume, empty, and then the mark: with that it is ours beyond doubt.
func (p *volumeCreation) reserve(ctx context.Context) error {
	empty := p.volume
	empty.Format, empty.Compat, empty.ClusterSize, empty.Capacity, empty.Preallocation = "raw", "", 0, 0, "off"
	if err := p.host.CreateVolume(ctx, empty); err != nil {
		return errors.Join(err, p.undoReserve(context.WithoutCancel(ctx), err))
	}
	mark := Volume{Pool: p.volume.Pool, Name: p.mark(), Format: "raw"}
	err := p.host.CreateVolume(ctx, mark)
	if err == nil {
		mark, err = p.host.Volume(ctx, mark.Pool, mark.Name)
		p.reserved = mark.ModTime
	}
	if err != nil {
		return errors.Join(err, p.remove(context.WithoutCancel(ctx), p.volume.Name, p.mark()))
	}
	return nil
}

// undoReserve removes the volume when the answer to its making was lost: without a mark, it would be taken for
// a whole one. Another run that has been quicker has made its mark by then.
func (p *volumeCreation) undoReserve(ctx context.Context, failure error) error {
	if isRefused(failure) || errors.Is(failure, ErrExists) || !p.nameWasFree {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, undoTimeout)
	defer cancel()
	time.Sleep(abandonedAfter)
	left, err := p.parts(ctx)
	if err != nil {
		return fmt.Errorf("it is not known whether an empty volume was left on the host: %w", err)
	}
	if left[p.volume.Name].IsZero() || !left[p.mark()].IsZero() {
		return nil
	}
	now, err := p.host.Volume(ctx, p.volume.Pool, p.volume.Name)
	if err == nil && now.Capacity == 0 {
		err = p.remove(ctx, p.volume.Name)
	}
	return err
}

// fillOrConvert fills the volume, or fills the stage and has the host make the volume of that.
func (p *volumeCreation) fillOrConvert(ctx context.Context) error {
	var err error
	if p.content.Format == p.volume.Format && !p.volume.hasLayout() {
		err = p.host.Fill(ctx, p.volume.Pool, p.volume.Name, p.content.Reader)
	} else {
		err = p.convert(ctx)
	}
	if err != nil {
		return err
	}
	return p.checkAndGrow(ctx)
}

// hasLayout tells whether something is asked of the file that a guest does not see.
func (v Volume) hasLayout() bool {
	return v.Compat != "" || v.ClusterSize > 0 || v.Preallocation == "metadata" || v.Preallocation == "falloc"
}

func (p *volumeCreation) convert(ctx context.Context) error {
	stage := Volume{Pool: p.volume.Pool, Name: p.stage(), Format: "raw"}
	if err := p.host.CreateVolume(ctx, stage); err != nil {
		return err
	}
	if err := p.host.Fill(ctx, stage.Pool, stage.Name, p.content.Reader); err != nil {
		return err
	}
	filled, err := p.inspect(ctx, stage.Name, p.content.Format)
	if err != nil {
		return err
	}
	if err := p.remove(ctx, p.volume.Name); err != nil {
		return err
	}
	made := p.volume
	made.Capacity = filled.Capacity
	if made.Format == "qcow2" && made.Compat == "" {
		made.Compat = "1.1" // libvirt's own is that of QEMU before 1.1
	}
	if err := p.host.CloneVolume(ctx, made, stage.Name); err != nil {
		return err
	}
	return p.remove(ctx, stage.Name)
}

// checkAndGrow checks what has become of the content, and grows the volume.
func (p *volumeCreation) checkAndGrow(ctx context.Context) error {
	now, err := p.inspect(ctx, p.volume.Name, p.volume.Format)
	if err != nil || now.Capacity == p.volume.Capacity || p.volume.Capacity == 0 {
		return err
	}
	return p.host.ResizeVolume(ctx, p.volume.Pool, p.volume.Name, p.volume.Capacity, false)
}

// inspect has libvirt look afresh at what was filled in. It recognises a format by the content alone; what
// it would have QEMU read as another one than was meant must not reach a guest.
func (p *volumeCreation) inspect(ctx context.Context, name, format string) (Volume, error) {
	if err := p.refresh(ctx); err != nil {
		return Volume{}, err
	}
	v, err := p.host.Volume(ctx, p.volume.Pool, name)
	switch {
	case err != nil:
		return v, err
	case v.Format != format:
		return v, fmt.Errorf("the content should be %s, but libvirt recognizes it as %s; convert it: qemu-img convert -O qcow2 IMAGE NEW.qcow2", format, v.Format)
	case v.Backing != nil:
		return v, fmt.Errorf("the content is laid over %s, a file on the host", v.Backing.Path)
	}
	return v, p.checkSize(v.Capacity)
}

// refresh waits for the pool as long as it may: other volumes of it may just be converted.
func (p *volumeCreation) refresh(ctx context.Context) error {
	for {
		_, err := p.host.VolumeNames(ctx, p.volume.Pool)
		if !isBusy(err) {
			return err
		}
	}
}

// release says that the volume is whole, unless another run has taken it for a leftover.
func (p *volumeCreation) release(ctx context.Context) error {
	if err := p.checkOurs(ctx); err != nil {
		return err
	}
	return p.remove(ctx, p.mark())
}

func (p *volumeCreation) checkOurs(ctx context.Context) error {
	mark, err := p.host.Volume(ctx, p.volume.Pool, p.mark())
	if err == nil && mark.ModTime.Equal(p.reserved) {
		return nil
	}
	if err == nil || errors.Is(err, ErrNotFound) {
		return errOvertaken
	}
	return err
}

var errOvertaken = errors.New("nothing was written to the volume for a while, so another run treated it as a leftover and created it again")

// undoTimeout bounds the removal of what has failed. Where it is too short, as while the host still
// converts, the mark stays, and the next run removes all.
const undoTimeout = 10 * time.Second

func (p *volumeCreation) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, undoTimeout)
	defer cancel()
	if err := p.checkOurs(ctx); err != nil {
		if errors.Is(err, errOvertaken) {
			return nil
		}
		return fmt.Errorf("the incomplete volume stays on the host until the next apply, which removes it: %w", err)
	}
	if err := p.remove(ctx, p.stage(), p.volume.Name, p.mark()); err != nil {
		return fmt.Errorf("the incomplete volume stays on the host until the next apply, which removes it: %w", err)
	}
	return nil
}

// remove removes files in this order, those that are there.
func (p *volumeCreation) remove(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := p.host.DeleteVolume(ctx, p.volume.Pool, name); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}
