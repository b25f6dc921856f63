package provider

import (
	"fmt"
	"os"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/querycheck"
	"github.com/hashicorp/terraform-plugin-testing/querycheck/queryfilter"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccList finds what an apply has made, as an import would see it.
func TestAccList(t *testing.T) {
	host := onHost(lab.Shared(t).URI)
	made := host + bootFiles(t) + entry("", bootKernel, `"quiet"`) + `
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
`
	var query string
	var checks []querycheck.QueryResultCheck
	for of, identity := range map[string]map[string]string{
		"tftp_root":       {"name": "srv-tftp-e2e"},
		"image":           {"tftp_root": "srv-tftp-e2e", "name": "linux"},
		"pxelinux_config": {"tftp_root": "srv-tftp-e2e", "file_name": "default"},
		"network":         {"name": "acc"},
		"volume":          {"pool": "default", "name": "acc.qcow2"},
		"domain":          {"name": "acc"},
	} {
		query += fmt.Sprintf("list \"netboot_%[1]s\" \"all\" {\n  provider         = netboot\n  include_resource = true\n}\n", of)
		address := "netboot_" + of + ".all"
		id := map[string]knownvalue.Check{"host": knownvalue.Null()}
		for attribute, value := range identity {
			id[attribute] = knownvalue.StringExact(value)
		}
		checks = append(checks, querycheck.ExpectLength(address, 1), querycheck.ExpectIdentity(address, id))
	}
	known := func(address, attribute string, value knownvalue.Check) querycheck.QueryResultCheck {
		return querycheck.ExpectResourceKnownValues(address, queryfilter.ByDisplayName(knownvalue.NotNull()), []querycheck.KnownValueCheck{{
			Path: tfjsonpath.New(attribute), KnownValue: value,
		}})
	}
	checks = append(checks,
		known("netboot_network.all", "tftp_root", knownvalue.StringExact("/srv/tftp-e2e")),
		known("netboot_volume.all", "capacity_bytes", knownvalue.Int64Exact(1<<20)),
		known("netboot_domain.all", "running", knownvalue.Bool(false)),
		known("netboot_tftp_root.all", "path", knownvalue.StringExact("/srv/tftp-e2e")),
	)
	leavesNothing(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: []resource.TestStep{
			{Config: made},
			{Query: true, Config: query, QueryResultChecks: checks},
		},
	})
}

// TestAccListAdopts takes over what others have made, by the configuration that terraform query
// writes: its plan imports, and changes nothing.
func TestAccListAdopts(t *testing.T) {
	if os.Getenv("TF_ACC_PROVIDER_HOST") != "" {
		t.Skip("OpenTofu has no query")
	}
	leavesNothing(t)
	c := newCLI(t, lab.Shared(t).URI, "")
	define(t, "net-define", `<network><name>acc</name><forward mode='nat'/><bridge name='acc0' stp='on' delay='0'/>
<ip address='192.168.151.1' netmask='255.255.255.0'><dhcp><range start='192.168.151.2' end='192.168.151.254'/></dhcp></ip></network>`, "net-undefine", "acc")
	makeDir(t, "/srv/disks", 0o755)
	virsh(t, "pool-create-as", "theirs", "dir", "--target", "/srv/disks")
	t.Cleanup(func() { virsh(t, "pool-destroy", "theirs") })
	virsh(t, "vol-create-as", "theirs", "acc.qcow2", "1M", "--format", "qcow2")
	define(t, "define", `<domain type='qemu'><name>acc</name><memory>262144</memory><os><type arch='s390x'>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/disks/acc.qcow2'/><target dev='vda' bus='virtio'/><boot order='1'/></disk>
<interface type='network'><source network='acc'/><mac address='52:54:00:00:00:01'/></interface></devices></domain>`, "undefine", "acc")
	c.write("all.tfquery.hcl", `
list "netboot_network" "all" {
  provider = netboot
}
list "netboot_volume" "theirs" {
  provider = netboot
  config {
    pool = "theirs"
  }
}
list "netboot_domain" "all" {
  provider = netboot
}
`)
	c.must("query", "-generate-config-out=found.tf")
	c.must("apply", "-auto-approve")
	if got := len(c.resources()); got != 3 {
		t.Errorf("%d resources were taken over, want 3", got)
	}
	c.must("plan", "-detailed-exitcode")
}
