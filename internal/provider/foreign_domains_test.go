package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccDomainsOfOthers takes over guests that others have made, all in one run: configuration that a CLI generates is
// valid and plans nothing, and a change of memory leaves all the rest of a definition as it was. A new case is a new file.
// Each is a guest "acc", and its file's name ends with its architecture; there are a network "acc", and a pool "acc" at /srv/acc with the volume disk.qcow2.
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

	before := map[string]string{}
	var imports strings.Builder
	capabilities := virsh(t, "capabilities")
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".xml")
		if !strings.Contains(capabilities, "<arch name='"+base[strings.LastIndex(base, "-")+1:]+"'>") {
			t.Logf("%s: this host has no emulator for it", base)
			continue
		}
		name := "acc-" + base
		definition, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		virsh(t, "define", writeFile(t, strings.Replace(string(definition), "<name>acc</name>", "<name>"+name+"</name>", 1)))
		t.Cleanup(func() { virsh(t, "undefine", name, "--nvram") })
		virsh(t, "define", writeFile(t, virsh(t, "dumpxml", name, "--inactive"))) // libvirt now sorts what it has added itself
		before[name] = virsh(t, "dumpxml", name, "--inactive")
		fmt.Fprintf(&imports, "import {\n  to = netboot_domain.%s\n  id = %q\n}\n", name, name)
	}
	c := newCLI(t, lab.Shared(t).URI, imports.String())
	c.must("plan", "-generate-config-out=generated.tf")
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", len(before))) {
		t.Errorf("what was generated changes a guest:\n%s", said)
	}
	c.must("plan", "-detailed-exitcode")
	for name, definition := range before {
		if now := virsh(t, "dumpxml", name, "--inactive"); !sameButForNote(now, definition) {
			t.Errorf("the import has made of the guest\n%s\nof\n%s", now, definition)
		}
	}
	text, err := os.ReadFile(filepath.Join(c.dir, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	c.write("generated.tf", generatedMemory.ReplaceAllString(string(text), `${1}"768MiB"`))
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	for name, definition := range before {
		if now := virsh(t, "dumpxml", name, "--inactive"); !strings.Contains(now, "786432</memory>") || !sameButForNote(anyMemory(now), anyMemory(definition)) {
			t.Errorf("a change of memory has made of the guest\n%s\nof\n%s", now, definition)
		}
	}
}

// generatedMemory are the lines of what a CLI generates that say how much memory a guest has.
var generatedMemory = regexp.MustCompile(`(?m)^(  (?:max_)?memory +=) .*$`)

// memories are where a definition says how much memory there is.
var memories = regexp.MustCompile(`(<(?:currentM|m)emory unit='KiB'>|<cell [^>]*memory=')\d+`)

func anyMemory(definition string) string { return memories.ReplaceAllString(definition, "${1}?") }

// ourNote is the metadata in which we keep a note, and what libvirt keeps of it where it has nothing else.
var ourNote = regexp.MustCompile(`(?s)\s*<metadata>\s*<netboot:note.*?</netboot:note>\s*</metadata>|\s*<netboot:note.*?</netboot:note>|\s*<metadata/>`)

func sameButForNote(a, b string) bool {
	return ourNote.ReplaceAllString(a, "") == ourNote.ReplaceAllString(b, "")
}
