package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// TestAccImageCommandLineBoots boots a kernel that carries a command line of 3,000 bytes, more than
// three times what the firmware passes on. The last word of it is one that the guest obeys.
func TestAccImageCommandLineBoots(t *testing.T) {
	logs := t.TempDir()
	const first, last = "console=ttysclp0 long.word=", " netboot.print=TAIL"
	cmdline := first + strings.Repeat("x", 3000-len(first)-len(last)) + last
	config := strings.Replace(bootFiles(t), "kernel    = {", fmt.Sprintf("kernel    = {\n cmdline = %q\n", cmdline), 1)
	whole := func(*terraform.State) error {
		log, err := os.ReadFile(filepath.Join(logs, "acc.log"))
		if err != nil {
			return err
		}
		if !strings.Contains(string(log), "NETBOOT-INIT: cmdline=["+cmdline+"]") {
			return fmt.Errorf("the guest has another command line:\n%s", log)
		}
		return nil
	}
	acceptanceWith(t, fmt.Sprintf("console_log_dir = %q", logs), resource.TestStep{
		Config: config + `
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.lab.id
  entries = [{
    label  = "linux"
    kernel = netboot_image.linux.kernel.path
    initrd = netboot_image.linux.initrd.path
  }]
}
resource "netboot_domain" "test" {
  name            = "acc"
  memory          = "512MiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  boot_check      = { expect = ["NETBOOT-INIT: TAIL", "NETBOOT-INIT: ready"] }
}
`,
		Check: resource.ComposeTestCheckFunc(resource.TestCheckResourceAttr(testDomain, "boot_result.stage", "userspace"), whole),
	})
}
