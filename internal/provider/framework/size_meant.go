package framework

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// SizeRule is a validator of a size: it refuses what is too small to be meant. A number without a unit is bytes here, and
// something else to virt-install, virsh and other providers; its error asks for the size that they mean by it.
type SizeRule struct {
	What  string // "guest", for the text
	Least uint64 // in bytes
	Bare  uint64 // in bytes: what a number without a unit has at least, where a smaller one is rather a mistake

	Meant []Meant
}

// Meant is what somebody means who writes a number of From to To without a unit.
type Meant struct {
	Unit     string
	From, To uint64
}

var (
	// GuestMemory is in MiB to virt-install, in KiB to virsh and to libvirt's XML. Neither is fewer bytes than a kernel needs.
	GuestMemory = SizeRule{What: "guest", Least: 1 << 20, Bare: 128 << 20, Meant: []Meant{{"GiB", 1, 63}, {"MiB", 64, 1 << 20}, {"KiB", 64 << 10, 128 << 20}}}

	// VolumeCapacity is in GiB to virt-install.
	VolumeCapacity = SizeRule{What: "new volume", Least: 1 << 10, Bare: 1 << 20, Meant: []Meant{{"GiB", 1, 4096}, {"MiB", 512, 1 << 20}, {"KiB", 512 << 10, 1 << 20}}}

	// ClusterSize is in KiB to the texts about it.
	ClusterSize = SizeRule{What: "cluster", Least: 512, Bare: 512, Meant: []Meant{{"KiB", 1, 511}}}
)

// Check says what is wrong with a size that is known. What is no size at all is refused by its type.
func (r SizeRule) Check(v Size) error {
	text, bytes := v.ValueString(), v.Bytes()
	isBare := strings.Trim(text, "0123456789.") == ""
	switch {
	case !v.isSize():
		return nil
	case isBare && bytes < r.Bare && r.meant(bytes) != "":
		return fmt.Errorf("%s is a number without a unit, so it is %s; did you mean %s? If not, write the size with its unit", text, inBytes(bytes), r.meant(bytes))
	case bytes < r.Least:
		return fmt.Errorf("%s is too small; a %s has at least %s", text, r.What, formatSize(r.Least))
	}
	return nil
}

// meant is what a number without a unit may stand for.
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
