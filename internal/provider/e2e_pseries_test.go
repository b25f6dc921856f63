package provider

import (
	"fmt"
	"os"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestConformancePSeriesBoots boots Debian's ppc64le kernel with a command line: from the network, and then directly. It waits for a
// root device for ever.
func TestConformancePSeriesBoots(t *testing.T) {
	needsCLI(t)
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("make conformance runs this, because it downloads a kernel")
	}
	kernel, err := lab.PSeriesKernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	step := func(boots string) resource.TestStep {
		return resource.TestStep{
			Config: fmt.Sprintf(`
resource "netboot_tftp_root" "test" {
  path = "/srv/boot"
}
resource "netboot_image" "test" {
  tftp_root = netboot_tftp_root.test.id
  name      = "acc"
  arch      = "ppc64le"
  kernel = {
    source  = %[1]q
    cmdline = "console=hvc0 root=/dev/netboot rootwait netboot.proof=1"
  }
}
resource "netboot_network" "test" {
  name      = "acc"
  tftp_root = netboot_tftp_root.test.path
  ipv4 = {
    address = "192.168.152.1/24"
    dhcp    = { ranges = [{ start = "192.168.152.10", end = "192.168.152.20" }] }
  }
}
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.test.id
  arch      = "ppc64le"
  entries   = [{ label = "linux", kernel = netboot_image.test.kernel.path }]
}
resource "netboot_domain" "test" {
  name       = "acc"
  arch       = "ppc64le"
  memory     = "1GiB"
  interfaces = [{ network = netboot_network.test.name }]
  boot_check = { expect = ["command line: console=hvc0 root=/dev/netboot rootwait netboot.proof=1", "Waiting for root device /dev/netboot"] }
  %[2]s
}
`, kernel, boots),
			Check: resource.TestCheckResourceAttr(testDomain, "boot_result.stage", "linux"),
		}
	}
	acceptance(t, step("pxelinux_config = netboot_pxelinux_config.test.id"), step("kernel = { image = netboot_image.test.id }"))
}
