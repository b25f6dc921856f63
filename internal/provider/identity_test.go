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
		host     string
	}{
		{identity{"name"}, "lab", []string{"lab"}, ""},
		{identity{"name"}, "a/b", []string{"a/b"}, ""},
		{identity{"pool", "name"}, "default/disk", []string{"default", "disk"}, ""},
		{identity{"pool", "name"}, "default/a/b", []string{"default", "a/b"}, ""},
		{identity{"pool", "name"}, "disk", nil, ""},
		{identity{"name"}, "big:lab", []string{"lab"}, "big"},
		{identity{"name"}, "big:big:lab", []string{"big:lab"}, "big"},
		{identity{"name"}, "small:lab", []string{"small:lab"}, ""},
		{identity{"pool", "name"}, "big:default/disk", []string{"default", "disk"}, "big"},
		{identity{"pool", "name"}, "big:disk", nil, ""},
		{identity{"pool", "name"}, "/disk", nil, ""},
		{identity{"pool", "name"}, "default/", nil, ""},
	} {
		p, got, diags := test.identity.imported(t.Context(), map[string]*Site{"big": {}}, resource.ImportStateRequest{ID: test.id})
		if test.want == nil {
			if !diags.HasError() || !strings.Contains(diags[0].Detail(), strings.Join(test.identity, "/")) {
				t.Errorf("%q is read as %q: %v", test.id, got, diags)
			}
			continue
		}
		if diags.HasError() || !slices.Equal(got, test.want) || p.Host.ValueString() != test.host {
			t.Errorf("%q is read as %q on host %q (%v), want %q on %q", test.id, got, p.Host.ValueString(), diags, test.want, test.host)
		}
	}
}
