package provider

import (
	"strings"
	"testing"
)

// TestLifecycleNoDisks holds that an empty list says the same as none, as conditional expressions give it.
func TestLifecycleNoDisks(t *testing.T) {
	const config = `{"name": "guest", "memory": "512MiB", "boot": ["network"], "interfaces": [{"network": "lab"}], "disks": []}`
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(config)
	c.must(strings.Replace(config, `"disks": []`, `"disks": [{"volume": "default/disk"}]`, 1))
	c.must(config)
	c.must(strings.Replace(config, `, "disks": []`, ``, 1))
	c.must(config)
	none := strings.NewReplacer(`[{"network": "lab"}]`, `[]`, `"boot": ["network"]`, `"boot": ["disk"], "running": false`, `"disks": []`, `"disks": [{"volume": "default/disk"}]`).Replace(config)
	c.must(none)
	if starts := h.Calls("BootDomain") + h.Calls("StartDomain"); starts != 1 {
		t.Errorf("the guest was started %d times", starts)
	}
}
