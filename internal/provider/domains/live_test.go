package domains

import (
	"slices"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// TestPartsAreWhole checks that each attribute is either in domainParts, which says what a change of it does to a running guest, or
// in the list here, because a change of it does nothing to a running guest.
func TestPartsAreWhole(t *testing.T) {
	doesNothing := []string{
		"host", "name", "arch", "firmware", // these replace the guest
		"autostart", "running", "shutdown_timeout", "timeouts", // these affect later events only
		"pxelinux_config", "grub_config", "boot_check", "wait_for", "install", "reinstall", // a start reads these
		"id", "uuid", "memory_bytes", "max_memory_bytes", "boot_result", "install_result", "installed", "addresses", "addresses_from", // these are read from the host
	}
	parts := framework.Each(domainParts, partName)
	attributes := domainSchema(t.Context()).Attributes
	for name := range attributes {
		if slices.Contains(parts, name) == slices.Contains(doesNothing, name) {
			t.Errorf("%s must be either in domainParts or in doesNothing", name)
		}
	}
	for _, name := range slices.Concat(parts, doesNothing) {
		if attributes[name] == nil {
			t.Errorf("%s is not an attribute", name)
		}
	}
}
