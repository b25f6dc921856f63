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

// What the guest of TestE2ESeeds is to find.
const (
	seedUserData = "#cloud-config\nhostname: seeded\npassword: \"täglich\"\n"
	seedMetaData = "instance-id: iid-seeded\nlocal-hostname: seeded\n"
	seedNetwork  = "version: 2\nethernets: {}\n"
	seedVendor   = "#!/bin/sh\necho vendor\n"
	seedIgnition = `{"ignition":{"version":"3.4.0"},"storage":{"files":[{"path":"/etc/seeded"}]}}`
)

// seededGuest is a configuration with a guest that has both kinds of seeds.
func seededGuest() string {
	return fmt.Sprintf(`
resource "netboot_volume" "cloud_init" {
  name = "cloud-init.iso"
  cloud_init = {
    user_data      = %q
    meta_data      = %q
    network_config = %q
    vendor_data    = %q
  }
}
resource "netboot_volume" "ignition" {
  name     = "ignition.ign"
  ignition = %q
}
resource "netboot_domain" "test" {
  name   = "acc"
  memory = "512MiB"
  disks = [
    { volume = netboot_volume.cloud_init.id, readonly = true },
    { volume = netboot_volume.ignition.id, serial = "ignition", readonly = true },
  ]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  boot_check = {
    expect = ["hostname: seeded", "instance-id: iid-seeded", "/etc/seeded", "NETBOOT-INIT: ready"]
    forbid = ["unable to", "beyond EOD"]
  }
}
`, seedUserData, seedMetaData, seedNetwork, seedVendor, seedIgnition)
}

// TestE2ESeeds boots a guest that looks for its seeds as cloud-init and Ignition do: it mounts the file
// system of the label cidata, and reads the disk of the serial number ignition.
func TestE2ESeeds(t *testing.T) {
	logs := t.TempDir()
	words := []string{`"netboot.mount=cidata"`}
	wants := []string{`NETBOOT-INIT: mounted=cidata files=["/cidata/meta-data" "/cidata/network-config" "/cidata/user-data" "/cidata/vendor-data"]`}
	reads := func(path, attributes, content string) {
		words = append(words, fmt.Sprintf("%q", "netboot.file="+path))
		wants = append(wants, fmt.Sprintf("NETBOOT-INIT: file=%s %s content=[%s]", path, attributes, strings.TrimSpace(content)))
	}
	for name, content := range map[string]string{"user-data": seedUserData, "meta-data": seedMetaData, "network-config": seedNetwork, "vendor-data": seedVendor} {
		reads("/cidata/"+name, fmt.Sprintf("mode=100400 owner=0:0 bytes=%d", len(content)), content)
	}
	reads("/dev/disk/by-id/virtio-ignition", "mode=120777 owner=0:0 bytes=8", seedIgnition)
	acceptanceWith(t, fmt.Sprintf("console_log_dir = %q", logs), resource.TestStep{
		Config: bootFiles(t) + entry("", bootKernel, strings.Join(words, ", ")) + seededGuest(),
		Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(testDomain, "boot_result.matched.#", "4"),
			consoleSays(filepath.Join(logs, "acc.log"), wants),
		),
	})
}

// consoleSays checks that a console's log has each of the texts, which may have several lines.
func consoleSays(log string, texts []string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		console, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if !strings.Contains(strings.ReplaceAll(string(console), "\r", ""), text) {
				return fmt.Errorf("the guest does not say %q:\n%s", text, console)
			}
		}
		return nil
	}
}
