package provider

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccDataSources reads what others have made, and compares it with what virsh says.
func TestAccDataSources(t *testing.T) {
	const made = `
resource "netboot_network" "test" {
  name   = "acc"
  bridge = "acc0"
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp = {
      ranges       = [{ start = "192.168.151.10", end = "192.168.151.20" }]
      reservations = [{ mac = "52:54:00:00:00:01", ip = "192.168.151.11", hostname = "one" }]
    }
  }
}
resource "netboot_volume" "base" {
  name     = "acc-base.qcow2"
  capacity = "1MiB"
}
resource "netboot_volume" "test" {
  name    = "acc.qcow2"
  backing = { volume = netboot_volume.base.id }
}
resource "netboot_domain" "test" {
  name       = "acc"
  memory     = "256MiB"
  vcpus      = 2
  boot       = ["disk"]
  disks      = [{ volume = netboot_volume.test.id, serial = "ONE", readonly = true }]
  interfaces = [{ network = netboot_network.test.name, mac = "52:54:00:00:00:01" }]
  running    = false
}
`
	const read = made + `
data "netboot_network" "test" {
  name       = "acc"
  depends_on = [netboot_domain.test]
}
data "netboot_volume" "test" {
  name       = "acc.qcow2"
  depends_on = [netboot_domain.test]
}
data "netboot_domain" "test" {
  name       = "acc"
  depends_on = [netboot_domain.test]
}
`
	has := func(of, attribute string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.netboot_"+of+".test", tfjsonpath.New(attribute), value)
	}
	object := func(attributes map[string]knownvalue.Check) knownvalue.Check {
		return knownvalue.ObjectExact(attributes)
	}
	text := knownvalue.StringExact
	acceptance(t, resource.TestStep{
		Config: read,
		ConfigStateChecks: []statecheck.StateCheck{
			has("network", "mode", text("nat")),
			has("network", "bridge", text("acc0")),
			has("network", "running", knownvalue.Bool(true)),
			has("network", "tftp_root", knownvalue.Null()),
			has("network", "guests", knownvalue.ListSizeExact(0)),
			has("network", "ipv6", knownvalue.Null()),
			has("network", "ipv4", object(map[string]knownvalue.Check{
				"address": text("192.168.151.1/24"),
				"ranges":  knownvalue.ListExact([]knownvalue.Check{object(map[string]knownvalue.Check{"start": text("192.168.151.10"), "end": text("192.168.151.20")})}),
				"reservations": knownvalue.ListExact([]knownvalue.Check{object(map[string]knownvalue.Check{
					"mac": text("52:54:00:00:00:01"), "ip": text("192.168.151.11"), "hostname": text("one"),
				})}),
			})),
			has("volume", "id", text("default/acc.qcow2")),
			has("volume", "pool", text("default")),
			has("volume", "format", text("qcow2")),
			has("volume", "capacity_bytes", knownvalue.Int64Exact(1<<20)),
			has("volume", "backing_path", text("/var/lib/libvirt/images/acc-base.qcow2")),
			has("domain", "arch", text("s390x")),
			has("domain", "accelerator", text("tcg")),
			has("domain", "vcpus", knownvalue.Int64Exact(2)),
			has("domain", "memory_bytes", knownvalue.Int64Exact(256<<20)),
			has("domain", "state", text("off")),
			has("domain", "running", knownvalue.Bool(false)),
			has("domain", "boot", knownvalue.ListExact([]knownvalue.Check{text("disk")})),
			has("domain", "addresses", knownvalue.ListSizeExact(0)),
			has("domain", "disks", knownvalue.ListExact([]knownvalue.Check{object(map[string]knownvalue.Check{
				"path": text("/var/lib/libvirt/images/acc.qcow2"), "volume": knownvalue.Null(), "url": knownvalue.Null(), "bus": text("virtio"), "serial": text("ONE"), "readonly": knownvalue.Bool(true), "beneath": knownvalue.ListExact([]knownvalue.Check{text("/var/lib/libvirt/images/acc-base.qcow2")}),
			})})),
			has("domain", "interfaces", knownvalue.ListExact([]knownvalue.Check{object(map[string]knownvalue.Check{
				"network": text("acc"), "bridge": knownvalue.Null(), "device": knownvalue.Null(), "pci": knownvalue.Null(), "mac": text("52:54:00:00:00:01"),
			})})),
		},
	})
}

// What the lab's hosts have, by the release of Debian that they are of.
var released = map[lab.Generation]struct {
	firmware, hypervisor, libvirt string
	topology                      string // as libvirt writes one of 2 sockets and 4 cores
}{
	lab.Bookworm: {"separate", `^7\.2\.`, `^9\.0\.`, "<topology sockets='2' dies='1' cores='4' threads='1'/>"},
	lab.Trixie:   {"merged", `^10\.0\.`, `^11\.3\.`, "<topology sockets='2' dies='1' clusters='1' cores='4' threads='1'/>"},
}

// TestAccHostDataSource asks a host that is ready for netboot.
func TestAccHostDataSource(t *testing.T) {
	has := func(attribute string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.netboot_host.test", tfjsonpath.New(attribute), value)
	}
	want := released[lab.Shared(t).Generation]
	var hypervisor knownvalue.Check = knownvalue.StringRegexp(regexp.MustCompile(want.hypervisor))
	if _, err := lab.Shared(t).Exec(t.Context(), "virsh", "version"); err != nil { // libvirt 9.0 without QEMU for this machine's own architecture
		hypervisor = knownvalue.Null()
	}
	acceptance(t, resource.TestStep{
		Config: `data "netboot_host" "test" {}`,
		ConfigStateChecks: []statecheck.StateCheck{
			has("missing", knownvalue.ListSizeExact(0)),
			has("firmware", knownvalue.StringExact(want.firmware)),
			has("hypervisor_version", hypervisor),
			has("libvirt_version", knownvalue.StringRegexp(regexp.MustCompile(want.libvirt))),
		},
	})
}

// TestAccDataSourceOfNothing: what is not there is an error that names it.
func TestAccDataSourceOfNothing(t *testing.T) {
	var steps []resource.TestStep
	for _, of := range []string{"network", "volume", "domain"} {
		steps = append(steps, resource.TestStep{
			Config:      fmt.Sprintf("data \"netboot_%s\" \"test\" {\n  name = \"none\"\n}", of),
			ExpectError: regexp.MustCompile(fmt.Sprintf(`Unable to read %s "(default/)?none"`, of)),
		})
	}
	steps = append(steps, resource.TestStep{
		Config:      `data "netboot_console" "test" {` + "\n  domain = \"none\"\n  until = \"x\"\n}",
		ExpectError: regexp.MustCompile(`Unable to read the console of domain "none"`),
	})
	acceptance(t, steps...)
}

// TestAccConsoleDataSource: a guest that says nothing is an error that says so; one that is off too.
func TestAccConsoleDataSource(t *testing.T) {
	config := func(attributes string) string {
		return fmt.Sprintf(`
resource "netboot_volume" "test" {
  name     = "acc.qcow2"
  capacity = "1MiB"
}
resource "netboot_domain" "test" {
  name    = "acc"
  memory  = "256MiB"
  boot    = ["disk"]
  disks   = [{ volume = netboot_volume.test.id }]
  running = false
}
data "netboot_console" "test" {
  domain  = netboot_domain.test.name
  timeout = "1s"
  %s
}
`, attributes)
	}
	acceptance(t,
		resource.TestStep{Config: config(`until = "("`), ExpectError: regexp.MustCompile(`until`)},
		resource.TestStep{Config: config(`until = "login:"`), ExpectError: regexp.MustCompile(`(?s)Unable to read the console of domain "acc".*not\s+running`)},
	)
}
