package virt

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// upload is content that is being written into a volume. If oneByOne, a block is sent only when the file is as long
// as the blocks before require.
//
// A newer libvirtd crashes if a packet comes after it failed to write the packet before, for example on a full disk.
// Since 10.1 at the latest, and in 11.3, it sends its refusal and then the same message again, which it has already
// freed (src/remote/remote_daemon_stream.c, daemonStreamHandleWrite). Without another packet, libvirtd does not
// report a failed write, because it looks at the stream only when a packet comes (daemonStreamUpdateEvents). libvirtd
// also does not limit what it queues for a disk that is slower than the network. What else uploads survive is in
// HAZARDS.md, "Streams".
type upload struct {
	host         *Host
	pool, volume string
	flags        uint32
	transfer     *operation
	stream       *stream
	sent         uint64
	oneByOne     bool
}

// lastWithoutDoubleFree is the last release of libvirt that is known to survive this: 9.0.0.
const lastWithoutDoubleFree = 9_000_000

// Size of a packet's content. libvirtd accepts 4 MiB, but writes a packet in blocks of its own, of 256 KiB. In
// measurements, larger packets took at least twice the time. If each packet is waited for, fewer packets take less
// time.
const (
	packetSize   = 256 << 10
	oneByOneSize = 2 << 20
)

func (h *Host) upload(ctx context.Context, pool, volume string, content func(packet int) blocks, flags uint32) (err error) {
	defer h.changing()()
	if err := h.acquire(ctx, h.streams.transfers, waitTransfer); err != nil {
		return err
	}
	defer h.streams.transfers.release()
	transfer := h.beginTransfer(ctx, "upload", pool, volume)
	defer func() { transfer.end(err) }()
	release, err := h.release(ctx)
	if err != nil {
		return err
	}
	u := &upload{host: h, pool: pool, volume: volume, flags: flags, transfer: transfer, oneByOne: release > lastWithoutDoubleFree}
	size := packetSize
	if u.oneByOne {
		size = oneByOneSize
	}
	if err := u.open(ctx); err != nil {
		return err
	}
	defer func() { u.stream.Close() }()
	if err := u.sendAll(ctx, content(size)); err != nil {
		return err
	}
	return u.finish(ctx)
}

// open opens a stream that continues where the last one ended.
func (u *upload) open(ctx context.Context) (err error) {
	stream, err := u.host.openStream(ctx, procVolumeUpload, transferArgs(u.pool, u.volume, u.sent, u.flags))
	if err == nil {
		u.stream = stream
	}
	return err
}

func (u *upload) sendAll(ctx context.Context, content blocks) error {
	for {
		b, end := content(ctx)
		if err := u.awaitTurn(ctx); err != nil {
			return err
		}
		if err := u.stream.sendBlock(ctx, b); err != nil {
			return err
		}
		u.sent += b.length()
		u.transfer.transferred(u.sent)
		if end == io.EOF {
			return nil
		}
		if end != nil {
			return end
		}
	}
}

// awaitTurn waits until the previous blocks are written, or only checks whether libvirtd has refused in the meantime.
func (u *upload) awaitTurn(ctx context.Context) error {
	switch {
	case u.sent == 0:
		return nil
	case u.oneByOne:
		return u.awaitWritten(ctx)
	default:
		return u.stream.checkOpen()
	}
}

// writeTimeout is how long a block may take before upload checks whether it was written at all.
const writeTimeout = 500 * time.Millisecond

// awaitWritten waits until what was sent is in the file. If that takes too long, it finishes the stream, which waits
// for a slow disk and reports a full one. The next stream continues from there.
//
// It does not wait for data within the existing length of the file, because such data does not make the file longer.
func (u *upload) awaitWritten(ctx context.Context) error {
	late := time.Now().Add(writeTimeout)
	for pause := time.Millisecond; time.Now().Before(late); pause *= 2 {
		length, err := u.length(ctx)
		if err != nil || length >= u.sent {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := u.finish(ctx); err != nil {
		return err
	}
	u.stream.Close()
	return u.open(ctx)
}

// length returns the length of the file. It asks on the stream's connection, because long calls may block the control
// connection.
func (u *upload) length(ctx context.Context) (uint64, error) {
	args := xdr{}.string(u.pool).string(u.volume).string("").uint32(uint32(libvirt.StorageVolGetPhysical))
	reply, err := u.stream.queryMeanwhile(ctx, procVolumeInfo, args)
	if err != nil {
		return 0, err
	}
	info := xdrReader{rest: reply}
	_, _, length := info.uint32(), info.uint64(), info.uint64() // the volume's type and capacity come first
	return length, info.err
}

// finish finishes the stream. Until everything is written, libvirtd waits in its event loop and answers no one, on
// any connection: libvirt src/util/virfdstream.c, virFDStreamThread, which holds the stream's lock while it writes,
// and virFDStreamJoinWorker.
func (u *upload) finish(ctx context.Context) error {
	u.host.streams.finishing.Add(1)
	err := u.stream.finish(ctx)
	u.host.streams.finishing.Add(-1)
	if err != nil {
		return err
	}
	return u.checkLength(ctx)
}

// checkLength detects data that was not written: libvirtd loses a write error while the stream is being finished, and
// reports success. libvirt src/util/virfdstream.c, virFDStreamCloseInt.
func (u *upload) checkLength(ctx context.Context) error {
	length, err := u.length(ctx)
	if err == nil && length < u.sent {
		return fmt.Errorf("libvirtd wrote only %d of %d bytes; perhaps the host's disk has no space left", length, u.sent)
	}
	return err
}
