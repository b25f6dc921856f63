package provider

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// blobConfig is a configuration for the boot loader of s390-tools, for all guests.
func blobConfig(rest string) string {
	return `{"tftp_root": "srv-tftp", "reader": "s390-tools", ` + rest + `}`
}

// TestLifecyclePxelinuxReader makes configurations for the boot loader of s390-tools, takes them over, and changes the reader in place.
func TestLifecyclePxelinuxReader(t *testing.T) {
	h := newConfigHost(t)
	words := `"` + strings.Repeat(`x=0123456789", "`, 200) + `last"`
	long := blobConfig(`"entries": [{"label": "a", "kernel": "k", "append": [` + words + `]}]`)
	c := newCore(t, h, "netboot_pxelinux_config")
	c.must(long)
	c.has(map[string]string{"reader": "s390-tools", "content": "label a\n  kernel k\n  append " + strings.Repeat("x=0123456789 ", 200) + "last\n"})
	if _, err := h.Disk().Stat("/srv/tftp/pxelinux.cfg/default.initrd"); err == nil {
		t.Error("there is an empty initrd, which the boot loader does not need")
	}
	c.mustBeDone(long)
	c.imports("srv-tftp/default")
	c.has(map[string]string{"reader": "s390-tools", "arch": "s390x"})
	c.mustBeDone(long)

	const short = `"entries": [{"label": "a", "kernel": "k"}]`
	for _, config := range []string{blobConfig(short), `{"tftp_root": "srv-tftp", ` + short + `}`, blobConfig(short)} {
		if plan := c.plan(config); plan.replaces || len(plan.problems) > 0 {
			t.Errorf("the plan of %s replaces it (%v), or says %v", config, plan.replaces, plan.problems)
		}
		c.must(config)
		c.mustBeDone(config)
		_, err := h.Disk().Stat("/srv/tftp/pxelinux.cfg/default.initrd")
		if needed := !strings.Contains(config, "reader"); needed != (err == nil) {
			t.Errorf("%s: the empty initrd: %v", config, err)
		}
	}
	if err := h.Disk().WriteFile("/srv/tftp/pxelinux.cfg/default", []byte("kernel other\nappend y\n")); err != nil {
		t.Fatal(err)
	}
	if plan := c.plan(blobConfig(short)); plan.state.Equal(c.state) {
		t.Error("the plan shows no drift")
	}
	c.must(blobConfig(short))
	c.has(map[string]string{"content": "label a\n  kernel k\n"})
	destroys(t, c)
}

// TestLifecyclePxelinuxReaderOfForeign takes over a file for the boot loader of s390-tools that another program wrote. The file does not
// show its reader.
func TestLifecyclePxelinuxReaderOfForeign(t *testing.T) {
	text := "KERNEL k\nAPPEND " + strings.Repeat("x", 1400) + "\n"
	h := newConfigHost(t)
	if err := h.Disk().WriteFile("/srv/tftp/pxelinux.cfg/default", []byte(text)); err != nil {
		t.Fatal(err)
	}
	c := newCore(t, h, "netboot_pxelinux_config")
	if said := c.tryImport("srv-tftp/default").String(); !strings.Contains(said, `if guests read the file with it, set reader to "s390-tools"`) {
		t.Errorf("the import says %s", said)
	}
	config := blobConfig(fmt.Sprintf(`"content": %q`, text))
	if plan := c.plan(config); plan.replaces || len(plan.problems) > 0 {
		t.Errorf("the plan replaces it (%v), or says %v", plan.replaces, plan.problems)
	}
	c.must(config)
	c.has(map[string]string{"reader": "s390-tools", "content": text})
	c.mustBeDone(config)
}

// TestAccPxelinuxReader applies a configuration whose reader, and whose arch, are known only after the apply of another resource. Then it
// imports the configuration, and changes the reader in place.
func TestAccPxelinuxReader(t *testing.T) {
	config := func(attributes, words string) string {
		return fmt.Sprintf(`
resource "netboot_tftp_root" "test" {
  path = "/srv/reader"
}
resource "terraform_data" "of" {
  input = { reader = "s390-tools", arch = "s390x" }
}
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.test.id
  %s
  entries   = [{ label = "a", kernel = "k", append = ["console=ttysclp0"%s] }]
}
`, attributes, words)
	}
	long := `, format("%01400d", 0)`
	text := resource.TestCheckResourceAttr(testConfig, "content", "label a\n  kernel k\n  append console=ttysclp0 "+strings.Repeat("0", 1400)+"\n")
	steps := []resource.TestStep{
		{
			Config:           config("reader = terraform_data.of.output.reader\n arch = terraform_data.of.output.arch", long),
			ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionCreate, plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("content"))),
			Check:            text,
		},
		{Config: config(`reader = "s390-tools"`, long), ConfigPlanChecks: noChange},
	}
	steps = append(steps, imports(testConfig, "srv-reader/default", "content")...)
	steps = append(steps,
		resource.TestStep{Config: config("", long), ExpectError: says("append", "is too long")},
		resource.TestStep{Config: config("", ""), ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionUpdate)},
		resource.TestStep{Config: config(`reader = "s390-tools"`, ""), ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionUpdate)},
		resource.TestStep{Config: config(`reader = "s390-tools"`, ""), ConfigPlanChecks: noChange},
	)
	acceptance(t, steps...)
}

// TestPxelinuxReaderErrors holds that a configuration for the boot loader of s390-tools is checked by its rules.
func TestPxelinuxReaderErrors(t *testing.T) {
	h := newConfigHost(t)
	for config, want := range map[string][]string{
		`"arch": "x86_64", "entries": [{"label": "a", "kernel": "k"}]`:              {"reader", "is for s390x guests", `arch is "x86_64"`},
		`"entries": [{"label": "a", "kernel": "k"}, {"label": "b", "kernel": "k"}]`: {"entries", "reads one entry, but there are 2"},
		`"default": "b", "entries": [{"label": "a", "kernel": "k"}]`:                {"default", "ignores the default"},
		`"entries": [{"label": "a", "kernel": "k", "append": ["a\nkernel b"]}]`:     {"entries[0].append", "control character"},
		`"content": "label a\nkernel k\nlabel b\nkernel k\n"`:                       {"Line 4", "joins this kernel line with the one in line 2"},
		`"content": "linux k\n"`:                                                                    {"content", "reads one entry, but there are 0"},
		`"content": "kernel k\nappend x\nipappend 2\n"`:                                             {"Line 3", "adds nothing to append for ipappend"},
		`"entries": [{"label": "a", "kernel": "a b"}]`:                                              {"entries[0].kernel", "has a blank"},
		`"entries": [{"label": "a", "kernel": "k", "initrd": "` + strings.Repeat("i", 10) + `,b"}]`: {"entries[0].initrd", "has a comma"},
	} {
		said := newCore(t, h, "netboot_pxelinux_config").apply(blobConfig(config)).String()
		for _, part := range want {
			if !strings.Contains(strings.ReplaceAll(said, "\n", " "), part) {
				t.Errorf("%s: it does not say %q: %s", config, part, said)
			}
		}
	}
	said := newCore(t, h, "netboot_pxelinux_config").apply(`{"tftp_root": "srv-tftp", "reader": "petitboot", "entries": [{"label": "a", "kernel": "k"}]}`).String()
	if !strings.Contains(said, `"s390-tools"`) {
		t.Errorf("another reader: %s", said)
	}
}

// TestPxelinuxReaderOfImage plans arguments that are longer than the command line of a kernel in the same run, and of one that was published
// before.
func TestPxelinuxReaderOfImage(t *testing.T) {
	h := newConfigHost(t)
	kernel := bytes.Clone(oldKernel)
	binary.BigEndian.PutUint64(kernel[0x10430:], 1024)
	source := writeFile(t, string(kernel))
	image := newCore(t, h, "netboot_image")
	linux := fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "linux", "kernel": {"source": %q, "file_name": "k"}}`, source)
	for _, when := range []string{"planned", "published"} {
		for length, want := range map[int]string{1023: "", 1024: "append has 1024 bytes, but the kernel k accepts at most 1023"} {
			run := newRun(t, h)
			config := newCore(t, h, "netboot_pxelinux_config")
			image.run(t.Context(), run)
			config.run(t.Context(), run)
			image.plan(linux)
			said := config.plan(blobConfig(fmt.Sprintf(`"entries": [{"label": "a", "kernel": "k", "append": [%q]}]`, strings.Repeat("x", length)))).problems.String()
			if !strings.Contains(said, want) || want == "" && said != "" {
				t.Errorf("%s, %d bytes: the plan says %q, want %q", when, length, said, want)
			}
		}
		image.run(t.Context(), newRun(t, h))
		if problems := image.apply(linux); problems.hasError() {
			t.Fatal(problems)
		}
	}
}
