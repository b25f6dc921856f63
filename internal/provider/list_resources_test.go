package provider

import (
	"fmt"
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
		id := map[string]knownvalue.Check{}
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
	before := inventory(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: []resource.TestStep{
			{Config: made},
			{Query: true, Config: query, QueryResultChecks: checks},
		},
	})
	if after := inventory(t); after != before {
		t.Errorf("left on the host after destroy:\n%s\nbefore it was:\n%s", after, before)
	}
}
