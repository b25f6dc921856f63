// Command licenses lists the modules that are linked into a program, for each of its platforms, with their
// licences. It fails if a licence is not allowed or is unknown. It runs in the program's directory.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licences of modules that may be linked into a program that is distributed under MPL-2.0.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "MPL-2.0-no-copyleft-exception", "0BSD", "Unlicense"}

// platforms are the operating systems, because packages differ by them. They do not differ by architecture.
var platforms = []string{"linux", "darwin", "windows"}

// enough is the percentage of a file that must be the text of licences.
const enough = 75

func main() {
	modules := map[string]string{}
	for _, platform := range platforms {
		if err := linked(platform, modules); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	failed := false
	for _, module := range sorted(modules) {
		found, err := licences(modules[module])
		fmt.Printf("%-55s %s\n", module, strings.Join(found, ", "))
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", module, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// linked adds the modules of the program in this directory, with their directories.
func linked(platform string, modules map[string]string) error {
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}", ".")
	list.Env = append(os.Environ(), "GOOS="+platform, "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	output, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	for line := range strings.Lines(string(output)) {
		if module, directory, found := strings.Cut(strings.TrimSpace(line), "\t"); found {
			modules[module] = directory
		}
	}
	return nil
}

// licences returns the licences in the files of a module's root directory.
func licences(directory string) (found []string, err error) {
	for _, pattern := range []string{"LICEN[CS]E*", "License*", "license*", "COPYING*", "UNLICENSE*"} {
		files, err := filepath.Glob(filepath.Join(directory, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return found, err
			}
			cover := licensecheck.Scan(text)
			if cover.Percent < enough {
				return found, fmt.Errorf("only %.0f %% of %s is the text of a licence", cover.Percent, filepath.Base(file))
			}
			for _, match := range cover.Match {
				if !slices.Contains(allowed, match.ID) {
					return append(found, match.ID), fmt.Errorf("the licence %s is not allowed", match.ID)
				}
				if !slices.Contains(found, match.ID) {
					found = append(found, match.ID)
				}
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no licence", directory)
	}
	return found, nil
}

func sorted(modules map[string]string) (names []string) {
	for name := range modules {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
