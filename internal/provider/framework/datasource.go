package framework

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// DataHost is the host that a data source reads.
var DataHost = schema.StringAttribute{MarkdownDescription: HostDescription, Optional: true}

// DataKey is an attribute that names what the data source reads.
func DataKey(what string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what, Required: true, Validators: validators}
}

// DataString is a text that a data source finds.
func DataString(what string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what, Computed: true}
}

// DataNumber is a number that a data source finds.
func DataNumber(what string) schema.Int64Attribute {
	return schema.Int64Attribute{MarkdownDescription: what, Computed: true}
}

// DataBool is a truth value that a data source finds.
func DataBool(what string) schema.BoolAttribute {
	return schema.BoolAttribute{MarkdownDescription: what, Computed: true}
}

func dataList(what string, element attr.Type) schema.ListAttribute {
	return schema.ListAttribute{MarkdownDescription: what, ElementType: element, Computed: true}
}

// DataStrings is a list of texts that a data source finds.
func DataStrings(what string) schema.ListAttribute { return dataList(what, types.StringType) }

// DataObjects is a list of objects that a data source finds.
func DataObjects(what string, attributes map[string]schema.Attribute) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: what,
		Computed:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: attributes},
	}
}
