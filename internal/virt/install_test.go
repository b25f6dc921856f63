package virt_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestInstallationIsLost: a lost connection must not look like the end of the guest. The result is found later.
func TestInstallationIsLost(t *testing.T) {
	direct := givenGuest(t, "", waiting, "destroy")
	p := newProxy(t, lab.Shared(t).URI)
	run, err := open(t, p.URI).InstallDomain(t.Context(), virt.Domain{Name: "kept"})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Leave()
	p.cut()
	if ending := wantEnd(t, run); ending.Err == nil || !strings.Contains(ending.Err.Error(), "was lost") {
		t.Errorf("it ended %v, %v; want the loss of the connection", ending.How, ending.Err)
	}
	if _, err := io.ReadAll(run.Console); err == nil {
		t.Error("the console ended as if the guest had")
	}
	joined, err := direct.JoinInstallation(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	defer joined.Leave()
	if err := direct.KillDomain(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	if ending := wantEnd(t, joined); ending.Err != nil || ending.How != virt.EndDestroyed {
		t.Errorf("it ended %v, %v", ending.How, ending.Err)
	}
}

// TestInstallationWithoutSavedMemory: memory of a guest that libvirt has saved belongs to the previous disk.
func TestInstallationWithoutSavedMemory(t *testing.T) {
	h := givenGuest(t, "", waiting, "restart")
	if err := h.StartDomain(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	virsh := func(args ...string) string {
		out, err := lab.Shared(t).Virsh(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	virsh("managedsave", "kept")
	run, err := h.InstallDomain(t.Context(), virt.Domain{Name: "kept"})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Leave()
	if info := virsh("dominfo", "kept"); !strings.Contains(info, "Managed save:   no") {
		t.Error(info)
	}
	live := virsh("dumpxml", "kept")
	for _, want := range []string{"<on_poweroff>destroy<", "<on_reboot>destroy<", "<on_crash>destroy<"} {
		if !strings.Contains(live, want) {
			t.Errorf("the run is not one that ends: no %s in\n%s", want, live)
		}
	}
	if !strings.Contains(virsh("dumpxml", "--inactive", "kept"), "<on_crash>restart<") {
		t.Error("the definition has changed")
	}
}

func wantEnd(t *testing.T, run *virt.Installation) virt.Ending {
	t.Helper()
	select {
	case ending := <-run.Ended:
		return ending
	case <-time.After(30 * time.Second):
		return virt.Ending{Err: errors.New("it does not end")}
	}
}
