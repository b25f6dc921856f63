package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// adoptedGuest waits for a DHCP server that the network does not have. It boots from its second disk first.
const adoptedGuest = `<domain type='qemu'><name>acc</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
  <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/acc/one'/><target dev='vda' bus='virtio'/><boot order='3'/></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/acc/two'/><target dev='vdb' bus='virtio'/><boot order='2'/></disk>
    <interface type='network'><mac address='52:54:00:00:00:01'/><source network='acc'/><model type='virtio'/><boot order='1'/></interface>
    <console type='pty'><target type='sclp'/></console>
  </devices></domain>`

// TestAccDomainAdoptedAsItRuns takes over a guest that runs otherwise than it is defined, and later is paused: neither an
// import nor a change of something else touches what others wanted so.
func TestAccDomainAdoptedAsItRuns(t *testing.T) {
	needsCLI(t)
	leavesNothing(t)
	virsh(t, "net-create", writeFile(t, `<network><name>acc</name></network>`))
	t.Cleanup(func() { virsh(t, "net-destroy", "acc") })
	makeDir(t, "/srv/acc", 0o755)
	for _, name := range []string{"one", "two", "three", "four"} {
		onLab(t, "truncate", "--size", "1M", "/srv/acc/"+name)
	}
	virsh(t, "define", writeFile(t, adoptedGuest))
	virsh(t, "start", "acc")
	virsh(t, "attach-disk", "acc", "/srv/acc/three", "vdq", "--live", "--subdriver", "raw")
	virsh(t, "setmaxmem", "acc", "512M", "--config")
	run := virsh(t, "domid", "acc")

	c := newCLI(t, lab.Shared(t).URI, "import {\n  to = netboot_domain.acc\n  id = \"acc\"\n}\n")
	c.must("plan", "-generate-config-out=generated.tf")
	said := c.must("apply", "-auto-approve")
	if !strings.Contains(said, "1 imported, 0 added, 0 changed, 0 destroyed") || !strings.Contains(said, "differs from its definition") {
		t.Errorf("the import says\n%s", said)
	}
	t.Cleanup(func() { c.must("destroy", "-auto-approve") })
	text, err := os.ReadFile(filepath.Join(c.dir, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, with string) {
		t.Helper()
		if !strings.Contains(string(text), old) {
			t.Fatalf("%q is not in\n%s", old, text)
		}
		text = []byte(strings.Replace(string(text), old, with, 1))
		c.write("generated.tf", string(text))
		c.must("apply", "-auto-approve")
		c.must("plan", "-detailed-exitcode")
	}
	change("disks = [", "disks = [\n    { path = \"/srv/acc/four\", boot = false },\n ")
	if now := virsh(t, "dumpxml", "acc"); virsh(t, "domid", "acc") != run || !strings.Contains(now, "/srv/acc/three") || !strings.Contains(now, "/srv/acc/four") {
		t.Errorf("a disk more has made of the guest that runs\n%s", now)
	}
	virsh(t, "suspend", "acc")
	c.must("apply", "-refresh-only", "-auto-approve")
	change("running          = true", "running          = false")
	change("autostart      = false", "autostart      = true")
	if state := virsh(t, "domstate", "acc"); strings.TrimSpace(state) != "paused" {
		t.Errorf("a change of something else has made the paused guest %s", state)
	}
	for _, line := range []string{"<boot order='3'/>", "<boot order='2'/>", "<boot order='1'/>"} {
		if now := virsh(t, "dumpxml", "acc", "--inactive"); !strings.Contains(now, line) {
			t.Errorf("%s is not in\n%s", line, now)
		}
	}
}
