package image

import "testing"

// A guest that boots with it is in the acceptance tests of netboot_pxelinux_config.
func TestEmptyInitrd(t *testing.T) {
	const header = 110 // and the name after it, padded
	if err := CheckInitrd([]byte(EmptyInitrd)); err != nil || len(EmptyInitrd) != header+14 {
		t.Errorf("%d bytes, %v", len(EmptyInitrd), err)
	}
}
