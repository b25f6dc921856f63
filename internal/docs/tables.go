// Package docs has the templates of the documentation, and checks that the tables in them match the code.
package docs

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables in the guides")

// CheckTables checks that a guide has these tables between two comments. With the flag -update, it writes the tables there.
// The first comment names the package whose TestGuide makes them, such as boot.
func CheckTables(t testing.TB, guide, writer, tables string) {
	t.Helper()
	command := "go test ./internal/" + writer + " -run TestGuide -update"
	begin, end := "<!-- The tables are written by: "+command+" -->\n", "<!-- End of the tables. -->\n"
	file := "../docs/templates/guides/" + guide + ".md.tmpl"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, opened := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("%s does not have the lines around the tables:\n%s%s", file, begin, end)
	}
	want := before + begin + tables + end + after
	switch {
	case want == string(page):
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not match the code; run: %s && make docs", file, command)
	}
}
