package domains

import (
	"slices"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// TestPartsAreWhole holds that of each attribute it is said what a change of it does to a running guest: in domainParts,
// or here, where it does nothing to one.
func TestPartsAreWhole(t *testing.T) {
	doesNothing := []string{
		"host", "name", "arch", // which replace the guest
		"autostart", "running", "shutdown_timeout", "timeouts", // which are about what comes after
		"pxelinux_config", "boot_check", "install", "reinstall", // which a start reads
		"id", "uuid", "memory_bytes", "max_memory_bytes", "boot_result", "installed", "addresses", "addresses_from", // which are read
	}
	parts := framework.Each(domainParts, partName)
	attributes := domainSchema(t.Context()).Attributes
	for name := range attributes {
		if slices.Contains(parts, name) == slices.Contains(doesNothing, name) {
			t.Errorf("%s must be in domainParts, or be one of which a change does nothing to a running guest", name)
		}
	}
	for _, name := range slices.Concat(parts, doesNothing) {
		if attributes[name] == nil {
			t.Errorf("%s is no attribute", name)
		}
	}
}
