package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

type pxelinuxFileNameFunction struct{}

// NewPxelinuxFileName makes the function pxelinux_file_name.
func NewPxelinuxFileName() function.Function { return pxelinuxFileNameFunction{} }

func (pxelinuxFileNameFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "pxelinux_file_name"
}

func (pxelinuxFileNameFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The name of a guest's file below pxelinux.cfg/.",
		MarkdownDescription: "The name of a guest's file below `pxelinux.cfg/`, by which the guest's firmware requests its configuration. " +
			"`netboot_pxelinux_config` sets the name of its file itself. This function is for files that something else serves.\n\n" +
			"The firmware first requests the file for the guest's UUID, then for its MAC address, then for its IPv4 address and ever shorter prefixes of that address, and then `default`. These names are case-sensitive. " +
			"PXELINUX on x86_64 guests takes the first three groups of a UUID in another byte order.",
		Parameters: []function.Parameter{function.StringParameter{
			Name: "who",
			MarkdownDescription: "The guest or guests that the file is for: a MAC address, a UUID, an IPv4 address, an IPv4 prefix such as `192.168.150.0/24` whose length is a multiple of 4, " +
				"or `default` for all guests that have no file of their own.",
		}},
		VariadicParameter: archParameter,
		Return:            function.StringReturn{},
	}
}

func (pxelinuxFileNameFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var who string
	var archs []string
	if resp.Error = req.Arguments.Get(ctx, &who, &archs); resp.Error != nil {
		return
	}
	reader, problem := readerOf(archs, 1)
	if problem != nil {
		resp.Error = problem
		return
	}
	name, err := pxelinux.FileName(who, reader)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, name)
}
