package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccFirmwares boots a PC with BIOS, PCs with UEFI and an arm64 guest at once. The console shows their firmware, which asks the network
// for a boot loader.
func TestAccFirmwares(t *testing.T) {
	leavesNothing(t)
	guest := func(name, attributes, shows string) string {
		return fmt.Sprintf(`
resource "netboot_domain" %[1]q {
  name       = %[1]q
  memory     = "512MiB"
  boot_check = { expect = [%[3]q] }
  %[4]s
  %[2]s
}
`, name, attributes, shows, onLabNetwork)
	}
	const asks = ">>Start PXE over IPv4"
	config := labNetwork +
		guest("pc", `arch = "x86_64"`, "iPXE.* -- Open Source Network Boot Firmware") +
		guest("uefi", "arch = \"x86_64\"\n firmware = \"uefi\"", asks) +
		guest("secure", "arch = \"x86_64\"\n firmware = \"uefi-secure\"", asks) +
		guest("arm", `arch = "aarch64"`, asks)
	c := newCLI(t, lab.Shared(t).URI, config)
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	c.must("state", "rm", "netboot_domain.secure")
	c.must("import", "netboot_domain.secure", "secure")
	c.must("plan", "-detailed-exitcode")
	c.write("main.tf", onHost(lab.Shared(t).URI)+strings.Replace(config, `firmware = "uefi-secure"`, `firmware = "bios"`, 1))
	if plan := c.must("plan"); !says("netboot_domain.secure", "must be replaced", "# forces replacement").MatchString(plan) {
		t.Errorf("the plan says:\n%s", plan)
	}
	c.must("destroy", "-auto-approve")
}

// TestFirmwareOfArch holds that only firmware that the architecture has is accepted.
func TestFirmwareOfArch(t *testing.T) {
	for config, text := range map[string]string{
		`"firmware": "uefi"`:                       "A guest of this architecture has a firmware of its own",
		`"arch": "aarch64", "firmware": "bios"`:    "has one of the firmwares uefi, uefi-secure",
		`"arch": "x86_64", "firmware": "coreboot"`: `value must be one of: ["bios" "uefi" "uefi-secure"]`,
	} {
		c := newCore(t, newGuestHost(t), "netboot_domain")
		plan := c.plan(`{"name": "guest", "memory": "512MiB", "interfaces": [{"network": "lab"}], ` + config + `}`)
		if !strings.Contains(plan.problems.String(), text) {
			t.Errorf("%s: %v", config, plan.problems)
		}
	}
}
