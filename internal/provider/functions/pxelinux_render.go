package functions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

type pxelinuxRenderFunction struct{}

// NewPxelinuxRender makes the function pxelinux_render.
func NewPxelinuxRender() function.Function { return pxelinuxRenderFunction{} }

func (pxelinuxRenderFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "pxelinux_render"
}

func (pxelinuxRenderFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The text of a pxelinux configuration.",
		MarkdownDescription: "The text of a pxelinux configuration, as guests of an architecture read it. " +
			"`netboot_pxelinux_config` writes its file itself. This function is for files that something else serves.\n\n" +
			"The configuration is an object, or only the list of its `entries`:\n\n" +
			"- `default` (String, optional) Label of the entry to boot. Default: the first entry.\n" +
			"- `entries` (List of Object) Entries that can be booted, each with:\n" +
			"  - `label` (String) Name of the entry.\n" +
			"  - `kernel` (String) Path of the kernel, relative to the TFTP root.\n" +
			"  - `initrd` (String) Path of the initrd, relative to the TFTP root. Only PXELINUX on x86_64 guests and the boot loader of s390-tools can boot without an initrd. PXELINUX can also load several, whose paths are separated by commas.\n" +
			fmt.Sprintf("  - `append` (List of String, optional) Arguments of the kernel, together at most %d bytes. For x86_64, the whole command line has at most %d bytes. The boot loader of s390-tools has no limit. For ppc64le, arguments are an error, because SLOF does not pass them to the kernel; kernel.cmdline of netboot_image does.\n\n", pxelinux.MaxAppendSize, pxelinux.MaxCommandLine) +
			"Optional attributes may be null or omitted. `pxelinux_parse` returns such an object.\n\n" +
			"Everything that the firmware would cut off, ignore, misread or stop at is an error. The error says the limit, the value and what to write instead. " +
			fmt.Sprintf("A limit that only some versions of the firmware have is not an error: a file can have up to %d entries, although firmware before QEMU 10.1 uses only %d.",
				pxelinux.UnknownFirmware.MaxEntries(), pxelinux.Merged.MaxEntries()),
		Parameters: []function.Parameter{function.DynamicParameter{
			Name:                "config",
			MarkdownDescription: "The configuration: an object with `default` and `entries`, or a list of entries.",
			// With this, a mistake is an error in the plan, even if the image of the kernel does not exist yet.
			AllowUnknownValues: true,
		}},
		VariadicParameter: archParameter,
		Return:            function.StringReturn{},
	}
}

func (pxelinuxRenderFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var argument types.Dynamic
	var archs []string
	if resp.Error = req.Arguments.Get(ctx, &argument, &archs); resp.Error != nil {
		return
	}
	reader, problem := readerOf(archs, 1)
	if problem != nil {
		resp.Error = problem
		return
	}
	text, err := renderConfig(argument, reader)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, text)
}

// renderConfig is the text of a configuration; unknown if a part of it is unknown.
func renderConfig(argument attr.Value, reader pxelinux.Reader) (types.String, error) {
	var r configReader
	config := r.config(argument)
	if len(r.mistakes) == 0 && !r.unknown {
		r.validate(config, reader)
	}
	if len(r.mistakes) > 0 {
		return types.StringNull(), errors.Join(r.mistakes...)
	}
	if r.unknown {
		return types.StringUnknown(), nil
	}
	text, err := pxelinux.Render(config, reader)
	return types.StringValue(text), err
}

// configReader reads a configuration from any value, because the type of an object would require all attributes. It
// records each mistake with its place, and whether a value is unknown.
type configReader struct {
	mistakes []error
	unknown  bool
}

func (r *configReader) config(v attr.Value) pxelinux.Config {
	v = concrete(v)
	if _, isList := elementsOf(v); isList {
		return pxelinux.Config{Entries: r.entries(v)}
	}
	attributes, ok := r.object("", "an object with default and entries, or a list of entries", v, "default", "entries", "problems")
	if !ok {
		return pxelinux.Config{}
	}
	return pxelinux.Config{
		Default: r.optionalText("default", attributes["default"]),
		Entries: r.entries(attributes["entries"]),
	}
}

func (r *configReader) entries(v attr.Value) []pxelinux.Entry {
	var entries []pxelinux.Entry
	for i, element := range r.list("entries", "a list of entries", v) {
		at := fmt.Sprintf("entries[%d]", i)
		attributes, ok := r.object(at, "an object with label, kernel, initrd and append", element, "label", "kernel", "initrd", "append")
		if ok {
			entries = append(entries, pxelinux.Entry{
				Label:  r.text(at+".label", attributes["label"]),
				Kernel: r.text(at+".kernel", attributes["kernel"]),
				Initrd: r.optionalText(at+".initrd", attributes["initrd"]),
				Append: r.arguments(at+".append", attributes["append"]),
			})
		}
	}
	return entries
}

// arguments joins the words of an append line.
func (r *configReader) arguments(at string, v attr.Value) string {
	if isAbsent(v) {
		return ""
	}
	var words []string
	for i, element := range r.list(at, "a list of strings", v) {
		words = append(words, r.text(fmt.Sprintf("%s[%d]", at, i), element))
	}
	return strings.Join(words, " ")
}

func (r *configReader) optionalText(at string, v attr.Value) string {
	if isAbsent(v) {
		return ""
	}
	return r.text(at, v)
}

func (r *configReader) text(at string, v attr.Value) string {
	v = concrete(v)
	text, ok := v.(types.String)
	if r.settled(at, "a string", v, ok) {
		return text.ValueString()
	}
	return ""
}

func (r *configReader) list(at, what string, v attr.Value) []attr.Value {
	v = concrete(v)
	elements, ok := elementsOf(v)
	if r.settled(at, what, v, ok) {
		return elements
	}
	return nil
}

// object reads the attributes of an object. It may only have the named attributes.
func (r *configReader) object(at, what string, v attr.Value, names ...string) (map[string]attr.Value, bool) {
	v = concrete(v)
	attributes, ok := attributesOf(v)
	if !r.settled(at, what, v, ok) {
		return nil, false
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if !slices.Contains(names, name) {
			r.mistake(strings.TrimPrefix(at+"."+name, "."),
				"there is no such attribute; a configuration has default and entries, and an entry has label, kernel, initrd and append")
		}
	}
	return attributes, true
}

// settled tells whether a value is known and has the required type.
func (r *configReader) settled(at, what string, v attr.Value, ok bool) bool {
	switch {
	case v != nil && v.IsUnknown():
		r.unknown = true
		return false
	case isAbsent(v) || !ok:
		r.mistake(at, fmt.Sprintf("%s is required, got %s", what, kindOf(v)))
		return false
	default:
		return true
	}
}

// validate records what the firmware would not read as it is meant.
func (r *configReader) validate(config pxelinux.Config, reader pxelinux.Reader) {
	for _, p := range pxelinux.Validate(config, reader) {
		if p.Severity == pxelinux.Error {
			r.mistake(framework.PathOfProblem(p, path.Root("entries")).String(), p.Error())
		}
	}
}

func (r *configReader) mistake(at, text string) {
	if at != "" {
		text = at + ": " + text
	}
	r.mistakes = append(r.mistakes, errors.New(text))
}

// concrete is the value inside a dynamic value.
func concrete(v attr.Value) attr.Value {
	if open, ok := v.(types.Dynamic); ok && open.UnderlyingValue() != nil {
		return open.UnderlyingValue()
	}
	return v
}

// isAbsent tells whether a value is null or missing.
func isAbsent(v attr.Value) bool { return v == nil || concrete(v).IsNull() }

// elementsOf returns the elements of what a user writes in brackets, which is a tuple or a list.
func elementsOf(v attr.Value) ([]attr.Value, bool) {
	switch v := v.(type) {
	case types.List:
		return v.Elements(), true
	case types.Tuple:
		return v.Elements(), true
	default:
		return nil, false
	}
}

// attributesOf returns the attributes of what a user writes in braces, which is an object or a map.
func attributesOf(v attr.Value) (map[string]attr.Value, bool) {
	switch v := v.(type) {
	case types.Object:
		return v.Attributes(), true
	case types.Map:
		return v.Elements(), true
	default:
		return nil, false
	}
}

// kindOf names a value's type as Terraform's language does.
func kindOf(v attr.Value) string {
	if isAbsent(v) {
		return "null"
	}
	switch v.(type) {
	case types.String:
		return "string"
	case types.Number:
		return "number"
	case types.Bool:
		return "bool"
	case types.List, types.Tuple:
		return "list"
	case types.Set:
		return "set"
	case types.Map:
		return "map"
	default:
		return "object"
	}
}
