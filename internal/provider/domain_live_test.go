package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestLifecycleReason holds that a refresh says why a guest does not run any more.
func TestLifecycleReason(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryDomain)
	for _, reason := range []virt.Reason{virt.ShutDown, virt.ForcedOff, virt.HasCrashed, virt.NoReason} {
		h.EndDomainAs("guest", reason)
		said := c.plan(memoryDomain).problems
		if said.hasError() || !strings.Contains(said.String(), `Domain "guest" is not running`) || !strings.Contains(said.String(), reason.String()) {
			t.Errorf("the plan says %v, want: %s", said, reason)
		}
		c.must(memoryDomain)
	}
}

// TestLifecycleRunningDiffers holds that a guest which runs otherwise than it is defined is changed to
// what is wanted by the next apply.
func TestLifecycleRunningDiffers(t *testing.T) {
	h := newGuestHost(t)
	newCore(t, h, "netboot_volume").must(strings.ReplaceAll(memoryVolume, `"disk"`, `"other"`))
	c := newCore(t, h, "netboot_domain")
	config := strings.Replace(memoryDomain, "{", `{"vcpus": 2, "max_vcpus": 4, `, 1)
	c.must(config)
	for what, change := range map[string]func(*virt.Domain){
		"a disk less": func(d *virt.Domain) { d.Disks = nil },
		"a disk more": func(d *virt.Domain) {
			d.Disks = append(d.Disks, virt.Disk{Path: "/var/lib/libvirt/images/other", Bus: "virtio"})
		},
		"an interface less": func(d *virt.Domain) { d.Interfaces = nil },
		"a link":            func(d *virt.Domain) { d.Interfaces[0].Down = true },
		"an interface more": func(d *virt.Domain) {
			d.Interfaces = append(d.Interfaces, virt.Interface{Network: "lab", MAC: "52:54:00:00:00:09"})
		},
	} {
		boots := h.Calls("BootDomain")
		d := runningGuest(t, h)
		d.Disks, d.Interfaces = slices.Clone(d.Disks), slices.Clone(d.Interfaces)
		change(&d)
		if err := h.UpdateRunningDomain(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if said := c.plan(config).problems.String(); !strings.Contains(said, "differs from its definition") || !strings.Contains(said, "changed while it runs") {
				t.Errorf("%s: the plan says %s", what, said)
			}
		}
		c.must(config)
		now := runningGuest(t, h).Running
		if len(now.Disks) != 1 || len(now.Interfaces) != 1 || now.Interfaces[0].Down || h.Calls("BootDomain") != boots {
			t.Errorf("%s: the guest runs with %+v", what, now)
		}
	}
}

// TestLifecycleRestartInterrupted holds that a guest whose definition changed and which was not stopped
// for it, because the run was killed, is restarted by the next apply.
func TestLifecycleRestartInterrupted(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryDomain)
	d := runningGuest(t, h)
	d.Memory, d.MaxMemory = 1<<30, 1<<30
	if err := h.RedefineDomain(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(memoryDomain, "512MiB", "1GiB")
	if said := c.plan(changed).problems.String(); !strings.Contains(said, "To repair this, the guest will be restarted") {
		t.Errorf("the plan says %s", said)
	}
	c.must(changed)
	if now := runningGuest(t, h).Running; now.Memory != 1<<30 {
		t.Errorf("the guest runs with %+v", now)
	}
}

// TestLifecycleDestroyGracefully holds that a guest is asked to shut down where it is given time.
func TestLifecycleDestroyGracefully(t *testing.T) {
	for config, asked := range map[string]int{
		memoryDomain: 0,
		strings.Replace(memoryDomain, "{", `{"shutdown_timeout": "5m", `, 1): 1,
	} {
		h := newGuestHost(t)
		c := newCore(t, h, "netboot_domain")
		c.must(config)
		h.Fail("ShutDownDomain", errors.New("connection lost"))
		if problems := c.destroy(); problems.hasError() != (asked == 1) {
			t.Errorf("destroy: %v", problems)
		}
		h.Fail("ShutDownDomain", nil)
		if !c.state.IsNull() {
			destroys(t, c)
		}
		if got := h.Calls("ShutDownDomain"); got < asked || asked == 0 && got != 0 {
			t.Errorf("%s: the guest was asked %d times", config, got)
		}
	}
}

// TestLifecycleMACsOfSwapped holds that an interface keeps no address that another one is given.
func TestLifecycleMACsOfSwapped(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	given := `{"network": "lab", "mac": "52:54:00:00:00:01"}`
	c.must(strings.Replace(memoryDomain, `{"network": "lab"}`, `{"network": "lab"}, `+given, 1))
	c.must(strings.Replace(memoryDomain, `{"network": "lab"}`, given+`, {"network": "lab"}`, 1))
	if nics := runningGuest(t, h).Interfaces; nics[0].MAC != "52:54:00:00:00:01" || nics[1].MAC != netboot.DerivedMAC("guest", 1) {
		t.Errorf("the guest has %+v", nics)
	}
}

// TestE2ELiveChanges changes a guest whose kernel runs: disks and interfaces come and go, processors
// come, and its memory and link change, all without a new start. What it has is what the guest says.
func TestE2ELiveChanges(t *testing.T) {
	accPool(t)
	config := func(attributes string) string {
		return bootFiles(t) + fmt.Sprintf(`
resource "netboot_volume" "disk" {
  count    = 2
  name     = "disk-${count.index}"
  pool     = "acc"
  capacity = "1MiB"
}
resource "netboot_domain" "test" {
  name       = "acc"
  max_memory = "512MiB"
  max_vcpus  = 3
  kernel     = { image = netboot_image.linux.id, cmdline = "console=ttysclp0 netboot.look" }
  boot_check = { expect = ["NETBOOT-INIT: sees cpus=0 mem=4[5-9][0-9]{4} disks=.ONE:1048576:1. nics=.."] }
  %s
}
`, attributes)
	}
	var running string
	sameGuest := func(*terraform.State) error {
		if now := virsh(t, "domid", "acc"); now != running {
			return fmt.Errorf("the guest was restarted: its id is %q and was %q", now, running)
		}
		return nil
	}
	step := func(attributes, sees string, live ...string) resource.TestStep {
		return resource.TestStep{
			Config:           config(attributes),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(sameGuest, guestSees(t, sees),
				virshPrints(t, "dumpxml acc", live...), virshPrints(t, "dumpxml --inactive acc", live...)),
		}
	}
	const disk = "disks = [{ volume = netboot_volume.disk[0].id, serial = \"ONE\", readonly = true }]\n"
	steps := []resource.TestStep{
		{
			Config: config("memory = \"512MiB\"\n" + disk),
			Check:  func(*terraform.State) error { running = virsh(t, "domid", "acc"); return nil },
		},
		step(`memory = "512MiB"
			vcpus      = 2
			disks      = [{ volume = netboot_volume.disk[1].id, serial = "TWO" }]
			interfaces = [{ network = netboot_network.lab.name, link = "down", mtu = 1400 }]`,
			`cpus=0-1 .* disks=\[TWO:1048576:0\] nics=\[`+netboot.DerivedMAC("acc", 0)+`:1400\]`,
			"current='2'>3</vcpu>", "not /srv/acc/disk-0", "/srv/acc/disk-1", "<serial>TWO</serial>", netboot.DerivedMAC("acc", 0), "<link state='down'/>"),
		step(`memory = "512MiB"
			vcpus      = 2
			interfaces = [{ network = netboot_network.lab.name, mtu = 1400 }]`,
			`disks=\[\] nics=\[`+netboot.DerivedMAC("acc", 0)+`:1400\]`,
			"not /srv/acc/disk-1", netboot.DerivedMAC("acc", 0), "not state='down'"),
	}
	balloon := step("memory = \"384MiB\"\n vcpus = 2", "")
	balloon.Check = resource.ComposeTestCheckFunc(sameGuest, guestSees(t, `cpus=0-1 mem=(3[0-8]|2)\d{4} disks=\[\] nics=\[\]`), virshPrints(t, "dumpxml acc", "not <interface"),
		virshPrints(t, "dumpxml --inactive acc", "<memory unit='KiB'>524288</memory>", "<currentMemory unit='KiB'>393216</currentMemory>"))
	steps = append(steps, balloon)
	acceptance(t, append(steps, imports(testDomain, "acc")...)...)
}

// guestSees waits until the running guest says that it has this, by netboot.look.
func guestSees(t *testing.T, pattern string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		host, err := virt.Open(lab.Shared(t).URI)
		if err != nil {
			return err
		}
		defer host.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // only ends a test of a guest that hangs
		defer cancel()
		console, err := host.OpenConsole(ctx, "acc")
		if err != nil {
			return err
		}
		defer console.Close()
		_, err = boot.Watch(ctx, console, boot.Expectation{Expect: []*regexp.Regexp{regexp.MustCompile("NETBOOT-INIT: sees .*" + pattern)}})
		return err
	}
}

// TestE2EDirectKernel boots an image directly, with a command line that the firmware would cut, and then
// a new version of the image.
func TestE2EDirectKernel(t *testing.T) {
	cmdline := "console=ttysclp0 long.word=" + strings.Repeat("x", 2000)
	config := func(word string) string {
		return bootFiles(t) + fmt.Sprintf(`
resource "netboot_domain" "test" {
  name       = "acc"
  memory     = "512MiB"
  interfaces = [{ network = netboot_network.lab.name, boot = false }]
  kernel     = { image = netboot_image.linux.id, cmdline = %q }
  boot_check = { expect = ["NETBOOT-INIT: cmdline=.console=ttysclp0 long.word=x{1000}x{1000} netboot.print=%s.", "NETBOOT-INIT: %s"] }
}
`, cmdline+" netboot.print="+word, word, word)
	}
	another := strings.Replace(config("two"), "initrd    = {", "initrd    = {\n inject = { \"/etc/new\" = { content = \"new\" } }\n", 1)
	steps := []resource.TestStep{{
		Config: config("one"),
		Check: resource.ComposeTestCheckFunc(
			resource.TestMatchResourceAttr(testDomain, "kernel.path", says("/srv/tftp-e2e/linux-kernel-")),
			resource.TestMatchResourceAttr(testDomain, "kernel.initrd_path", says("/srv/tftp-e2e/linux-initrd-")),
			virshPrints(t, "dumpxml acc", "<kernel>/srv/tftp-e2e/linux-kernel-", cmdline)),
	}}
	steps = append(steps, imports(testDomain, "acc")...)
	steps = append(steps,
		resource.TestStep{
			Config: another,
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionUpdate,
				plancheck.ExpectUnknownValue(testDomain, tfjsonpath.New("boot_result"))),
			Check: virshPrints(t, "domstate acc", "running"),
		},
		resource.TestStep{Config: another, ConfigPlanChecks: noChange},
	)
	acceptance(t, steps...)
}

// TestAccDomainKernelMissing holds that an image that is not there is said at its attribute.
func TestAccDomainKernelMissing(t *testing.T) {
	accPool(t)
	acceptance(t,
		resource.TestStep{
			Config:      domain("running = false\n kernel = { image = \"acc/none\" }"),
			ExpectError: says(`Unable to create domain "acc"`, inside("kernel"), "image acc/none does not exist on the host"),
		},
		resource.TestStep{
			Config:      domain("running = false\n kernel = { image = \"none\" }"),
			ExpectError: says(`Unable to create domain "acc"`, inside("kernel"), "form tftp_root/name"),
		},
	)
}

// TestLifecycleKernelOfTheHost boots a guest of another architecture from an image of that, and no guest
// from an image of another.
func TestLifecycleKernelOfTheHost(t *testing.T) {
	h := newMemoryHost(t)
	kernel := make([]byte, 1<<17)
	copy(kernel[0x202:], "HdrS")
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/tftp"}`)
	published := newCore(t, h, "netboot_image")
	config := fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "pc", "arch": "x86_64", "kernel": {"source": %q}}`, writeFile(t, string(kernel)))
	if problems := published.apply(strings.Replace(config, `"arch": "x86_64", `, "", 1)); !strings.Contains(problems.String(), "not an s390x kernel") {
		t.Errorf("as an s390x kernel: %v", problems)
	}
	published.must(config)
	published.imports("srv-tftp/pc")
	published.mustBeDone(config)

	c := newCore(t, h, "netboot_domain")
	guest := `{"name": "guest", "memory": "512MiB", "arch": "x86_64", "kernel": {"image": "srv-tftp/pc", "cmdline": "quiet"}}`
	c.must(guest)
	if now := runningGuest(t, h); !strings.HasPrefix(now.Kernel.Path, "/srv/tftp/pc-kernel-") || now.Kernel.Initrd != "" || now.Kernel.Cmdline != "quiet" {
		t.Errorf("the guest boots %+v", now.Kernel)
	}
	c.imports("guest")
	c.mustBeDone(guest)
	destroys(t, c)
}

// TestAccDomainKernelOfAnother holds that a plan refuses a kernel of another architecture.
func TestAccDomainKernelOfAnother(t *testing.T) {
	kernel := make([]byte, 1<<17)
	copy(kernel[0x202:], "HdrS")
	acceptance(t, resource.TestStep{
		PlanOnly: true,
		Config: fmt.Sprintf(`
resource "netboot_tftp_root" "lab" { path = "/srv/tftp-acc" }
resource "netboot_image" "pc" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "pc"
  arch      = "x86_64"
  kernel    = { source = %q }
}
`, writeFile(t, string(kernel))) + domain("kernel = { image = netboot_image.pc.id }"),
		ExpectError: says("Guest would not boot", inside("kernel"), "a kernel for x86_64, but the guest's architecture is s390x"),
	})
}

// TestAccDomainOfTheHost defines a guest of the machine's own architecture, which has nothing of s390x.
func TestAccDomainOfTheHost(t *testing.T) {
	steps := []resource.TestStep{{
		Config: labNetwork + domain("arch = \"x86_64\"\n guest_agent = true\n"+onLabNetwork),
		Check: resource.ComposeTestCheckFunc(
			virshPrints(t, "domstate acc", "running"),
			virshPrints(t, "dumpxml acc", "<type arch='x86_64'", "<acpi/>", "<target type='serial' port='0'/>", "not sclp", "not ccw")),
	}}
	steps = append(steps, importsByUUID(testDomain), resource.TestStep{
		ResourceName: testDomain, ImportState: true, ImportStateId: "0a1b2c3d-0000-4000-8000-0000000000c2", ExpectError: says("Cannot import non-existent remote object"),
	})
	acceptance(t, append(steps, imports(testDomain, "acc")...)...)
}
