package framework

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// renamedKey is where a refresh keeps what an object was called before others renamed it.
const renamedKey = "renamed"

// ByName looks up objects that have a name and a UUID.
type ByName[T any] struct {
	Look func(ctx context.Context, name string) (T, error)
	UUID func(T) string
	Name func(ctx context.Context, uuid string) (string, error)
}

// Find looks an object up by its name. Where none has that, or another one, it looks for the UUID that the state has, for
// others may have renamed it. Where none has the UUID either, what has the name was made anew in its place.
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

// SaveRenamed remembers for the plan that a refresh has found an object under another name.
func SaveRenamed(ctx context.Context, private PrivateWriter, from, to types.String, diags *diag.Diagnostics) {
	if name := from.ValueString(); !from.Equal(to) {
		SavePrivate(ctx, private, renamedKey, &name, diags)
	}
}

// CheckRenamed refuses to replace an object only because others have renamed it. remedy is how to give it its name back.
func CheckRenamed(ctx context.Context, private PrivateState, kind string, planned, now types.String, remedy string, diags *diag.Diagnostics) {
	from := LoadPrivate[string](ctx, private, renamedKey, diags)
	if from == nil || planned.IsUnknown() || planned.Equal(now) || planned.ValueString() != *from {
		return
	}
	diags.AddAttributeError(path.Root("name"), fmt.Sprintf("The %s %q is called %q now", kind, *from, now.ValueString()),
		fmt.Sprintf("Others have renamed it on the host: it has the UUID of this resource. Set name = %q in the configuration, and nothing changes. %s", now.ValueString(), remedy))
}
