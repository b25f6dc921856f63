package provider

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
)

// rule is a validator that accepts the strings that check does. Its error says what is wrong and
// what a right value looks like.
type rule struct {
	what  string // "path", for the summary `Invalid path`
	check func(value string) error
}

func (r rule) Description(context.Context) string { return "a valid " + r.what }

func (r rule) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

func (r rule) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := r.check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid "+r.what, sentence(within(req.Path, err)))
	}
}

var (
	absolutePath = rule{"path", checkAbsolutePath}
	objectName   = rule{"name", checkObjectName}
	checksum     = rule{"checksum", image.CheckReference}
	duration     = rule{"duration", checkDuration}
	leaseTime    = rule{"lease time", checkLeaseTime}
	pattern      = rule{"pattern", checkPattern}
	hostName     = rule{"name of a host", checkHostName}
	hostname     = rule{"host name", checkHostname}
	domainName   = rule{"domain", checkHostname}
	ipv4Address  = rule{"address", checkIPv4Address}
	qemuName     = rule{"name", checkQEMUName}
	serial       = rule{"serial number", checkSerial}
	duid         = rule{"DUID", checkDUID}

	octalMode    = rule{"mode", checkOctalMode}
	commandLine  = rule{"command line", image.CheckCommandLine}
	checksumList = rule{"checksum", checkChecksumList}

	loadparm          = rule{"loadparm", checkLoadparm}
	kernelCommandLine = rule{"command line", checkKernelCommandLine}

	dnsmasqOption = rule{"option of dnsmasq", checkDnsmasqOption}
)

// checkAbsolutePath accepts a path on a Linux host as libvirt keeps it: absolute and clean.
func checkAbsolutePath(value string) error {
	if !strings.HasPrefix(value, "/") || value == "/" || filepath.Clean(value) != value || hasInvisible(value) {
		return fmt.Errorf("%q is not an absolute path of the libvirt host, written without a trailing slash, \".\" and \"..\", such as /srv/tftp", value)
	}
	return nil
}

// checkHostName accepts what can stand before a colon in an id.
func checkHostName(value string) error {
	if !hostNames.MatchString(value) {
		return fmt.Errorf("%q is not a name of letters, digits, hyphens and underscores", value)
	}
	return nil
}

var hostNames = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// maxNameLength leaves some of the 255 bytes that a file's name may have for what is put behind.
const maxNameLength = 200

// checkObjectName accepts a name of a libvirt object that is also a file's name: libvirt keeps each
// definition in <name>.xml, and a volume is a file of its pool.
func checkObjectName(value string) error {
	switch {
	case value == "":
		return errors.New("a name cannot be empty")
	case len(value) > maxNameLength:
		return fmt.Errorf("%q has %d bytes; a name has at most %d", value, len(value), maxNameLength)
	case strings.Contains(value, "/") || hasInvisible(value):
		return fmt.Errorf("%q has a slash or an invisible character, which a name cannot have", value)
	case strings.HasPrefix(value, ".") || strings.TrimSpace(value) != value:
		return fmt.Errorf("%q begins with a dot, or begins or ends with a blank, which a name cannot", value)
	default:
		return nil
	}
}

func checkDuration(value string) error {
	if d, err := time.ParseDuration(value); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration above zero, such as \"90s\" or \"5m\"", value)
	}
	return nil
}

// checkLeaseTime accepts what dnsmasq does: two minutes and more (dnsmasq(8), --dhcp-range).
func checkLeaseTime(value string) error {
	lease, err := time.ParseDuration(value)
	if err != nil || lease < 2*time.Minute || lease%time.Second != 0 {
		return fmt.Errorf("%q is not a duration of at least two minutes in whole seconds, such as \"2h\" or \"45m\"", value)
	}
	return nil
}

func checkPattern(value string) error {
	if _, err := regexp.Compile(value); err != nil {
		return fmt.Errorf("%w; patterns are RE2, https://github.com/google/re2/wiki/Syntax", err)
	}
	return nil
}

// hasInvisible tells whether a text has what XML cannot hold, a line of a configuration cannot have, or a
// terminal shows as something else: control characters, and those that turn the direction of a text.
func hasInvisible(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

var qemuNames = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}$`)

// checkQEMUName accepts what QEMU calls machines, CPUs, adapters and architectures by. libvirt puts some of it
// into QEMU's options, where a comma begins another one.
func checkQEMUName(value string) error {
	if !qemuNames.MatchString(value) {
		return fmt.Errorf("%q is not a name of letters, digits, dots, hyphens, underscores and plus signs", value)
	}
	return nil
}

// checkSerial accepts the serial numbers that libvirt takes for a disk of every kind: src/qemu/qemu_validate.c,
// QEMU_SERIAL_PARAM_ACCEPTED_CHARS.
func checkSerial(value string) error {
	if value == "" || len(value) > 20 || strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .+-") != "" {
		return fmt.Errorf("%q is not a serial number, which has at most 20 letters, digits, blanks, dots, hyphens, underscores and plus signs", value)
	}
	return nil
}

func checkIPv4Address(value string) error {
	if address, err := netip.ParseAddr(value); err != nil || !address.Is4() {
		return fmt.Errorf("%q is not an IPv4 address, such as 192.168.150.2", value)
	}
	return nil
}

func checkOctalMode(value string) error {
	if mode, err := strconv.ParseUint(value, 8, 32); err != nil || mode > 0o7777 {
		return fmt.Errorf("%q is not a mode in octal digits, such as \"0644\" or \"0755\"", value)
	}
	return nil
}

// checkChecksumList accepts the name of a list, which can speak of several files.
func checkChecksumList(value string) error {
	if _, isList := image.ListOf(value); !isList {
		return fmt.Errorf("%q does not begin with file:; a manifest has several files, of which a list such as SHA256SUMS has the checksums", value)
	}
	return image.CheckReference(value)
}

var loadparmPattern = regexp.MustCompile(`^[A-Z0-9. ]{1,8}$`)

// checkLoadparm accepts what libvirt keeps as it is written: it makes capitals of small letters.
func checkLoadparm(value string) error {
	if !loadparmPattern.MatchString(value) {
		return fmt.Errorf("%q is not a load parameter: up to 8 of A-Z, 0-9, the dot and the blank, in capitals", value)
	}
	return nil
}

func checkKernelCommandLine(value string) error {
	if value == "" || hasInvisible(value) {
		return fmt.Errorf("%q is empty or has an invisible character, such as a line's end, which a kernel's command line cannot have", value)
	}
	return nil
}
