package framework

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// A resource keeps in its private state what only the resource itself needs: what it made or published, so that a plan can
// find out cheaply whether a file on the host is unchanged.

// PrivateState is the private state of a request.
type PrivateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// PrivateWriter is the private state of a response.
type PrivateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// LoadPrivate reads the value of a key; nil if there is none, for example after an import.
func LoadPrivate[T any](ctx context.Context, private PrivateState, key string, diags *diag.Diagnostics) *T {
	text, problems := private.GetKey(ctx, key)
	diags.Append(problems...)
	if text == nil {
		return nil
	}
	var value *T
	if err := json.Unmarshal(text, &value); err != nil {
		diags.AddError("Unreadable private state", Sentence(err))
	}
	return value
}

// SavePrivate saves the value of a key; nil removes it.
func SavePrivate[T any](ctx context.Context, private PrivateWriter, key string, value *T, diags *diag.Diagnostics) {
	text, err := json.Marshal(value)
	if err != nil {
		diags.AddError("Unwritable private state", Sentence(err))
		return
	}
	diags.Append(private.SetKey(ctx, key, text)...)
}
