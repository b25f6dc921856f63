package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// newGrubHost has the TFTP root srv-tftp with its directory grub.
func newGrubHost(t *testing.T) *virttest.Host {
	t.Helper()
	h := newConfigHost(t)
	if _, _, err := h.CreatePool(t.Context(), "srv-tftp-grub", "/srv/tftp/grub"); err != nil {
		t.Fatal(err)
	}
	return h
}

const grubEntries = `"entries": [{"label": "a", "kernel": "k", "append": ["x=1", "y=\"b c\""]}, {"label": "b", "kernel": "k", "initrd": "i,j"}]`

// TestLifecycleGrub makes configurations for one guest and for all, changes them, and takes them over.
func TestLifecycleGrub(t *testing.T) {
	h := newGrubHost(t)
	const (
		one   = `{"tftp_root": "srv-tftp", "mac": "52:54:00:AB:cd:01", "default": "b", ` + grubEntries + `}`
		other = `{"tftp_root": "srv-tftp", "mac": "52-54-00-ab-cd-01", "arch": "aarch64", ` + grubEntries + `}`
		all   = `{"tftp_root": "srv-tftp", "arch": "aarch64", ` + grubEntries + `}`
		text  = `{"tftp_root": "srv-tftp", "arch": "aarch64", "content": "linux /k\nboot\n"}`
	)
	c := newCore(t, h, "netboot_grub_config")
	c.must(one)
	c.has(map[string]string{
		"id": "srv-tftp/grub.cfg-01-52-54-00-ab-cd-01", "file_name": "grub.cfg-01-52-54-00-ab-cd-01", "path": "grub/grub.cfg-01-52-54-00-ab-cd-01", "arch": "x86_64",
	})
	if content := grubFile(t, h, "grub.cfg-01-52-54-00-ab-cd-01"); !strings.HasPrefix(content, "set default=1\n") || !strings.Contains(content, "if linux /k x=1 'y=b c'; then") {
		t.Errorf("the file says %s", content)
	}
	c.mustBeDone(one)
	c.imports("srv-tftp/grub.cfg-01-52-54-00-ab-cd-01")
	c.has(map[string]string{"arch": "x86_64", "mac": "52:54:00:ab:cd:01", "default": "b"})
	c.mustBeDone(one)
	if plan := c.plan(other); plan.replaces || len(plan.problems) > 0 {
		t.Errorf("another architecture of the same file replaces it (%v), or the plan says %v", plan.replaces, plan.problems)
	}
	c.must(other)
	c.has(map[string]string{"arch": "aarch64", "default": "a"})
	if plan := c.plan(all); !plan.replaces {
		t.Error("another file name does not replace the configuration")
	}
	c.must(all)
	c.has(map[string]string{"file_name": "grub.cfg-arm64"})
	c.imports("srv-tftp/grub.cfg-arm64")
	c.has(map[string]string{"arch": "aarch64"})
	c.mustBeDone(all)
	c.must(text)
	if content := grubFile(t, h, "grub.cfg-arm64"); content != "linux /k\nboot\n" {
		t.Errorf("the file says %s", content)
	}
	if err := h.Disk().WriteFile("/srv/tftp/grub/grub.cfg-arm64", []byte("linux /changed\nboot\n")); err != nil {
		t.Fatal(err)
	}
	c.refresh()
	c.has(map[string]string{"content": "linux /changed\nboot\n"})
	c.must(text)
	destroys(t, c)
	if _, err := h.Disk().Stat("/srv/tftp/grub/grub.cfg-arm64"); err == nil {
		t.Error("the file still exists")
	}
}

func grubFile(t *testing.T, h *virttest.Host, name string) string {
	t.Helper()
	content, err := h.Disk().ReadFile("/srv/tftp/grub/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestGrubErrors holds that what GRUB would change or not load is an error at its attribute.
func TestGrubErrors(t *testing.T) {
	h := newGrubHost(t)
	for config, want := range map[string][]string{
		`"entries": [{"label": "a", "kernel": "http://h/k"}]`:                      {"entries[0].kernel", "GRUB takes for a path", "(http,192.168.150.1)"},
		`"entries": [{"label": "a", "kernel": "k", "append": ["it's"]}]`:           {"entries[0].append", "GRUB puts a backslash before it"},
		`"default": "b", "entries": [{"label": "a", "kernel": "k"}]`:               {"default", `o entry has the label "b"`},
		`"content": "linux /k\n"`:                                                  {"content", "does not boot it"},
		`"mac": "x", "entries": [{"label": "a", "kernel": "k"}]`:                   {"mac", "not a MAC address"},
		`"arch": "s390x", "entries": [{"label": "a", "kernel": "k"}]`:              {"arch", "x86_64", "aarch64"},
		`"content": "linux /k", "entries": [{"label": "a", "kernel": "k"}]`:        {"entries", "content"},
		`"default": "a", "content": "linux /k\nboot\n"`:                            {"default", "content"},
		`"entries": [{"label": "a", "kernel": "k", "initrd": "i,,j"}]`:             {"entries[0].initrd", "empty path"},
		`"entries": [{"label": "a", "kernel": "k"}, {"label": "a", "kernel": ""}]`: {"entries[1].label", "used twice", "entries[1].kernel"},
	} {
		said := newCore(t, h, "netboot_grub_config").apply(`{"tftp_root": "srv-tftp", ` + config + `}`).String()
		for _, part := range want {
			if !strings.Contains(strings.ReplaceAll(said, "\n", " "), part) {
				t.Errorf("%s: it does not say %q: %s", config, part, said)
			}
		}
	}
}

// TestGrubWithoutDirectory makes a configuration below a TFTP root that has no directory for it.
func TestGrubWithoutDirectory(t *testing.T) {
	said := newCore(t, newConfigHost(t), "netboot_grub_config").apply(`{"tftp_root": "srv-tftp", ` + grubEntries + `}`).String()
	if !strings.Contains(strings.ReplaceAll(said, "\n", " "), `set grub_prefixes = ["grub"] on the netboot_tftp_root`) {
		t.Errorf("the apply says %s", said)
	}
}

// TestGrubForeign takes over a file that another program wrote, with a problem that stays as it is.
func TestGrubForeign(t *testing.T) {
	const text = "if true; then\nmenuentry a {\n  linux /k quiet\n  initrd /i\n}\n"
	h := newGrubHost(t)
	for _, name := range []string{"grub.cfg-x86_64", "grub.cfg", "menu.cfg"} {
		if err := h.Disk().WriteFile("/srv/tftp/grub/"+name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	c := newCore(t, h, "netboot_grub_config")
	if said := c.tryImport("srv-tftp/grub.cfg").String(); !strings.Contains(said, "loads no file with this name") {
		t.Errorf("the import says %s", said)
	}
	if said := c.tryImport("srv-tftp/grub.cfg-x86_64").String(); !strings.Contains(said, `does not close this "if"`) {
		t.Errorf("the import says %s", said)
	}
	config := fmt.Sprintf(`{"tftp_root": "srv-tftp", "content": %q}`, text)
	c.mustBeDone(config)
	c.must(fmt.Sprintf(`{"tftp_root": "srv-tftp", "content": %q}`, strings.ReplaceAll(text, "quiet", "debug")))
}

// TestGrubNamesFiles holds that the old files of an image stay while a GRUB configuration names them.
func TestGrubNamesFiles(t *testing.T) {
	h := newGrubHost(t)
	image, config := newCore(t, h, "netboot_image"), newCore(t, h, "netboot_grub_config")
	image.must(fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "linux", "kernel": {"source": %q, "file_name": "k"}}`, writeFile(t, string(oldKernel))))
	config.must(`{"tftp_root": "srv-tftp", ` + grubEntries + `}`)
	_, said := image.planDestroy()
	if !strings.Contains(said.String(), `GRUB configuration "grub.cfg-x86_64" names k`) {
		t.Errorf("the plan says %v", said)
	}
}

// TestGrubOfGuest holds what the plan of a guest says about its GRUB configuration.
func TestGrubOfGuest(t *testing.T) {
	const config = `{"tftp_root": "srv-tftp", "mac": "52:54:00:00:00:01", "entries": [{"label": "a", "kernel": "k"}]}`
	guest := func(attributes string) string {
		return `{"name": "guest", "memory": "512MiB", "interfaces": [{"network": "lab", "mac": "52:54:00:00:00:01"}], ` + attributes + `}`
	}
	const id = `"grub_config": "srv-tftp/grub.cfg-01-52-54-00-00-00-01"`
	for attributes, want := range map[string][]string{
		`"arch": "x86_64", "firmware": "uefi", ` + id:                                                   {"names no bootfile for x86_64 guests with UEFI"},
		`"arch": "x86_64", "firmware": "uefi", "grub_config": "srv-tftp"`:                               {"Invalid grub_config", "is not the id of a netboot_grub_config"},
		`"arch": "x86_64", "firmware": "uefi", "grub_config": "srv-tftp/grub.cfg-01-52-54-00-00-00-02"`: {"never reads grub/grub.cfg-01-52-54-00-00-00-02"},
		`"arch": "x86_64", ` + id:  {"Invalid grub_config", `Set firmware to "uefi"`},
		`"arch": "s390x", ` + id:   {"Invalid grub_config", "does not start GRUB", "Set pxelinux_config instead"},
		`"arch": "aarch64", ` + id: {"is for x86_64 guests", `arch = "aarch64"`},
		`"arch": "x86_64", "firmware": "uefi", "pxelinux_config": "srv-tftp/default", ` + id: {"Set either pxelinux_config"},
		`"arch": "x86_64", "firmware": "uefi", "kernel": {"file": "/srv/k"}, ` + id:          {"Set either kernel or grub_config"},
		`"arch": "x86_64", "firmware": "uefi-secure", "pxelinux_config": "srv-tftp/default"`: {"does not start PXELINUX", "Use a netboot_grub_config and grub_config"},
	} {
		h := newGuestHost(t)
		run := newRun(t, h)
		config1, domain := newCore(t, h, "netboot_grub_config"), newCore(t, h, "netboot_domain")
		config1.run(t.Context(), run)
		domain.run(t.Context(), run)
		config1.plan(config)
		said := strings.ReplaceAll(domain.plan(guest(attributes)).problems.String(), "\n", " ")
		if slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(said, part) }) {
			t.Errorf("%s: the plan says %s, want %q", attributes, said, want)
		}
	}
}
