package framework

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
)

// Rule is a validator that accepts the strings that Check accepts. Its error says what is wrong and what a valid value
// looks like.
type Rule struct {
	What  string // "path", for the summary `Invalid path`
	Check func(value string) error
}

// Description implements validator.String.
func (r Rule) Description(context.Context) string { return "a valid " + r.What }

// MarkdownDescription implements validator.String.
func (r Rule) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

// ValidateString implements validator.String.
func (r Rule) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := r.Check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid "+r.What, Sentence(Within(req.Path, err)))
	}
}

var (
	AbsolutePath = Rule{What: "path", Check: checkAbsolutePath}
	HostPath     = Rule{What: "path", Check: checkHostPath}
	ObjectName   = Rule{What: "name", Check: CheckObjectName}
	Checksum     = Rule{What: "checksum", Check: image.CheckReference}
	HostName     = Rule{What: "name of a host", Check: checkHostName}
	QEMUName     = Rule{What: "name", Check: checkQEMUName}
	OctalMode    = Rule{What: "mode", Check: checkOctalMode}
	MACAddress   = Rule{What: "MAC address", Check: checkMACAddress}
	Device       = Rule{What: "name of a device", Check: checkDevice}
	Arch         = Rule{What: "arch", Check: checkArch}
)

// checkAbsolutePath accepts a path on a Linux host in the form that libvirt keeps: absolute and clean.
func checkAbsolutePath(value string) error {
	if value == "/" {
		return errors.New("\"/\" is the root directory of the libvirt host; set a separate directory, such as /srv/tftp")
	}
	if !strings.HasPrefix(value, "/") || filepath.Clean(value) != value || HasInvisible(value) {
		return fmt.Errorf("%q is not an absolute path on the libvirt host without a trailing slash, \".\" and \"..\", such as /srv/tftp", value)
	}
	return nil
}

// checkHostPath accepts the path of a file that another program or user named. libvirt keeps it as it was written.
func checkHostPath(value string) error {
	if !strings.HasPrefix(value, "/") || HasInvisible(value) {
		return fmt.Errorf("%q is not an absolute path on the libvirt host, such as /srv/boot/linux", value)
	}
	return nil
}

// checkHostName accepts what can stand before a colon in an id.
func checkHostName(value string) error {
	if !hostNames().MatchString(value) {
		return fmt.Errorf("%q is not a name of letters, digits, hyphens and underscores", value)
	}
	return nil
}

var hostNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]+$`) })

// maxNameLength leaves some of the 255 bytes of a file name for suffixes.
const maxNameLength = 200

// CheckObjectName accepts a name of a libvirt object that is also a file's name: libvirt keeps each
// definition in <name>.xml, and a volume is a file of its pool.
func CheckObjectName(value string) error {
	switch {
	case value == "":
		return errors.New("a name cannot be empty")
	case len(value) > maxNameLength:
		return fmt.Errorf("%q has %d bytes; a name can have at most %d", value, len(value), maxNameLength)
	case strings.Contains(value, "/") || HasInvisible(value):
		return fmt.Errorf("%q has a slash or an invisible character, which a name cannot have", value)
	case strings.HasPrefix(value, ".") || strings.TrimSpace(value) != value:
		return fmt.Errorf("%q begins with a dot, or begins or ends with a blank, which a name cannot do", value)
	default:
		return nil
	}
}

// HasInvisible tells whether a text has characters that XML cannot contain, that a line of a configuration cannot contain, or
// that a terminal shows as something else: control characters, and characters that change the direction of the text.
func HasInvisible(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// checkArch accepts libvirt's names of architectures. Hosts may have more architectures than package arch knows.
func checkArch(value string) error {
	if meant := arch.Meant(value); meant != "" {
		return fmt.Errorf("%q is not libvirt's name of the architecture; write %q", value, meant)
	}
	return checkQEMUName(value)
}

// checkDevice accepts the name of a network device: Linux net/core/dev.c, dev_valid_name(), and IFNAMSIZ.
func checkDevice(value string) error {
	switch {
	case value == "" || len(value) > 15:
		return fmt.Errorf("%q has %d bytes; the name of a network device of Linux has 1 to 15", value, len(value))
	case value == "." || value == ".." || strings.ContainsAny(value, "/:") || strings.ContainsFunc(value, unicode.IsSpace) || HasInvisible(value):
		return fmt.Errorf("%q has a blank, a slash or a colon, which the name of a network device cannot have", value)
	default:
		return nil
	}
}

// checkMACAddress accepts the address of one interface. The type of the attribute refuses text that is not an address.
func checkMACAddress(value string) error {
	address, err := net.ParseMAC(value)
	isAddress := err == nil
	switch {
	case !isAddress:
		return nil
	case len(address) != 6:
		return fmt.Errorf("%q has %d bytes; the MAC address of an interface has 6", value, len(address))
	case address[0]&1 == 1:
		return fmt.Errorf("%q is a multicast address; the first byte of an interface's address is even, as in 52:54:00:00:00:01", value)
	default:
		return nil
	}
}

func checkOctalMode(value string) error {
	if mode, err := strconv.ParseUint(value, 8, 32); err != nil || mode > 0o7777 {
		return fmt.Errorf("%q is not a mode in octal digits, such as \"0644\" or \"0755\"", value)
	}
	return nil
}

var qemuNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*$`) })

// checkQEMUName accepts QEMU's names of machines, CPUs, adapters and architectures. libvirt writes some of them into QEMU's
// options, where a comma would begin another option.
func checkQEMUName(value string) error {
	if len(value) > 100 || !qemuNames().MatchString(value) {
		return fmt.Errorf("%q is not a name of letters, digits, dots, hyphens, underscores and plus signs", value)
	}
	return nil
}
