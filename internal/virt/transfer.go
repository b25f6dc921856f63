package virt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// Upload writes content over a volume from its beginning, on a connection of its own. The volume
// grows when content is longer and keeps its tail when content is shorter.
func (h *Host) Upload(ctx context.Context, pool, volume string, content io.Reader) error {
	return h.upload(ctx, pool, volume, dense(content), 0)
}

// Fill writes content into an empty volume, which is then as long as that, on a connection of its own.
// Where content has zeros only, the volume has holes: libvirt src/util/virfdstream.c,
// virFDStreamThreadDoWrite, goes on behind them and makes the file as long. In a volume that is not
// empty, what lies in such places would stay. Content that is Holes is read only where it has bytes.
func (h *Host) Fill(ctx context.Context, pool, volume string, content io.Reader) error {
	return h.upload(ctx, pool, volume, sparse(content), sparseStream)
}

func (h *Host) upload(ctx context.Context, pool, volume string, content blocks, flags uint32) error {
	defer h.changing()()
	if err := h.streams.transfers.take(ctx); err != nil {
		return err
	}
	defer h.streams.transfers.give()
	s, err := h.openStream(ctx, procVolumeUpload, transferArgs(pool, volume, 0, flags))
	if err != nil {
		return err
	}
	defer s.Close()
	sent, err := s.sendAll(ctx, content, func(ctx context.Context, sent uint64) error {
		return s.awaitWritten(ctx, pool, volume, sent)
	})
	if err == nil {
		err = h.finishUpload(ctx, s)
	}
	if err != nil {
		return err
	}
	return h.checkLength(ctx, pool, volume, sent)
}

// awaitWritten waits until so much of an upload is in the volume's file, or libvirtd says why not. libvirtd
// does not survive a packet that comes when it could not write the one before, as on a full disk: since
// 10.1 at the latest, and in 11.3, it sends its refusal, and then the same message again, which it has freed
// (src/remote/remote_daemon_stream.c, daemonStreamHandleWrite). Nor does it bound what it queues for a slow disk.
//
// The question goes over the stream's connection, for calls that take long may keep all others from being
// asked. It goes by the length of the file, so what lies within the file already is not waited for.
func (s *stream) awaitWritten(ctx context.Context, pool, volume string, sent uint64) error {
	args := xdr{}.string(pool).string(volume).string("").uint32(uint32(libvirt.StorageVolGetPhysical))
	for pause := time.Millisecond; ; pause = min(2*pause, maxWritePause) {
		reply, err := s.ask(ctx, procVolumeInfo, args)
		if err != nil {
			return err
		}
		info := xdrReader{rest: reply}
		_, _, length := info.uint32(), info.uint64(), info.uint64() // the sort of volume, its capacity
		if info.err != nil || length >= sent {
			return info.err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

const maxWritePause = 50 * time.Millisecond

// finishUpload finishes a stream of which libvirtd may have much to write yet. Until it is written, libvirtd
// waits in its event loop, and answers nobody, on any connection: libvirt src/util/virfdstream.c,
// virFDStreamThread, which holds the stream's lock while it writes, and virFDStreamJoinWorker.
func (h *Host) finishUpload(ctx context.Context, s *stream) error {
	h.streams.finishing.Add(1)
	defer h.streams.finishing.Add(-1)
	return s.finish(ctx)
}

// checkLength finds an upload whose last bytes were not written: libvirtd loses the error of a
// write that comes while the stream is being finished, and says that all is well.
// libvirt src/util/virfdstream.c, virFDStreamCloseInt.
func (h *Host) checkLength(ctx context.Context, pool, volume string, sent uint64) error {
	length, err := read(ctx, h, func(l *libvirt.Libvirt) (uint64, error) {
		_, _, length, err := l.StorageVolGetInfoFlags(libvirt.StorageVol{Pool: pool, Name: volume}, uint32(libvirt.StorageVolGetPhysical))
		return length, err
	})
	if err == nil && length < sent {
		return fmt.Errorf("libvirtd wrote %d of %d bytes; perhaps there is no space left on its disk", length, sent)
	}
	return err
}

// truncate cuts a raw volume, or extends it, to size bytes, of which there must be one.
// StorageVolResize cannot: it refuses to go below what the file takes on the disk. An upload can,
// for libvirt ends a file where it skips a hole, and leaves the bytes that it skips as they were:
// libvirt src/util/virfdstream.c, virFDStreamThreadDoWrite.
func (h *Host) truncate(ctx context.Context, pool, volume string, size uint64) error {
	if size == 0 {
		return errors.New("libvirt cannot cut a volume to nothing; delete it and create it anew")
	}
	defer h.changing()()
	s, err := h.openStream(ctx, procVolumeUpload, transferArgs(pool, volume, size-1, sparseStream))
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.sendHole(ctx, 1); err != nil {
		return err
	}
	return s.finish(ctx)
}

// Download writes a volume's bytes to a writer, on a connection of its own.
func (h *Host) Download(ctx context.Context, pool, volume string, to io.Writer) error {
	if err := h.streams.transfers.take(ctx); err != nil {
		return err
	}
	defer h.streams.transfers.give()
	s, err := h.openStream(ctx, procVolumeDownload, transferArgs(pool, volume, 0, 0))
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = io.Copy(to, &incoming{stream: s, ctx: ctx})
	return err
}

// transferArgs are those of upload and download alike: the volume, the offset, length 0 (to the end)
// and the flags. libvirtd finds a volume by pool and name and needs no key.
func transferArgs(pool, volume string, offset uint64, flags uint32) xdr {
	return xdr{}.string(pool).string(volume).string("").uint64(offset).uint64(0).uint32(flags)
}

// incoming reads what libvirtd sends on a stream.
type incoming struct {
	stream *stream
	ctx    context.Context
	rest   []byte
	ended  bool
}

func (i *incoming) Read(p []byte) (int, error) {
	for len(i.rest) == 0 {
		if i.ended {
			return 0, io.EOF
		}
		packet, err := i.stream.next(i.ctx)
		if err != nil {
			return 0, err
		}
		i.rest = packet.payload
		i.ended = len(packet.payload) == 0 // libvirtd's sign that no more comes
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	return n, nil
}
