package framework

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// IDAttribute is the id that every resource has and that the CLI shows.
func IDAttribute(what string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: what,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

// ComputedString is an attribute that a resource works out in its plan.
func ComputedString(what string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what, Computed: true}
}

// Sibling is another attribute of the same object.
func Sibling(name string) path.Expression { return path.MatchRelative().AtParent().AtName(name) }

// ReplacingString is a required string. A change replaces the resource.
func ReplacingString(what string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: what + " A change replaces the resource.",
		Required:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators:          validators,
	}
}

// OptionalString is a string that is omitted rather than empty.
func OptionalString(what string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: what,
		Optional:            true,
		Validators:          append(validators, stringvalidator.LengthAtLeast(1)),
	}
}
