package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// call calls a function as a CLI does. It returns the result, or the error's text and the place of
// the argument that it is about.
func call(t *testing.T, name string, arguments ...tftypes.Value) (tftypes.Value, *tfprotov6.FunctionError) {
	t.Helper()
	server, err := factories["netboot"]()
	if err != nil {
		t.Fatal(err)
	}
	definition := offeredFunctions(t)[name]
	req := &tfprotov6.CallFunctionRequest{Name: name}
	for i, argument := range arguments {
		as := argument.Type()
		if i < len(definition.Parameters) {
			as = definition.Parameters[i].Type
		}
		value, err := tfprotov6.NewDynamicValue(as, argument)
		if err != nil {
			t.Fatal(err)
		}
		req.Arguments = append(req.Arguments, &value)
	}
	resp, err := server.CallFunction(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Error != nil {
		return tftypes.Value{}, resp.Error
	}
	result, err := resp.Result.Unmarshal(definition.Return.Type)
	if err != nil {
		t.Fatal(err)
	}
	return result, nil
}

// offeredFunctions is what the provider offers.
func offeredFunctions(t *testing.T) map[string]*tfprotov6.Function {
	t.Helper()
	server, err := factories["netboot"]()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.GetFunctions(t.Context(), &tfprotov6.GetFunctionsRequest{})
	if err != nil || len(resp.Diagnostics) > 0 {
		t.Fatal(err, resp.Diagnostics)
	}
	return resp.Functions
}

// returns checks what a function returns.
func returns(t *testing.T, want tftypes.Value, name string, arguments ...tftypes.Value) {
	t.Helper()
	got, failure := call(t, name, arguments...)
	if failure != nil {
		t.Errorf("%s%v fails: %s", name, arguments, failure.Text)
	} else if !got.Equal(want) {
		t.Errorf("%s%v\nreturns %s\nwant    %s", name, arguments, got, want)
	}
}

// refuses checks that a function names what is wrong with one of its arguments, counted from 0.
func refuses(t *testing.T, argument int64, texts []string, name string, arguments ...tftypes.Value) {
	t.Helper()
	got, failure := call(t, name, arguments...)
	if failure == nil {
		t.Errorf("%s%v returns %s, want an error", name, arguments, got)
		return
	}
	if failure.FunctionArgument == nil || *failure.FunctionArgument != argument {
		t.Errorf("the error of %s%v is not about argument %d: %+v", name, arguments, argument, failure)
	}
	for _, text := range texts {
		if !strings.Contains(failure.Text, text) {
			t.Errorf("%s%v says\n%s\nwithout %q", name, arguments, failure.Text, text)
		}
	}
	if strings.HasSuffix(failure.Text, ".") { // the CLIs write one behind it
		t.Errorf("the error of %s ends with a full stop: %s", name, failure.Text)
	}
}

// Values as the CLIs make them of what a user writes: brackets are a tuple, braces are an object.

var (
	unknownString = tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	unknown       = tftypes.NewValue(tftypes.DynamicPseudoType, tftypes.UnknownValue)
	null          = tftypes.NewValue(tftypes.DynamicPseudoType, nil)
)

func text(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

func number(n int) tftypes.Value { return tftypes.NewValue(tftypes.Number, n) }

func brackets(elements ...tftypes.Value) tftypes.Value {
	var kinds []tftypes.Type
	for _, e := range elements {
		kinds = append(kinds, e.Type())
	}
	return tftypes.NewValue(tftypes.Tuple{ElementTypes: kinds}, elements)
}

func braces(attributes map[string]tftypes.Value) tftypes.Value {
	kinds := map[string]tftypes.Type{}
	for name, a := range attributes {
		kinds[name] = a.Type()
	}
	return tftypes.NewValue(tftypes.Object{AttributeTypes: kinds}, attributes)
}

func listOf(kind tftypes.Type, elements ...tftypes.Value) tftypes.Value {
	return tftypes.NewValue(tftypes.List{ElementType: kind}, elements)
}

// TestFunctions holds what documentation and both CLIs ask of a function.
func TestFunctions(t *testing.T) {
	names := []string{"mac", "pxelinux_file_name", "pxelinux_render", "pxelinux_parse", "ins_parse"}
	all := offeredFunctions(t)
	if len(all) != len(names) {
		t.Errorf("there are %d functions, want %v", len(all), names)
	}
	for _, name := range names {
		f := all[name]
		if f == nil {
			t.Errorf("there is no function %s", name)
			continue
		}
		if f.Summary == "" || f.DescriptionKind != tfprotov6.StringKindMarkdown {
			t.Errorf("%s has no summary, or no description in Markdown", name)
		}
		parameters := f.Parameters
		if f.VariadicParameter != nil {
			parameters = append(parameters, f.VariadicParameter)
		}
		for _, p := range parameters {
			if p.Name == "" || p.Description == "" || p.DescriptionKind != tfprotov6.StringKindMarkdown {
				t.Errorf("a parameter of %s has no name, or no description in Markdown: %+v", name, p)
			}
		}
	}
}
