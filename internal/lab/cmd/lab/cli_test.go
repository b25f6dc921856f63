package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestChooseCLI checks that a CLI on the PATH that is too old, or broken, is not used.
func TestChooseCLI(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("TF", "")
	program := func(name, script string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	version := func(name, number string) string {
		return program(name, fmt.Sprintf(`echo '{ "terraform_version": %q }'`, number))
	}
	tofu := version("tofu", "1.6.0")
	for number, isUsed := range map[string]bool{"0.15.5": false, "1.4.7": false, "1.5.7": true, "1.12.0-rc1": true, "2.0.0": true} {
		terraform, want := version("terraform", number), tofu
		if isUsed {
			want = terraform
		}
		if got, err := chooseCLI(t.Context()); err != nil || got != want {
			t.Errorf("with Terraform %s, it is %s (%v), want %s", number, got, err, want)
		}
	}
	program("terraform", "exit 1")
	if got, err := chooseCLI(t.Context()); err != nil || got != tofu {
		t.Errorf("with a broken Terraform, it is %s (%v)", got, err)
	}
	t.Setenv("TF", version("chosen", "1.4.7"))
	if _, err := chooseCLI(t.Context()); err == nil || !strings.Contains(err.Error(), "chosen is version 1.4.7; the provider needs Terraform 1.5") {
		t.Errorf("for a CLI that was chosen, the error is %v", err)
	}
}

// TestOldest checks that the documentation says the same.
func TestOldest(t *testing.T) {
	page, err := os.ReadFile("../../../docs/templates/index.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("- Terraform 1.%d or later, or OpenTofu 1.6 or later.", oldest); !strings.Contains(string(page), want) {
		t.Errorf("index.md.tmpl does not say %q", want)
	}
}
