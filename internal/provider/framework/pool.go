package framework

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// PoolStopped tells whether a pool is there but not active, and warns that what it holds was not looked
// at: libvirt shows nothing of such a pool, although dnsmasq serves its directory all the same.
func PoolStopped(ctx context.Context, host interface {
	Pool(ctx context.Context, name string) (virt.Pool, error)
}, pool string, about Subject, diags *diag.Diagnostics) bool {
	found, err := host.Pool(ctx, pool)
	if err != nil || found.Active {
		return false
	}
	diags.AddWarning(fmt.Sprintf("Unable to look at %s", about),
		fmt.Sprintf("The storage pool %q is not active, so this %s is taken to be as it was. An apply of the pool's netboot_tftp_root starts it, as virsh pool-start does.", pool, about.Kind))
	return true
}
