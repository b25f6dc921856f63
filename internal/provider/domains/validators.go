package domains

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

var (
	duration          = framework.Rule{What: "duration", Check: checkDuration}
	prefix            = framework.Rule{What: "prefix", Check: checkPrefix}
	pattern           = framework.Rule{What: "pattern", Check: checkPattern}
	loadparm          = framework.Rule{What: "loadparm", Check: checkLoadparm}
	kernelCommandLine = framework.Rule{What: "command line", Check: checkKernelCommandLine}
)

func checkDuration(value string) error {
	if d, err := time.ParseDuration(value); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration greater than zero, such as \"90s\" or \"5m\"", value)
	}
	return nil
}

func checkPrefix(value string) error {
	if _, err := netip.ParsePrefix(value); err != nil {
		return fmt.Errorf("%q is not a prefix, such as \"192.168.150.0/24\" or \"fd00:150::/64\"", value)
	}
	return nil
}

func checkPattern(value string) error {
	if value == "" {
		return errors.New("an empty pattern matches every line")
	}
	if _, err := regexp.Compile(value); err != nil {
		return fmt.Errorf("%w; patterns are RE2, https://github.com/google/re2/wiki/Syntax", err)
	}
	return nil
}

var loadparmPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z0-9. ]{1,8}$`) })

// checkLoadparm accepts values that libvirt does not change: it converts lower-case letters to upper case.
func checkLoadparm(value string) error {
	if !loadparmPattern().MatchString(value) {
		return fmt.Errorf("%q is not a load parameter: use up to 8 upper-case letters, digits, dots and spaces", value)
	}
	return nil
}

// checkKernelCommandLine refuses characters that XML cannot represent unchanged. The kernel treats a line break as a space: Linux
// kernel/params.c, parse_args, and lib/cmdline.c, next_arg, by isspace.
func checkKernelCommandLine(value string) error {
	isControl := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	switch {
	case value == "":
		return errors.New("the command line is empty: leave it out")
	case strings.Contains(value, "\r"):
		return fmt.Errorf("%q has Windows line endings: save the file with Unix line endings, or write the command line as one line", value)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, isControl):
		return fmt.Errorf("%q has a control character, which a kernel's command line cannot have", value)
	default:
		return nil
	}
}

// checkNewCommandLine refuses characters that only an imported guest may have, because it has already run with them.
func checkNewCommandLine(value string) error {
	if err := pxelinux.CheckPasted(value); err != nil {
		return err
	}
	if framework.HasInvisible(strings.NewReplacer("\n", "", "\t", "").Replace(value)) {
		return fmt.Errorf("%q has an invisible character, which a kernel's command line cannot have", value)
	}
	return nil
}
