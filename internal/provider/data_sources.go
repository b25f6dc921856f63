package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// observedHost is the host that a data source reads on.
var observedHost = schema.StringAttribute{MarkdownDescription: hostDescription, Optional: true}

// wanted is an attribute that names what is to be read.
func wanted(what string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what, Required: true, Validators: validators}
}

func foundString(what string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what, Computed: true}
}

func foundNumber(what string) schema.Int64Attribute {
	return schema.Int64Attribute{MarkdownDescription: what, Computed: true}
}

func foundBool(what string) schema.BoolAttribute {
	return schema.BoolAttribute{MarkdownDescription: what, Computed: true}
}

func foundList(what string, element attr.Type) schema.ListAttribute {
	return schema.ListAttribute{MarkdownDescription: what, ElementType: element, Computed: true}
}

func foundStrings(what string) schema.ListAttribute { return foundList(what, types.StringType) }

func foundObjects(what string, attributes map[string]schema.Attribute) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: what,
		Computed:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: attributes},
	}
}
