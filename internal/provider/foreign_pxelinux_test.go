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

// foreignConfigs are files below pxelinux.cfg, as CASE@NAME: what the case is, and the file's name. Those that begin with
// "ours-" are as the provider writes them.
func foreignConfigs(t *testing.T) (blocks string, texts map[string]string) {
	t.Helper()
	files, err := filepath.Glob("testdata/pxelinux/*@*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var imports strings.Builder
	texts = map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, fileName, _ := strings.Cut(filepath.Base(file), "@")
		fmt.Fprintf(&imports, "import {\n  to = netboot_pxelinux_config.%s\n  id = \"others/%s\"\n}\n", name, fileName)
		writeHostFile(t, "/srv/others/pxelinux.cfg/"+fileName, text)
		texts[name] = string(text)
	}
	return imports.String(), texts
}

// TestAccPxelinuxConfigsOfOthers takes over files that others have written: what a CLI generates is valid, has the text or
// the entries but not both, and plans nothing. A new case is a new file.
func TestAccPxelinuxConfigsOfOthers(t *testing.T) {
	needsCLI(t)
	makeDir(t, "/srv/others", 0o755)
	makeDir(t, "/srv/others/pxelinux.cfg", 0o755)
	for pool, path := range map[string]string{"others": "/srv/others", "others-pxelinux.cfg": "/srv/others/pxelinux.cfg"} {
		virsh(t, "pool-create-as", pool, "dir", "--target", path)
		t.Cleanup(func() { virsh(t, "pool-destroy", pool) })
	}
	blocks, texts := foreignConfigs(t)
	c := newCLI(t, lab.Shared(t).URI, blocks)
	said := c.must("plan", "-generate-config-out=generated.tf")
	for _, text := range []string{"Risky pxelinux configuration", fmt.Sprintf("%d to import, 0 to add, 0 to change", len(texts))} {
		if !strings.Contains(said, text) {
			t.Errorf("the plan does not say %q:\n%s", text, said)
		}
	}
	generated, err := os.ReadFile(filepath.Join(c.dir, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(generated), "\nresource ")[1:] {
		hasContent := regexp.MustCompile(`(?m)^  content +=\s*[^n\s]`).MatchString(block) // null, or not there at all
		hasEntries := regexp.MustCompile(`(?m)^  entries +=\s*[^n\s]`).MatchString(block)
		if ours := strings.Contains(block, `"ours-`); hasContent == ours || hasEntries != ours {
			t.Errorf("the form is wrong:\n%s", block)
		}
	}
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", len(texts))) {
		t.Errorf("what was generated changes the files:\n%s", said)
	}
	if said := c.must("plan", "-detailed-exitcode"); strings.Contains(said, "Warning: Risky") {
		t.Errorf("it warns again:\n%s", said)
	}
	c.changesForeign(t, string(generated))
}

// changesForeign changes one word of what others wrote: what they have that s390x does not read is no error then, and
// something new that it does not read is one.
func (c *cli) changesForeign(t *testing.T, generated string) {
	t.Helper()
	c.write("generated.tf", strings.Replace(generated, "Installs Debian", "Installs Debian 12", 1))
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, "0 added, 1 changed, 0 destroyed") {
		t.Errorf("it should change one file:\n%s", said)
	}
	text, err := os.ReadFile(inSrv(t, "/srv/others/pxelinux.cfg/C0A896"))
	if err != nil || !strings.Contains(string(text), "Installs Debian 12") || !strings.Contains(string(text), "${menu}") {
		t.Errorf("%v; the file is\n%s", err, text)
	}
	c.must("plan", "-detailed-exitcode")
	writeHostFile(t, "/srv/others/pxelinux.cfg/C0A896", []byte("label a\n  kernel k\n  initrd i\n  append x\n"))
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, "0 added, 1 changed, 0 destroyed") { // back again
		t.Errorf("it should change the file back:\n%s", said)
	}
	c.write("generated.tf", strings.Replace(generated, "ENDTEXT", "ENDTEXTS", 1))
	c.mustFail([]string{"plan"}, "Invalid pxelinux configuration", "ENDTEXTS")
	writeHostFile(t, "/srv/others/pxelinux.cfg/menu.inc", []byte("label a\n"))
	c.write("generated.tf", generated)
	c.write("more.tf", "import {\n  to = netboot_pxelinux_config.more\n  id = \"others/menu.inc\"\n}\n")
	c.mustFail([]string{"plan", "-generate-config-out=more-generated.tf"}, `Unable to import pxelinux configuration "others/menu.inc"`, "no guest uses it")
}
