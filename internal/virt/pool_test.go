package virt_test

import (
	"encoding/binary"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// storagePoolUndefine is REMOTE_PROC_STORAGE_POOL_UNDEFINE of libvirt's src/remote/remote_protocol.x.
const storagePoolUndefine = 82

// TestDeletePoolUnmarksFirst checks that a pool's autostart is removed before the pool. libvirtd uses the opposite
// order. If it dies between the two steps, it leaves a link that prevents autostart for any pool with that name.
func TestDeletePoolUnmarksFirst(t *testing.T) {
	h, wire := givenWire(t, "unmark", patience)
	if _, _, err := h.CreatePool(t.Context(), "unmarked", "/srv/unmarked"); err != nil {
		t.Fatal(err)
	}
	wire.Judge(func(packet []byte) lab.Fate {
		if lab.IsCall(packet) && binary.BigEndian.Uint32(packet[12:]) == storagePoolUndefine {
			return lab.Refused
		}
		return lab.Passes
	})
	if err := h.DeletePool(t.Context(), "unmarked", true); err == nil {
		t.Error("the pool was deleted with its undefinition refused")
	}
	wire.Judge(nil)
	if pool, err := h.Pool(t.Context(), "unmarked"); err != nil || pool.Autostart {
		t.Errorf("before its undefinition the pool was %+v (%v)", pool, err)
	}
	if err := h.DeletePool(t.Context(), "unmarked", true); err != nil {
		t.Errorf("a pool that was deleted halfway: %v", err)
	}
}
