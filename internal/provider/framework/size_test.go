package framework

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func TestParseSize(t *testing.T) {
	for _, test := range []struct {
		text  string
		bytes uint64
		error string
	}{
		{text: "0", bytes: 0},
		{text: "1", bytes: 1},
		{text: "1B", bytes: 1},
		{text: "512MiB", bytes: 512 << 20},
		{text: "512 MiB", bytes: 512 << 20},
		{text: "8GiB", bytes: 8 << 30},
		{text: "8192MiB", bytes: 8 << 30},
		{text: "8589934592", bytes: 8 << 30},
		{text: "20GB", bytes: 20e9},
		{text: "1kB", bytes: 1000},
		{text: "1KB", bytes: 1000},
		{text: "1KiB", bytes: 1024},
		{text: "1.5GiB", bytes: 3 << 29},
		{text: "0.5kB", bytes: 500},
		{text: "2TiB", bytes: 2 << 40},
		{text: "7PiB", bytes: 7 << 50},
		{text: "9223372036854775807", bytes: 1<<63 - 1},
		{text: "9223372036854775808", error: "larger than the largest possible size"},
		{text: "99999999999999999999PiB", error: "larger than the largest possible size"},
		{text: "0.5", error: "not a whole number of bytes"},
		{text: "0.3KiB", error: "not a whole number of bytes"},
		{text: "", error: "not a size"},
		{text: "GiB", error: "not a size"},
		{text: "-1", error: "not a size"},
		{text: "1e9", error: "not a size"},
		{text: "1,5GiB", error: "not a size"},
		{text: " 1", error: "not a size"},
		{text: "1  GiB", error: "not a size"},
		{text: "8G", error: `the unit "G" is unknown`},
		{text: "8gib", error: `the unit "gib" is unknown`},
		{text: "8EiB", error: `the unit "EiB" is unknown`},
	} {
		bytes, err := parseSize(test.text)
		if bytes != test.bytes || (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
			t.Errorf("parseSize(%q) = %d, %v; want %d, %q", test.text, bytes, err, test.bytes, test.error)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for bytes, want := range map[uint64]string{
		0: "0", 1: "1", 1023: "1023", 1024: "1KiB", 1025: "1025", 8 << 30: "8GiB", 3 << 29: "1536MiB",
		2048 << 30: "2TiB", 20e9: "19531250KiB", 1 << 50: "1PiB", 1<<63 - 1: "9223372036854775807",
	} {
		if got := formatSize(bytes); got != want {
			t.Errorf("formatSize(%d) = %q, want %q", bytes, got, want)
		}
	}
}

// FuzzParseSize checks that a size that is written is read as the same size.
func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"8GiB", "1.5 MB", "0", "0.0000001PiB", "9223372036854775807", "1" + strings.Repeat("0", 400) + "B"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bytes, err := parseSize(text)
		if err != nil {
			return
		}
		if again, err := parseSize(formatSize(bytes)); again != bytes || err != nil {
			t.Errorf("%q is %d bytes, which are written %q and read as %d (%v)", text, bytes, formatSize(bytes), again, err)
		}
	})
}

func TestSizeValue(t *testing.T) {
	size := func(text string) Size { return Size{types.StringValue(text)} }
	for _, test := range []struct {
		a, b  Size
		equal bool
	}{
		{size("8GiB"), size("8192MiB"), true},
		{size("8GiB"), size("8GB"), false},
		{size("8GiB"), NewSize(8 << 30), true},
	} {
		if equal, _ := test.a.StringSemanticEquals(t.Context(), test.b); equal != test.equal {
			t.Errorf("%v and %v: equal is %v", test.a, test.b, equal)
		}
	}
	for value, valid := range map[Size]bool{size("1MiB"): true, size("lots"): false, {types.StringNull()}: true, {types.StringUnknown()}: true} {
		var resp xattr.ValidateAttributeResponse
		value.ValidateAttribute(t.Context(), xattr.ValidateAttributeRequest{Path: path.Root("capacity")}, &resp)
		if resp.Diagnostics.HasError() == valid {
			t.Errorf("%v: %v", value, resp.Diagnostics)
		}
	}
	if bytes := size("lots").Bytes(); bytes != 0 {
		t.Errorf("a text that is not a size has %d bytes", bytes)
	}
}
