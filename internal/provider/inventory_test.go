package provider

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// kinds are what a libvirt host has, and virsh's commands that list it and that take one away.
var kinds = []struct {
	name, list string
	remove     []string
}{
	{"domain", "list", []string{"destroy", "undefine --nvram"}},
	{"network", "net-list", []string{"net-destroy", "net-undefine"}},
	{"volume", "", []string{"vol-delete"}}, // by its path
	{"pool", "pool-list", []string{"pool-destroy", "pool-undefine"}},
}

// inventory lists all that the lab's libvirtd has, a kind and a name a line, but for the default pool, which a
// host keeps, and the files and directories below /srv.
func inventory(t *testing.T) string {
	t.Helper()
	var all []string
	for _, kind := range kinds {
		if kind.list == "" {
			continue
		}
		for name := range strings.FieldsSeq(virsh(t, kind.list, "--all", "--name")) {
			if name != "default" {
				all = append(all, kind.name+" "+name)
			}
		}
	}
	if strings.Contains(virsh(t, "pool-list", "--all", "--name"), "default") {
		for row := range strings.Lines(virsh(t, "vol-list", "default")) {
			if columns := strings.Fields(row); len(columns) > 0 {
				all = append(all, "volume "+columns[len(columns)-1])
			}
		}
	}
	var files []string
	srv := filepath.Join(lab.Shared(t).Dir, "srv")
	err := filepath.WalkDir(srv, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && path != srv {
			files = append(files, "file "+path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(files) // so that a directory is empty before it is taken away
	return strings.Join(append(all, files...), "\n")
}

// leavesNothing holds that the lab's libvirtd has at the test's end what it has now. What is left then is taken
// away, so that it is not in the way of the tests behind.
func leavesNothing(t *testing.T) {
	t.Helper()
	before := inventory(t)
	t.Cleanup(func() {
		after := inventory(t)
		if after == before {
			return
		}
		t.Errorf("left on the host:\n%s\nbefore it was:\n%s", after, before)
		known := strings.Split(before, "\n")
		for left := range strings.SplitSeq(after, "\n") {
			if !slices.Contains(known, left) {
				takeAway(t, left)
			}
		}
	})
}

// takeAway removes what a line of an inventory names. A guest that is off need not be ended first, so a command may
// fail.
func takeAway(t *testing.T, left string) {
	t.Helper()
	kind, name, _ := strings.Cut(left, " ")
	if kind == "file" {
		if err := os.Remove(name); err != nil {
			t.Log(err)
		}
	}
	for _, k := range kinds {
		if k.name != kind {
			continue
		}
		for _, command := range k.remove {
			if _, err := lab.Shared(t).Virsh(context.Background(), append(strings.Fields(command), name)...); err != nil {
				t.Log(err)
			}
		}
	}
}
