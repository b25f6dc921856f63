package functions

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

type pxelinuxParseFunction struct{}

// NewPxelinuxParse makes the function pxelinux_parse.
func NewPxelinuxParse() function.Function { return pxelinuxParseFunction{} }

// parsedConfig is what the function returns, and what pxelinux_render accepts.
type parsedConfig struct {
	Default  *string       `tfsdk:"default"`
	Entries  []parsedEntry `tfsdk:"entries"`
	Problems []string      `tfsdk:"problems"`
}

// parsedEntry has nil for what the text does not set, where netboot_pxelinux_config has null.
type parsedEntry struct {
	Label  string   `tfsdk:"label"`
	Kernel *string  `tfsdk:"kernel"`
	Initrd *string  `tfsdk:"initrd"`
	Append []string `tfsdk:"append"`
}

func (pxelinuxParseFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "pxelinux_parse"
}

func (pxelinuxParseFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "What a guest's firmware reads in a pxelinux configuration.",
		MarkdownDescription: "What a guest's firmware reads in a pxelinux configuration, and what it ignores. Use it to see why a file does not boot what it should, or to take over an existing file.\n\n" +
			"The result is an object:\n\n" +
			"- `default` (String) Label of the entry to boot, if the firmware uses it. Null if the firmware boots the first entry.\n" +
			"- `entries` (List of Object) Each has `label`, `kernel`, `initrd` and `append`, a list of words. What the text does not set is null. The list can be used as `entries` of a `netboot_pxelinux_config`.\n" +
			"- `problems` (List of String) What the firmware cuts off, ignores or reads differently from how it is written, in the order of the lines. Each problem has the line, the column and what to write instead. " +
			"A problem that begins with `warning:` concerns only some versions of the firmware. The list is empty if the text has no problems.\n\n" +
			"A text with problems is also parsed. `pxelinux_render` accepts the result.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "text",
			MarkdownDescription: "The configuration, such as `file(\"pxelinux.cfg/default\")`.",
		}},
		VariadicParameter: archParameter,
		Return: function.ObjectReturn{AttributeTypes: map[string]attr.Type{
			"default":  types.StringType,
			"entries":  types.ListType{ElemType: framework.EntryType},
			"problems": types.ListType{ElemType: types.StringType},
		}},
	}
}

func (pxelinuxParseFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	var archs []string
	if resp.Error = req.Arguments.Get(ctx, &text, &archs); resp.Error != nil {
		return
	}
	reader, problem := readerOf(archs, 1)
	if problem != nil {
		resp.Error = problem
		return
	}
	resp.Error = resp.Result.Set(ctx, parseConfig(text, reader))
}

// parseConfig reports the problems for unknown firmware of s390x guests, because a function does not know the host.
func parseConfig(text string, reader pxelinux.Reader) parsedConfig {
	config, _ := pxelinux.Parse(text, reader)
	parsed := parsedConfig{Default: orNil(config.Default), Entries: []parsedEntry{}, Problems: []string{}}
	for _, e := range config.Entries {
		parsed.Entries = append(parsed.Entries, parsedEntry{
			Label:  e.Label,
			Kernel: orNil(e.Kernel),
			Initrd: orNil(e.Initrd),
			Append: words(e.Append),
		})
	}
	for _, p := range pxelinux.ValidateText(text, reader) {
		problem := p.Error()
		if p.Severity == pxelinux.Warning {
			problem = "warning: " + problem
		}
		parsed.Problems = append(parsed.Problems, problem)
	}
	return parsed
}

// orNil is nil for an empty text.
func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// words are the arguments of an append line; nil if there are none.
func words(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Fields(text)
}
