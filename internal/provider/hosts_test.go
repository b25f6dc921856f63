package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// secondHost is a libvirtd beside the shared one, which ends with the test.
func secondHost(t *testing.T) *lab.Host {
	t.Helper()
	lab.Need(t)
	host, err := lab.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Stop(); err != nil {
			t.Error(err)
		}
	})
	return host
}

// twoHosts is a provider block whose default host is not there.
func twoHosts(t *testing.T, others ...string) string {
	t.Helper()
	return fmt.Sprintf(`
provider "netboot" {
  uri = %q
  hosts = {
    big  = { uri = %q }
    gone = { uri = %q }
    %s
  }
}
`, nowhere, lab.Shared(t).URI, nowhere, strings.Join(others, "\n"))
}

// everything is one object of each kind on a host.
const everything = `
resource "netboot_tftp_root" "test" {
  host = "big"
  path = "/srv/tftp-hosts"
}
resource "netboot_image" "test" {
  host      = "big"
  tftp_root = netboot_tftp_root.test.id
  name      = "linux"
  kernel    = { source = %q }
}
resource "netboot_pxelinux_config" "test" {
  host      = "big"
  tftp_root = netboot_tftp_root.test.id
  entries   = [{ label = "linux", kernel = netboot_image.test.kernel.path }]
}
resource "netboot_network" "test" {
  host      = "big"
  name      = "acc"
  tftp_root = netboot_tftp_root.test.path
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp    = { ranges = [{ start = "192.168.151.10", end = "192.168.151.20" }] }
  }
}
resource "netboot_volume" "base" {
  host     = "big"
  name     = "acc-base.qcow2"
  capacity = "1MiB"
}
resource "netboot_volume" "test" {
  host    = "big"
  name    = "acc.qcow2"
  backing = { volume = netboot_volume.base.id }
}
resource "netboot_domain" "test" {
  host            = "big"
  name            = "acc"
  memory          = "256MiB"
  boot            = ["network", "disk"]
  disks           = [{ volume = netboot_volume.test.id }]
  interfaces      = [{ network = netboot_network.test.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  running         = false
}
data "netboot_volume" "test" {
  host = "big"
  name = netboot_volume.test.name
}
`

// TestAccHost makes everything on a host that is not the default one, which nobody can reach, and imports
// it again by its id and its identity.
func TestAccHost(t *testing.T) {
	config := twoHosts(t) + fmt.Sprintf(everything, local(t, oldKernel))
	steps := []resource.TestStep{{
		Config: config,
		Check: resource.ComposeTestCheckFunc(
			virshPrints(t, "list --all --name", "acc"),
			virshPrints(t, "net-list --name", "acc"),
		),
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue("data.netboot_volume.test", tfjsonpath.New("id"), knownvalue.StringExact("big:default/acc.qcow2")),
		},
	}, {Config: config, ConfigPlanChecks: noChange}}
	for address, id := range map[string]string{
		"netboot_tftp_root.test":       "big:srv-tftp-hosts",
		"netboot_image.test":           "big:srv-tftp-hosts/linux",
		"netboot_pxelinux_config.test": "big:srv-tftp-hosts/default",
		"netboot_network.test":         "big:acc",
		"netboot_volume.test":          "big:default/acc.qcow2",
		testDomain:                     "big:acc",
	} {
		steps[0].ConfigStateChecks = append(steps[0].ConfigStateChecks,
			statecheck.ExpectKnownValue(address, tfjsonpath.New("id"), knownvalue.StringExact(id)))
		steps = append(steps,
			resource.TestStep{Config: config, ResourceName: address, ImportState: true, ImportStateId: id, ImportStateKind: resource.ImportBlockWithID},
			resource.TestStep{Config: config, ResourceName: address, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
		)
	}
	elsewhere(t, steps...)
}

// TestAccHostsShareDownloads publishes an image on two hosts, whose server is asked once.
func TestAccHostsShareDownloads(t *testing.T) {
	second := secondHost(t)
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		time.Sleep(time.Second) // a server that is far away, so that both have asked before it answers
		w.Header().Set("Content-Length", strconv.Itoa(len(oldKernel)))
		_, _ = w.Write(oldKernel)
	}))
	t.Cleanup(server.Close)
	elsewhere(t, resource.TestStep{Config: twoHosts(t, fmt.Sprintf("second = { uri = %q }", second.URI)) + fmt.Sprintf(`
locals {
  hosts = ["big", "second"]
}
resource "netboot_tftp_root" "test" {
  count = 2
  host  = local.hosts[count.index]
  path  = "/srv/tftp-hosts"
}
resource "netboot_image" "test" {
  count      = 2
  host       = local.hosts[count.index]
  tftp_root  = netboot_tftp_root.test[count.index].id
  name       = "linux"
  kernel     = { source = %q }
  depends_on = [netboot_tftp_root.test]
}
`, server.URL)})
	if n := requests.Load(); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
}

// elsewhere is acceptance for steps that have a provider block of their own.
func elsewhere(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	leavesNothing(t)
	for i := range steps {
		steps[i].Config = "terraform {\n  required_providers {\n    netboot = { source = \"s390x-netboot/netboot\" }\n  }\n}\n" + steps[i].Config
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: steps})
}

// TestAccHostMoves: another host is another object; what was on the first one goes.
func TestAccHostMoves(t *testing.T) {
	second := secondHost(t)
	on := func(host string) string {
		return twoHosts(t, fmt.Sprintf("small = { uri = %q }", second.URI)) + fmt.Sprintf(`
resource "netboot_network" "test" {
  host = %q
  name = "acc"
  mode = "isolated"
}
`, host)
	}
	has := func(h *lab.Host) bool {
		names, err := h.Virsh(t.Context(), "net-list", "--all", "--name")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(names, "acc")
	}
	want := func(first, other bool) func() {
		return func() {
			if has(lab.Shared(t)) != first || has(second) != other {
				t.Errorf("it is on the first host: %t, on the second: %t; want %t and %t", has(lab.Shared(t)), has(second), first, other)
			}
		}
	}
	elsewhere(t,
		resource.TestStep{Config: on("big"), PostApplyFunc: want(true, false)},
		resource.TestStep{Config: on("small"), PostApplyFunc: want(false, true), ConfigPlanChecks: actions("netboot_network.test", plancheck.ResourceActionReplace)},
	)
	want(false, false)()
}

// TestAccHostsRefused holds that a host that is not known, or not the right one, is an error that says so,
// and that one which is not there stops only what lies on it.
func TestAccHostsRefused(t *testing.T) {
	const volume = `
resource "netboot_volume" "test" {
  host     = %s
  name     = "acc"
  capacity = "1MiB"
}
`
	refused := func(config string, texts ...string) resource.TestStep {
		return resource.TestStep{Config: twoHosts(t) + config, ExpectError: says(texts...)}
	}
	overlay := fmt.Sprintf(volume, `"big"`) + `
resource "netboot_volume" "overlay" {
  name    = "overlay"
  backing = { volume = netboot_volume.test.id }
}
`
	elsewhere(t,
		refused(fmt.Sprintf(volume, `"huge"`), "Unknown host", inside("host"), `"huge" is not one of the provider's hosts, which are big, gone`),
		refused(overlay, "Host does not match", "In backing.volume:", `"big:default/acc" is on the host "big", and this resource is on the default host`, `set host = "big"`),
		refused(`
data "netboot_domain" "test" {
  host = "huge"
  name = "acc"
}`, "Unknown host"),
		refused(fmt.Sprintf(volume, `"big"`)+`
resource "netboot_network" "other" {
  host = "gone"
  name = "acc"
  mode = "isolated"
}
`, `Unable to create network "gone:acc"`, "unable to connect to libvirt at "+nowhere),
		resource.TestStep{Config: twoHosts(t) + fmt.Sprintf(volume, `"big"`), ConfigPlanChecks: noChange},
	)
	for hosts, texts := range map[string][]string{
		`{ big = { uri = terraform_data.later.output } }`: {"Unknown libvirt URI", "does not use a default instead"},
		`{ big = { uri = "" } }`:                          {"Invalid libvirt URI", "In hosts[\"big\"].uri:"},
		`{ "a b" = { uri = "qemu:///system" } }`:          {"Invalid name of a host"},
	} {
		onlyProvider(t, "provider \"netboot\" {\n  hosts = "+hosts+"\n}\n",
			`resource "terraform_data" "later" { input = "qemu:///system" }`+fmt.Sprintf(volume, "null"), resource.TestStep{ExpectError: says(texts...)})
	}
}

// TestLifecycleVolumeOfHost holds that a volume may be written with its host's name or without, and that a
// guest does not notice the change from one to the other.
func TestLifecycleVolumeOfHost(t *testing.T) {
	h := newGuestHost(t)
	of := func(kind string) *core {
		return newCoreOf(t, kind, func() run {
			server, schemas := configuredServer(t, h, `{"hosts": {"far": {"uri": "memory:///"}}}`)
			return run{server, schemas.ResourceSchemas}
		})
	}
	of("netboot_volume").must(`{"host": "far", "name": "overlay", "backing": {"volume": "default/disk"}}`)
	guest := of("netboot_domain")
	for _, volume := range []string{"default/disk", "far:default/disk", "default/disk"} {
		guest.must(fmt.Sprintf(`{"host": "far", "name": "guest", "memory": "512MiB", "boot": ["disk"], "disks": [{"volume": %q}]}`, volume))
	}
	if starts := h.Calls("BootDomain") + h.Calls("StartDomain"); starts != 1 || len(runningGuest(t, h).Disks) != 1 {
		t.Errorf("the guest was started %d times, and has %+v", starts, runningGuest(t, h).Disks)
	}
}
