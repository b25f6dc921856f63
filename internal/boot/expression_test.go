package boot

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// TestStart checks that a program that includes this package, but watches no console, compiles no pattern.
func TestStart(t *testing.T) {
	const most = 20 // compiling them takes about 4,700
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := exec.CommandContext(t.Context(), program, "-test.run=^$")
	start.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := start.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, trace)
	}
	traced := regexp.MustCompile(`(?m)^init (\S+) @.* (\d+) allocs$`).FindAllSubmatch(trace, -1)
	if len(traced) == 0 {
		t.Fatalf("the runtime reports nothing about the start:\n%s", trace)
	}
	for _, found := range traced {
		allocations, err := strconv.Atoi(string(found[2]))
		if bytes.HasSuffix(found[1], []byte("/internal/boot")) && (err != nil || allocations > most) {
			t.Errorf("%s, want at most %d", found[0], most)
		}
	}
}

// TestExpressions checks that each pattern can be compiled, which is otherwise known only at its first use.
func TestExpressions(t *testing.T) {
	for _, r := range slices.Concat(firmwareRules, otherRules, linuxRules) {
		r.pattern.compiled()
	}
	for _, mark := range landmarks {
		mark.pattern.compiled()
	}
	for _, p := range []*pattern{givesUp, triesNext, tooLarge, givesUpForGood, shell, dialog, asksAgain, tftpServer, panics, received, pxelinuxLoaded} {
		p.compiled()
	}
}
