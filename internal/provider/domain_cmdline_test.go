package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// TestDomainKeepsItsCommandLine imports guests whose command lines a configuration is not to write so: they stay as they
// are while something else changes.
func TestDomainKeepsItsCommandLine(t *testing.T) {
	for _, cmdline := range []string{"x=1 quiet\n", "x=1\n\ty=2\n", "x=“1”", "x=1 \\\n y=2\n", "x=1\u00a0y=2", "name=Zürich"} {
		h := virttest.New()
		made := virt.Domain{Name: "guest", Arch: "s390x", Accelerator: "tcg", VCPUs: 1, Memory: 512 << 20, Kernel: virt.Kernel{Path: "/srv/kernel", Cmdline: cmdline}}
		if err := h.CreateDomain(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		config := fmt.Sprintf(`{"name": "guest", "memory": "512MiB", "running": false, "boot": [], "kernel": {"file": "/srv/kernel", "cmdline": %s}}`, toJSON(t, cmdline))
		c := newCore(t, h, "netboot_domain")
		c.imports("guest")
		c.must(config)
		c.must(strings.Replace(config, "512MiB", "1GiB", 1))
		if d, err := h.Domain(t.Context(), "guest"); err != nil || d.Memory != 1<<30 || d.Kernel.Cmdline != cmdline {
			t.Errorf("%q: the guest became %+v, %v", cmdline, d, err)
		}
	}
}

// TestDomainCommandLine holds what a new guest's command line can have.
func TestDomainCommandLine(t *testing.T) {
	for cmdline, want := range map[string]string{
		"x=1\ny=2\n":         "",
		"name=Zürich":        "'ü', which is not ASCII",
		"x=1 \\\ny=2\n":      "write it as one line, without the backslash",
		"x=1 \\":             "write it as one line",
		"x=1 \\ y=2":         "write it as one line",
		`x=a\b`:              "",
		"x=“1”":              "a typographic quote",
		"x=‘1’":              "a typographic quote",
		"– quiet":            "a typographic dash",
		"x=1\u202fquiet":     "a special blank such as U+00A0",
		"x=1\u200b":          "an invisible character",
		"\ufeffx=1":          "an invisible character",
		"x=1\u202e":          "an invisible character",
		"x=1\r\ny=2":         "Windows line endings",
		"\x1b[2Jx":           "a control character",
		"":                   "the command line is empty",
		"x=1 quiet --- \t y": "",
	} {
		config := fmt.Sprintf(`{"name": "guest", "memory": "512MiB", "boot": [], "kernel": {"file": "/srv/kernel", "cmdline": %s}}`, toJSON(t, cmdline))
		found := newCore(t, virttest.New(), "netboot_domain").plan(config).problems
		if want == "" && found.hasError() || want != "" && (len(found) != 1 || !strings.Contains(found.String(), want)) {
			t.Errorf("%q: %v; want %q", cmdline, found, want)
		}
	}
}
