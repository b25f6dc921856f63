package provider

import (
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// nowhere is a URI at which nobody answers.
const nowhere = "qemu+unix:///system?socket=/nonexistent/libvirt-sock"

// TestSchema holds what documentation and both CLIs ask of a schema.
func TestSchema(t *testing.T) {
	server, err := factories["netboot"]()
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil || len(schemas.Diagnostics) > 0 {
		t.Fatal(err, schemas.Diagnostics)
	}
	all := maps.Clone(schemas.ResourceSchemas)
	all["provider"] = schemas.Provider
	for name, schema := range all {
		if schema.Block.Description == "" && name != "provider" {
			t.Errorf("%s has no description", name)
		}
		wantDescriptions(t, name, schema.Block.Attributes)
	}
	identities, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil || len(identities.Diagnostics) > 0 {
		t.Fatal(err, identities.Diagnostics)
	}
	for name := range schemas.ResourceSchemas {
		if identities.IdentitySchemas[name] == nil {
			t.Errorf("%s has no identity", name)
		}
	}
}

func wantDescriptions(t *testing.T, of string, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, a := range attributes {
		name := of + "." + a.Name
		if a.Description == "" {
			t.Errorf("%s has no description", name)
		}
		// The timeouts' own are the framework's.
		if a.DescriptionKind != tfprotov6.StringKindMarkdown && !strings.Contains(of, ".timeouts") {
			t.Errorf("the description of %s is not Markdown", name)
		}
		if a.NestedType != nil {
			wantDescriptions(t, name, a.NestedType.Attributes)
		}
	}
}

// onlyProvider runs one step with a provider block of its own.
func onlyProvider(t *testing.T, block, config string, step resource.TestStep) {
	t.Helper()
	step.Config = `
terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}
` + block + config
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{step}})
}

func TestAccProviderURI(t *testing.T) {
	const volume = `
resource "netboot_volume" "test" {
  name     = "uri"
  capacity = "1MiB"
}
`
	withURI := func(uri string) string { return "provider \"netboot\" {\n  uri = " + uri + "\n}\n" }
	for _, test := range []struct {
		name, uri string
		error     []string
	}{
		{"no such transport", `"qemu+pigeon:///system"`, []string{"Invalid libvirt URI", "uri =", `transport "pigeon" is not known`}},
		{"no driver", `"///system"`, []string{"Invalid libvirt URI", "uri =", "no driver"}},
		{"no URI", `"qemu:///%zz"`, []string{"Invalid libvirt URI", "uri ="}},
		{"unknown", "terraform_data.later.output", []string{"Unknown libvirt URI", "uri = terraform_data.later.output", "does not use a default instead"}},
		{"nobody there", `"` + nowhere + `"`, []string{`Unable to create volume "default/uri"`, "unable to connect to libvirt at " + nowhere,
			"no such file", "Check that the URI is right", "systemctl status libvirtd"}},
		{"nobody listens", `"qemu+tcp://127.0.0.1:1/system"`, []string{"unable to connect to libvirt at qemu+tcp://127.0.0.1:1/system", "connection refused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			later := `resource "terraform_data" "later" { input = "qemu:///system" }`
			onlyProvider(t, withURI(test.uri), later+volume, resource.TestStep{ExpectError: says(test.error...)})
		})
	}
}

// TestAccProviderConnectsLate holds that a host which nobody can reach is no hindrance to what does not
// need it.
func TestAccProviderConnectsLate(t *testing.T) {
	block := "provider \"netboot\" {\n  uri = \"" + nowhere + "\"\n}\n"
	onlyProvider(t, block, `resource "terraform_data" "other" { input = "x" }`, resource.TestStep{
		ConfigPlanChecks: actions("terraform_data.other", plancheck.ResourceActionCreate),
	})
	onlyProvider(t, block, `
resource "netboot_volume" "test" {
  name     = "late"
  capacity = "1MiB"
}
resource "netboot_network" "test" {
  name = "late"
  ipv4 = { address = "192.168.151.1/24" }
}
resource "netboot_domain" "test" {
  name       = "late"
  memory     = "256MiB"
  interfaces = [{ network = netboot_network.test.name }]
  disks      = [{ volume = netboot_volume.test.id }]
}
`, resource.TestStep{PlanOnly: true, ExpectNonEmptyPlan: true})
}

func TestAccProviderDefaultURI(t *testing.T) {
	const config = `
resource "netboot_network" "test" {
  name = "acc"
  mode = "isolated"
}
`
	t.Setenv("LIBVIRT_DEFAULT_URI", lab.Shared(t).URI)
	onlyProvider(t, "", config, resource.TestStep{Check: virshPrints(t, "net-list --name", "acc")})
	// What the provider block says goes first.
	t.Setenv("LIBVIRT_DEFAULT_URI", nowhere)
	acceptance(t, resource.TestStep{Config: config, Check: virshPrints(t, "net-list --name", "acc")})
	onlyProvider(t, "", config, resource.TestStep{ExpectError: says("unable to connect to libvirt at " + nowhere)})
}

// TestAccProviderLosesConnection holds that a refresh which loses its connection, at whatever moment,
// changes nothing in the state: nothing is taken for gone.
func TestAccProviderLosesConnection(t *testing.T) {
	accPool(t)
	leavesNothing(t)
	wire := newWire(t)
	c := newCLI(t, wire.uri, labNetwork+`
resource "netboot_volume" "disk" {
  count    = 3
  name     = "disk-${count.index}"
  pool     = "acc"
  capacity = "1MiB"
}
resource "netboot_domain" "test" {
  name       = "acc"
  memory     = "256MiB"
  running    = false
  interfaces = [{ network = netboot_network.lab.name }]
  disks      = [for v in netboot_volume.disk : { volume = v.id }]
}
`)
	c.must("apply", "-auto-approve")
	wire.cutAfter(0)
	c.must("plan", "-detailed-exitcode")
	whole, before := wire.cutAfter(0), c.state()
	for _, part := range []int{0, 3, 5, 7, 9} {
		wire.cutAfter(whole*part/10 + 1)
		c.mustFail([]string{"apply", "-refresh-only", "-auto-approve"}, "Unable to read", "libvirt at "+wire.uri)
		if c.state() != before {
			t.Errorf("the state changed when the connection was cut after %d tenths", part)
		}
	}
	wire.cutAfter(0)
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
	expect(t, virshPrints(t, "list --all --name", "not acc"))
}
