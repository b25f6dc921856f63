package image

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernel image")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{path, "file://" + path, "file://localhost" + strings.ReplaceAll(path, " ", "%20")} {
		stream, err := Client{}.Open(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(stream)
		if err != nil || string(content) != "content" {
			t.Errorf("%s: read %q, %v", source, content, err)
		}
		if stream.Size != 7 || stream.Source != path {
			t.Errorf("%s: size %d, source %q", source, stream.Size, stream.Source)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, nil, 0); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ source, want string }{
		"empty":          {"", "source is empty"},
		"absent":         {dir + "/absent", `absent" on the machine that runs Terraform (not on the libvirt host): no such file`},
		"directory":      {dir, "it is a directory"},
		"device":         {os.DevNull, "it is not a regular file"},
		"host in a file": {"file://srv/kernel", `names the host "srv": a file URL has three slashes`},
		"scheme":         {"tftp://server/kernel", `has the scheme "tftp": use http, https, ftp, file or a local path`},
		"no server":      {"http:///kernel", "names no server"},
		"not a URL":      {"http://server/%zz", `source is not a valid URL: invalid URL escape "%zz"`},
		"unreadable":     {secret, "permission denied"},
	}
	if os.Geteuid() == 0 {
		delete(tests, "unreadable") // root reads everything
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Client{}.Open(t.Context(), test.source)
			expectError(t, err, test.want)
		})
	}
}

func expectError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want %q", err, want)
	}
}
