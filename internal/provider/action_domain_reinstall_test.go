package provider

import (
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestReinstallAction holds that the action installs again what the resource has installed, and leaves the
// resource nothing to do.
func TestReinstallAction(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryInstall)
	again := func() (said string, end problems) {
		return act(t, h, "netboot_domain_reinstall", `{"domain": "guest"}`)
	}
	said, end := again()
	if end.hasError() || !strings.Contains(said, "guest boots from the network and installs\nguest is installed, and starts from disk") {
		t.Errorf("it said %q, %v", said, end)
	}
	wantInstalls(t, h, 2)
	runningGuest(t, h)
	c.mustBeDone(memoryInstall)

	h.ScriptInstall("guest", "", virt.EndCrashed)
	if _, end := again(); !strings.Contains(end.String(), "crashed") {
		t.Errorf("of a failed installation: %v", end)
	}
	h.ScriptInstall("guest", "", virt.EndReboot)
	c.must(memoryInstall) // which ends what was begun
	wantInstalls(t, h, 4)
	destroys(t, c)

	c.must(memoryDomain)
	if _, end := again(); !strings.Contains(end.String(), "does not have install") {
		t.Errorf("of a guest that was never installed: %v", end)
	}
	destroys(t, c)
}
