package bootfiles

import (
	"archive/tar"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
)

// tarFile is an archive with these files, in pairs of a name and a content.
func tarFile(t *testing.T, files ...string) []byte {
	t.Helper()
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}

// TestMembers reads an archive once for all of its files, and once more for a file that is not small, is there twice, is not there, or has
// another checksum.
func TestMembers(t *testing.T) {
	large := strings.Repeat("x", largestMember+1)
	content := tarFile(t, "./boot/a", "A", "b", "B", "c", "C", "twice", "1", "large", large, "./twice", "2")
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	member := func(path string) File {
		f := FixedFile("f")
		f.Source, f.ArchivePath = server.URL+"/all.tar", path
		return f
	}
	withSum := member("c")
	withSum.Checksum = "sha256:" + digest(string(content))
	wrongSum := member("b")
	wrongSum.Checksum = "sha256:" + given
	files := []File{member("boot/a"), member("/b"), withSum, wrongSum, member("twice"), member("large"), member("none"), {Source: "other", ArchivePath: "a"}}
	s := Sources{Client: image.Client{}, Members: MembersOf(files)}
	if s.Members["other"] != nil {
		t.Error("an archive is unpacked in advance for one file")
	}
	for _, step := range []struct {
		file     File
		want     string
		requests int32 // so far
	}{
		{member("boot/a"), digest("A"), 1},
		{member("/b"), digest("B"), 1},
		{member("boot/a"), digest("A"), 1},
		{withSum, digest("C"), 2},
		{wrongSum, "", 3},
		{member("large"), digest(large), 4},
		{member("twice"), "", 5},
		{member("none"), "", 6},
	} {
		read, err := s.read(t.Context(), step.file)
		if (err != nil) != (step.want == "") || err == nil && read.SHA256 != step.want {
			t.Errorf("%s: got %+v, %v", step.file.ArchivePath, read, err)
		}
		if n := requests.Load(); n != step.requests {
			t.Errorf("%s: %d requests, want %d", step.file.ArchivePath, n, step.requests)
		}
	}
}

// TestMembersOfWrongArchive reports an archive with a wrong checksum for each file.
func TestMembersOfWrongArchive(t *testing.T) {
	name := t.TempDir() + "/all.tar"
	if err := os.WriteFile(name, tarFile(t, "a", "A", "b", "B"), 0o644); err != nil {
		t.Fatal(err)
	}
	var files []File
	for _, path := range []string{"a", "b"} {
		f := FixedFile(path)
		f.Source, f.ArchivePath, f.Checksum = name, path, "sha256:"+given
		files = append(files, f)
	}
	s := Sources{Members: MembersOf(files)}
	for _, f := range files {
		if _, err := s.read(t.Context(), f); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("%s: %v", f.ArchivePath, err)
		}
	}
}
