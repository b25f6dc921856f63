package provider

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// A guest with all devices that this machine can give it. Its firmware waits for a DHCP server that answers nobody.
const guestWithDevices = `
resource "netboot_network" "lab" {
  name = "acc"
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp    = { reservations = [{ mac = "52:54:00:00:00:01", ip = "192.168.151.5" }] }
  }
}

resource "netboot_domain" "test" {
  name       = "acc"
  memory     = "256MiB"
  iothreads  = 1
  rng        = true
  interfaces = [{ network = netboot_network.lab.name, queues = 2 }]
  disks = [
    { path = "DEVICE", cache = "none", io = "native", iothread = 1, queues = 1, error_policy = "stop" },
    # removed while it runs
    { url = "nbd+unix:///?socket=SOCKET", bus = "scsi", shareable = true, cache = "none" },
    { path = "/srv/acc-devices/last" }, # which libvirt puts before the one on another bus
  ]
  devices_xml = {
    # more while it runs
    dog = "<watchdog model='diag288' action='poweroff'/>"
  }
}
`

// TestAccDomainDevices gives a guest a block device of the host, storage of the network and devices in XML, changes them
// while it runs, and imports them.
func TestAccDomainDevices(t *testing.T) {
	needsCLI(t)
	leavesNothing(t)
	makeDir(t, "/srv/acc-devices", 0o755)
	onLab(t, "truncate", "--size", "1M", "/srv/acc-devices/last")
	config := strings.NewReplacer("DEVICE", loopDevice(t, "/srv/acc-devices/disk", "1M"), "SOCKET", nbdServer(t)).Replace(guestWithDevices)
	c := newCLI(t, lab.Shared(t).URI, config)
	c.must("apply", "-auto-approve")
	t.Cleanup(func() { c.must("destroy", "-auto-approve") })
	c.must("plan", "-detailed-exitcode")
	run := virsh(t, "domid", "acc")
	for _, want := range []string{"type='block'", "iothread='1'", "protocol='nbd'", "<shareable/>", "<iothreads>1<", "queues='2'", "name='ua-dog'", "/dev/urandom"} {
		if text := virsh(t, "dumpxml", "acc"); !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}

	lines := strings.Split(strings.Replace(config, "# more while it runs",
		"entropy = \"<rng model='virtio'><backend model='random'>/dev/random</backend><address type='ccw' cssid='0xfe' ssid='0x0' devno='0x77'/></rng>\"", 1), "\n")
	for i, line := range lines {
		if strings.Contains(line, "nbd+unix") {
			lines[i] = ""
		}
	}
	c.write("main.tf", onHost(lab.Shared(t).URI)+strings.Join(lines, "\n"))
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, "will be changed while it runs") {
		t.Errorf("the plan says\n%s", said)
	}
	c.must("plan", "-detailed-exitcode") // 0x77 is 0x0077 to libvirt
	text := virsh(t, "dumpxml", "acc")
	if virsh(t, "domid", "acc") != run || strings.Contains(text, "protocol='nbd'") || !strings.Contains(text, "ua-entropy") {
		t.Errorf("the guest was restarted, or runs as\n%s", text)
	}

	other := newCLI(t, lab.Shared(t).URI, "import {\n  to = netboot_domain.test\n  id = \"acc\"\n}\n")
	other.must("plan", "-generate-config-out=generated.tf")
	if said := other.must("apply", "-auto-approve"); !strings.Contains(said, "1 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("what was generated changes the guest:\n%s", said)
	}
	if generated, err := os.ReadFile(filepath.Join(other.dir, "generated.tf")); err != nil || !strings.Contains(string(generated), "diag288") {
		t.Errorf("%v: the watchdog is not in\n%s", err, generated)
	}

	c.write("main.tf", onHost(lab.Shared(t).URI)+strings.Replace(config, "diag288", "no-such-dog", 1))
	c.mustFail([]string{"apply", "-auto-approve"}, "devices_xml", "no-such-dog")
	c.write("main.tf", onHost(lab.Shared(t).URI)+strings.Replace(config, "rng ", "boot = [\"disk\"]\n  launch_security = \"s390-pv\"\n  rng ", 1))
	c.mustFail([]string{"apply", "-auto-approve"}, "launch_security =", "launch security is not supported")
}

// nbdServer is the socket of a server of a disk of 1 MiB.
func nbdServer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	if err := os.WriteFile(filepath.Join(dir, "disk"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	pidFile := filepath.Join(dir, "pid")
	server := exec.CommandContext(t.Context(), "qemu-nbd", "--fork", "--pid-file", pidFile, "--socket", socket, "--format", "raw", "--persistent", "--shared", "4", filepath.Join(dir, "disk"))
	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.CommandContext(context.Background(), "pkill", "--pidfile", pidFile).Run() })
	if err := errors.Join(os.Chmod(socket, 0o666), os.Chmod(filepath.Dir(dir), 0o755)); err != nil { // QEMU is another user
		t.Fatal(err)
	}
	return socket
}
