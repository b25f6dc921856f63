package initrd

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// original is an initrd as far as this package reads it.
const original = "\x1f\x8b packed by gzip"

func text(path string, mode uint32, content string) File {
	return File{path, mode, int64(len(content)), func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}

// inject returns a whole initrd with files added.
func inject(t *testing.T, initrd string, files ...File) string {
	t.Helper()
	r, err := Inject(strings.NewReader(initrd), files)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if size := Size(int64(len(initrd)), files); size != int64(len(all)) {
		t.Errorf("got %d bytes, and Size says %d", len(all), size)
	}
	return string(all)
}

func TestInject(t *testing.T) {
	files := []File{
		text("/root/.ssh/authorized_keys", 0o600, "key"),
		text("/var/tmp/b", 0o644, ""),
		text("/preseed.cfg", 0o644, "d-i"),
		text("/tmp/a", 0o4755, "four"),
		text("/root/a/tmp/b", 0o640, "12345"),
	}
	want := []unpacked{
		{"preseed.cfg", 0o100644, "d-i"},
		{"root/", 0o040700, ""},
		{"root/.ssh/", 0o040755, ""},
		{"root/.ssh/authorized_keys", 0o100600, "key"},
		{"root/a/", 0o040755, ""},
		{"root/a/tmp/", 0o040755, ""},
		{"root/a/tmp/b", 0o100640, "12345"},
		{"tmp/", 0o041777, ""},
		{"tmp/a", 0o104755, "four"},
		{"var/", 0o040755, ""},
		{"var/tmp/", 0o041777, ""},
		{"var/tmp/b", 0o100644, ""},
	}
	first := inject(t, original, files...)
	archive, begins := strings.CutPrefix(first, original)
	if !begins {
		t.Fatalf("the initrd was changed: %q", first)
	}
	if got, err := unpack(archive); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	slices.Reverse(files)
	if inject(t, original, files...) != first {
		t.Error("files in another order make another initrd")
	}
	if twice := inject(t, first, files...); !strings.HasPrefix(twice, first) || len(twice) == len(first) {
		t.Error("an initrd with added files does not accept more files")
	}
}

func TestInjectAligns(t *testing.T) {
	for length := range 8 {
		initrd := original + strings.Repeat("x", length)
		all := inject(t, initrd, text("/a", 0o644, "a"))
		at := strings.Index(all, "070701")
		if gap := all[len(initrd):at]; at%4 != 0 || len(all)%4 != 0 || len(gap) < 4 || strings.Trim(gap, "\x00") != "" {
			t.Errorf("after %d bytes the archive is at %d, after %q, and ends at %d", len(initrd), at, gap, len(all))
		}
	}
}

func TestInjectRefuses(t *testing.T) {
	broken := errors.New("connection reset")
	for _, tt := range []struct {
		initrd io.Reader
		files  []File
		want   string
	}{
		{strings.NewReader(original), []File{text("a", 0o644, "")}, `path "a" does not begin with a slash`},
		{strings.NewReader(""), nil, `an initrd that begins with ""`},
		{strings.NewReader("070707 an old archive"), nil, `begins with "070707": it is neither a cpio archive (newc)`},
		{strings.NewReader("\x04\x22\x4d\x18 lz4"), nil, "lz4 (legacy)"},
		{strings.NewReader("hsqs a file system"), nil, `"hsqs a"`},
		{iotest.ErrReader(broken), nil, broken.Error()},
	} {
		if _, err := Inject(tt.initrd, tt.files); !saysWant(err, tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

// source is a File's content that records whether it is open.
type source struct {
	io.Reader
	open *int
}

func (s source) Close() error { *s.open--; return nil }

func TestInjectFails(t *testing.T) {
	broken := iotest.ErrReader(errors.New("connection reset"))
	for _, tt := range []struct {
		name    string
		initrd  io.Reader
		content io.Reader // with a given size of 5 bytes
		want    string
	}{
		{"short", strings.NewReader(original), strings.NewReader("four"), "unable to add /a/b to the initrd: it has 4 bytes, not the given 5"},
		{"empty", strings.NewReader(original), strings.NewReader(""), "it has 0 bytes, not the given 5"},
		{"long", strings.NewReader(original), zeros{}, "unable to add /a/b to the initrd: it has more than the given 5 bytes"},
		{"long by a byte", strings.NewReader(original), iotest.OneByteReader(strings.NewReader("sixsix")), "more than the given 5 bytes"},
		{"broken", strings.NewReader(original), broken, "unable to add /a/b to the initrd: connection reset"},
		{"initrd broken", io.MultiReader(strings.NewReader(original), broken), strings.NewReader("fives"), "connection reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			open := 0
			files := []File{{"/a/b", 0o644, 5, func() (io.ReadCloser, error) { open++; return source{tt.content, &open}, nil }}}
			r, err := Inject(tt.initrd, files)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, r)
			if !saysWant(err, tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if _, again := r.Read(make([]byte, 1)); !saysWant(again, tt.want) {
				t.Errorf("then got %v", again)
			}
			if most := Size(int64(len(original)), files); n >= most || open != 0 {
				t.Errorf("got %d bytes of at most %d before that, and %d files stay open", n, most, open)
			}
		})
	}
}

func TestInjectFailsToOpen(t *testing.T) {
	broken := errors.New("permission denied")
	file := File{"/a", 0o644, 5, func() (io.ReadCloser, error) { return nil, broken }}
	r, err := Inject(strings.NewReader(original), []File{file})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, broken) || !saysWant(err, "unable to add /a to the initrd") {
		t.Errorf("got %v", err)
	}
}

// TestClose leaves the reader in the middle of the first of two files.
func TestClose(t *testing.T) {
	open, opened := 0, 0
	file := func(path string) File {
		return File{path, 0o644, 5, func() (io.ReadCloser, error) {
			open++
			opened++
			return source{strings.NewReader("fives"), &open}, nil
		}}
	}
	r, err := Inject(strings.NewReader(original), []File{file("/a"), file("/b")})
	if err != nil {
		t.Fatal(err)
	}
	for buffer := make([]byte, 1); open == 0; {
		if _, err := r.Read(buffer); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(r); err == nil || open != 0 || opened != 1 {
		t.Errorf("got %v after Close; %d files were opened, %d stay open", err, opened, open)
	}
}

func TestInjectPassesOn(t *testing.T) {
	files := []File{text("/a/b", 0o644, "12345"), text("/c", 0o600, "")}
	r, err := Inject(strings.NewReader(original), files)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, []byte(inject(t, original, files...))); err != nil {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestInjectStreams(t *testing.T) {
	const size = 256 << 20
	file := func(path string) File {
		return File{path, 0o644, size, func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, size)), nil }}
	}
	files := []File{file("/a"), file("/b/c")}
	initrd := io.MultiReader(strings.NewReader(original), io.LimitReader(zeros{}, size))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := Inject(initrd, files)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	runtime.ReadMemStats(&after)
	if err != nil || n != Size(int64(len(original))+size, files) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("used %d bytes of memory for %d", used, n)
	}
}

// FuzzInject adds two files to an initrd and reads them back.
func FuzzInject(f *testing.F) {
	f.Add("x", "/etc/motd", "/etc/a/b", uint32(0o644), uint32(0o7777), "hello", "")
	f.Add("", "/TRAILER!!!", "../../a", uint32(1<<31), uint32(0), "070701", "\x00")
	f.Add("xyz", "/a/../../b", "/a\x00/b", uint32(0), uint32(0o10000), "", "TRAILER!!!")
	f.Fuzz(func(t *testing.T, initrd, path1, path2 string, mode1, mode2 uint32, content1, content2 string) {
		files := []File{text(path1, mode1, content1), text(path2, mode2, content2)}
		if Validate(files) != nil {
			return
		}
		archive, begins := strings.CutPrefix(inject(t, original+initrd, files...), original+initrd)
		if !begins {
			t.Fatal("the initrd was changed")
		}
		all, err := unpack(archive)
		if err != nil {
			t.Fatal(err)
		}
		checkUnpacked(t, all, files)
	})
}

// checkUnpacked checks that each file is there once, after its directories, and nothing else.
func checkUnpacked(t *testing.T, all []unpacked, files []File) {
	t.Helper()
	there := map[string]unpacked{"": {}}
	for _, e := range all {
		dir := e.name[:1+strings.LastIndexByte(strings.TrimSuffix(e.name, "/"), '/')]
		_, twice := there[e.name]
		if _, found := there[dir]; !found || twice || strings.Contains("/"+e.name, "/../") {
			t.Errorf("%q is there without its directory, twice, or outside", e.name)
		}
		there[e.name] = e
	}
	for _, file := range files {
		content, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		got := there[file.Path[1:]]
		if got.mode != uint64(regular|file.Mode) || !bytes.Equal(want, []byte(got.content)) {
			t.Errorf("%q is %+v", file.Path, got)
		}
		delete(there, file.Path[1:])
	}
	for name := range there {
		if name != "" && !strings.HasSuffix(name, "/") {
			t.Errorf("%q belongs to no file", name)
		}
	}
}
