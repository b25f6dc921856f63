package provider

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// hostFile checks what a file of the lab host's /srv holds, and that anyone may read it.
func hostFile(t *testing.T, path string, content []byte) resource.TestCheckFunc {
	return func(*terraform.State) error {
		info, err := os.Stat(inSrv(t, path))
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o644 {
			return fmt.Errorf("%s has the mode %v", path, info.Mode())
		}
		got, err := os.ReadFile(inSrv(t, path))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, content) {
			return fmt.Errorf("%s has %d bytes, which are not the %d that it should have", path, len(got), len(content))
		}
		return nil
	}
}

// hostDir checks the names of all that is in a directory of the lab host's /srv.
func hostDir(t *testing.T, path string, names ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		entries, err := os.ReadDir(inSrv(t, path))
		if err != nil {
			return err
		}
		var got []string
		for _, entry := range entries {
			got = append(got, entry.Name())
		}
		slices.Sort(names)
		if !slices.Equal(got, names) {
			return fmt.Errorf("%s holds %q, want %q", path, got, names)
		}
		return nil
	}
}

// hostMode checks the mode of a directory of the lab host's /srv.
func hostMode(t *testing.T, path string, mode os.FileMode) resource.TestCheckFunc {
	return func(*terraform.State) error {
		info, err := os.Stat(inSrv(t, path))
		if err == nil && info.Mode().Perm() != mode {
			err = fmt.Errorf("%s has the mode %v, want %v", path, info.Mode().Perm(), mode)
		}
		return err
	}
}

// hostAbsent checks that there is no such file or directory in the lab host's /srv.
func hostAbsent(t *testing.T, path string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if _, err := os.Lstat(inSrv(t, path)); !os.IsNotExist(err) {
			return fmt.Errorf("%s is still there (%v)", path, err)
		}
		return nil
	}
}

// expect runs a check outside of a step.
func expect(t *testing.T, check resource.TestCheckFunc) {
	t.Helper()
	if err := check(nil); err != nil {
		t.Error(err)
	}
}

// writeHostFile writes a file of the lab host's /srv behind libvirt's back, and its directory.
func writeHostFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(inSrv(t, path)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(inSrv(t, path), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// removeHostFile removes a file or a directory of the lab host's /srv behind libvirt's back.
func removeHostFile(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(inSrv(t, path)); err != nil {
		t.Fatal(err)
	}
}

// chmodHost sets the mode of a file or directory of the lab host's /srv behind libvirt's back.
func chmodHost(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(inSrv(t, path), mode); err != nil {
		t.Fatal(err)
	}
}

// statHostFile is a file of the lab host's /srv.
func statHostFile(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(inSrv(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return info
}
