package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// rpmMagic begins an RPM package, https://rpm-software-management.github.io/rpm/manual/format_lead.html.
const rpmMagic = "\xed\xab\xee\xdb"

const (
	remedyConvert = "convert it: qemu-img convert -O qcow2 IMAGE NEW.qcow2"
	remedyUnpack  = "unpack it, and give the image that is in it"
	remedyTwice   = "it is packed twice: unpack it once, and give the result"
	remedySource  = "check the source"
	remedyTorrent = "give the URL of the image itself"
)

// foreignDisks are formats that libvirt would recognise in a volume, and let QEMU read as such, libvirt
// src/storage_file/storage_file_probe.c; and formats that are not disks at all.
var foreignDisks = []foreignFormat{
	{0, "KDMV", "a VMDK image", remedyConvert},
	{0, "COWD", "a VMDK image", remedyConvert},
	{0, "# Disk DescriptorFile", "the description of a VMDK image", "convert the image that it describes: qemu-img convert -O qcow2 IMAGE NEW.qcow2"},
	{0, vhdMagic, "a VHD image", remedyConvert},
	{0, "vhdxfile", "a VHDX image", remedyConvert},
	{64, "\x7f\x10\xda\xbe", "a VDI image", remedyConvert},
	{0, "QED\x00", "a QED image", remedyConvert},
	{0, "QFI\xfb\x00\x00\x00\x01", "a qcow image of version 1", remedyConvert},
	{0, "WithoutFreeSpace", "a Parallels image", remedyConvert},
	{0, "WithouFreSpacExt", "a Parallels image", remedyConvert},
	{0, "OOOM", "a UML COW image", remedyConvert},
	{0, "\x3a\xff\x26\xed", "an Android sparse image", "convert it: simg2img IMAGE NEW.raw"},

	{0, "07070", "a cpio archive", "check that this is not an initrd, or unpack it, and give the image that is in it"},
	{0, "MSWIM\x00\x00\x00", "a WIM archive", "install from it, and give a disk image"}, // an initrd to wimboot
	{0, "\x02\x21\x4c\x18", "an lz4 file of the old format", remedyUnpack},
	{0, "\x1f\x9d", "a file that compress has packed (.Z)", remedyUnpack},
	{0, "LZIP", "an lzip file", remedyUnpack},
	{0, "\x89LZO\x00\r\n\x1a\n", "an lzop file", remedyUnpack},
	{0, "LRZI", "an lrzip file", remedyUnpack},
	{0, "\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff", "an LZMA file", remedyUnpack},
	{0, "\x5d\x00\x00\x00\x04\xff\xff\xff\xff\xff\xff\xff\xff", "an LZMA file", remedyUnpack},
	{0, "\x7fELF", "a program or a kernel (ELF)", remedySource},
}

// foreignFiles are formats of files that no guest boots.
var foreignFiles = []foreignFormat{
	{0, "PK\x03\x04", "a zip archive", remedyUnpack},
	{0, "PK\x05\x06", "an empty zip archive", remedySource},
	{0, "PK\x07\x08", "a part of a zip archive", remedyUnpack},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", remedyUnpack},
	{0, "Rar!\x1a\x07", "a RAR archive", remedyUnpack},
	{0, arMagic, "an ar archive, such as a Debian package", remedyUnpack},
	{0, rpmMagic, "an RPM package", remedyUnpack},
	{0, "MSCF\x00\x00\x00\x00", "a cabinet archive", remedyUnpack},
	{0, "xar!", "a xar archive", remedyUnpack},
	{0, "%PDF-", "a PDF document", remedySource},
	{0, "\x89PNG\r\n\x1a\n", "a picture (PNG)", remedySource},
	{0, "\xff\xd8\xff", "a picture (JPEG)", remedySource},
	{0, "GIF8", "a picture (GIF)", remedySource},
	{0, "d8:announce", "a torrent", remedyTorrent},
	{0, "d7:comment", "a torrent", remedyTorrent},
	{0, "d10:created by", "a torrent", remedyTorrent},
	{0, "d13:announce-list", "a torrent", remedyTorrent},
	{0, "d13:creation date", "a torrent", remedyTorrent},
	{0, "d4:info", "a torrent", remedyTorrent},
	{0, "version https://git-lfs.github.com/spec/", "a pointer of Git LFS to the image", "fetch the image itself: git lfs pull, or its URL for downloads"},
	{0, "-----BEGIN PGP ", "an OpenPGP signature or key", remedySource},
}

// checkDisk refuses a file that is not a disk image that a volume can be made from.
func checkDisk(head []byte) error {
	if bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte("<Envelope")) {
		return foreignDisk("the description of an appliance (OVF)", "give the disk image that it names")
	}
	if err := checkContent(head); err != nil {
		return fmt.Errorf("not a disk image: %w", err)
	}
	if f := foreignIn(head, foreignDisks, foreignFiles); f != nil {
		return foreignDisk(f.what, f.remedy)
	}
	if packing := identifyPacking(string(head)); packing != nil {
		return foreignDisk("a packed file ("+packing.kind+")", remedyTwice)
	}
	if first, isArchive := firstInArchive(head); isArchive {
		return foreignDisk("a tar archive"+first, "set archive_path to the disk image in it")
	}
	if what := textIn(head); what != "" {
		return foreignDisk(what, "check the source; set data for cloud-init and Ignition in cloud_init and ignition")
	}
	return nil
}

func foreignDisk(what, remedy string) error {
	if remedy == remedyConvert {
		return fmt.Errorf("it is %s; %s", what, remedy)
	}
	return fmt.Errorf("not a disk image: it is %s; %s", what, remedy)
}

// firstInArchive describes the first file that the beginning of a tar archive names. Each header has a checksum, and nearly all
// have a mark: POSIX.1-2017, pax, "ustar Interchange Format".
func firstInArchive(head []byte) (first string, isArchive bool) {
	archive := tar.NewReader(bytes.NewReader(head))
	for {
		header, err := archive.Next()
		if err != nil {
			return "", isArchive || hasAt(head, 257, "ustar")
		}
		if isArchive = true; header.Typeflag == tar.TypeReg {
			return fmt.Sprintf(", whose first file is %q", header.Name), true
		}
	}
}

// textIn says what kind of text a file is, or "" if it is not a text. It returns "" for an Ignition configuration as well,
// because a guest reads that as a disk.
func textIn(head []byte) string {
	for cut := 0; cut < utf8.UTFMax && len(head) == diskHeadSize && !utf8.Valid(head); cut++ {
		head = head[:len(head)-1]
	}
	text := string(head)
	isControl := func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r\f", r) || r == 0x7f }
	if !utf8.Valid(head) || strings.ContainsFunc(text, isControl) || strings.HasPrefix(strings.TrimSpace(text), "{") && strings.Contains(text, `"ignition"`) {
		return ""
	}
	if _, err := ParseList(head); err == nil {
		return "a list of checksums"
	}
	return "a text"
}

const (
	vhdMagic    = "conectix"
	trailerSize = 512
)

// foreignTrailers are formats that have their mark at the end of the file. A fixed VHD image is a raw image with a footer:
// "Virtual Hard Disk Image Format Specification", "Hard Disk Footer Format".
var foreignTrailers = []foreignFormat{
	{0, vhdMagic, "a VHD image", "convert it: qemu-img convert -f vpc -O qcow2 IMAGE NEW.qcow2"},
	{0, "koly\x00\x00\x00\x04", "an Apple disk image (DMG)", remedyConvert},
}

func checkTrailer(trailer []byte) error {
	for _, f := range foreignTrailers {
		if hasAt(trailer, f.offset, f.magic) {
			return fmt.Errorf("it is %s; %s", f.what, f.remedy)
		}
	}
	return nil
}

// checkTrailerOf checks the end of a local file.
func checkTrailerOf(file *os.File, size int64) error {
	trailer := make([]byte, trailerSize)
	if _, err := file.ReadAt(trailer, max(size-trailerSize, 0)); err != nil && err != io.EOF {
		return err
	}
	return checkTrailer(trailer)
}

// trailed is content whose end is checked when it has arrived.
type trailed struct {
	io.Reader
	last []byte // at most trailerSize
}

// Read implements io.Reader.
func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if n >= trailerSize {
		t.last = t.last[:0]
	}
	t.last = append(t.last, p[max(n-trailerSize, 0):n]...)
	t.last = slices.Delete(t.last, 0, max(len(t.last)-trailerSize, 0))
	if err == io.EOF {
		if foreign := checkTrailer(t.last); foreign != nil {
			return n, foreign
		}
	}
	return n, err
}
