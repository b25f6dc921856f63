package framework

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// renamedKey is the key in the private state for the old name of an object that was renamed outside of Terraform.
const renamedKey = "renamed"

// ByName looks up objects that have a name and a UUID.
type ByName[T any] struct {
	Look func(ctx context.Context, name string) (T, error)
	UUID func(T) string
	Name func(ctx context.Context, uuid string) (string, error)
}

// Find finds an object by its name. If no object has this name, or an object with another UUID, Find looks for the UUID in
// the state, because the object may have been renamed outside of Terraform. If no object has this UUID, the object with the
// name replaced it.
func (b ByName[T]) Find(ctx context.Context, name, uuid types.String) (T, error) {
	found, err := b.Look(ctx, name.ValueString())
	if uuid.ValueString() == "" || err != nil && !IsNotFound(err) || err == nil && b.UUID(found) == uuid.ValueString() {
		return found, err
	}
	now, problem := b.Name(ctx, uuid.ValueString())
	switch {
	case problem == nil:
		return b.Look(ctx, now)
	case !IsNotFound(problem):
		return found, problem
	default:
		return found, err
	}
}

// SaveRenamed records for the plan that a refresh found an object under another name.
func SaveRenamed(ctx context.Context, private PrivateWriter, from, to types.String, diags *diag.Diagnostics) {
	if name := from.ValueString(); !from.Equal(to) {
		SavePrivate(ctx, private, renamedKey, &name, diags)
	}
}

// CheckRenamed refuses to replace an object only because it was renamed outside of Terraform. remedy says how to restore the
// name.
func CheckRenamed(ctx context.Context, private PrivateState, kind string, planned, now types.String, remedy string, diags *diag.Diagnostics) {
	from := LoadPrivate[string](ctx, private, renamedKey, diags)
	if from == nil || planned.IsUnknown() || planned.Equal(now) || planned.ValueString() != *from {
		return
	}
	diags.AddAttributeError(path.Root("name"), fmt.Sprintf("The %s %q was renamed to %q", kind, *from, now.ValueString()),
		fmt.Sprintf("It was renamed on the host, outside of Terraform: it has the UUID of this resource. To keep it without changes, set name = %q in the configuration. %s", now.ValueString(), remedy))
}
