package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccDomainPower presses the buttons of a guest whose firmware finds nothing on its network, and
// waits for ever.
func TestAccDomainPower(t *testing.T) {
	config := func(power string) string {
		return onHost(lab.Shared(t).URI) + fmt.Sprintf(`
resource "netboot_network" "test" {
  name = "acc"
  mode = "isolated"
}
resource "netboot_domain" "test" {
  name       = "acc"
  memory     = "256MiB"
  interfaces = [{ network = netboot_network.test.name }]
  running    = false
  lifecycle { ignore_changes = [running] }
}
action "netboot_domain_power" "test" {
  config {
    domain  = netboot_domain.test.name
    power   = %[1]q
    timeout = "1s"
  }
}
resource "terraform_data" "trigger" {
  input = %[1]q
  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.netboot_domain_power.test]
    }
  }
}
`, power)
	}
	step := func(power, state string) resource.TestStep {
		return resource.TestStep{
			Config: config(power),
			PostApplyFunc: func() {
				if now := strings.TrimSpace(virsh(t, "domstate", "acc")); now != state {
					t.Errorf("after %s the guest is %q, want %q", power, now, state)
				}
			},
		}
	}
	leavesNothing(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: []resource.TestStep{
			step("start", "running"),
			step("reset", "running"),
			step("shutdown", "shut off"),
		},
	})
}
