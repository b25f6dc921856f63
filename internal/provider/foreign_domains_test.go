package provider

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccDomainsOfOthers takes over guests that others have made: configuration that a CLI generates is valid and plans
// nothing, and a change of something else leaves all the rest of the definition as it was. A new case is a new file. Each
// is a guest "acc" of 512 MiB on the network "acc", with the disk /srv/acc/disk.qcow2, if it has one.
func TestAccDomainsOfOthers(t *testing.T) {
	files, err := filepath.Glob("testdata/domains/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	needsCLI(t)
	leavesNothing(t)
	virsh(t, "net-create", writeFile(t, `<network><name>acc</name></network>`))
	t.Cleanup(func() { virsh(t, "net-destroy", "acc") })
	makeDir(t, "/srv/acc", 0o755)
	virsh(t, "pool-create-as", "acc", "dir", "--target", "/srv/acc")
	t.Cleanup(func() { virsh(t, "pool-destroy", "acc") })
	virsh(t, "vol-create-as", "acc", "disk.qcow2", "1M", "--format", "qcow2")
	t.Cleanup(func() { virsh(t, "vol-delete", "disk.qcow2", "--pool", "acc") })
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".xml"), func(t *testing.T) {
			definition, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			takesOver(t, string(definition))
		})
	}
}

// takesOver imports a guest, and changes its memory.
func takesOver(t *testing.T, definition string) {
	t.Helper()
	virsh(t, "define", writeFile(t, definition))
	t.Cleanup(func() { virsh(t, "undefine", "acc", "--nvram") })
	before := virsh(t, "dumpxml", "acc", "--inactive")
	c := newCLI(t, lab.Shared(t).URI, `
import {
  to = netboot_domain.acc
  id = "acc"
}
`)
	c.must("plan", "-generate-config-out=generated.tf")
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, "1 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("what was generated changes the guest:\n%s", said)
	}
	c.must("plan", "-detailed-exitcode")
	if now := virsh(t, "dumpxml", "acc", "--inactive"); !sameButForNote(now, before) {
		t.Errorf("the import has made of the guest\n%s\nof\n%s", now, before)
	}
	text, err := os.ReadFile(filepath.Join(c.dir, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	c.write("generated.tf", strings.ReplaceAll(string(text), `"512MiB"`, `"1GiB"`))
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	want := strings.NewReplacer(`<memory unit='KiB'>524288</memory>`, `<memory unit='KiB'>1048576</memory>`,
		`<currentMemory unit='KiB'>524288</currentMemory>`, `<currentMemory unit='KiB'>1048576</currentMemory>`).Replace(before)
	if now := virsh(t, "dumpxml", "acc", "--inactive"); now == before || !sameButForNote(now, want) {
		t.Errorf("a change of memory has made of the guest\n%s\nof\n%s", now, before)
	}
}

// ourNote is the metadata in which we keep a note, and what libvirt keeps of it where it has nothing else.
var ourNote = regexp.MustCompile(`(?s)\s*<metadata>.*?</metadata>|\s*<metadata/>`)

func sameButForNote(a, b string) bool {
	return ourNote.ReplaceAllString(a, "") == ourNote.ReplaceAllString(b, "")
}
