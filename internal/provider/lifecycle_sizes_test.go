package provider

import (
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestLifecycleSizes holds that a size which cannot be meant is one error that says what to write, and no other about
// what follows from it.
func TestLifecycleSizes(t *testing.T) {
	h := newGuestHost(t)
	for size, want := range map[string]string{
		"2048": `did you mean "2048MiB"`, "2000": `did you mean "2000MiB"`, "2097152": `did you mean "2097152KiB"`, "512KiB": "too small", "8gb": `write "8GiB"`, "8 GB": "", "8GiB ": `write "8GiB"`,
		"8\u00a0GiB": `write "8GiB"`,
	} {
		for _, attributes := range []string{`"memory": "512MiB"`, `"memory": "512MiB", "max_memory": "512MiB"`} {
			attributes = attributes[:strings.LastIndex(attributes, "512MiB")] + size + `"`
			found := newCore(t, h, "netboot_domain").plan(strings.Replace(memoryDomain, `"memory": "512MiB"`, attributes, 1)).problems
			if want == "" && found.hasError() || want != "" && (len(found) != 1 || !strings.Contains(found.String(), want)) {
				t.Errorf("%s: %v; want %q", attributes, found, want)
			}
		}
	}
	c := newCore(t, h, "netboot_volume")
	c.must(strings.ReplaceAll(memoryVolume, "disk", "other"))
	for size, want := range map[string]string{"20": `did you mean "20GiB"`, "20480": `did you mean "20480MiB"`, "20G": `write "20GiB"`, "0GiB": "too small"} {
		for _, core := range []*core{c, newCore(t, h, "netboot_volume")} {
			found := core.plan(strings.NewReplacer("disk", "other", "1GiB", size).Replace(memoryVolume)).problems
			if len(found) != 1 || !strings.Contains(found.String(), want) {
				t.Errorf("capacity = %q: %v; want %q", size, found, want)
			}
		}
	}
	found := newCore(t, h, "netboot_volume").plan(`{"name": "disk", "capacity": "1GiB", "cluster_size": "64"}`).problems
	if len(found) != 1 || !strings.Contains(found.String(), `did you mean "64KiB"`) {
		t.Errorf("cluster_size = 64: %v", found)
	}
}

// TestLifecycleSmallVolume imports a volume of a size that no new one has.
func TestLifecycleSmallVolume(t *testing.T) {
	h := newGuestHost(t)
	if err := h.CreateVolume(t.Context(), virt.Volume{Pool: "default", Name: "notes", Format: "raw", Capacity: 9}); err != nil {
		t.Fatal(err)
	}
	c := newCore(t, h, "netboot_volume")
	c.imports("default/notes")
	c.mustBeDone(`{"name": "notes", "format": "raw", "capacity": "9"}`)
}
