package domains

import (
	"testing"
)

func TestIsMachine(t *testing.T) {
	for _, test := range []struct {
		written, actual string
		want            bool
	}{
		{"s390-ccw-virtio", "s390-ccw-virtio-7.2", true},
		{"s390-ccw-virtio-7.2", "s390-ccw-virtio-7.2", true},
		{"s390-ccw-virtio-7.1", "s390-ccw-virtio-7.2", false},
		{"s390-ccw-virtio-7", "s390-ccw-virtio-7.2", false},
		{"", "s390-ccw-virtio-7.2", false},
	} {
		if got := isMachine(test.written, test.actual); got != test.want {
			t.Errorf("isMachine(%q, %q) = %v", test.written, test.actual, got)
		}
	}
}
