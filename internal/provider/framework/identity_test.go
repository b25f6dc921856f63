package framework

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

func TestImportedID(t *testing.T) {
	for _, test := range []struct {
		identity Identity
		id       string
		want     []string // nil if the id is refused
		host     string
	}{
		{Identity{"name"}, "lab", []string{"lab"}, ""},
		{Identity{"name"}, "a/b", []string{"a/b"}, ""},
		{Identity{"pool", "name"}, "default/disk", []string{"default", "disk"}, ""},
		{Identity{"pool", "name"}, "default/a/b", []string{"default", "a/b"}, ""},
		{Identity{"pool", "name"}, "disk", nil, ""},
		{Identity{"name"}, "big:lab", []string{"lab"}, "big"},
		{Identity{"name"}, "big:big:lab", []string{"big:lab"}, "big"},
		{Identity{"name"}, "small:lab", []string{"small:lab"}, ""},
		{Identity{"pool", "name"}, "big:default/disk", []string{"default", "disk"}, "big"},
		{Identity{"pool", "name"}, "big:disk", nil, ""},
		{Identity{"pool", "name"}, "/disk", nil, ""},
		{Identity{"pool", "name"}, "default/", nil, ""},
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
