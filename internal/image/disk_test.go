package image

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// qcow2 is the header of an image, with fields set to other values.
func qcow2(version uint32, size uint64, fields map[int]uint64) string {
	head := make([]byte, 1024)
	copy(head, qcow2Magic)
	binary.BigEndian.PutUint32(head[4:], version)
	binary.BigEndian.PutUint64(head[24:], size)
	for at, value := range fields {
		binary.BigEndian.PutUint64(head[at:], value)
	}
	return string(head)
}

func gzipped(t *testing.T, content string) string {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

func localDisk(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenDisk(t *testing.T) {
	raw, image := strings.Repeat("dis\x00", 100_000), qcow2(3, 1<<30, nil)
	for name, test := range map[string]struct {
		source, content, format string
		size                    uint64
	}{
		"raw":          {raw, raw, "raw", 400_000},
		"small":        {"\x00", "\x00", "raw", 1},
		"Ignition":     {`{"ignition": {"version": "3.4.0"}}`, `{"ignition": {"version": "3.4.0"}}`, "raw", 34},
		"qcow2":        {image, image, "qcow2", 1 << 30},
		"qcow2 v2":     {qcow2(2, 512, map[int]uint64{72: math.MaxUint64}), qcow2(2, 512, map[int]uint64{72: math.MaxUint64}), "qcow2", 512},
		"packed raw":   {gzipped(t, raw), raw, "raw", 0},
		"packed qcow2": {gzipped(t, image), image, "qcow2", 1 << 30},
	} {
		for _, promised := range []Checksum{{}, {"sha256", fmt.Sprintf("%x", sha256.Sum256([]byte(test.source)))}} {
			disk, err := Client{}.OpenDisk(t.Context(), DiskSource{Source: localDisk(t, test.source)}, promised, math.MaxInt64)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			content, err := io.ReadAll(disk)
			if err != nil || string(content) != test.content || disk.Format != test.format || disk.Size != test.size {
				t.Errorf("%s: %d bytes of %s, of a disk of %d (%v)", name, len(content), disk.Format, disk.Size, err)
			}
			disk.Close()
		}
	}
}

func TestOpenDiskRefuses(t *testing.T) {
	disk := strings.Repeat("dis\x00", 2000)
	for name, test := range map[string]struct{ source, want string }{
		"nothing":          {"", "it is empty"},
		"a web page":       {"<!DOCTYPE html><html>" + disk, "web page"},
		"a backing file":   {qcow2(3, 512, map[int]uint64{8: 104}), "has a backing file"},
		"an external file": {qcow2(3, 512, map[int]uint64{72: 4}), "its data in another file"},
		"version 9":        {qcow2(9, 512, nil), "of version 9"},
		"version 1":        {qcow2(1, 512, nil), "qcow image of version 1"},
		"no size":          {qcow2(3, 0, nil), "a disk of 0 bytes"},
		"too large a size": {qcow2(3, math.MaxUint64, nil), "it is damaged"},
		"half a header":    {qcow2(3, 512, nil)[:80], "is incomplete"},
		"a bit of it":      {qcow2(3, 512, nil)[:20], "is incomplete"},
		"VMDK":             {"KDMV" + disk, "a VMDK image"},
		"a VMDK text":      {"# Disk DescriptorFile\nversion=1\n" + disk, "description of a VMDK image"},
		"VHDX":             {"vhdxfile" + disk, "a VHDX image"},
		"VDI":              {disk[:64] + "\x7f\x10\xda\xbe" + disk, "a VDI image"},
		"packed VHD":       {gzipped(t, "conectix"+disk), "a VHD image"},
		"packed backing":   {gzipped(t, qcow2(3, 512, map[int]uint64{8: 104})), "has a backing file"},
	} {
		disk, err := Client{}.OpenDisk(t.Context(), DiskSource{Source: localDisk(t, test.source)}, Checksum{}, math.MaxInt64)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, error %v, want %q in it", name, disk, err, test.want)
		}
	}
}

// TestOpenDiskPassesOverHoles checks that not much more is read of a sparse file than its content.
func TestOpenDiskPassesOverHoles(t *testing.T) {
	const size, at, length = 1 << 30, 512 << 20, 1 << 20
	path := localDisk(t, "head")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(bytes.Repeat([]byte("x"), length), at); err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	disk, err := Client{}.OpenDisk(t.Context(), DiskSource{Source: path}, Checksum{}, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	var skipped, read int64
	chunk := make([]byte, 64<<10)
	for err == nil {
		var hole int64
		if hole, err = disk.SkipHole(); err != nil {
			break
		}
		skipped += hole
		var n int
		n, err = disk.Read(chunk)
		read += int64(n)
	}
	if err != io.EOF || skipped+read != size {
		t.Errorf("%d bytes were skipped and %d read, of %d (%v)", skipped, read, size, err)
	}
	if read > 4*length {
		t.Skipf("%d bytes were read: the file system of %s does not support holes", read, path)
	}
}

func FuzzIdentifyDisk(f *testing.F) {
	f.Add([]byte(qcow2(3, 512, nil)))
	f.Add([]byte(qcow2(2, 512, map[int]uint64{8: 104}))[:90])
	f.Add([]byte("KDMV"))
	f.Fuzz(func(t *testing.T, head []byte) {
		var d Disk
		if err := d.identify(head); err == nil && d.Format == "qcow2" && (len(head) < qcow2HeaderV2 || binary.BigEndian.Uint64(head[8:]) != 0) {
			t.Errorf("an image with a backing file is accepted: %x", head)
		}
	})
}
