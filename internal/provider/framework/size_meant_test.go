package framework

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"
)

// TestSizeMeant checks that the error for a number without a unit asks for the size that it means to other programs.
func TestSizeMeant(t *testing.T) {
	for _, test := range []struct {
		rule SizeRule
		text string
		want string // in the error; "" for none
	}{
		{GuestMemory, "2048", `2048 is a number without a unit, so it is 2048 bytes; did you mean "2048MiB"? If not, write the size with its unit`},
		{GuestMemory, "4", `did you mean "4GiB"?`},
		{GuestMemory, "524288", `524288 bytes; did you mean "524288MiB" or "524288KiB"?`},
		{GuestMemory, "2097152", `2097152 bytes (2MiB); did you mean "2097152KiB"?`},
		{GuestMemory, "67108864", `67108864 bytes (64MiB); did you mean "67108864KiB"?`},
		{GuestMemory, "2147483648", ""},
		{GuestMemory, "134217728", ""},
		{GuestMemory, "64MiB", ""},
		{GuestMemory, "1MiB", ""},
		{GuestMemory, "512KiB", "512KiB is too small; a guest needs at least 1MiB"},
		{GuestMemory, "2048B", "2048B is too small"},
		{GuestMemory, "0", "0 is too small"},
		{GuestMemory, "0GiB", "0GiB is too small"},
		{GuestMemory, "lots", ""},
		{VolumeCapacity, "20", `20 is a number without a unit, so it is 20 bytes; did you mean "20GiB"?`},
		{VolumeCapacity, "1024", `did you mean "1024GiB" or "1024MiB"?`},
		{VolumeCapacity, "20480", `did you mean "20480MiB"?`},
		{VolumeCapacity, "1048576", ""},
		{VolumeCapacity, "20KiB", ""},
		{VolumeCapacity, "1KiB", ""},
		{VolumeCapacity, "512B", "a new volume needs at least 1KiB"},
		{VolumeCapacity, "0", "0 is too small"},
		{ClusterSize, "64", `did you mean "64KiB"?`},
		{ClusterSize, "512", ""},
		{ClusterSize, "256B", "a cluster needs at least 512"},
	} {
		err := test.rule.Check(Size{types.StringValue(test.text)})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of a %s: %v; want %q", test.text, test.rule.What, err, test.want)
		}
	}
	for _, size := range []Size{NullSize(), UnknownSize()} {
		if err := GuestMemory.Check(size); err != nil {
			t.Errorf("%v: %v", size, err)
		}
	}
}

// TestSizeSpelling checks that the spellings of sizes of other programs are refused, and that the error has the right one.
func TestSizeSpelling(t *testing.T) {
	const gib = `write "8GiB" (powers of 1024, which QEMU and virsh mean by G) or "8GB" (powers of 1000)`
	for text, want := range map[string]string{
		"8G":           gib,
		"8g":           gib,
		"8gb":          gib,
		"8 Gb":         gib,
		"2048M":        `write "2048MiB" (powers of 1024, which QEMU and virsh mean by M) or "2048MB"`,
		"64k":          `write "64KiB" (powers of 1024, which QEMU and virsh mean by K) or "64kB"`,
		"8Gi":          `write "8GiB"`,
		"8 gib":        `write "8GiB"`,
		"8GiB ":        `write "8GiB"`,
		"8  GB":        `write "8GB"`,
		"8\u00a0GiB":   `write "8GiB"`,
		"8\u202fGB":    `write "8GB"`,
		"\u200b8GiB":   `write "8GiB"`,
		"1,5GiB":       `write "1.5GiB"`,
		"1,5 gb":       `write "1.5GiB"`,
		" 1024 ":       `write "1024"`,
		"5b":           `write "5B"`,
		"1.5":          `write the unit, such as "1.5GiB"`,
		"8,192MiB":     howToWrite,
		"1e9":          howToWrite,
		"8 gigs":       howToWrite,
		"8GiB of it":   howToWrite,
		"":             howToWrite,
		"\"8GiB\"":     howToWrite,
		"8GiB\u20288G": howToWrite,
	} {
		if _, err := parseSize(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}
