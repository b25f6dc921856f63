package provider

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

func TestImportedID(t *testing.T) {
	for _, test := range []struct {
		identity identity
		id       string
		want     []string // nil where it is refused
	}{
		{identity{"name"}, "lab", []string{"lab"}},
		{identity{"name"}, "a/b", []string{"a/b"}},
		{identity{"pool", "name"}, "default/disk", []string{"default", "disk"}},
		{identity{"pool", "name"}, "default/a/b", []string{"default", "a/b"}},
		{identity{"pool", "name"}, "disk", nil},
		{identity{"pool", "name"}, "/disk", nil},
		{identity{"pool", "name"}, "default/", nil},
	} {
		got, diags := test.identity.imported(t.Context(), resource.ImportStateRequest{ID: test.id})
		if test.want == nil {
			if !diags.HasError() || !strings.Contains(diags[0].Detail(), strings.Join(test.identity, "/")) {
				t.Errorf("%q is read as %q: %v", test.id, got, diags)
			}
			continue
		}
		if diags.HasError() || !slices.Equal(got, test.want) {
			t.Errorf("%q is read as %q (%v), want %q", test.id, got, diags, test.want)
		}
	}
}
