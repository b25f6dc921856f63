package provider

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

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

// TestConformanceHTTPBoot boots a PC with UEFI from a web server, as the guide on networks says: its firmware asks for the URL of the network's rule.
func TestConformanceHTTPBoot(t *testing.T) {
	needsCLI(t)
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("make conformance runs this: before it, the firmware tries PXE for two minutes, which keeps a processor busy")
	}
	asked := make(chan string, 100)
	answers(t, ":8090", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	const url = "http://192.168.152.1:8090/boot.efi"
	acceptance(t, resource.TestStep{
		Config: fmt.Sprintf(`
resource "netboot_network" "http" {
  name = "acc"
  ipv4 = {
    address = "192.168.152.1/24"
    dhcp = {
      ranges = [{ start = "192.168.152.10", end = "192.168.152.20" }]
      boot   = [{ arch = "x86_64-http", bootfile = %[1]q }]
    }
  }
}
resource "netboot_domain" "test" {
  name       = "acc"
  arch       = "x86_64"
  firmware   = "uefi"
  memory     = "512MiB"
  interfaces = [{ network = netboot_network.http.name }]
  boot_check = { expect = ["Start HTTP Boot over IPv4", %[1]q], timeout = "20m" }
}
`, url),
		Check: func(*terraform.State) error {
			select {
			case path := <-asked:
				if path != "/boot.efi" {
					return fmt.Errorf("the firmware asked for %s", path)
				}
				return nil
			case <-time.After(soon):
				return errors.New("the firmware did not ask the web server")
			}
		},
	})
}

// TestFirmwareOfConfig holds that a pxelinux configuration for a guest with UEFI is a warning, because PXELINUX needs a BIOS.
func TestFirmwareOfConfig(t *testing.T) {
	for firmware, warns := range map[string]bool{"bios": false, "uefi": true, "uefi-secure": true} {
		c := newCore(t, newGuestHost(t), "netboot_domain")
		plan := c.plan(`{"name": "guest", "arch": "x86_64", "firmware": "` + firmware + `", "memory": "512MiB", "interfaces": [{"network": "lab"}], "pxelinux_config": "srv-tftp/default"}`)
		if said := strings.Contains(plan.problems.String(), "A guest with UEFI does not start PXELINUX"); said != warns {
			t.Errorf("%s: %v", firmware, plan.problems)
		}
	}
}
