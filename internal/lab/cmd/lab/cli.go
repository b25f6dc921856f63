package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// oldest is the first minor release of Terraform 1 that has what the demo needs. OpenTofu begins later, with 1.6.
const oldest = 5

// chooseCLI returns the path of the CLI that $TF names. Without $TF, it returns the first CLI on the PATH that is not too old,
// or else OpenTofu, which it builds.
func chooseCLI(ctx context.Context) (string, error) {
	if chosen := os.Getenv("TF"); chosen != "" {
		return chosen, checkCLI(ctx, chosen)
	}
	for _, name := range []string{"terraform", "tofu"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if err := checkCLI(ctx, path); err != nil {
			fmt.Printf("Not used: %v.\n", err)
			continue
		}
		return path, nil
	}
	fmt.Fprintln(os.Stderr, "The PATH has no terraform or tofu that the demo can use. The demo uses OpenTofu, which is built from source if necessary.")
	build := exec.CommandContext(ctx, "internal/tools/build", "tofu")
	build.Stderr = os.Stderr
	path, err := build.Output()
	return strings.TrimSpace(string(path)), err
}

// checkCLI returns an error that says why a CLI does not work.
func checkCLI(ctx context.Context, path string) error {
	text, err := exec.CommandContext(ctx, path, "version", "-json").Output()
	if err != nil {
		return fmt.Errorf("%s does not report its version: %w", path, err)
	}
	var version struct {
		Number string `json:"terraform_version"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return fmt.Errorf("%s does not report its version: %w", path, err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(version.Number, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("%s reports the version %q: %w", path, version.Number, err)
	}
	if major < 1 || major == 1 && minor < oldest {
		return fmt.Errorf("%s is version %s; the provider needs Terraform 1.%d or OpenTofu 1.6, or later", path, version.Number, oldest)
	}
	return nil
}
