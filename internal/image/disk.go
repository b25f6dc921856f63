package image

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// Disk is the unpacked content of a disk image.
type Disk struct {
	io.Reader
	io.Closer
	Format string // qcow2 or raw
	Size   uint64 // that a guest sees, in bytes; 0 if it is known only at the end
}

// DiskSource is where a disk image comes from: the source itself, or the file ArchivePath in an archive that is
// the source: a tar file or a Debian package.
type DiskSource struct{ Source, ArchivePath string }

// OpenDisk opens a disk image, qcow2 or raw. Either the image or the archive may be packed with gzip, xz, zstd, bzip2 or
// lz4. The promised checksum, if any, is the checksum of the source before it is unpacked. An image that is packed or in an
// archive may have at most limit bytes.
//
// It refuses an image that refers to other files for data of the disk, because a guest could then read files
// of the host. It skips the holes of a raw image on this machine, unless the image must be hashed.
func (c Client) OpenDisk(ctx context.Context, from DiskSource, promised Checksum, limit int64) (*Disk, error) {
	stream, err := c.Open(ctx, from.Source)
	if err != nil {
		return nil, err
	}
	disk, err := readDisk(ctx, stream, from.ArchivePath, promised, limit)
	if err != nil {
		stream.Close()
		return nil, fmt.Errorf("unable to use %s: %w", stream.Source, err)
	}
	return disk, nil
}

// CheckDisk opens a disk image and checks its beginning. For an archive on a web server it checks the beginning of the
// archive, because the image may begin far inside it.
func (c Client) CheckDisk(ctx context.Context, from DiskSource) error {
	if _, url, _ := parseSource(from.Source); from.ArchivePath == "" || url == nil {
		disk, err := c.OpenDisk(ctx, from, Checksum{}, math.MaxInt64)
		if err != nil {
			return err
		}
		return disk.Close()
	}
	stream, err := c.Open(ctx, from.Source)
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := checkArchiveIn(ctx, stream); err != nil {
		return fmt.Errorf("unable to use %s: %w", stream.Source, err)
	}
	return nil
}

func checkArchiveIn(ctx context.Context, stream io.Reader) error {
	archive, _, err := openArchive(ctx, stream)
	if err != nil {
		return err
	}
	defer archive.Close()
	head, err := bufio.NewReaderSize(archive, diskHeadSize).Peek(diskHeadSize)
	if err != nil && err != io.EOF {
		return err
	}
	return checkArchive(head)
}

func readDisk(ctx context.Context, stream *Stream, archivePath string, promised Checksum, limit int64) (_ *Disk, err error) {
	var content io.Reader = stream
	if promised != (Checksum{}) {
		content = Verify(stream, promised, stream.Source)
	}
	unpacked, err := unpackDisk(ctx, content, archivePath, limit)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = unpacked.Close()
		}
	}()
	buffered := bufio.NewReaderSize(unpacked, diskHeadSize)
	head, err := buffered.Peek(diskHeadSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	disk := &Disk{Reader: buffered, Closer: Closers{unpacked, stream}}
	if err := disk.identify(head); err != nil {
		return nil, err
	}
	if disk.Format == "raw" {
		disk.Reader, disk.Size = &trailed{Reader: buffered}, unpacked.size
	}
	if unpacked.kind != "" || archivePath != "" {
		return disk, nil
	}
	if disk.Format == "raw" {
		disk.Size = uint64(max(stream.Size, 0))
	}
	file, isLocal := stream.ReadCloser.(*os.File)
	if !isLocal || promised != (Checksum{}) {
		return disk, nil
	}
	if disk.Format == "raw" {
		if err := checkTrailerOf(file, stream.Size); err != nil {
			return nil, err
		}
	}
	disk.Reader, err = newSparseFile(file)
	return disk, err
}

// unpackedDisk is a disk image after unpacking.
type unpackedDisk struct {
	io.Reader
	Closers
	kind string // of the packing, "" for none
	size uint64 // in bytes, if the archive has it
}

// unpackDisk finds the image in its archive, if there is one, and unpacks the image or the archive.
func unpackDisk(ctx context.Context, content io.Reader, archivePath string, limit int64) (*unpackedDisk, error) {
	if archivePath == "" {
		unpacked, kind, err := Decompress(ctx, content, limit)
		if err != nil {
			return nil, err
		}
		return &unpackedDisk{unpacked, Closers{unpacked}, kind, 0}, nil
	}
	archive, kind, err := openArchive(ctx, content)
	if err != nil {
		return nil, err
	}
	disk, err := unpackArchived(ctx, archive, kind, archivePath, limit)
	if err != nil {
		_ = archive.Close()
		return nil, err
	}
	disk.Closers = append(disk.Closers, archive)
	return disk, nil
}

// unpackArchived finds a file in an archive. It unpacks the file only if the archive is not packed, so that only one xz file
// is open at a time.
func unpackArchived(ctx context.Context, archive io.Reader, kind, path string, limit int64) (*unpackedDisk, error) {
	file, err := findArchived(archive, path)
	if err != nil {
		return nil, err
	}
	if file.size > limit {
		return nil, fmt.Errorf("%q in the archive has %d bytes, but there is room for only %d", path, file.size, limit)
	}
	disk := &unpackedDisk{Reader: file, kind: kind, size: uint64(file.size)}
	if kind != "" {
		return disk, nil
	}
	unpacked, kind, err := Decompress(ctx, file, limit)
	if err != nil {
		return nil, err
	}
	disk.Reader, disk.Closers, disk.kind = unpacked, Closers{unpacked}, kind
	if kind != "" {
		disk.size = 0 // it is known only at the end
	}
	return disk, nil
}

// Closers close together.
type Closers []io.Closer

// Close implements io.Closer.
func (c Closers) Close() error {
	var errs []error
	for _, closer := range c {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}

// diskHeadSize is how many bytes of an image are checked before any of it is passed on.
const diskHeadSize = 4096

// identify recognises the image's format, and refuses a format that a volume cannot be made from.
func (d *Disk) identify(head []byte) error {
	if err := checkDisk(head); err != nil {
		return err
	}
	if !hasAt(head, 0, qcow2Magic) {
		d.Format = "raw"
		return nil
	}
	header, err := parseQcow2(head)
	d.Format, d.Size = "qcow2", header.size
	return err
}

// The fields of a qcow2 header: qemu docs/interop/qcow2.txt, "Header".
const (
	qcow2Magic          = "QFI\xfb"
	qcow2HeaderV2       = 72
	qcow2HeaderV3       = 104
	incompatibleData    = 1 << 2 // the guest's data are in another file
	qcow2MostSize       = 1 << 62
	qcow2VersionAt      = 4
	qcow2BackingAt      = 8
	qcow2SizeAt         = 24
	qcow2IncompatibleAt = 72
)

type qcow2Header struct{ size uint64 }

func parseQcow2(head []byte) (qcow2Header, error) {
	if len(head) < qcow2HeaderV2 {
		return qcow2Header{}, errors.New("the qcow2 image is incomplete: check that the source is complete")
	}
	header := qcow2Header{size: binary.BigEndian.Uint64(head[qcow2SizeAt:])}
	version := binary.BigEndian.Uint32(head[qcow2VersionAt:])
	switch {
	case version != 2 && version != 3:
		return header, fmt.Errorf("it is a qcow2 image of version %d; QEMU knows 2 and 3", version)
	case binary.BigEndian.Uint64(head[qcow2BackingAt:]) != 0:
		return header, errors.New("the qcow2 image has a backing file, which a guest would read from the host's disk; make one image from both: qemu-img convert -O qcow2 IMAGE NEW.qcow2")
	case version == 3 && len(head) < qcow2HeaderV3:
		return header, errors.New("the qcow2 image is incomplete: check that the source is complete")
	case version == 3 && binary.BigEndian.Uint64(head[qcow2IncompatibleAt:])&incompatibleData != 0:
		return header, errors.New("the qcow2 image has its data in another file, which a guest would read from the host's disk; make one image from both: qemu-img convert -O qcow2 IMAGE NEW.qcow2")
	case header.size == 0 || header.size > qcow2MostSize:
		return header, fmt.Errorf("the qcow2 image has a disk of %d bytes: it is damaged", header.size)
	}
	return header, nil
}

// SkipHole skips the hole at the position of the next Read, if there is a known hole, and returns its
// length.
func (d *Disk) SkipHole() (int64, error) {
	if file, isSparse := d.Reader.(*sparseFile); isSparse {
		return file.SkipHole()
	}
	return 0, nil
}

// sparseFile reads a local file from its beginning, and can skip its holes.
type sparseFile struct {
	*os.File
	at int64
}

func newSparseFile(file *os.File) (*sparseFile, error) {
	_, err := file.Seek(0, io.SeekStart)
	return &sparseFile{File: file}, err
}

// Read implements io.Reader.
func (f *sparseFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.at += int64(n)
	return n, err
}
