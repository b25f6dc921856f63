package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// TestReadWithoutIdentity holds that what no longer exists leaves the state also with a CLI before 1.12, which stores no
// identity: the framework demands one of the answer all the same.
func TestReadWithoutIdentity(t *testing.T) {
	h := virttest.New()
	for kind, identity := range identitySchemas(t) {
		t.Run(kind, func(t *testing.T) {
			c := newCore(t, h, kind)
			id := strings.Join(slices.Repeat([]string{"missing"}, len(identity.IdentityAttributes)-1), "/") // "host" is not in it
			imported, err := c.server.ImportResourceState(c.ctx, &tfprotov6.ImportResourceStateRequest{TypeName: kind, ID: id})
			if err != nil || len(imported.Diagnostics) > 0 {
				t.Fatal(err, problems(imported.Diagnostics))
			}
			c.state = c.value(imported.ImportedResources[0].State)
			if problems := c.refresh(); len(problems) > 0 || !c.state.IsNull() {
				t.Errorf("it is in the state: %v, and Read says: %v", !c.state.IsNull(), problems)
			}
			if want := imported.ImportedResources[0].Identity; !reflect.DeepEqual(c.identity, want) {
				t.Errorf("the identity is %v, want %v", c.identity, want)
			}
		})
	}
}

func identitySchemas(t *testing.T) map[string]*tfprotov6.ResourceIdentitySchema {
	t.Helper()
	server, _ := unconfiguredServer(t, New("test"))
	identities, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil || len(identities.Diagnostics) > 0 {
		t.Fatal(err, identities.Diagnostics)
	}
	return identities.IdentitySchemas
}

// TestReadOfStoppedPool holds the same where a resource is not looked at, as its pool is not active.
func TestReadOfStoppedPool(t *testing.T) {
	h := newMemoryHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/tftp"}`)
	c := newCore(t, h, "netboot_pxelinux_config")
	c.must(`{"tftp_root": "srv-tftp", "content": "label x\n  kernel k\n  initrd i\n  append quiet\n"}`)
	if err := h.StopPool(t.Context(), "srv-tftp-pxelinux.cfg"); err != nil {
		t.Fatal(err)
	}
	identity := c.identity
	c.identity = nil
	problems := c.refresh()
	if problems.hasError() || !strings.Contains(problems.String(), "is not active") || c.state.IsNull() || !reflect.DeepEqual(c.identity, identity) {
		t.Errorf("it is in the state: %v, with the identity %v, and Read says: %v", !c.state.IsNull(), c.identity, problems)
	}
}

// recipeIDs are what imports the recipe's resources.
var recipeIDs = map[string]string{
	"netboot_tftp_root.lab":           "srv-tftp",
	"netboot_image.bionic":            "srv-tftp/bionic",
	"netboot_pxelinux_config.default": "srv-tftp/default",
	"netboot_network.lab":             "lab",
	"netboot_volume.disk":             "default/blog-netboot.qcow2",
	"netboot_domain.guest":            "blog-netboot",
}

// TestAccCLI is what each CLI has to do, the oldest and the newest: the recipe with data sources, its change, the import of
// each resource, and a plan after all of it was removed on the host.
func TestAccCLI(t *testing.T) {
	needsCLI(t)
	c := wholeCLI(t, quickRecipe(t))
	leavesNothing(t)
	if schema := c.must("providers", "schema", "-json"); !json.Valid([]byte(schema)) {
		t.Errorf("it prints more than the schema: %.1000s", schema)
	}
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")

	c.write("main.tf", strings.NewReplacer("8GiB", "9GiB", "150.200", "150.199").Replace(quickRecipe(t)))
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")

	for address, id := range recipeIDs {
		c.must("state", "rm", address)
		c.must("import", address, id)
	}
	c.must("plan", "-detailed-exitcode")

	removeRecipe(t)
	if plan := c.must("plan"); !strings.Contains(plan, "6 to add, 0 to change, 0 to destroy") {
		t.Errorf("the plan after all was removed on the host: %s", plan)
	}
	c.must("apply", "-auto-approve")
	c.must("destroy", "-auto-approve")
}

// quickRecipe is the recipe on the lab's host, with data sources. It waits for the firmware's first words only.
func quickRecipe(t *testing.T) string {
	t.Helper()
	kernel, errKernel := lab.Kernel(t.Context())
	initrd, errInitrd := lab.Initrd(t.Context())
	if err := errors.Join(errKernel, errInitrd); err != nil {
		t.Fatal(err)
	}
	recipe := strings.NewReplacer(
		"${var.images}/kernel.ubuntu", kernel, "${var.images}/initrd.ubuntu", initrd,
		`"Linux version"`, `"Network boot starting"`,
	).Replace(readFile(t, examplesDir+"/recipe/main.tf"))
	return recipe + fmt.Sprintf(`
provider "netboot" {
  uri = %q
}

data "netboot_network" "lab" {
  name = netboot_network.lab.name
}

data "netboot_domain" "guest" {
  name = netboot_domain.guest.name
}
`, lab.Shared(t).URI)
}

// removeRecipe removes on the host all that the recipe makes.
func removeRecipe(t *testing.T) {
	t.Helper()
	for _, command := range []string{
		"destroy blog-netboot", "undefine blog-netboot",
		"net-destroy lab", "net-undefine lab",
		"vol-delete blog-netboot.qcow2 default",
		"pool-destroy srv-tftp-pxelinux.cfg", "pool-undefine srv-tftp-pxelinux.cfg",
		"pool-destroy srv-tftp", "pool-undefine srv-tftp",
	} {
		virsh(t, strings.Fields(command)...)
	}
	onLab(t, "rm", "-r", "/srv/tftp")
}

// cliFeature is what not every CLI has: a configuration with it, a command that takes it, and the errors of a CLI without it.
type cliFeature struct {
	row    string // of the table in the documentation, which says since when
	config string
	args   []string
	errors int
	lacks  *regexp.Regexp
}

var cliFeatures = []cliFeature{
	{"Functions", `output "mac" { value = provider::netboot::mac("guest") }`, []string{"apply", "-auto-approve"}, 1, says("Error:", "provider::netboot::mac")},
	{"Seeds", `
resource "netboot_volume" "seed" {
  name       = "seed"
  cloud_init = { user_data = "#cloud-config\n" }
}`, []string{"apply", "-auto-approve"}, 1, says("Error: WriteOnly Attribute Not Allowed", "cloud_init", "Write-only attributes are only supported in Terraform 1.11 and later")},
	{"Imports by `identity`", `
import {
  to       = netboot_volume.disk
  identity = { pool = "default", name = "missing" }
}
resource "netboot_volume" "disk" {
  name     = "missing"
  capacity = "1GiB"
}`, []string{"validate"}, 2, says(`argument "id" is required`, `argument named "identity" is not expected`)},
	{"Actions", `
action "netboot_domain_power" "off" {
  config {
    domain = "guest"
    power  = "shutdown"
  }
}`, []string{"plan"}, 1, says("Error: Unsupported block type", `"action"`)},
	{"Queries", "", []string{"query"}, 0, says("has no command named", "query")},
}

// TestAccCLIFeatures holds that a CLI has what the documentation's table says, and that an error names what it does not have.
func TestAccCLIFeatures(t *testing.T) {
	needsCLI(t)
	leavesNothing(t)
	for _, feature := range cliFeatures {
		t.Run(feature.row, func(t *testing.T) {
			c := newCLI(t, lab.Shared(t).URI, feature.config)
			c.write("all.tfquery.hcl", "list \"netboot_volume\" \"all\" {\n  provider = netboot\n}\n")
			run := c.start(feature.args...)
			err := run.wait(hangs)
			said := run.output.String()
			switch has := c.hasSince(feature.row); {
			case has && err != nil:
				t.Errorf("%v: %v\n%s", feature.args, err, said)
			case !has && (err == nil || strings.Count(said, "Error: ") != feature.errors || !feature.lacks.MatchString(said)):
				t.Errorf("%v: %v; it should say %q:\n%s", feature.args, err, feature.lacks, said)
			}
			if err == nil && feature.args[0] == "apply" {
				c.must("destroy", "-auto-approve")
			}
		})
	}
}

// hasSince tells whether the CLI is as new as a row of the documentation's table says.
func (c *cli) hasSince(row string) bool {
	c.t.Helper()
	var product string
	var minor int
	if _, err := fmt.Sscanf(c.must("version"), "%s v1.%d", &product, &minor); err != nil {
		c.t.Fatalf("its version is no 1.x: %v", err)
	}
	for line := range strings.Lines(readFile(c.t, "../docs/templates/index.md.tmpl")) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || !strings.HasPrefix(cells[0], "| "+row) {
			continue
		}
		cell := cells[1]
		if product == "OpenTofu" {
			cell = cells[2]
		}
		var since int
		_, err := fmt.Sscanf(cell, "1.%d", &since)
		return err == nil && minor >= since // no release has what the table says "none" of
	}
	c.t.Fatalf("the documentation's table has no row %q", row)
	return false
}
