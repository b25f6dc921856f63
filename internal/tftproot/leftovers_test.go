package tftproot

import (
	"errors"
	"testing"
)

func TestLeftovers(t *testing.T) {
	dir := newMemory(map[string]string{"idle": "half", "written": "half", "gone": "half", "other": "x"})
	found, err := FindLeftovers(t.Context(), dir, []string{"idle", "written", "gone", "none"})
	if err != nil || len(found) != 3 {
		t.Fatal(found, err)
	}
	dir.put("written", []byte("half more"))
	delete(dir.files, "gone")
	if err := found.RemoveIdle(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	dir.expect(t, map[string]string{"written": "half more", "other": "x"})
}

func TestLeftoversFaults(t *testing.T) {
	dir := newMemory(map[string]string{"idle": "half"})
	dir.faults["Stat idle"] = 0
	if _, err := FindLeftovers(t.Context(), dir, []string{"idle"}); !errors.Is(err, errFault) {
		t.Errorf("got %v", err)
	}
	delete(dir.faults, "Stat idle")
	found, err := FindLeftovers(t.Context(), dir, []string{"idle"})
	if err != nil {
		t.Fatal(err)
	}
	dir.faults["Remove idle"] = 0
	if err := found.RemoveIdle(t.Context(), dir); !errors.Is(err, errFault) {
		t.Errorf("got %v", err)
	}
}
