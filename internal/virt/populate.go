package virt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Content is the initial content of a new volume.
type Content struct {
	io.Reader
	Format string // qcow2 or raw
	Size   uint64 // as a guest sees it, in bytes; 0 if it is only known at the end
}

// PopulateHost is what Populate needs of a host.
type PopulateHost interface {
	DirectoryHost
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	Fill(ctx context.Context, pool, name string, content io.Reader) error
}

// Files next to a volume that is being created. As long as the mark exists, the volume is not complete. The stage is
// a file that the host converts into another format or layout.
const (
	markSuffix  = ".netboot-part"
	stageSuffix = ".netboot-stage"
)

// Populate creates a volume with content, and with the content's size if v has no size. If it fails, nothing of the
// volume is left. It first removes what a killed run has left of the volume. For any other volume with that name, it
// returns ErrExists.
//
// libvirt cannot rename a volume, so the volume has its name while it is being created. An empty file, which is made
// after the volume and removed last, shows that the volume is not complete.
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

// CheckWhole refuses a volume that is being created, or that a killed run has left.
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

// volumeCreation is a volume that is being created.
type volumeCreation struct {
	host        PopulateHost
	volume      Volume
	content     Content
	nameWasFree bool      // the name was free before the volume was created
	reserved    time.Time // when the mark was made
}

func (p *volumeCreation) mark() string  { return p.volume.Name + markSuffix }
func (p *volumeCreation) stage() string { return p.volume.Name + stageSuffix }

// checkSize checks that all of the content fits into the volume, by the size that a guest sees.
func (p *volumeCreation) checkSize(size uint64) error {
	if p.volume.Capacity > 0 && p.volume.Capacity < size {
		return &TooSmallError{Capacity: p.volume.Capacity, Content: size}
	}
	return nil
}

// TooSmallError says that the content does not fit into a volume.
type TooSmallError struct{ Capacity, Content uint64 }

func (e *TooSmallError) Error() string {
	return fmt.Sprintf("the source has a disk of %d bytes, which does not fit into %d bytes", e.Content, e.Capacity)
}

// abandonedAfter is how long nothing is written to a volume before its run is considered killed. A run that is only
// slow, because its source is slow, finds at the end that its mark no longer exists, and fails.
const abandonedAfter = 2 * time.Second

// removeLeftover removes what a killed run has left.
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

// parts returns which of the volume and the files next to it exist, and the times at which they were last written.
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

// reserve creates the volume, empty, and then the mark. With the mark, the volume certainly belongs to this run.
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

// undoReserve removes the volume if the answer to its creation was lost: without a mark, the volume would look
// complete. If another run was faster, that run has made its mark by then.
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

// fillOrConvert fills the volume, or fills the stage and lets the host make the volume from the stage.
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

// hasLayout reports whether the volume has settings for its file that a guest does not see.
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
		made.Compat = "1.1" // libvirt's default is the version of QEMU before 1.1
	}
	if err := p.host.CloneVolume(ctx, made, stage.Name); err != nil {
		return err
	}
	return p.remove(ctx, stage.Name)
}

// checkAndGrow checks how libvirt reads the content, and grows the volume.
func (p *volumeCreation) checkAndGrow(ctx context.Context) error {
	now, err := p.inspect(ctx, p.volume.Name, p.volume.Format)
	if err != nil || now.Capacity == p.volume.Capacity || p.volume.Capacity == 0 {
		return err
	}
	return p.host.ResizeVolume(ctx, p.volume.Pool, p.volume.Name, p.volume.Capacity, false)
}

// inspect lets libvirt read the written content again. libvirt recognizes a format only by the content. Content that
// libvirt would make QEMU read in another format than intended must not reach a guest.
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

// refresh waits for the pool as long as it may, because other volumes in the pool may be in conversion.
func (p *volumeCreation) refresh(ctx context.Context) error {
	for {
		_, err := p.host.VolumeNames(ctx, p.volume.Pool)
		if !isBusy(err) {
			return err
		}
	}
}

// release marks the volume as complete, unless another run has treated it as a leftover.
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

// undoTimeout limits the removal after a failure. If it is too short, for example while the host still converts, the
// mark stays, and the next run removes everything.
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

// remove removes the files that exist, in this order.
func (p *volumeCreation) remove(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := p.host.DeleteVolume(ctx, p.volume.Pool, name); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}
