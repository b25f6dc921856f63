package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccDomainNetbootChecks plans guests that could not boot, with a CLI: each is refused before
// anything is made.
func TestAccDomainNetbootChecks(t *testing.T) {
	network := func(tftpRoot, dhcp, guest string) string {
		return root(`path = "/srv/check"`) + fmt.Sprintf(`
resource "netboot_pxelinux_config" "check" {
  tftp_root = netboot_tftp_root.test.id
  mac       = provider::netboot::mac("another")
  entries   = [{ label = "a", kernel = "k", append = ["quiet"] }]
}
resource "netboot_network" "check" {
  name      = "check"
  tftp_root = %s
  ipv4      = { address = "192.168.93.1/24", dhcp = { ranges = [{ start = "192.168.93.10", end = "192.168.93.20" }] %s } }
}
resource "netboot_domain" "check" {
  name            = "check"
  interfaces      = [{ network = netboot_network.check.name }]
  %s
}
`, tftpRoot, dhcp, guest)
	}
	refused := func(config string, words ...string) resource.TestStep {
		pattern := strings.Join(words, `[\s\S]*`)
		return resource.TestStep{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile(`Guest would not boot[\s\S]*` + pattern)}
	}
	image := func(kernel, initrd string) string {
		return root(`path = "/srv/check"`) + bigImage(t) + fmt.Sprintf(`
resource "netboot_pxelinux_config" "check" {
  tftp_root = netboot_tftp_root.test.id
  entries   = [{ label = "a", kernel = netboot_image.check.%s.path, initrd = netboot_image.check.%s.path }]
}
resource "netboot_domain" "check" {
  name            = "check"
  memory          = "4GiB"
  interfaces      = [{ network = "elsewhere" }]
  pxelinux_config = netboot_pxelinux_config.check.id
}
`, kernel, initrd)
	}
	// The firmware in one file has room wherever there is memory, and needs none for a second one.
	refusedBySeparate := func(config string, words ...string) resource.TestStep {
		if released[lab.Shared(t).Generation].firmware == "separate" {
			return refused(config, words...)
		}
		return resource.TestStep{Config: config, PlanOnly: true, ExpectNonEmptyPlan: true}
	}
	const served = "netboot_tftp_root.test.path"
	const byConfig = "pxelinux_config = netboot_pxelinux_config.check.id\n memory = \"512MiB\""
	acceptance(t,
		refused(network(served, "", byConfig), "never", "reads", "52:54:00"),
		refused(network(`"/srv/other"`, "", byConfig), "serves", "/srv/other"),
		refused(network(served, `, bootfile = "pxelinux.0"`, `memory = "512MiB"`), "loader", "for", "other", "architectures"),
		refusedBySeparate(network(served, "", `memory = "64MiB"`), "needs", "125", "MiB"),
		refusedBySeparate(image("kernel", "initrd"), "Entry \"a\"", "has", "room", "for", "125829120"),
		resource.TestStep{
			Config: image("initrd", "kernel"), PlanOnly: true,
			ExpectError: says("In entries[0].initrd", "is the kernel of a netboot_image", "set the path of the initrd of the image"),
		},
	)
}

// bigImage is an image that no firmware before QEMU 9.2 has room for.
func bigImage(t *testing.T) string {
	t.Helper()
	lab.Need(t)
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	initrd := filepath.Join(t.TempDir(), "initrd")
	if err := os.WriteFile(initrd, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(initrd, 120<<20); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`
resource "netboot_image" "check" {
  tftp_root = netboot_tftp_root.test.id
  name      = "big"
  kernel    = { source = %q }
  initrd    = { source = %q }
}
`, kernel, initrd)
}
