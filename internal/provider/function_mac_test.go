package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func TestMACFunction(t *testing.T) {
	returns(t, text("52:54:00:09:43:37"), "mac", text("blog-netboot"))
	returns(t, text("52:54:00:09:43:37"), "mac", text("blog-netboot"), number(0))
	returns(t, text("52:54:00:b0:fd:8d"), "mac", text("blog-netboot"), number(1))
	for _, test := range []struct {
		argument  int64
		want      string
		arguments []tftypes.Value
	}{
		{0, "a name cannot be empty", []tftypes.Value{text("")}},
		{0, "has 201 bytes; a name can have at most 200", []tftypes.Value{text(strings.Repeat("x", 201))}},
		{0, "has a slash", []tftypes.Value{text("a/b")}},
		{1, "the index -1 is negative; the index of the first interface is 0", []tftypes.Value{text("a"), number(-1)}},
		{2, "takes only one index", []tftypes.Value{text("a"), number(0), number(1)}},
	} {
		refuses(t, test.argument, []string{test.want}, "mac", test.arguments...)
	}
}
