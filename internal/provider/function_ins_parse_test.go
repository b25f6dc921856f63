package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// The format itself is the image package's, which tests it.
func TestINSParseFunction(t *testing.T) {
	fileType := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"path": tftypes.String, "address": tftypes.Number}}
	file := func(path string, address int) tftypes.Value {
		return braces(map[string]tftypes.Value{"path": text(path), "address": number(address)})
	}
	nothing := tftypes.NewValue(tftypes.String, nil)
	for _, test := range []struct {
		text string
		want map[string]tftypes.Value
	}{
		{"* Linux\nk 0x0\nboot/i 0x1000000\np 0x10480\nsize 0x10408\n", map[string]tftypes.Value{
			"title":      text("Linux"),
			"files":      listOf(fileType, file("k", 0), file("boot/i", 1<<24), file("p", 0x10480), file("size", 0x10408)),
			"kernel":     text("k"),
			"initrd":     text("boot/i"),
			"parameters": text("p"),
		}},
		{"* Linux\r\na 1\r\nb 2\r\n", map[string]tftypes.Value{
			"title":      text("Linux"),
			"files":      listOf(fileType, file("a", 1), file("b", 2)),
			"kernel":     nothing,
			"initrd":     nothing,
			"parameters": nothing,
		}},
	} {
		returns(t, braces(test.want), "ins_parse", text(test.text))
	}
	refuses(t, 0, []string{`line 1: "kernel.img 0x0" does not begin with "* "`}, "ins_parse", text("kernel.img 0x0\n"))
	refuses(t, 0, []string{"line 2: there is a tab", "\nline 4: the address \"x\" is not a number"}, "ins_parse", text("* Linux\nk\t0\n\nj x\n"))
}
