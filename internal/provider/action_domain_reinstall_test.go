package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestReinstallAction holds that the action installs again what the resource has installed, and leaves the
// resource nothing to do.
func TestReinstallAction(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryInstall)
	r := &domainResource{configured{site: newSite(h)}}
	again := func() (said string, err error) {
		var diags diag.Diagnostics
		guest := domainToImport(t.Context(), placed{}, "guest", &diags)
		err = r.reinstall(t.Context(), &guest, func(format string, values ...any) { said += fmt.Sprintf(format, values...) + "\n" }, &diags)
		if diags.HasError() {
			t.Fatal(diags)
		}
		return said, err
	}
	said, err := again()
	if err != nil || !strings.Contains(said, "guest boots from the network and installs\nguest is installed, and starts from disk") {
		t.Errorf("it said %q, %v", said, err)
	}
	wantInstalls(t, h, 2)
	runningGuest(t, h)
	c.mustBeDone(memoryInstall)

	h.ScriptInstall("guest", "", virt.EndCrashed)
	if _, err := again(); err == nil || !strings.Contains(err.Error(), "crashed") {
		t.Errorf("of a failed installation: %v", err)
	}
	h.ScriptInstall("guest", "", virt.EndReboot)
	c.must(memoryInstall) // which ends what was begun
	wantInstalls(t, h, 4)
	destroys(t, c)

	c.must(memoryDomain)
	if _, err := again(); err == nil || !strings.Contains(err.Error(), "made without install") {
		t.Errorf("of a guest that was never installed: %v", err)
	}
	destroys(t, c)
}
