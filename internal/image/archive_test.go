package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// inTar is an entry of an archive. Without a kind it is a file.
type inTar struct {
	name, content, link string
	kind                byte
}

func tarOf(t testing.TB, entries ...inTar) string {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, e := range entries {
		err := w.WriteHeader(&tar.Header{Name: e.name, Linkname: e.link, Typeflag: e.kind, Size: int64(len(e.content)), Mode: 0o644})
		if err == nil {
			_, err = io.WriteString(w, e.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.String()
}

// The content of the archives in testdata/archives. GNU tar and XZ Utils have made them, because Go writes neither sparse
// files nor xz.
var (
	lineDisk   = strings.ReplaceAll(string(lines[:bytes.Index(lines, []byte("3000 is"))]), "\n", "\x00")
	sparseDisk = "\x00begin" + strings.Repeat("\x00", 3<<20-6) + "middle" + strings.Repeat("\x00", 5<<20-6)
)

// oldTar is an archive from before POSIX, whose header has no mark.
func oldTar(t testing.TB) string {
	t.Helper()
	archive := []byte(tarOf(t, inTar{name: "disk.raw", content: "content"}))
	copy(archive[257:512], make([]byte, 255))
	copy(archive[148:156], "        ")
	sum := 0
	for _, b := range archive[:512] {
		sum += int(b)
	}
	copy(archive[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return string(archive)
}

func openArchived(t *testing.T, source, path string, limit int64) (content string, disk *Disk, err error) {
	t.Helper()
	promised := Checksum{"sha256", fmt.Sprintf("%x", sha256.Sum256([]byte(source)))}
	disk, err = Client{}.OpenDisk(t.Context(), DiskSource{localDisk(t, source), path}, promised, limit)
	if err != nil {
		return "", nil, err
	}
	defer disk.Close()
	read, err := io.ReadAll(disk)
	return string(read), disk, err
}

func TestOpenDiskInArchive(t *testing.T) {
	raw, image := strings.Repeat("dis\x00", 100_000), qcow2(3, 1<<30, nil)
	readme := inTar{name: "README", content: "a text"}
	rawTar := tarOf(t, readme, inTar{name: "./a/disk.raw", content: raw}, inTar{name: "b", content: raw})
	for name, test := range map[string]struct {
		source, path, content, format string
		size                          uint64
	}{
		"plain":                {rawTar, "a/disk.raw", raw, "raw", 400_000},
		"with a dot":           {rawTar, "./a/disk.raw", raw, "raw", 400_000},
		"from the root":        {rawTar, "/a/disk.raw", raw, "raw", 400_000},
		"the last":             {rawTar, "b", raw, "raw", 400_000},
		"in gzip":              {gzipped(t, rawTar), "a/disk.raw", raw, "raw", 400_000},
		"in lz4":               {string(pack(t, "lz4", []byte(rawTar))), "a/disk.raw", raw, "raw", 400_000},
		"in zstd":              {string(pack(t, "zstd", []byte(rawTar))), "a/disk.raw", raw, "raw", 400_000},
		"in xz":                {string(readTestdata(t, "archives/disk.tar.xz")), "disk.raw", lineDisk, "raw", uint64(len(lineDisk))},
		"in bzip2":             {string(readTestdata(t, "archives/disk.tar.bz2")), "disk.raw", lineDisk, "raw", uint64(len(lineDisk))},
		"sparse, GNU":          {gzipped(t, string(readTestdata(t, "archives/sparse.tar"))), "sparse.raw", sparseDisk, "raw", uint64(len(sparseDisk))},
		"sparse, pax":          {string(readTestdata(t, "archives/sparse-pax.tar")), "sparse.raw", sparseDisk, "raw", uint64(len(sparseDisk))},
		"qcow2":                {tarOf(t, inTar{name: "x.qcow2", content: image}), "x.qcow2", image, "qcow2", 1 << 30},
		"packed in it":         {tarOf(t, readme, inTar{name: "x.gz", content: gzipped(t, raw)}, readme), "x.gz", raw, "raw", 0},
		"xz in it":             {string(readTestdata(t, "archives/packed.tar")), "disk.raw.xz", lineDisk, "raw", 0},
		"qcow2 packed":         {tarOf(t, inTar{name: "x.gz", content: gzipped(t, image)}), "x.gz", image, "qcow2", 1 << 30},
		"old":                  {strings.Replace(oldTar(t), "content", "con\x00ent", 1), "disk.raw", "con\x00ent", "raw", 7},
		"a link to it, before": {tarOf(t, inTar{name: "latest", link: "d", kind: tar.TypeSymlink}, inTar{name: "d", content: raw}), "d", raw, "raw", 400_000},
	} {
		content, disk, err := openArchived(t, test.source, test.path, math.MaxInt64)
		if err != nil || content != test.content || disk.Format != test.format || disk.Size != test.size {
			t.Errorf("%s: %d bytes, %+v (%v)", name, len(content), disk, err)
		}
	}
	if len(xzSlot) != 0 {
		t.Error("an xz file is still open")
	}
}

func TestOpenDiskInArchiveRefuses(t *testing.T) {
	raw := strings.Repeat("dis\x00", 1000)
	disk := inTar{name: "disk.raw", content: raw}
	many := []inTar{{name: "folder/", kind: tar.TypeDir}}
	for i := range 12 {
		many = append(many, inTar{name: fmt.Sprintf("folder/disk%d.raw", i), content: raw})
	}
	for name, test := range map[string]struct{ source, path, want string }{
		"not in it":       {tarOf(t, inTar{name: "a", content: raw}, inTar{name: "b", content: raw}), "disk.raw", `no file "disk.raw": set archive_path to one of the files that it has: ["a" "b"]`},
		"not in many":     {gzipped(t, tarOf(t, many...)), "disk0.raw", `"folder/disk9.raw"] and 2 more`},
		"nothing":         {tarOf(t), "disk.raw", "it is not a tar archive or a Debian package: remove archive_path"},
		"only folders":    {tarOf(t, inTar{name: "a/", kind: tar.TypeDir}), "disk.raw", "and no other file either"},
		"twice":           {tarOf(t, disk, inTar{name: "./disk.raw", content: raw}), "disk.raw", `"disk.raw" twice`},
		"a symbolic link": {tarOf(t, inTar{name: "disk.raw", link: "other.raw", kind: tar.TypeSymlink}), "disk.raw", `a link to "other.raw"`},
		"a hard link":     {tarOf(t, inTar{name: "d", content: raw}, inTar{name: "disk.raw", link: "d", kind: tar.TypeLink}), "disk.raw", `a link to "d"`},
		"a directory":     {tarOf(t, many...), "folder", "is not a file"},
		"no archive":      {raw, "disk.raw", "it is not a tar archive or a Debian package: remove archive_path"},
		"a zip archive":   {zipOf(t, "disk.raw", raw), "disk.raw", "a zip archive; unpack it"},
		"empty":           {"", "disk.raw", "it is empty"},
		"cut off":         {tarOf(t, disk)[:2000], "disk.raw", "is incomplete"},
		"cut off before":  {tarOf(t, inTar{name: "a", content: raw}, disk)[:2000], "disk.raw", "is incomplete"},
		"cut off after":   {tarOf(t, disk, inTar{name: "a", content: raw})[:6000], "disk.raw", "is incomplete"},
		"no disk":         {tarOf(t, inTar{name: "disk.raw", content: "a text"}), "disk.raw", "it is a text"},
		"a VMDK":          {tarOf(t, inTar{name: "disk.raw", content: "KDMV" + raw}), "disk.raw", "a VMDK image; convert it"},
		"a VHD":           {gzipped(t, tarOf(t, inTar{name: "disk.raw", content: raw + "conectix" + strings.Repeat("\x00", 504)})), "disk.raw", "a VHD image"},
		"an archive":      {tarOf(t, inTar{name: "disk.raw", content: tarOf(t, inTar{name: "a"})}), "disk.raw", "a tar archive"},
		"packed twice":    {string(readTestdata(t, "archives/twice.tar.xz")), "disk.raw.xz", "packed twice"},
		"too large":       {tarOf(t, inTar{name: "disk.raw", content: raw + raw}), "disk.raw", "has 8000 bytes, but there is room for only 5000"},
		"unpacks to more": {tarOf(t, inTar{name: "disk.raw", content: gzipped(t, raw+raw)}), "disk.raw", "unpacks to more than 5000 bytes"},
	} {
		_, _, err := openArchived(t, test.source, test.path, 5000)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
		if len(xzSlot) != 0 {
			t.Fatalf("%s: an xz file is still open", name)
		}
	}
}

// The packages in testdata/archives are made with dpkg-deb.
func TestInArchive(t *testing.T) {
	packages := map[string]string{"in tar": tarOf(t, inTar{name: "usr/lib/PXELINUX/pxelinux.0", content: "the loader\n"})}
	for _, packing := range []string{"none", "gzip", "xz", "zstd"} {
		packages[packing+".deb"] = string(readTestdata(t, "archives/loader."+packing+".deb"))
	}
	for name, archive := range packages {
		source := strings.NewReader(archive)
		file, err := InArchive(t.Context(), source, "/usr/lib/PXELINUX/pxelinux.0")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		content, err := io.ReadAll(file)
		if err != nil || string(content) != "the loader\n" || source.Len() > 0 {
			t.Errorf("%s: %q, and %d bytes of the archive are not read (%v)", name, content, source.Len(), err)
		}
		if err := file.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(xzSlot) != 0 {
		t.Error("an xz file is still open")
	}
}

func TestInArchiveRefuses(t *testing.T) {
	deb := string(readTestdata(t, "archives/loader.xz.deb"))
	for name, test := range map[string]struct{ archive, path, want string }{
		"not in it":       {deb, "pxelinux.0", `no file "pxelinux.0": set archive_path to one of the files that it has: ["./usr/lib/PXELINUX/pxelinux.0"]`},
		"a link":          {deb, "usr/lib/PXELINUX/link.0", `a link to "pxelinux.0": set archive_path to the file itself`},
		"no archive":      {"text", "a", "not a tar archive or a Debian package: remove archive_path"},
		"a web page":      {"<html>", "a", "it is a web page"},
		"an RPM":          {"\xed\xab\xee\xdb", "a", "it is an RPM package; unpack it"},
		"another ar":      {"!<arch>\nlib.o/          0           0     0     644     4         `\nabcd", "a", "no member data.tar"},
		"damaged":         {"!<arch>\nlib.o/          0           0     0     644     x         `\nabcd", "a", "is damaged"},
		"cut off in data": {deb[:len(deb)-20], "usr/lib/PXELINUX/pxelinux.0", "the Debian package is incomplete"},
		"cut off before":  {deb[:100], "usr/lib/PXELINUX/pxelinux.0", "no member data.tar"},
	} {
		file, err := InArchive(t.Context(), strings.NewReader(test.archive), test.path)
		if err == nil {
			_, err = io.Copy(io.Discard, file)
			_ = file.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
		if len(xzSlot) != 0 {
			t.Fatalf("%s: an xz file is still open", name)
		}
	}
}

// TestCheckDisk checks that a source is examined before its disk is created: completely on this machine, the beginning of an
// archive on a web server.
func TestCheckDisk(t *testing.T) {
	served := map[string]string{
		"/disk.tar":    tarOf(t, inTar{name: "README", content: "text"}, inTar{name: "disk.raw", content: lineDisk}),
		"/disk.tar.gz": gzipped(t, tarOf(t, inTar{name: "disk.raw", content: lineDisk})),
		"/disk.raw":    lineDisk,
		"/page":        "<!DOCTYPE html><title>Log in</title>",
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, known := served[r.URL.Path]; !known {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, served[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	for _, test := range []struct{ source, archivePath, want string }{
		{server.URL + "/disk.tar", "disk.raw", ""},
		{server.URL + "/disk.tar.gz", "disk.raw", ""},
		{server.URL + "/disk.raw", "", ""},
		{server.URL + "/disk.tar", "", "a tar archive"},
		{server.URL + "/gone.tar", "disk.raw", "404"},
		{server.URL + "/page", "disk.raw", "web page"},
		{server.URL + "/disk.raw", "disk.raw", "not a tar archive"},
		{localDisk(t, served["/disk.tar"]), "disk.raw", ""},
		{localDisk(t, served["/disk.tar"]), "other.raw", `no file "other.raw"`},
	} {
		err := Client{}.CheckDisk(t.Context(), DiskSource{test.source, test.archivePath})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s of %s: %v; want %q", test.archivePath, test.source, err, test.want)
		}
	}
}

// FuzzOpenDiskInArchive checks that no archive gives more than its file, and that reading ends.
func FuzzOpenDiskInArchive(f *testing.F) {
	f.Add([]byte(tarOf(f, inTar{name: "a", content: "b"}, inTar{name: "disk.raw", content: "dis\x00"})))
	f.Add([]byte(oldTar(f)))
	f.Add(readTestdata(f, "archives/sparse.tar"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		file, err := findArchived(bytes.NewReader(archive), "disk.raw")
		if err != nil {
			return
		}
		n, err := io.Copy(io.Discard, io.LimitReader(file, 1<<20))
		if err == nil && n > file.size {
			t.Errorf("%d bytes of a file of %d", n, file.size)
		}
	})
}
