package domains

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// TestConfigsOfAGuest holds that a guest has one configuration, and that a value which is not known yet is no second one.
func TestConfigsOfAGuest(t *testing.T) {
	known, unknown := types.StringValue("tftp/default"), types.StringUnknown()
	for name, test := range map[string]struct {
		pxelinux, grub types.String
		refused        bool
	}{
		"both":                  {known, known, true},
		"both may be":           {unknown, unknown, false},
		"GRUB's may be":         {known, unknown, false},
		"only GRUB's, for UEFI": {types.StringNull(), known, false},
	} {
		var diags diag.Diagnostics
		model := domainModel{PxelinuxConfig: test.pxelinux, GrubConfig: test.grub, Arch: types.StringValue("aarch64")}
		if model.validateConfigs(&diags); diags.HasError() != test.refused {
			t.Errorf("%s: %v", name, diags)
		}
	}
}
