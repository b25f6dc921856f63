package networks

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// TestPartsAreWhole checks that each attribute is either in networkParts, or in the list here of attributes whose change
// does nothing to a running network.
func TestPartsAreWhole(t *testing.T) {
	doesNothing := []string{
		"host", "name", // which replace the network
		"autostart", "running", "force_destroy", "timeouts", // which are about what comes after
		"id", "uuid", // which are read
	}
	var resp resource.SchemaResponse
	(&networkResource{}).Schema(t.Context(), resource.SchemaRequest{}, &resp)
	var parts []string
	for _, part := range networkParts {
		top, _, _ := strings.Cut(part.name, ".")
		parts = append(parts, top)
	}
	for name := range resp.Schema.Attributes {
		if slices.Contains(parts, name) == slices.Contains(doesNothing, name) {
			t.Errorf("%s must be in networkParts, or in the list of attributes whose change does nothing to a running network", name)
		}
	}
	for _, name := range slices.Concat(parts, doesNothing) {
		if resp.Schema.Attributes[name] == nil {
			t.Errorf("%s is not an attribute", name)
		}
	}
}
