package provider

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccKernelTest runs examples/kernel-test with the CLI's own "test", and then with a kernel that
// panics.
func TestAccKernelTest(t *testing.T) {
	lab.Need(t)
	c := newCLI(t, lab.Shared(t).URI, "")
	for _, name := range []string{"main.tf", "kernel.tftest.hcl"} {
		c.write(name, readFile(t, filepath.Join(examplesDir, "kernel-test", name)))
	}
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := lab.Initrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.env = append(c.env, "LIBVIRT_DEFAULT_URI="+lab.Shared(t).URI, "TF_VAR_kernel="+kernel, "TF_VAR_initrd="+initrd)
	leavesNothing(t)

	run := c.start("test")
	err = run.wait(5 * time.Minute)
	if output := run.output.String(); err != nil || !regexp.MustCompile(`(?m)^Success! 2 passed, 0 failed\.$`).MatchString(output) {
		t.Errorf("%v:\n%s", err, output)
	}

	// "terraform test" hands a variable to all runs.
	c.env = append(c.env, `TF_VAR_command_lines={"plain"=["rdinit=/none","root=/dev/none"]}`)
	run = c.start("test")
	err = run.wait(5 * time.Minute)
	output := run.output.String()
	for _, text := range []string{`Unable to boot domain "kernel-test-plain"`, `showed "Kernel panic", which is forbidden`, "neither an init program"} {
		if err == nil || !strings.Contains(strings.Join(strings.Fields(output), " "), text) {
			t.Errorf("%v: it should say %q:\n%s", err, text, output)
		}
	}
}
