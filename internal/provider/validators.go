package provider

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
)

// absolutePath accepts a path on a Linux host as libvirt keeps it: absolute and clean.
type absolutePath struct{}

func (absolutePath) Description(context.Context) string { return "an absolute path without . or .." }

func (v absolutePath) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v absolutePath) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	value := req.ConfigValue.ValueString()
	if !strings.HasPrefix(value, "/") || value == "/" || filepath.Clean(value) != value || hasControl(value) {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid path",
			fmt.Sprintf("%q is not an absolute path of the libvirt host, written without a trailing slash, \".\" and \"..\", such as /srv/tftp.", value))
	}
}

// objectName accepts a name of a libvirt object that is also a file's name: libvirt keeps each
// definition in <name>.xml, and a volume is a file of its pool.
type objectName struct{}

func (objectName) Description(context.Context) string { return "a name without a slash" }

func (v objectName) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v objectName) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	value := req.ConfigValue.ValueString()
	// 255 bytes is the most for a file's name; some are left for what is put behind a name.
	const most = 200
	if value == "" || len(value) > most || strings.HasPrefix(value, ".") || strings.Contains(value, "/") || hasControl(value) || strings.TrimSpace(value) != value {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid name",
			fmt.Sprintf("%q cannot be a name: it needs 1 to %d bytes, no slash, no control character, no dot at its beginning and no blank at its ends.", value, most))
	}
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// checksum accepts what image.ParseChecksum reads.
type checksum struct{}

func (checksum) Description(context.Context) string { return "a checksum sha256:… or sha512:…" }

func (v checksum) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v checksum) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := image.ParseChecksum(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid checksum", sentence(err))
	}
}

// leaseTime accepts a duration of at least two minutes, dnsmasq's least (dnsmasq(8), --dhcp-range).
type leaseTime struct{}

func (leaseTime) Description(context.Context) string { return "a duration of at least 2m" }

func (v leaseTime) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v leaseTime) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	value := req.ConfigValue.ValueString()
	lease, err := time.ParseDuration(value)
	if err != nil || lease < 2*time.Minute || lease%time.Second != 0 {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid lease time",
			fmt.Sprintf("%q is not a duration of at least two minutes in whole seconds, such as \"2h\" or \"45m\".", value))
	}
}

// pattern accepts a regular expression.
type pattern struct{}

func (pattern) Description(context.Context) string { return "a regular expression (RE2)" }

func (v pattern) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v pattern) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := regexp.Compile(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid pattern", sentence(err)+" Patterns are RE2: https://github.com/google/re2/wiki/Syntax.")
	}
}

// duration accepts a duration above zero.
type duration struct{}

func (duration) Description(context.Context) string { return "a duration such as 5m" }

func (v duration) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v duration) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if d, err := time.ParseDuration(req.ConfigValue.ValueString()); err != nil || d <= 0 {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid duration",
			fmt.Sprintf("%q is not a duration above zero, such as \"90s\" or \"5m\".", req.ConfigValue.ValueString()))
	}
}
