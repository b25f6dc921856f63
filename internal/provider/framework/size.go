package framework

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// SizeDescription tells users how to write a size.
const SizeDescription = "A number with a unit, such as `\"8GiB\"`, `\"512MiB\"` or `\"20GB\"`. A number without a unit is in bytes. Different spellings of the same size are equal."

// SizeType is a string that holds a size; "8GiB" and "8192MiB" are equal.
type SizeType struct{ basetypes.StringType }

// Equal implements attr.Type.
func (t SizeType) Equal(o attr.Type) bool { _, same := o.(SizeType); return same }

// String implements attr.Type.
func (t SizeType) String() string { return "sizeType" }

// ValueType implements attr.Type.
func (t SizeType) ValueType(context.Context) attr.Value { return Size{} }

// ValueFromString implements basetypes.StringTypable.
func (t SizeType) ValueFromString(_ context.Context, in basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return Size{in}, nil
}

// ValueFromTerraform implements attr.Type.
func (t SizeType) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	value, err := t.StringType.ValueFromTerraform(ctx, in)
	if err != nil {
		return nil, err
	}
	text, ok := value.(basetypes.StringValue)
	if !ok {
		return nil, fmt.Errorf("a size is a string, not a %T", value)
	}
	return Size{text}, nil
}

// Size is a value of SizeType.
type Size struct{ basetypes.StringValue }

// NewSize is a number of bytes in the largest unit that gives a whole number.
func NewSize(bytes uint64) Size { return Size{basetypes.NewStringValue(formatSize(bytes))} }

// NullSize is a null value.
func NullSize() Size { return Size{basetypes.NewStringNull()} }

// UnknownSize is a size that is known only after apply.
func UnknownSize() Size { return Size{basetypes.NewStringUnknown()} }

// Type implements attr.Value.
func (v Size) Type(context.Context) attr.Type { return SizeType{} }

// Equal implements attr.Value.
func (v Size) Equal(o attr.Value) bool {
	other, same := o.(Size)
	return same && v.StringValue.Equal(other.StringValue)
}

// StringSemanticEquals tells whether two sizes are the same number of bytes.
func (v Size) StringSemanticEquals(_ context.Context, o basetypes.StringValuable) (bool, diag.Diagnostics) {
	other, same := o.(Size)
	return same && v.Bytes() == other.Bytes(), nil
}

// ValidateAttribute refuses what is not a size.
func (v Size) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if v.IsNull() || v.IsUnknown() {
		return
	}
	if _, err := parseSize(v.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid size", Sentence(err))
	}
}

// Bytes is the size in bytes; 0 if it is null, unknown or invalid.
func (v Size) Bytes() uint64 {
	bytes, err := parseSize(v.ValueString())
	if err != nil {
		return 0
	}
	return bytes
}

// isSize tells whether the value is known and is a size.
func (v Size) isSize() bool {
	_, err := parseSize(v.ValueString())
	return err == nil && !v.IsNull() && !v.IsUnknown()
}

// Number is the size as a number of bytes, for the computed attribute next to it.
func (v Size) Number() types.Int64 {
	switch {
	case v.IsUnknown():
		return types.Int64Unknown()
	case v.IsNull():
		return types.Int64Null()
	default:
		return types.Int64Value(int64(v.Bytes()))
	}
}

// As is a number of bytes, in the spelling of v if v is the same size.
func (v Size) As(bytes uint64) Size {
	if v.IsNull() || v.IsUnknown() || v.Bytes() != bytes {
		return NewSize(bytes)
	}
	return v
}

// unit is a unit of size with its bytes.
type unit struct {
	name  string
	bytes uint64
}

// units are the units that parseSize reads. The units that formatSize writes come first, largest first.
var units = []unit{
	{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"PB", 1e15}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}, {"", 1},
}

var sizePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`) })

// parseSize reads a size in bytes.
func parseSize(text string) (uint64, error) {
	match := sizePattern().FindStringSubmatch(text)
	if match == nil {
		return 0, fmt.Errorf("%q is not a size; %s", text, spelling(text))
	}
	for _, u := range units {
		if u.name != match[2] {
			continue
		}
		number, _ := new(big.Rat).SetString(match[1])
		number.Mul(number, new(big.Rat).SetUint64(u.bytes))
		switch {
		case !number.IsInt() && u.name == "":
			return 0, fmt.Errorf("%q is not a whole number of bytes; write the unit, such as \"%sGiB\"", text, text)
		case !number.IsInt():
			return 0, fmt.Errorf("%q is not a whole number of bytes", text)
		// libvirt keeps sizes in 64 bits, and these numbers are signed in Terraform.
		case number.Cmp(new(big.Rat).SetInt64(math.MaxInt64)) > 0:
			return 0, fmt.Errorf("%q is larger than the largest possible size (8 EiB)", text)
		}
		return number.Num().Uint64(), nil
	}
	return 0, fmt.Errorf("%q: the unit %q is unknown; %s", text, match[2], spelling(text))
}

// formatSize writes bytes in the largest binary unit that gives a whole number.
func formatSize(bytes uint64) string {
	for _, u := range units {
		if u.bytes%1024 == 0 && bytes >= u.bytes && bytes%u.bytes == 0 {
			return fmt.Sprintf("%d%s", bytes/u.bytes, u.name)
		}
	}
	return fmt.Sprint(bytes)
}
