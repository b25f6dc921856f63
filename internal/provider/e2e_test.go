package provider

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
)

// bootFiles is a configuration with a TFTP root that holds the lab's kernel and initrd, and a network
// that serves it.
func bootFiles(t *testing.T) string {
	t.Helper()
	lab.Need(t)
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := lab.Initrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`
resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp-e2e"
}
resource "netboot_image" "linux" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "linux"
  kernel    = { source = %q }
  initrd    = { source = %q }
}
resource "netboot_network" "lab" {
  name      = "acc"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp    = { ranges = [{ start = "192.168.151.10", end = "192.168.151.20" }] }
  }
}
`, kernel, initrd)
}

// entry is a configuration with the pxelinux configuration that boots the kernel with these words.
func entry(attributes, kernel, words string) string {
	return fmt.Sprintf(`
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.lab.id
  %s
  entries = [{
    label  = "linux"
    kernel = %s
    initrd = netboot_image.linux.initrd.path
    append = ["console=ttysclp0", %s]
  }]
}
`, attributes, kernel, words)
}

// entryOfNoKernel is a configuration whose kernel does not exist. It is a text, because the plan looks for the files of entries.
func entryOfNoKernel(attributes string) string {
	return fmt.Sprintf(`
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.lab.id
  %s
  content = <<-EOT
    label linux
      kernel kernel-none
      initrd ${netboot_image.linux.initrd.path}
      append console=ttysclp0
  EOT
}
`, attributes)
}

const bootKernel = "netboot_image.linux.kernel.path"

// TestE2ERecipe is the whole recipe, and what a user does with it next: he changes the running guest.
func TestE2ERecipe(t *testing.T) {
	logs := t.TempDir()
	recipe := func(word, attributes string) string {
		return bootFiles(t) + entry("", bootKernel, fmt.Sprintf("\"netboot.dhcp\", \"netboot.print=%s\"", word)) + fmt.Sprintf(`
resource "netboot_volume" "disk" {
  name     = "e2e.qcow2"
  capacity = "8GiB"
}
resource "netboot_domain" "test" {
  name            = "acc"
  vcpus           = 2
  boot            = ["network", "disk"]
  disks           = [{ volume = netboot_volume.disk.id, serial = "DISK-1" }]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  boot_check      = { expect = ["NETBOOT-INIT: ready", "Linux version ([0-9]+)[.]([0-9]+)", "NETBOOT-INIT: (first|second)"] }
%s
}
`, attributes)
	}
	uuids, macs := statecheck.CompareValue(compare.ValuesSame()), statecheck.CompareValue(compare.ValuesSame())
	sameGuest := func(word string) []statecheck.StateCheck {
		return []statecheck.StateCheck{
			uuids.AddStateValue(testDomain, tfjsonpath.New("uuid")),
			macs.AddStateValue(testDomain, firstMAC),
			bootResult(word),
		}
	}
	var running string // what tells this run of the guest from others
	remember := func(*terraform.State) error { running = virsh(t, "domid", "acc"); return nil }
	steps := []resource.TestStep{
		{
			Config:            recipe("first", `memory = "512MiB"`),
			ConfigPlanChecks:  actions(testDomain, plancheck.ResourceActionCreate, plancheck.ExpectUnknownValue(testDomain, tfjsonpath.New("boot_result"))),
			ConfigStateChecks: sameGuest("first"),
			Check: resource.ComposeTestCheckFunc(
				firmwareFirst(filepath.Join(logs, "acc.log")),
				virshPrints(t, "domstate acc", "running"),
				remember,
			),
		},
	}
	steps = append(steps, resource.TestStep{
		// dnsmasq answers the guest before libvirt hears of the lease.
		PreConfig: func() {
			eventually(t, "the guest has a lease", func() bool { return strings.Contains(virsh(t, "net-dhcp-leases", "acc"), netboot.DerivedMAC("acc", 0)) })
		},
		RefreshState: true,
		Check:        resource.TestMatchResourceAttr(testDomain, "addresses.0", regexp.MustCompile(`^192\.168\.151\.\d+$`)),
	})
	steps = append(steps, imports(testDomain, "acc")...)
	steps = append(steps,
		resource.TestStep{
			Config:      recipe("first", "memory = \"512MiB\"\n machine = \"pc-i440fx-7.2\""),
			ExpectError: says(`Unable to update domain "acc"`, "pc-i440fx-7.2"),
		},
		resource.TestStep{
			// What libvirt refuses costs nobody his guest.
			Config:           recipe("first", `memory = "512MiB"`),
			ConfigPlanChecks: noChange,
			Check: func(*terraform.State) error {
				if now := virsh(t, "domid", "acc"); now != running {
					return fmt.Errorf("the guest was restarted: its id is %q and was %q", now, running)
				}
				return nil
			},
		},
		resource.TestStep{
			PreConfig: func() {
				virsh(t, "desc", "acc", "theirs", "--config")
				virsh(t, "attach-device", "acc", writeFile(t, "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"), "--config")
			},
			Config:            recipe("second", `memory = "640MiB"`),
			ConfigPlanChecks:  actions(testDomain, plancheck.ResourceActionUpdate, plancheck.ExpectUnknownValue(testDomain, tfjsonpath.New("boot_result"))),
			ConfigStateChecks: sameGuest("second"),
			Check: resource.ComposeTestCheckFunc(
				virshPrints(t, "dumpxml acc", "<memory unit='KiB'>655360</memory>", "<description>theirs</description>", "<rng model='virtio'>"),
				virshPrints(t, "domstate acc", "running"),
				endedBy(t, "shutdown"),
			),
		},
		resource.TestStep{
			Config:      recipe("second", "memory = \"640MiB\"\n cpu = \"z99\""),
			ExpectError: says(`Unable to start domain "acc"`, "z99", "the old definition was restored, and the guest runs with it again"),
		},
		resource.TestStep{
			Config:            recipe("second", `memory = "640MiB"`),
			ConfigPlanChecks:  noChange,
			ConfigStateChecks: sameGuest("second"),
			Check: resource.ComposeTestCheckFunc(
				virshPrints(t, "domstate acc", "running"),
				virshPrints(t, "dumpxml acc", "not z99", "<description>theirs</description>"),
			),
		},
	)
	acceptanceWith(t, fmt.Sprintf("console_log_dir = %q", logs), steps...)
}

// bootResult checks what the boot check of the recipe saw.
func bootResult(word string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(testDomain, tfjsonpath.New("boot_result"), knownvalue.ObjectExact(map[string]knownvalue.Check{
		"stage": knownvalue.StringExact("userspace"),
		"matched": knownvalue.ListExact([]knownvalue.Check{
			knownvalue.StringExact("NETBOOT-INIT: ready"),
			knownvalue.StringRegexp(regexp.MustCompile(`^Linux version 6\.1`)),
			knownvalue.StringExact("NETBOOT-INIT: " + word),
		}),
		"groups": knownvalue.ListExact([]knownvalue.Check{
			knownvalue.ListSizeExact(0),
			knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("6"), knownvalue.StringExact("1")}),
			knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact(word)}),
		}),
		"stages": knownvalue.MapPartial(map[string]knownvalue.Check{
			"firmware": knownvalue.NotNull(), "dhcp": knownvalue.NotNull(), "config": knownvalue.NotNull(), "kernel": knownvalue.NotNull(),
			"initrd": knownvalue.NotNull(), "started": knownvalue.NotNull(), "linux": knownvalue.NotNull(), "userspace": knownvalue.NotNull(),
		}),
		"config":       knownvalue.StringExact("pxelinux.cfg/default"),
		"seconds":      knownvalue.NotNull(),
		"console_tail": knownvalue.StringRegexp(regexp.MustCompile(`(?s)NETBOOT-INIT: ` + word + `.*NETBOOT-INIT: ready$`)),
	}))
}

// firmwareFirst checks that a console's log begins with the firmware's first line and goes on to the
// end of the boot.
func firmwareFirst(log string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		text = bytes.TrimLeft(text, "\r\n")
		if !bytes.HasPrefix(text, []byte("LOADPARM=[")) || !bytes.Contains(text, []byte("NETBOOT-INIT: ready")) {
			return fmt.Errorf("%s holds %q", log, text)
		}
		return nil
	}
}

// endedBy checks why the guest's last run ended, by QEMU's log on the host.
func endedBy(t *testing.T, reason string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		log, err := os.ReadFile(filepath.Join(lab.Shared(t).Dir, "log", "qemu", "acc.log"))
		if err != nil {
			return err
		}
		ends := strings.Split(string(log), "shutting down, reason=")
		if last := ends[len(ends)-1]; len(ends) < 2 || !strings.HasPrefix(last, reason) {
			return fmt.Errorf("the guest should have ended by %s:\n%s", reason, log)
		}
		return nil
	}
}

// TestE2EFailures has each cause of a failed boot in turn, on one TFTP root: the apply fails, names the
// cause, and leaves the guest tainted; the next apply gets past it.
func TestE2EFailures(t *testing.T) {
	guest := func(attributes string) string {
		return fmt.Sprintf(`
resource "netboot_domain" "test" {
  name            = "acc"
  memory          = "512MiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
%s
}
`, attributes)
	}
	const ready = `boot_check = { expect = ["NETBOOT-INIT: ready"] }`
	replaces := actions(testDomain, plancheck.ResourceActionDestroyBeforeCreate)
	chmod := func(mode os.FileMode) func() {
		return func() {
			if err := os.Chmod(inSrv(t, "/srv/tftp-e2e"), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	fails := func(config, reason string, causes ...string) resource.TestStep {
		texts := append([]string{`Unable to boot domain "acc"`, "boot_check =", reason}, causes...)
		return resource.TestStep{Config: bootFiles(t) + config, ConfigPlanChecks: replaces, ExpectError: says(texts...)}
	}
	refused := fails(entry("", bootKernel, "")+guest(ready), "the firmware gave up", "TFTP access violation", "Meaning:", "Remedy:", "| ")
	refused.PreConfig, refused.ConfigPlanChecks = chmod(0o700), resource.ConfigPlanChecks{}
	others := strings.ReplaceAll(guest(ready), "pxelinux_config = netboot_pxelinux_config.test.id", "depends_on = [netboot_pxelinux_config.test]")
	missing := fails(entry(`mac = "52:54:00:00:00:99"`, bootKernel, "")+others, "the firmware gave up", `stage "dhcp"`, "has no pxelinux.cfg file")
	missing.PreConfig = chmod(0o755)
	acceptance(t,
		resource.TestStep{Config: bootFiles(t) + entry("", bootKernel, "")},
		refused,
		missing,
		fails(entryOfNoKernel("")+guest(ready), "the firmware gave up", `stage "config"`, "file not found: kernel-none", "not published",
			"Here:", `kernel "kernel-none" of the entry "linux" is not in the pool "srv-tftp-e2e" on the host`),
		fails(entry("", bootKernel, "")+guest(`boot_check = { expect = ["NETBOOT-INIT: ready"], forbid = ["Linux version [0-9]"] }`),
			`"Linux version 6", which is forbidden`, `stage "linux"`),
		fails(entry("", bootKernel, `"netboot.then=panic"`)+guest(`boot_check = { expect = ["never seen"] }`),
			"Linux panicked", `stage "userspace"`, `Not seen on the console: "never seen"`, "Kernel panic"),
		resource.TestStep{
			Config:           bootFiles(t) + entry("", bootKernel, "") + guest(ready),
			ConfigPlanChecks: replaces,
			Check:            resource.TestCheckResourceAttr(testDomain, "boot_result.stage", "userspace"),
		},
		resource.TestStep{
			Config:           bootFiles(t) + entry("", bootKernel, "") + guest(ready+"\n running = false"),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(
				virshPrints(t, "domstate acc --reason", "shut off (shutdown)"),
				resource.TestCheckResourceAttr(testDomain, "boot_result.stage", "userspace"),
			),
		},
	)
}

// TestE2EWithoutInitrd boots a kernel that gets an empty initrd: it finds nothing in it, and goes on as
// without one.
func TestE2EWithoutInitrd(t *testing.T) {
	acceptance(t, resource.TestStep{
		Config: bootFiles(t) + `
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.lab.id
  entries   = [{ label = "linux", kernel = netboot_image.linux.kernel.path, append = ["console=ttysclp0", "root=/dev/vda1", "panic=-1"] }]
}
resource "netboot_domain" "test" {
  name            = "acc"
  memory          = "512MiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  boot_check = {
    expect = ["Kernel command line: console=ttysclp0 root=/dev/vda1", "VFS: (Cannot open root device|Unable to mount root fs)"]
    forbid = ["Initramfs unpacking failed"]
  }
}
`,
		Check: resource.TestCheckResourceAttr(testDomain, "boot_result.stage", "linux"),
		// The kernel has no root file system, and ends the guest as soon as it has said so.
		ExpectNonEmptyPlan: true,
	})
}

// TestE2ESharedNetwork boots a guest on a network that tells PCs to boot something else, by the one
// configuration that the network names to this guest alone. Then the network changes under it.
func TestE2ESharedNetwork(t *testing.T) {
	shared := func(loader string) string {
		rules := fmt.Sprintf(`dhcp = {
      boot = [
        { arch = "x86_64", bootfile = %q },
        { mac = %q, config_file = netboot_pxelinux_config.test.file_name },
      ]
      `, loader, netboot.DerivedMAC("acc", 0))
		return strings.Replace(bootFiles(t), "dhcp    = { ", rules, 1) + entry(`ipv4 = "10.0.0.0/8"`, bootKernel, `"netboot.print=shared"`) + `
resource "netboot_domain" "test" {
  name            = "acc"
  memory          = "512MiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  loadparm        = "SHARED"
  boot_check      = { expect = ["NETBOOT-INIT: shared", "cpus=1 loadparm=.SHARED."] }
}
`
	}
	var running, tap string
	acceptance(t,
		resource.TestStep{
			Config: shared("pxelinux.0"),
			Check: func(*terraform.State) error {
				running = virsh(t, "domid", "acc")
				tap = regexp.MustCompile(`vnet\d+`).FindString(virsh(t, "domiflist", "acc"))
				return nil
			},
		},
		resource.TestStep{
			Config:           shared("lpxelinux.0"),
			ConfigPlanChecks: actions("netboot_network.lab", plancheck.ResourceActionUpdate, plancheck.ExpectResourceAction(testDomain, plancheck.ResourceActionNoop)),
			Check: func(s *terraform.State) error {
				if now := virsh(t, "domid", "acc"); now != running {
					return fmt.Errorf("the guest was restarted: its id is %q and was %q", now, running)
				}
				return pluggedInto(t, tap, s.RootModule().Resources["netboot_network.lab"].Primary.Attributes["bridge"])(s)
			},
		},
	)
}
