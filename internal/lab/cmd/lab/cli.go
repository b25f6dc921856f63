package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// oldest is the first release of Terraform 1 that has what the demo needs. OpenTofu begins later, with 1.6.
const oldest = 5

// chooseCLI is the path of the CLI that $TF names. Without it, it is the first one on the PATH that is not too old, or OpenTofu,
// built here.
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
	build := exec.CommandContext(ctx, "internal/tools/build", "tofu")
	build.Stderr = os.Stderr
	path, err := build.Output()
	return strings.TrimSpace(string(path)), err
}

// checkCLI says why a CLI is not one that works.
func checkCLI(ctx context.Context, path string) error {
	text, err := exec.CommandContext(ctx, path, "version", "-json").Output()
	if err != nil {
		return fmt.Errorf("%s does not tell its version: %w", path, err)
	}
	var version struct {
		Number string `json:"terraform_version"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return fmt.Errorf("%s does not tell its version: %w", path, err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(version.Number, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("%s says that its version is %q: %w", path, version.Number, err)
	}
	if major < 1 || major == 1 && minor < oldest {
		return fmt.Errorf("%s is version %s; the provider needs Terraform 1.%d or OpenTofu 1.6, or later", path, version.Number, oldest)
	}
	return nil
}
