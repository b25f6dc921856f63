package provider

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// liveSystem has the attributes of a netboot_image with the lab's live system for an architecture.
func liveSystem(t *testing.T, arch string) string {
	t.Helper()
	system, err := lab.Live(t.Context(), arch)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{ kernel = %q, initrd = %q, squashfs = %q }`, system.Kernel, system.Initrd, system.Squashfs)
}

// serves serves a directory of the lab host's /srv to its guests.
func serves(t *testing.T, path string, port int) {
	t.Helper()
	answers(t, fmt.Sprintf(":%d", port), http.FileServer(http.Dir(inSrv(t, path))))
}

// answers answers the guests of the lab's host by HTTP until the test ends, at an address such as :8080.
func answers(t *testing.T, address string, handler http.Handler) {
	t.Helper()
	listener, err := lab.Shared(t).Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// liveGuests are guests that have no disk. All of their system comes from the network.
const liveGuests = `
locals {
  guests = {
    mainframe = { arch = "s390x", files = %[1]s, console = "ttysclp0", server = "tftp://" } # without a host: the server of DHCP
    pc        = { arch = "x86_64", files = %[2]s, console = "ttyS0,115200", server = "%[4]s" }
  }
}
resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp-live"
  files = {
    "pxelinux.0"  = { source = "%[3]s/pxelinux.0" }
    "ldlinux.c32" = { source = "%[3]s/ldlinux.c32" }
  }
}
resource "netboot_network" "lab" {
  name      = "live"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.186.1/24"
    dhcp = {
      ranges = [{ start = "192.168.186.10", end = "192.168.186.20" }]
      boot   = [{ arch = "x86_64", bootfile = "pxelinux.0" }]
    }
  }
}
resource "netboot_image" "live" {
  for_each  = local.guests
  tftp_root = netboot_tftp_root.lab.id
  name      = each.key
  arch      = each.value.arch
  kernel    = { source = each.value.files.kernel }
  initrd    = { source = each.value.files.initrd }
  files     = { "root.squashfs" = { source = each.value.files.squashfs } }
}
resource "netboot_pxelinux_config" "live" {
  for_each  = local.guests
  tftp_root = netboot_tftp_root.lab.id
  arch      = each.value.arch
  mac       = provider::netboot::mac(each.key)
  entries = [{
    label  = "live"
    kernel = netboot_image.live[each.key].kernel.path
    initrd = netboot_image.live[each.key].initrd.path
    append = ["console=${each.value.console}", "boot=live", "fetch=${each.value.server}/${netboot_image.live[each.key].files["root.squashfs"].path}"]
  }]
}
resource "netboot_domain" "live" {
  for_each        = local.guests
  name            = each.key
  arch            = each.value.arch
  memory          = "1GiB"
  interfaces      = [{ network = netboot_network.lab.name, mac = provider::netboot::mac(each.key) }]
  pxelinux_config = netboot_pxelinux_config.live[each.key].id

  boot_check = { expect = ["login:"], forbid = ["Kernel panic", "BOOT FAILED"], timeout = "40m" }
  timeouts   = { create = "45m" }
}
output "results" {
  value = { for name, guest in netboot_domain.live : name => { boot = guest.boot_result } }
}
`

// TestInstallersLive boots guests without a disk from the network, and holds that each comes to its login prompt. One loads its root file
// system by TFTP, the other from a web server.
func TestInstallersLive(t *testing.T) {
	needsInstallers(t)
	loaders, err := lab.PXELINUX(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const port = 8086
	serves(t, "/srv/tftp-live", port)
	leavesNothing(t)
	from := fmt.Sprintf("http://192.168.186.1:%d", port)
	c := consoleCLI(t, fmt.Sprintf(liveGuests, liveSystem(t, "s390x"), liveSystem(t, "amd64"), loaders, from))
	took := c.installs(time.Hour)
	c.logRow("Debian 12 in memory, s390x", "mainframe", took)
	c.logRow("Debian 12 in memory, x86_64 with BIOS", "pc", took)
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}
