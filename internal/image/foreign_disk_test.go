package image

import (
	"archive/zip"
	"bytes"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"io"
)

// TestOpenDiskRefusesWhatIsNone checks that a file that is not a disk is recognized by its marks, even if it is packed.
func TestOpenDiskRefusesWhatIsNone(t *testing.T) {
	rest := strings.Repeat("\x00rest", 2000)
	for name, test := range map[string]struct{ content, want string }{
		"zip":              {zipOf(t, "disk.raw", rest), "a zip archive; unpack it, and give the image that is in it"},
		"empty zip":        {zipOf(t, "", ""), "an empty zip archive"},
		"7z":               {"7z\xbc\xaf\x27\x1c" + rest, "a 7z archive; unpack it"},
		"RAR":              {"Rar!\x1a\x07\x01\x00" + rest, "a RAR archive"},
		"deb":              {"!<arch>\ndebian-binary" + rest, "a Debian package"},
		"rpm":              {"\xed\xab\xee\xdb\x03" + rest, "an RPM package"},
		"cpio":             {"070701000" + rest, "a cpio archive; check that this is not an initrd"},
		"old lz4":          {"\x02\x21\x4c\x18" + rest, "an lz4 file of the old format"},
		"compress":         {"\x1f\x9d\x90" + rest, "a file that compress has packed (.Z); unpack it"},
		"lzip":             {"LZIP\x01" + rest, "an lzip file"},
		"LZMA":             {"\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00" + rest, "an LZMA file"},
		"PDF":              {"%PDF-1.7\n" + rest, "a PDF document"},
		"torrent":          {"d8:announce35:https://torrent.ubuntu.com/announce13:announce-listll" + rest, "a torrent; give the URL of the image itself"},
		"torrent of one":   {"d4:infod6:lengthi5e" + rest, "a torrent"},
		"Git LFS":          {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a pointer of Git LFS"},
		"SHA256SUMS":       {strings.Repeat("4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393  disk.raw\n", 3), "a list of checksums"},
		"BSD checksums":    {"SHA256 (disk.raw) = 4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n", "a list of checksums"},
		"text":             {"404: not found\n", "a text; check the source"},
		"long text":        {strings.Repeat("€ is a line\n", 1000), "a text"},
		"JSON":             {`{"message": "Bad credentials"}`, "a text"},
		"signature":        {"-----BEGIN PGP SIGNATURE-----\n", "an OpenPGP signature"},
		"OVF":              {"<?xml version=\"1.0\"?>\n<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\">", "the description of an appliance (OVF)"},
		"ELF":              {"\x7fELF\x02" + rest, "a program or a kernel (ELF)"},
		"tar":              {tarOf(t, inTar{name: "./a/disk.raw", content: rest}), `a tar archive, whose first file is "./a/disk.raw"; set archive_path to the disk image in it`},
		"tar of folders":   {tarOf(t, inTar{name: "a/", kind: '5'}), `a tar archive; set archive_path to the disk image in it`},
		"tar with pax":     {tarOf(t, inTar{name: strings.Repeat("long/", 60) + "disk", content: rest}), "a tar archive"},
		"old tar":          {oldTar(t), "a tar archive"},
		"VHD with footer":  {rest + "conectix" + strings.Repeat("\x00", 504), "a VHD image; convert it: qemu-img convert -f vpc"},
		"DMG":              {rest + "koly\x00\x00\x00\x04" + strings.Repeat("\x00", 504), "an Apple disk image"},
		"xz":               {string(readTestdata(t, "packed/lines.xz")), "a text"},
		"damaged lz4":      {"\x04\x22\x4d\x18" + strings.Repeat(" ", 4092), "the lz4 file is damaged"},
		"damaged bzip2":    {"BZh91AY&SY" + rest, "the bzip2 file is damaged"},
		"Android's sparse": {"\x3a\xff\x26\xed" + rest, "simg2img"},
	} {
		sources := map[string]string{name: test.content, name + " in gzip": gzipped(t, test.content)}
		if strings.Contains(test.want, "damaged") {
			sources[name+" in gzip"] = "\x04\x22\x4d\x18damaged"
			test.want = "damaged"
		}
		for _, packed := range []string{"xz", "bzip2", "lz4", "gzip", "zstd"} {
			if name == "xz" && packed != "xz" {
				sources[packed+" packed twice"] = gzipped(t, string(packedLines(t)[packed]))
			}
		}
		for name, source := range sources {
			want := test.want
			if strings.HasSuffix(name, "packed twice") || name == "xz in gzip" {
				want = "packed twice"
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, source) }))
			for _, from := range []string{localDisk(t, source), server.URL} {
				disk, err := Client{}.OpenDisk(t.Context(), DiskSource{Source: from}, Checksum{}, math.MaxInt64)
				if err == nil { // a mark at the end is found only at the end
					_, err = io.Copy(io.Discard, disk)
					disk.Close()
				}
				expectError(t, err, want)
			}
			server.Close()
		}
	}
}

func zipOf(t *testing.T, name, content string) string {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	if name != "" {
		file, err := w.Create(name)
		if err == nil {
			_, err = file.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}
