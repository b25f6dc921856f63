package provider

import (
	"context"
	"encoding/json"

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
