// Package functions has the functions of the provider. They do not use a host.
package functions

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

type macFunction struct{}

// NewMAC makes the function mac.
func NewMAC() function.Function { return macFunction{} }

func (macFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "mac"
}

func (macFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The MAC address of a guest with this name.",
		MarkdownDescription: "The MAC address of a guest with this name, which `netboot_domain` derives from the name for an interface without a `mac`. " +
			"With it, a reservation or a pxelinux configuration can be written before the guest exists, and without a dependency on the guest.\n\n" +
			"An imported guest keeps its MAC addresses. An interface with a `mac` of its own uses that address.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "name",
			MarkdownDescription: "The guest's `name`.",
		}},
		VariadicParameter: function.Int64Parameter{
			Name:                "index",
			MarkdownDescription: "Index of the interface in `interfaces`, from 0. At most one index. Default: 0, the first interface.",
		},
		Return: function.StringReturn{},
	}
}

func (macFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var name string
	var indexes []int64
	if resp.Error = req.Arguments.Get(ctx, &name, &indexes); resp.Error != nil {
		return
	}
	if err := framework.CheckObjectName(name); err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	index := int64(0)
	switch {
	case len(indexes) > 1:
		resp.Error = function.NewArgumentFuncError(2, "the function takes only one index; call it once for each interface")
		return
	case len(indexes) == 1:
		index = indexes[0]
	}
	if index < 0 {
		resp.Error = function.NewArgumentFuncError(1, fmt.Sprintf("the index %d is negative; the index of the first interface is 0", index))
		return
	}
	resp.Error = resp.Result.Set(ctx, netboot.DerivedMAC(name, int(index)))
}
