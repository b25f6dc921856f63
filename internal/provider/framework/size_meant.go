package framework

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// SizeRule is a validator of a size: it refuses a size that is too small to be intended. A number without a unit is in bytes
// here, but has another unit for virt-install, virsh and other providers. The error asks whether that unit was meant.
type SizeRule struct {
	What  string // "guest", for the text
	Least uint64 // in bytes
	Bare  uint64 // in bytes: a smaller number without a unit is probably a mistake

	Meant []Meant
}

// Meant is the unit that a user probably means with a number between From and To without a unit.
type Meant struct {
	Unit     string
	From, To uint64
}

var (
	// GuestMemory is in MiB for virt-install, and in KiB for virsh and libvirt's XML. In bytes, such numbers would be too
	// little for a kernel.
	GuestMemory = SizeRule{What: "guest", Least: 1 << 20, Bare: 128 << 20, Meant: []Meant{{"GiB", 1, 63}, {"MiB", 64, 1 << 20}, {"KiB", 64 << 10, 128 << 20}}}

	// VolumeCapacity is in GiB for virt-install.
	VolumeCapacity = SizeRule{What: "new volume", Least: 1 << 10, Bare: 1 << 20, Meant: []Meant{{"GiB", 1, 4096}, {"MiB", 512, 1 << 20}, {"KiB", 512 << 10, 1 << 20}}}

	// ClusterSize is in KiB in most documentation.
	ClusterSize = SizeRule{What: "cluster", Least: 512, Bare: 512, Meant: []Meant{{"KiB", 1, 511}}}
)

// Check says what is wrong with a known size. The type SizeType refuses text that is not a size.
func (r SizeRule) Check(v Size) error {
	text, bytes := v.ValueString(), v.Bytes()
	isBare := strings.Trim(text, "0123456789.") == ""
	switch {
	case !v.isSize():
		return nil
	case isBare && bytes < r.Bare && r.meant(bytes) != "":
		return fmt.Errorf("%s is a number without a unit, so it is %s; did you mean %s? If not, write the size with its unit", text, inBytes(bytes), r.meant(bytes))
	case bytes < r.Least:
		return fmt.Errorf("%s is too small; a %s needs at least %s", text, r.What, formatSize(r.Least))
	}
	return nil
}

// meant lists the sizes that a number without a unit may mean.
func (r SizeRule) meant(number uint64) string {
	var sizes []string
	for _, m := range r.Meant {
		if m.From <= number && number <= m.To {
			sizes = append(sizes, fmt.Sprintf(`"%d%s"`, number, m.Unit))
		}
	}
	return strings.Join(sizes, " or ")
}

func inBytes(number uint64) string {
	if written := formatSize(number); number >= 1<<20 && written != fmt.Sprint(number) {
		return fmt.Sprintf("%d bytes (%s)", number, written)
	}
	return fmt.Sprintf("%d bytes", number)
}

// Description implements validator.String.
func (r SizeRule) Description(context.Context) string {
	return fmt.Sprintf("at least %s", formatSize(r.Least))
}

// MarkdownDescription implements validator.String.
func (r SizeRule) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

// ValidateString implements validator.String.
func (r SizeRule) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if err := r.Check(Size{req.ConfigValue}); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid size", Sentence(err))
	}
}
