package virt

import (
	"context"
	"errors"
	"io"
)

// Upload overwrites a volume with content from the beginning, on a connection of its own. The volume grows if content
// is longer, and keeps its tail if content is shorter.
func (h *Host) Upload(ctx context.Context, pool, volume string, content io.Reader) error {
	return h.upload(ctx, pool, volume, func(packet int) blocks { return dense(content, packet) }, 0)
}

// Fill writes content into an empty volume, on a connection of its own. The volume is then as long as the content. If
// content has only zeros in a place, the volume has a hole there: libvirt src/util/virfdstream.c,
// virFDStreamThreadDoWrite, continues after the hole and makes the file long enough. In a volume that is not empty,
// old bytes would stay in such places. If content implements Holes, Fill reads only the parts that have bytes.
func (h *Host) Fill(ctx context.Context, pool, volume string, content io.Reader) error {
	return h.upload(ctx, pool, volume, func(packet int) blocks { return sparse(content, packet) }, sparseStream)
}

// truncate shrinks or extends a raw volume to size bytes. size is at least 1. StorageVolResize refuses a size that is
// less than the file's size on the disk. An upload works, because libvirt ends a file where it skips a hole, and does
// not change the bytes that it skips: libvirt src/util/virfdstream.c, virFDStreamThreadDoWrite.
func (h *Host) truncate(ctx context.Context, pool, volume string, size uint64) (err error) {
	if size == 0 {
		return errors.New("libvirt cannot shrink a volume to 0 bytes; delete it and create it again")
	}
	defer h.changing()()
	transfer := h.beginTransfer(ctx, "truncation", pool, volume)
	defer func() { transfer.end(err) }()
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
func (h *Host) Download(ctx context.Context, pool, volume string, to io.Writer) (err error) {
	if err := h.acquire(ctx, h.streams.transfers, waitTransfer); err != nil {
		return err
	}
	defer h.streams.transfers.release()
	transfer := h.beginTransfer(ctx, "download", pool, volume)
	defer func() { transfer.end(err) }()
	s, err := h.openStream(ctx, procVolumeDownload, transferArgs(pool, volume, 0, 0))
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = io.Copy(to, &streamReader{stream: s, ctx: ctx, transfer: transfer})
	return err
}

// transferArgs returns the arguments of both upload and download: the volume, the offset, the length 0 (to the end)
// and the flags. libvirtd finds a volume by pool and name and does not need a key.
func transferArgs(pool, volume string, offset uint64, flags uint32) xdr {
	return xdr{}.string(pool).string(volume).string("").uint64(offset).uint64(0).uint32(flags)
}

// streamReader reads what libvirtd sends on a stream.
type streamReader struct {
	stream   *stream
	ctx      context.Context
	transfer *operation // nil for a console
	rest     []byte
	received uint64
	ended    bool
}

func (i *streamReader) Read(p []byte) (int, error) {
	for len(i.rest) == 0 {
		if i.ended {
			return 0, io.EOF
		}
		packet, err := i.stream.next(i.ctx)
		if err != nil {
			return 0, err
		}
		i.rest = packet.payload
		i.ended = len(packet.payload) == 0 // libvirtd's mark for the end
		i.received += uint64(len(packet.payload))
		i.transfer.transferred(i.received)
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	return n, nil
}
