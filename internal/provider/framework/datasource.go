package framework

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// ObservedHost is the host that a data source reads on.
var ObservedHost = schema.StringAttribute{MarkdownDescription: HostDescription, Optional: true}

// RequiredString is an attribute that names what is to be read.
func RequiredString(what string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what, Required: true, Validators: validators}
}

func ComputedStringOf(what string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what, Computed: true}
}

func FoundNumber(what string) schema.Int64Attribute {
	return schema.Int64Attribute{MarkdownDescription: what, Computed: true}
}

func FoundBool(what string) schema.BoolAttribute {
	return schema.BoolAttribute{MarkdownDescription: what, Computed: true}
}

func foundList(what string, element attr.Type) schema.ListAttribute {
	return schema.ListAttribute{MarkdownDescription: what, ElementType: element, Computed: true}
}

func FoundStrings(what string) schema.ListAttribute { return foundList(what, types.StringType) }

func FoundObjects(what string, attributes map[string]schema.Attribute) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: what,
		Computed:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: attributes},
	}
}
