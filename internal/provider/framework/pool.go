package framework

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// PoolStopped tells whether a pool exists but is not active, and warns that its content was not read: libvirt does not show
// the content of such a pool, although dnsmasq still serves its directory.
func PoolStopped(ctx context.Context, host interface {
	Pool(ctx context.Context, name string) (virt.Pool, error)
}, pool string, about Subject, diags *diag.Diagnostics) bool {
	found, err := host.Pool(ctx, pool)
	if err != nil || found.Active {
		return false
	}
	diags.AddWarning(fmt.Sprintf("Unable to refresh %s", about),
		fmt.Sprintf("The storage pool %q is not active, so this %s is assumed to be unchanged. To start the pool, apply its netboot_tftp_root, or run virsh pool-start on the host.", pool, about.Kind))
	return true
}
