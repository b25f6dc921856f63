package framework

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// EntryType is the type of an entry of a pxelinux configuration.
var EntryType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"label":  types.StringType,
	"kernel": types.StringType,
	"initrd": types.StringType,
	"append": types.ListType{ElemType: types.StringType},
}}

// PathOfProblem is the attribute that a problem is about.
func PathOfProblem(p pxelinux.Problem, whole path.Path) path.Path {
	switch {
	case p.Line > 0: // in content
		return whole
	case p.Entry < 0 && p.Field != "":
		return path.Root(p.Field)
	case p.Entry < 0:
		return whole
	case p.Field == "":
		return path.Root("entries").AtListIndex(p.Entry)
	default:
		return path.Root("entries").AtListIndex(p.Entry).AtName(p.Field)
	}
}
