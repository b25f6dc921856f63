package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// What a resource published is kept in its private state: by it a plan finds out cheaply whether
// a file on the host is still what it was.

// privateWriter is the private state of a response.
type privateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// loadPublished reads the file kept under a key; nil where there is none, as after an import.
func loadPublished(ctx context.Context, private privateState, key string, diags *diag.Diagnostics) *tftproot.File {
	text, problems := private.GetKey(ctx, key)
	diags.Append(problems...)
	if text == nil {
		return nil
	}
	var file *tftproot.File
	if err := json.Unmarshal(text, &file); err != nil {
		diags.AddError("Unreadable private state", sentence(err))
	}
	return file
}

// savePublished keeps a file under a key; nil takes away what was kept.
func savePublished(ctx context.Context, private privateWriter, key string, file *tftproot.File, diags *diag.Diagnostics) {
	text, err := json.Marshal(file)
	if err != nil {
		diags.AddError("Unwritable private state", sentence(err))
		return
	}
	diags.Append(private.SetKey(ctx, key, text)...)
}

// stopped tells whether a pool is there but not active, and warns that what it holds was not looked
// at: libvirt shows nothing of such a pool, although dnsmasq serves its directory all the same.
func (c *configured) stopped(ctx context.Context, pool string, about subject, diags *diag.Diagnostics) bool {
	found, err := c.host.Pool(ctx, pool)
	if err != nil || found.Active {
		return false
	}
	diags.AddWarning(fmt.Sprintf("Unable to look at %s", about),
		fmt.Sprintf("The storage pool %q is not active, so this %s is taken to be as it was. An apply of the pool's netboot_tftp_root starts it, as virsh pool-start does.", pool, about.kind))
	return true
}
