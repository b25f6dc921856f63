package image

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Disk is the content of a disk image, unpacked where it was packed.
type Disk struct {
	io.Reader
	io.Closer
	Format string // qcow2 or raw
	Size   uint64 // that a guest sees, in bytes; 0 when only the end tells
}

// OpenDisk opens the source of a disk image: a qcow2 image, or a raw one, either of which may be packed
// with gzip, xz or zstd. The promised checksum, if any, is that of the source as it is; what is
// unpacked has at most limit bytes.
//
// An image that says where other data of the disk lie is refused, for it would have a guest read files
// of the host. A raw image on this machine of which nothing is to be hashed passes over its holes.
func (c Client) OpenDisk(ctx context.Context, source string, promised Checksum, limit int64) (*Disk, error) {
	stream, err := c.Open(ctx, source)
	if err != nil {
		return nil, err
	}
	disk, err := readDisk(ctx, stream, promised, limit)
	if err != nil {
		stream.Close()
		return nil, fmt.Errorf("unable to use %s: %w", stream.Source, err)
	}
	return disk, nil
}

func readDisk(ctx context.Context, stream *Stream, promised Checksum, limit int64) (_ *Disk, err error) {
	var content io.Reader = stream
	if promised != (Checksum{}) {
		content = Verify(stream, promised, stream.Source)
	}
	unpacked, kind, err := Decompress(ctx, content, limit)
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
	disk := &Disk{Reader: buffered, Closer: closers{unpacked, stream}}
	if err := disk.identify(head); err != nil {
		return nil, err
	}
	if kind != "" {
		return disk, nil
	}
	if disk.Format == "raw" && stream.Size > 0 {
		disk.Size = uint64(stream.Size)
	}
	file, isLocal := stream.ReadCloser.(*os.File)
	if !isLocal || promised != (Checksum{}) {
		return disk, nil
	}
	disk.Reader, err = newSparseFile(file)
	return disk, err
}

// closers close together.
type closers []io.Closer

// Close implements io.Closer.
func (c closers) Close() error {
	var errs []error
	for _, closer := range c {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}

// diskHeadSize is what is looked at of an image before any of it is passed on.
const diskHeadSize = 4096

// identify recognises the image's format. It refuses what is no disk image, and formats that libvirt
// would recognise in a volume and have QEMU read as such: libvirt src/storage_file/storage_file_probe.c.
func (d *Disk) identify(head []byte) error {
	if err := checkContent(head); err != nil {
		return fmt.Errorf("not a disk image: %w", err)
	}
	for _, f := range diskFormats {
		if hasAt(head, f.offset, f.magic) {
			return fmt.Errorf("it is %s; convert it: qemu-img convert -O qcow2 IMAGE NEW.qcow2", f.what)
		}
	}
	if !hasAt(head, 0, qcow2Magic) {
		d.Format = "raw"
		return nil
	}
	header, err := parseQcow2(head)
	d.Format, d.Size = "qcow2", header.size
	return err
}

var diskFormats = []foreignFormat{
	{offset: 0, magic: "KDMV", what: "a VMDK image"},
	{offset: 0, magic: "COWD", what: "a VMDK image"},
	{offset: 0, magic: "# Disk DescriptorFile", what: "the description of a VMDK image"},
	{offset: 0, magic: "conectix", what: "a VHD image"},
	{offset: 0, magic: "vhdxfile", what: "a VHDX image"},
	{offset: 64, magic: "\x7f\x10\xda\xbe", what: "a VDI image"},
	{offset: 0, magic: "QED\x00", what: "a QED image"},
	{offset: 0, magic: "QFI\xfb\x00\x00\x00\x01", what: "a qcow image of version 1"},
	{offset: 0, magic: "WithoutFreeSpace", what: "a Parallels image"},
	{offset: 0, magic: "WithouFreSpacExt", what: "a Parallels image"},
	{offset: 0, magic: "OOOM", what: "a UML COW image"},
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
		return qcow2Header{}, errors.New("the qcow2 image is cut off: check that the source is complete")
	}
	header := qcow2Header{size: binary.BigEndian.Uint64(head[qcow2SizeAt:])}
	version := binary.BigEndian.Uint32(head[qcow2VersionAt:])
	switch {
	case version != 2 && version != 3:
		return header, fmt.Errorf("it is a qcow2 image of version %d; QEMU knows 2 and 3", version)
	case binary.BigEndian.Uint64(head[qcow2BackingAt:]) != 0:
		return header, errors.New("the qcow2 image is laid over a backing file, which a guest would read from the host's disk; make one image of both: qemu-img convert -O qcow2 IMAGE NEW.qcow2")
	case version == 3 && len(head) < qcow2HeaderV3:
		return header, errors.New("the qcow2 image is cut off: check that the source is complete")
	case version == 3 && binary.BigEndian.Uint64(head[qcow2IncompatibleAt:])&incompatibleData != 0:
		return header, errors.New("the qcow2 image has its data in another file, which a guest would read from the host's disk; make one image of both: qemu-img convert -O qcow2 IMAGE NEW.qcow2")
	case header.size == 0 || header.size > qcow2MostSize:
		return header, fmt.Errorf("the qcow2 image has a disk of %d bytes: it is damaged", header.size)
	}
	return header, nil
}

// SkipHole passes over the hole that begins where the next Read would, where one is known, and returns
// its length.
func (d *Disk) SkipHole() (int64, error) {
	if file, isSparse := d.Reader.(*sparseFile); isSparse {
		return file.SkipHole()
	}
	return 0, nil
}

// sparseFile reads a local file from its beginning, and passes over its holes.
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
