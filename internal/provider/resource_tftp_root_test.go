package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

func TestAccTFTPRoot(t *testing.T) {
	config := `
resource "netboot_tftp_root" "test" {
  path = "/srv/tftp-basic"
}
`
	acceptance(t,
		resource.TestStep{Config: config},
		resource.TestStep{ResourceName: "netboot_tftp_root.test", ImportState: true, ImportStateId: "srv-tftp-basic", ImportStateVerify: true},
	)
}
