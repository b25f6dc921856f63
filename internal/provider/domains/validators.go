package domains

import (
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

var (
	duration          = framework.Rule{What: "duration", Check: checkDuration}
	pattern           = framework.Rule{What: "pattern", Check: checkPattern}
	loadparm          = framework.Rule{What: "loadparm", Check: checkLoadparm}
	kernelCommandLine = framework.Rule{What: "command line", Check: checkKernelCommandLine}
)

func checkDuration(value string) error {
	if d, err := time.ParseDuration(value); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration above zero, such as \"90s\" or \"5m\"", value)
	}
	return nil
}

func checkPattern(value string) error {
	if _, err := regexp.Compile(value); err != nil {
		return fmt.Errorf("%w; patterns are RE2, https://github.com/google/re2/wiki/Syntax", err)
	}
	return nil
}

var loadparmPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z0-9. ]{1,8}$`) })

// checkLoadparm accepts what libvirt keeps as it is written: it makes capitals of small letters.
func checkLoadparm(value string) error {
	if !loadparmPattern().MatchString(value) {
		return fmt.Errorf("%q is not a load parameter: up to 8 of A-Z, 0-9, the dot and the blank, in capitals", value)
	}
	return nil
}

func checkKernelCommandLine(value string) error {
	if value == "" || framework.HasInvisible(value) {
		return fmt.Errorf("%q is empty or has an invisible character, such as a line's end, which a kernel's command line cannot have", value)
	}
	return nil
}
