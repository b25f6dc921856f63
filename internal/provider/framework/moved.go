package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Movers take a resource over by a moved block: a resource of this type as it is, and a resource of another provider by what
// identifies it. They read only attributes that every release of that provider has, so the version of its schema does not
// matter.
//
// The address of the other provider is not compared. CLIs write it in different forms, and forks have addresses of their own.
func (i Identity) Movers(own string, others ...string) []resource.StateMover {
	return []resource.StateMover{{StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
		switch {
		case req.SourceTypeName == own:
			i.keepMoved(ctx, req, resp)
		case slices.Contains(others, req.SourceTypeName):
			i.beginMoved(ctx, req, resp)
		}
	}}}
}

// keepMoved copies a state. OpenTofu 1.10 and 1.11 call a mover also if only the provider's address has changed.
func (i Identity) keepMoved(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	raw, err := req.SourceRawState.Unmarshal(resp.TargetState.Schema.Type().TerraformType(ctx))
	if err != nil {
		resp.Diagnostics.AddError("Unreadable state", Sentence(err))
		return
	}
	resp.TargetState.Raw, resp.TargetPrivate = raw, req.SourcePrivate
	p, values := i.valuesIn(ctx, resp.TargetState, &resp.Diagnostics)
	resp.Diagnostics.Append(i.Set(ctx, resp.TargetIdentity, p, values...)...)
}

// beginMoved begins a state that Read completes, as after an import.
func (i Identity) beginMoved(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	var source map[string]any
	if err := json.Unmarshal(req.SourceRawState.JSON, &source); err != nil {
		resp.Diagnostics.AddError("Unreadable state", fmt.Sprintf("The state of the %s cannot be read: %s. Import the object instead.", req.SourceTypeName, err))
		return
	}
	values := make([]string, len(i))
	for n, name := range i {
		if values[n], _ = source[name].(string); values[n] == "" {
			resp.Diagnostics.AddError("Incomplete state", fmt.Sprintf("The state of the %s has no %s. Import the object instead.", req.SourceTypeName, name))
			return
		}
	}
	resp.Diagnostics.Append(i.Begin(ctx, &resp.TargetState, Placement{}, values)...)
	resp.Diagnostics.Append(i.Set(ctx, resp.TargetIdentity, Placement{}, Each(values, types.StringValue)...)...)
}
