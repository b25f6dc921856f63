package provider

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDesignPages holds that each file, folder and test is there that a page for developers names in backquotes. A path may
// begin at the top, below internal or below internal/provider; the name of a file alone may be one of any resource's.
func TestDesignPages(t *testing.T) {
	const top = "../.."
	quoted := regexp.MustCompile("`([^`\n]+)`")
	testName := regexp.MustCompile(`^(Test|Fuzz)[A-Z]\w*$`)
	filePath := regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+/?$|^[\w.-]+\.(go|md|yml)$`) // not /tmp, and no URL
	tests := testsBelow(t, top+"/internal")
	for _, page := range []string{"DESIGN.md", "HAZARDS.md", "CONTRIBUTING.md"} {
		for _, match := range quoted.FindAllStringSubmatch(readFile(t, top+"/"+page), -1) {
			switch name := match[1]; {
			case strings.HasPrefix(name, "bin/"): // which a build makes
			case testName.MatchString(name) && !tests[name]:
				t.Errorf("%s: there is no test %s", page, name)
			case filePath.MatchString(name) && !isThere(top, name):
				t.Errorf("%s: there is no file %s", page, name)
			}
		}
	}
}

func isThere(top, path string) bool {
	for _, dir := range []string{"", "internal", "internal/provider", "internal/provider/*"} {
		if found, _ := filepath.Glob(filepath.Join(top, dir, path)); len(found) > 0 {
			return true
		}
	}
	return false
}

// testsBelow are the names of all tests in a folder.
func testsBelow(t *testing.T, dir string) map[string]bool {
	t.Helper()
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range declaration.FindAllStringSubmatch(string(text), -1) {
			names[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
