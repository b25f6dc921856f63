package lab

import (
	"context"
	"fmt"
	"os/exec"
)

// WriteISO writes an ISO 9660 image in the way distributions make their media. files has the path in the image
// as the key, and the path of the file on this machine as the value.
func WriteISO(ctx context.Context, name string, files map[string]string) error {
	args := []string{"-as", "mkisofs", "-quiet", "-R", "-J", "-o", name, "-graft-points"}
	for path, file := range files {
		args = append(args, path+"="+file)
	}
	if _, err := output(exec.CommandContext(ctx, "xorriso", args...)); err != nil {
		return fmt.Errorf("unable to write %s: %w", name, err)
	}
	return nil
}
