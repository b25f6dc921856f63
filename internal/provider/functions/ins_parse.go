package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
)

type insParseFunction struct{}

// NewINSParse makes the function ins_parse.
func NewINSParse() function.Function { return insParseFunction{} }

type parsedINS struct {
	Title      string          `tfsdk:"title"`
	Files      []parsedINSFile `tfsdk:"files"`
	Kernel     *string         `tfsdk:"kernel"`
	Initrd     *string         `tfsdk:"initrd"`
	Parameters *string         `tfsdk:"parameters"`
}

type parsedINSFile struct {
	Path    string `tfsdk:"path"`
	Address int64  `tfsdk:"address"`
}

func (insParseFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "ins_parse"
}

func (insParseFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The files that an .ins manifest names.",
		MarkdownDescription: "The files that an `.ins` manifest names. Installation media for IBM Z have such a manifest for an LPAR and the HMC. With it, kernel, initrd and parameters can be found under any name.\n\n" +
			"The result is an object:\n\n" +
			"- `title` (String) The text of the first line.\n" +
			"- `files` (List of Object) Each has a `path` (String), as in the manifest, and an `address` (Number) in the guest's memory.\n" +
			"- `kernel` (String) Path of the file at address 0.\n" +
			"- `initrd` (String) Path of the only file that is not the kernel, not the parameters, and not the file with the address and size of the initrd (addresses `0x10408` to `0x10417`).\n" +
			"- `parameters` (String) Path of the file at address `0x10480`, with the kernel's arguments.\n\n" +
			"`kernel`, `initrd` and `parameters` are null if there is no such file. `initrd` is also null if several files could be the initrd. " +
			"The manifest is read as the firmware of a guest reads it as the boot file of a network. A manifest that the firmware cannot read is an error.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "text",
			MarkdownDescription: "The manifest, such as `file(\"generic.ins\")`.",
		}},
		Return: function.ObjectReturn{AttributeTypes: map[string]attr.Type{
			"title": types.StringType,
			"files": types.ListType{ElemType: types.ObjectType{AttrTypes: map[string]attr.Type{
				"path":    types.StringType,
				"address": types.Int64Type,
			}}},
			"kernel":     types.StringType,
			"initrd":     types.StringType,
			"parameters": types.StringType,
		}},
	}
}

func (insParseFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	ins, err := image.ParseINS(text)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	parsed := parsedINS{
		Title:      ins.Title,
		Kernel:     orNil(ins.Kernel()),
		Initrd:     orNil(ins.Initrd()),
		Parameters: orNil(ins.Parameters()),
	}
	for _, file := range ins.Files {
		parsed.Files = append(parsed.Files, parsedINSFile{file.Path, int64(file.Address)})
	}
	resp.Error = resp.Result.Set(ctx, parsed)
}
