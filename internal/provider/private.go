package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// A resource keeps in its private state what only it has to know: what it made, or published, so
// that a plan finds out cheaply whether a file on the host is still what it was.

// privateState is the private state of a request.
type privateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// privateWriter is the private state of a response.
type privateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// loadPrivate reads what is kept under a key; nil where there is nothing, as after an import.
func loadPrivate[T any](ctx context.Context, private privateState, key string, diags *diag.Diagnostics) *T {
	text, problems := private.GetKey(ctx, key)
	diags.Append(problems...)
	if text == nil {
		return nil
	}
	var value *T
	if err := json.Unmarshal(text, &value); err != nil {
		diags.AddError("Unreadable private state", sentence(err))
	}
	return value
}

// savePrivate keeps a value under a key; nil takes away what was kept.
func savePrivate[T any](ctx context.Context, private privateWriter, key string, value *T, diags *diag.Diagnostics) {
	text, err := json.Marshal(value)
	if err != nil {
		diags.AddError("Unwritable private state", sentence(err))
		return
	}
	diags.Append(private.SetKey(ctx, key, text)...)
}

// poolStopped tells whether a pool is there but not active, and warns that what it holds was not looked
// at: libvirt shows nothing of such a pool, although dnsmasq serves its directory all the same.
func poolStopped(ctx context.Context, host interface {
	Pool(ctx context.Context, name string) (virt.Pool, error)
}, pool string, about subject, diags *diag.Diagnostics) bool {
	found, err := host.Pool(ctx, pool)
	if err != nil || found.Active {
		return false
	}
	diags.AddWarning(fmt.Sprintf("Unable to look at %s", about),
		fmt.Sprintf("The storage pool %q is not active, so this %s is taken to be as it was. An apply of the pool's netboot_tftp_root starts it, as virsh pool-start does.", pool, about.kind))
	return true
}
