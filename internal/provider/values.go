package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// as reads an object; nil where it is null.
func as[T any](ctx context.Context, object types.Object, diags *diag.Diagnostics) *T {
	if object.IsNull() {
		return nil
	}
	var value T
	diags.Append(object.As(ctx, &value, basetypes.ObjectAsOptions{})...)
	return &value
}

// member is a string of an object, empty where the object has none of that name.
func member(object attr.Value, name string) string {
	of, _ := object.(types.Object)
	text, _ := of.Attributes()[name].(interface{ ValueString() string })
	if text == nil {
		return ""
	}
	return text.ValueString()
}

func objectFrom(ctx context.Context, attributes map[string]attr.Type, value any, diags *diag.Diagnostics) types.Object {
	object, problems := types.ObjectValueFrom(ctx, attributes, value)
	diags.Append(problems...)
	return object
}

// fromList is a list attribute that is null rather than empty.
func fromList[T any](ctx context.Context, element attr.Type, values []T, diags *diag.Diagnostics) types.List {
	if len(values) == 0 {
		return types.ListNull(element)
	}
	list, problems := types.ListValueFrom(ctx, element, values)
	diags.Append(problems...)
	return list
}

// optional is a string attribute that is null where libvirt has nothing.
func optional(value string) types.String {
	if value == "" {
		return types.StringNull()
	}
	return types.StringValue(value)
}

// optionalNumber is a number attribute that is null where libvirt has nothing.
func optionalNumber(value uint) types.Int64 {
	if value == 0 {
		return types.Int64Null()
	}
	return types.Int64Value(int64(value))
}

// each is what f makes of each value; of none it is nil, which is a null list.
func each[A, B any](values []A, f func(A) B) []B {
	var made []B
	for _, value := range values {
		made = append(made, f(value))
	}
	return made
}
