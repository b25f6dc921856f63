package framework

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// IsKnown tells whether a value is neither null nor unknown.
func IsKnown(v attr.Value) bool { return !v.IsNull() && !v.IsUnknown() }

// HasUnknownElement tells whether a whole element of a list is known only after apply.
func HasUnknownElement(list types.List) bool {
	return slices.ContainsFunc(list.Elements(), attr.Value.IsUnknown)
}

// Fill sets a planned attribute to a value if the configuration does not set it.
func Fill[T attr.Value](planned *T, config, value T) {
	if config.IsNull() {
		*planned = value
	}
}

// Elements reads a list; a list that is not known yet has no elements.
func Elements[T any](ctx context.Context, list types.List, diags *diag.Diagnostics) (elements []T) {
	if !list.IsUnknown() && !HasUnknownElement(list) {
		diags.Append(list.ElementsAs(ctx, &elements, false)...)
	}
	return elements
}

// TypesOf are the types of an object's attributes.
func TypesOf(attributes map[string]schema.Attribute) map[string]attr.Type {
	all := map[string]attr.Type{}
	for name, attribute := range attributes {
		all[name] = attribute.GetType()
	}
	return all
}

// As reads an object; nil if it is null.
func As[T any](ctx context.Context, object types.Object, diags *diag.Diagnostics) *T {
	if object.IsNull() {
		return nil
	}
	var value T
	diags.Append(object.As(ctx, &value, basetypes.ObjectAsOptions{})...)
	return &value
}

// AsKnown reads an object; nil if it is null or unknown.
func AsKnown[T any](ctx context.Context, object types.Object, diags *diag.Diagnostics) *T {
	if object.IsUnknown() {
		return nil
	}
	return As[T](ctx, object, diags)
}

// MapWith is a map with one more element, or with another value of an element.
func MapWith(of types.Map, element attr.Type, name string, value attr.Value, diags *diag.Diagnostics) types.Map {
	elements := map[string]attr.Value{}
	maps.Copy(elements, of.Elements())
	elements[name] = value
	changed, problems := types.MapValue(element, elements)
	diags.Append(problems...)
	return changed
}

// Member is a string attribute of an object; empty if the object has no such attribute.
func Member(object attr.Value, name string) string {
	of, _ := object.(types.Object)
	text, _ := of.Attributes()[name].(interface{ ValueString() string })
	if text == nil {
		return ""
	}
	return text.ValueString()
}

// ObjectFrom is an object attribute of these types, from a model.
func ObjectFrom(ctx context.Context, attributes map[string]attr.Type, value any, diags *diag.Diagnostics) types.Object {
	object, problems := types.ObjectValueFrom(ctx, attributes, value)
	diags.Append(problems...)
	return object
}

// ListFrom is a list attribute that is null rather than empty.
func ListFrom[T any](ctx context.Context, element attr.Type, values []T, diags *diag.Diagnostics) types.List {
	if len(values) == 0 {
		return types.ListNull(element)
	}
	list, problems := types.ListValueFrom(ctx, element, values)
	diags.Append(problems...)
	return list
}

// ListLike is ListFrom, but keeps an empty list if there was one before: in a configuration, an empty list and no list mean the
// same.
func ListLike[T any](ctx context.Context, before types.List, element attr.Type, values []T, diags *diag.Diagnostics) types.List {
	if len(values) == 0 && IsKnown(before) && len(before.Elements()) == 0 {
		return before
	}
	return ListFrom(ctx, element, values, diags)
}

// MapFrom is a map attribute that is null rather than empty.
func MapFrom[T any](ctx context.Context, element attr.Type, values map[string]T, diags *diag.Diagnostics) types.Map {
	if len(values) == 0 {
		return types.MapNull(element)
	}
	value, problems := types.MapValueFrom(ctx, element, values)
	diags.Append(problems...)
	return value
}

// Optional is a string attribute that is null if libvirt has no value.
func Optional(value string) types.String {
	if value == "" {
		return types.StringNull()
	}
	return types.StringValue(value)
}

// OptionalNumber is a number attribute that is null if libvirt has no value.
func OptionalNumber(value uint) types.Int64 {
	if value == 0 {
		return types.Int64Null()
	}
	return types.Int64Value(int64(value))
}

// Each is the result of f for each value; nil, which is a null list, if there are no values.
func Each[A, B any](values []A, f func(A) B) []B {
	var made []B
	for _, value := range values {
		made = append(made, f(value))
	}
	return made
}
