package pxelinux

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/docs"
)

// TestGuide checks that the guide "What the firmware reads" has the limits of this package.
func TestGuide(t *testing.T) {
	docs.CheckTables(t, "what-the-firmware-reads", "pxelinux", guideTable())
}

func guideTable() string {
	generations := []Firmware{SeparateLoader, Merged, Menu}
	var b strings.Builder
	row := func(what string, value func(Firmware) string) {
		fmt.Fprintf(&b, "| %s |", what)
		for _, f := range generations {
			fmt.Fprintf(&b, " %s |", value(f))
		}
		b.WriteString("\n")
	}
	always := func(limit int) func(Firmware) string {
		return func(Firmware) string { return fmt.Sprintf("%d bytes", limit) }
	}
	b.WriteString("\n| | QEMU before 9.2 | 9.2 and 10.0 | 10.1 and later |\n|---|---|---|---|\n")
	row("A configuration", always(MaxFileSize))
	row("`append`", always(MaxAppendSize))
	row("A path, with all that DHCP puts in front", always(MaxPathSize))
	row("Entries", func(f Firmware) string { return fmt.Sprint(f.MaxEntries()) })
	row("Kernel and initrd, guest of 512 MiB", guideRoom(512*mebibyte))
	row("Kernel and initrd, guest of 4 GiB", guideRoom(4096*mebibyte))
	row("Least memory", func(f Firmware) string { return mebibytes(f.MinMemory()) })
	row("`loadparm` chooses an entry, menu", func(f Firmware) string { return map[bool]string{true: "yes", false: "no"}[f == Menu] })
	return b.String() + "\n"
}

func guideRoom(memory uint64) func(Firmware) string {
	return func(f Firmware) string { return mebibytes(f.MaxLoad(memory)) }
}
