package provider

import (
	"fmt"
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

const testDomain = "netboot_domain.test"

// domain is a configuration with one domain "acc" of 256 MiB and these further attributes.
func domain(attributes string) string {
	return fmt.Sprintf("resource \"netboot_domain\" \"test\" {\n  name = \"acc\"\n  memory = \"256MiB\"\n%s\n}\n", attributes)
}

// labNetwork is a configuration with a network "acc" whose DHCP answers nobody that it does not know.
const labNetwork = `
resource "netboot_network" "lab" {
  name = "acc"
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp    = { reservations = [{ mac = "52:54:00:00:00:01", ip = "192.168.151.5" }] }
  }
}
`

const onLabNetwork = `interfaces = [{ network = netboot_network.lab.name }]`

// stopped is a guest that is defined and does not run.
func stopped(attributes string) string {
	return labNetwork + domain("  running = false\n  "+onLabNetwork+"\n"+attributes)
}

// firstMAC is where the MAC address of the domain's first interface is.
var firstMAC = tfjsonpath.New("interfaces").AtSliceIndex(0).AtMapKey("mac")

const everyDomainAttribute = `
resource "netboot_volume" "disk" {
  count    = 2
  name     = "disk-${count.index}"
  pool     = "acc"
  capacity = "1MiB"
}
resource "netboot_domain" "test" {
  name        = "acc"
  arch        = "s390x"
  machine     = "s390-ccw-virtio"
  accelerator = "auto"
  cpu         = "max"
  vcpus       = 3
  max_vcpus   = 8
  memory      = "1GiB"
  max_memory  = "2GiB"
  autostart   = true
  running     = false
  boot        = ["disk", "network"]
  loadparm    = "LINUX.1"
  consoles    = ["sclp", "sclplm", "virtio"]
  guest_agent = true

  cpu_topology     = { sockets = 2, cores = 4 }
  addresses_from   = "agent"
  shutdown_timeout = "90s"
  disks = [
    { volume = netboot_volume.disk[0].id, serial = "ONE", cache = "none", discard = "unmap", io = "native" },
    { volume = netboot_volume.disk[1].id, bus = "scsi", readonly = true, boot = false },
  ]
  interfaces = [
    { network = netboot_network.lab.name, boot = false, mtu = 1400 },
    { bridge = "br-lan", mac = "52:54:00:00:00:02", link = "down" },
  ]
  pxelinux_config = "srv/default"
  boot_check = {
    expect = ["Linux version [0-9]", "<ready> & \"steady\""]
    forbid = ["panic"]
  }
}
`

func TestAccDomain(t *testing.T) {
	accPool(t)
	config := labNetwork + everyDomainAttribute
	steps := []resource.TestStep{{
		Config: config,
		ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionCreate,
			plancheck.ExpectKnownValue(testDomain, tfjsonpath.New("id"), knownvalue.StringExact("acc")),
			plancheck.ExpectKnownValue(testDomain, tfjsonpath.New("memory_bytes"), knownvalue.Int64Exact(1<<30)),
			plancheck.ExpectKnownValue(testDomain, firstMAC, knownvalue.StringExact(netboot.DerivedMAC("acc", 0))),
			plancheck.ExpectKnownValue(testDomain, tfjsonpath.New("boot_result"), knownvalue.Null()),
			plancheck.ExpectUnknownValue(testDomain, tfjsonpath.New("uuid"))),
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectIdentity(testDomain, map[string]knownvalue.Check{"host": knownvalue.Null(), "name": knownvalue.StringExact("acc")}),
			statecheck.ExpectKnownValue(testDomain, tfjsonpath.New("machine"), knownvalue.StringExact("s390-ccw-virtio")),
			statecheck.ExpectKnownValue(testDomain, tfjsonpath.New("boot_check").AtMapKey("timeout"), knownvalue.StringExact("5m")),
		},
		Check: resource.ComposeTestCheckFunc(
			virshPrints(t, "dominfo acc", "State:          shut off", "Autostart:      enable"),
			virshPrints(t, "dumpxml acc", "<domain type='qemu'>", "<type arch='s390x' machine='s390-ccw-virtio", "<cpu mode='maximum'",
				"<vcpu placement='static' current='3'>8</vcpu>", "<memory unit='KiB'>2097152</memory>", released[lab.Shared(t).Generation].topology,
				"<target type='sclplm' port='1'/>", "<target type='virtio' port='2'/>", "<target type='virtio' name='org.qemu.guest_agent.0'/>", "<currentMemory unit='KiB'>1048576</currentMemory>",
				"<target type='sclp' port='0'/>", "<on_crash>destroy</on_crash>", "not <boot dev="),
			domainDevice(t, "disk", "type='file'", "<source file='/srv/acc/disk-0'/>", "<target dev='vda' bus='virtio'/>", "<serial>ONE</serial>", "cache='none'", "io='native'", "discard='unmap'", "<boot order='1' loadparm='LINUX.1'/>", "not <readonly/>"),
			domainDevice(t, "disk", "type='file'", "<source file='/srv/acc/disk-1'/>", "bus='scsi'/>", "<readonly/>", "not <boot order"),
			domainDevice(t, "interface", "type='network'", "<source network='acc'/>", netboot.DerivedMAC("acc", 0), "<model type='virtio'/>", "<mtu size='1400'/>", "not <link ", "not <boot order"),
			domainDevice(t, "interface", "type='bridge'", "<source bridge='br-lan'/>", "52:54:00:00:00:02", "<link state='down'/>", "<boot order='2' loadparm='LINUX.1'/>"),
		),
	}}
	steps = append(steps, resource.TestStep{
		// A family's name is read back as its newest member, which says the same.
		ResourceName: testDomain, ImportState: true, ImportStateId: "acc", ImportStateVerify: true, ImportStateVerifyIgnore: []string{"machine"},
	})
	steps = append(steps, imports(testDomain, "acc")[1:]...)
	steps = append(steps,
		resource.TestStep{ResourceName: testDomain, ImportState: true, ImportStateId: "nobody", ExpectError: says("Cannot import non-existent remote object")},
		resource.TestStep{Config: strings.NewReplacer(`"1GiB"`, `"1024MiB"`, "52:54:00:00:00:02", "52-54-00-00-00-02").Replace(config), ConfigPlanChecks: noChange},
	)
	acceptance(t, steps...)
}

// domainDevice checks that the domain "acc" has a device of a kind whose XML holds these texts.
func domainDevice(t *testing.T, kind string, texts ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		xml := virsh(t, "dumpxml", "acc")
	device:
		for _, device := range strings.Split(xml, "<"+kind+" ")[1:] {
			device, _, _ = strings.Cut(device, "</"+kind+">")
			for _, text := range texts {
				unwanted, isNot := strings.CutPrefix(text, "not ")
				if isNot == strings.Contains(device, unwanted) {
					continue device
				}
			}
			return nil
		}
		return fmt.Errorf("no %s has %q:\n%s", kind, texts, xml)
	}
}

func TestAccDomainUpdate(t *testing.T) {
	accPool(t)
	uuids := statecheck.CompareValue(compare.ValuesSame())
	disk := `
resource "netboot_volume" "disk" {
  name     = "disk"
  pool     = "acc"
  capacity = "1MiB"
}
`
	updates := actions(testDomain, plancheck.ResourceActionUpdate,
		plancheck.ExpectKnownValue(testDomain, firstMAC, knownvalue.StringExact(netboot.DerivedMAC("acc", 0))))
	step := func(attributes string, checks ...resource.TestCheckFunc) resource.TestStep {
		return resource.TestStep{
			Config: disk + stopped(attributes), ConfigPlanChecks: updates, ConfigStateChecks: []statecheck.StateCheck{uuids.AddStateValue(testDomain, tfjsonpath.New("uuid"))},
			Check: resource.ComposeTestCheckFunc(checks...),
		}
	}
	first := step("")
	first.ConfigPlanChecks = resource.ConfigPlanChecks{}
	foreign := step("vcpus = 2", virshPrints(t, "dumpxml acc", "<vcpu placement='static'>2<", "<description>theirs</description>", "<rng model='virtio'>"))
	foreign.PreConfig = func() {
		virsh(t, "desc", "acc", "theirs", "--config")
		virsh(t, "attach-device", "acc", writeFile(t, "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"), "--config")
	}
	acceptance(t,
		first,
		foreign,
		step(`autostart = true`, virshPrints(t, "dominfo acc", "Autostart:      enable", "CPU(s):         1")),
		step(`cpu = "max"`, virshPrints(t, "dumpxml acc", "<cpu mode='maximum'", "<description>theirs</description>")),
		step("cpu = \"max\"\n  boot = [\"disk\", \"network\"]\n  disks = [{ volume = netboot_volume.disk.id }]",
			domainDevice(t, "disk", "<source file='/srv/acc/disk'/>", "<boot order='1'/>"),
			domainDevice(t, "interface", "<boot order='2'/>")),
		step("cpu = \"max\"\n  boot = [\"network\", \"disk\"]\n  disks = [{ volume = netboot_volume.disk.id }]",
			domainDevice(t, "disk", "<boot order='2'/>"),
			domainDevice(t, "interface", "<boot order='1'/>")),
		step("cpu = \"max\"\n  boot = [\"network\"]\n  disks = [{ volume = netboot_volume.disk.id }]",
			domainDevice(t, "disk", "not <boot order"),
			domainDevice(t, "interface", "<boot order='1'/>")),
		step("boot_check = { expect = [\"x\"] }", virshPrints(t, "dumpxml acc", "not <disk", "boot_check")),
		resource.TestStep{
			Config:           disk + strings.ReplaceAll(stopped(""), `"acc"`+"\n  memory", `"acc-2"`+"\n  memory"),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionDestroyBeforeCreate, plancheck.ExpectKnownValue(testDomain, firstMAC, knownvalue.StringExact(netboot.DerivedMAC("acc-2", 0)))),
			Check:            virshPrints(t, "list --all --name", "acc-2", "not acc\n"),
		},
	)
}

// TestAccDomainAdopted holds that an imported guest keeps the MAC address that somebody else gave it.
func TestAccDomainAdopted(t *testing.T) {
	const mac = "52:54:00:77:77:77"
	theirs := func() {
		virsh(t, "define", writeFile(t, `<domain type='qemu'><name>acc</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
<os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os><devices>
<interface type='network'><mac address='`+mac+`'/><source network='acc'/><model type='virtio'/><boot order='1'/></interface></devices></domain>`))
	}
	acceptance(t,
		resource.TestStep{Config: labNetwork},
		resource.TestStep{
			PreConfig: theirs, Config: stopped(""), ResourceName: testDomain,
			ImportState: true, ImportStateId: "acc", ImportStatePersist: true,
		},
		resource.TestStep{
			Config:           stopped("vcpus = 2"),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionUpdate, plancheck.ExpectKnownValue(testDomain, firstMAC, knownvalue.StringExact(mac))),
			Check:            domainDevice(t, "interface", mac),
		},
	)
}

func TestAccDomainDrift(t *testing.T) {
	running := labNetwork + domain(onLabNetwork)
	updates := actions(testDomain, plancheck.ResourceActionUpdate)
	acceptance(t,
		resource.TestStep{Config: running, Check: virshPrints(t, "domstate acc", "running")},
		resource.TestStep{
			PreConfig:        func() { virsh(t, "destroy", "acc") },
			Config:           running,
			ConfigPlanChecks: updates,
			Check:            virshPrints(t, "domstate acc", "running"),
		},
		resource.TestStep{
			PreConfig:        func() { virsh(t, "suspend", "acc") },
			Config:           running,
			ConfigPlanChecks: updates,
			Check:            virshPrints(t, "domstate acc", "running"),
		},
		resource.TestStep{
			PreConfig: func() {
				virsh(t, "destroy", "acc")
				virsh(t, "setmaxmem", "acc", "512M", "--config")
				virsh(t, "setmem", "acc", "512M", "--config")
			},
			Config:           running,
			ConfigPlanChecks: updates,
			Check:            virshPrints(t, "dumpxml acc", "<memory unit='KiB'>262144</memory>"),
		},
		resource.TestStep{
			PreConfig: func() {
				virsh(t, "destroy", "acc")
				virsh(t, "undefine", "acc")
			},
			Config:           running,
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionCreate),
		},
		resource.TestStep{
			PreConfig: func() { virsh(t, "destroy", "acc") },
			Config:    stopped(""),
			Check:     virshPrints(t, "domstate acc", "shut off"),
		},
		resource.TestStep{
			Config:           running,
			ConfigPlanChecks: updates,
			Check:            virshPrints(t, "domstate acc", "running"),
		},
	)
}

func TestAccDomainNameTaken(t *testing.T) {
	define(t, "define", `<domain type='qemu'><name>acc</name><memory unit='MiB'>77</memory><vcpu>1</vcpu>
<os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os></domain>`, "undefine", "acc")
	acceptance(t, resource.TestStep{
		Config:      stopped(""),
		ExpectError: says(`Unable to create domain "acc"`, `name = "acc"`, "already exists", "terraform import ADDRESS acc"),
	})
	expect(t, virshPrints(t, "dumpxml acc", "<memory unit='KiB'>78848</memory>", "not <interface"))
}

// TestAccDomainRefused holds that what the host cannot do is said at the attribute, and changes nothing.
func TestAccDomainRefused(t *testing.T) {
	accPool(t)
	refused := func(attributes string, texts ...string) resource.TestStep {
		return resource.TestStep{Config: stopped(attributes), ExpectError: says(texts...)}
	}
	unchanged := resource.TestStep{
		Config:           stopped(""),
		ConfigPlanChecks: noChange,
		Check:            virshPrints(t, "dumpxml acc", "<vcpu placement='static' current='1'>2<", "not <disk"),
	}
	acceptance(t,
		refused(`arch = "riscv128"`, `Unable to create domain "acc"`, `arch = "riscv128"`, "no emulator for riscv128 guests"),
		refused(`accelerator = "kvm"`, `Unable to create domain "acc"`, `accelerator = "kvm"`, "only with [tcg]"),
		refused(`machine = "pc-i440fx-7.2"`, `Unable to create domain "acc"`, "pc-i440fx-7.2"),
		refused(`disks = [{ volume = "acc/none" }]`, `Unable to create domain "acc"`, inside("disks"), "volume acc/none"),
		refused(`disks = [{ volume = "none" }]`, `Unable to create domain "acc"`, inside("disks"), "form pool/name"),
		resource.TestStep{
			PreConfig: func() {
				expect(t, virshPrints(t, "list --all --name", "not acc"))
			},
			Config: stopped(""),
		},
		refused(`machine = "pc-i440fx-7.2"`, `Unable to update domain "acc"`, "pc-i440fx-7.2"),
		unchanged,
		refused(`disks = [{ volume = "acc/none" }]`, `Unable to update domain "acc"`, inside("disks")),
		unchanged,
	)
}

// TestAccDomainMissingNetwork holds that a guest that does not start is in the state, tainted.
func TestAccDomainMissingNetwork(t *testing.T) {
	config := func(network string) string {
		return labNetwork + domain("interfaces = [{ network = "+network+" }]")
	}
	acceptance(t,
		resource.TestStep{Config: config(`"none"`), ExpectError: says(`Unable to start domain "acc"`, "no network with matching name 'none'")},
		resource.TestStep{
			PreConfig: func() {
				expect(t, virshPrints(t, "domstate acc", "shut off"))
			},
			Config:           config("netboot_network.lab.name"),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionDestroyBeforeCreate),
			Check:            virshPrints(t, "domstate acc", "running"),
		},
	)
}

func TestAccDomainInvalid(t *testing.T) {
	const nic = "\n interfaces = [{ network = \"acc\" }]\n"
	var steps []resource.TestStep
	for _, test := range []struct {
		attributes string
		error      []string
	}{
		{``, []string{"Nothing to boot from", "Add interfaces"}},
		{`boot = ["disk"]`, []string{"Nothing to boot from", "boot =", "Add disks"}},
		{nic + `boot = ["floppy"]`, []string{"boot =", "value must be one of"}},
		{nic + `boot = ["network", "network"]`, []string{"boot =", "duplicate"}},
		{nic + `boot = []`, []string{"Nothing to boot from", "boot =", "Only an imported guest"}},
		{nic + `vcpus = 0`, []string{"vcpus =", "between 1 and 248"}},
		{nic + `vcpus = 900`, []string{"vcpus =", "between 1 and 248"}},
		{nic + `accelerator = "hvf"`, []string{"accelerator =", "value must be one of"}},
		{`interfaces = [{ network = "acc", bridge = "br0" }]`, []string{"Invalid interface", inside("interfaces"), "exactly one of network, bridge,"}},
		{`interfaces = [{ network = "acc", mac = "52:54" }]`, []string{inside("interfaces"), "52:54"}},
		{nic + `disks = [{ volume = "acc/x", bus = "ide" }]`, []string{"Invalid bus", inside("disks"), "virtio or scsi"}},
		{nic + `disks = [{ volume = "acc/x", serial = "one,two" }]`, []string{"Invalid serial number", inside("disks"), "letters, digits"}},
		{nic + `cpu = "qemu,check"`, []string{"Invalid name", "cpu =", "letters, digits"}},
		{nic + `max_vcpus = 2` + "\n vcpus = 3", []string{"Invalid max_vcpus", "max_vcpus =", "2 is less than vcpus, 3"}},
		{nic + `max_memory = "128MiB"`, []string{"Invalid max_memory", "max_memory =", "less than memory, 256MiB"}},
		{nic + "vcpus = 4\n cpu_topology = { cores = 2 }", []string{"Invalid cpu_topology", "multiply to 2 virtual CPUs, but the guest has 4"}},
		{nic + `loadparm = "linux"`, []string{"Invalid loadparm", "loadparm =", "upper-case"}},
		{nic + `consoles = ["serial"]`, []string{"Invalid console", inside("consoles"), "cannot have a console of type \"serial\""}},
		{nic + `consoles = ["sclp", "sclp"]`, []string{"Invalid console", inside("consoles"), "only one console of type \"sclp\""}},
		{nic + `addresses_from = "agent"`, []string{"Invalid addresses_from", "addresses_from =", "guest_agent = true"}},
		{nic + `shutdown_timeout = "soon"`, []string{"Invalid duration", "shutdown_timeout =", `"soon"`}},
		{nic + "kernel = { image = \"a/b\" }\n pxelinux_config = \"a/default\"", []string{"Invalid pxelinux_config", "either kernel or pxelinux_config"}},
		{nic + `kernel = { image = "a/b", cmdline = "a\rb" }`, []string{"Invalid command line", inside("kernel"), "Windows line endings"}},
		{nic + `kernel = { image = "a/b", cmdline = "a=“b”" }`, []string{"Invalid command line", inside("kernel"), "typographic quote"}},
		{nic + `kernel = { image = "a/b", cmdline = "a \\\n b" }`, []string{"Invalid command line", inside("kernel"), "write it as one line"}},
		{`interfaces = [{ network = "acc", boot = false }]`, []string{"Nothing to boot from", "no interface that it can boot from"}},
		{`interfaces = [{ bridge = "br0", vlan = 5000 }]`, []string{inside("interfaces"), "vlan"}},
		{`interfaces = [{ network = "acc", link = "off" }]`, []string{inside("interfaces"), "value must be one of"}},
		{`interfaces = [{ network = "acc", mac = "52:54:00:00:00:01" }, { network = "acc", mac = "52-54-00-00-00-01" }]`, []string{"Invalid interface", inside("interfaces"), "Another interface"}},
		{nic + `disks = [{ volume = "acc/x" }, { volume = "acc/x" }]`, []string{"Invalid disk", inside("disks"), "Another disk"}},
		{nic + `disks = [{ volume = "acc/x", io = "native" }]`, []string{"Invalid io", inside("disks"), "native needs cache"}},
		{nic + `boot_check = { expect = [] }`, []string{inside("boot_check"), "at least 1"}},
		{nic + `boot_check = { expect = ["("] }`, []string{"Invalid pattern", inside("boot_check"), "missing closing )"}},
		{nic + `boot_check = { expect = ["x"], forbid = ["["] }`, []string{"Invalid pattern", inside("boot_check"), "missing closing ]"}},
		{nic + `boot_check = { expect = ["x"], timeout = "soon" }`, []string{"Invalid duration", inside("boot_check"), `"soon"`}},
	} {
		steps = append(steps, resource.TestStep{Config: domain(test.attributes), PlanOnly: true, ExpectError: says(test.error...)})
	}
	for memory, text := range map[string]string{"1048577B": "not a whole number of KiB", "0": "is too small", "2048": `did you mean "2048MiB"`, "lots": "is not a size"} {
		steps = append(steps, resource.TestStep{
			Config: strings.ReplaceAll(domain(nic), "256MiB", memory), PlanOnly: true,
			ExpectError: says("memory =", text),
		})
	}
	acceptance(t, steps...)
}

// TestAccDomainUnknownInterface holds that nothing is asked of an interface that is not known at all.
func TestAccDomainUnknownInterface(t *testing.T) {
	acceptance(t, resource.TestStep{
		Config: labNetwork + `
resource "terraform_data" "later" { input = "acc" }
` + domain("  running = false\n"+
			`interfaces = [terraform_data.later.id == "" ? { network = "x", bridge = null } : { network = netboot_network.lab.name, bridge = null }]`),
		ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionCreate, plancheck.ExpectUnknownValue(testDomain, tfjsonpath.New("interfaces").AtSliceIndex(0))),
		Check:            domainDevice(t, "interface", "<source network='acc'/>", netboot.DerivedMAC("acc", 0)),
	})
}

func TestAccDomainUnknown(t *testing.T) {
	acceptance(t, resource.TestStep{
		Config: labNetwork + `
resource "terraform_data" "later" { input = "512MiB" }
` + domain("  running = terraform_data.later.id == \"\"\n  vcpus = length(terraform_data.later.id) > 0 ? 2 : 1\n"+
			`interfaces = [{ network = terraform_data.later.id == "" ? "x" : netboot_network.lab.name }]`+"\n"+
			`boot_check = { expect = [terraform_data.later.output] }`),
		ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionCreate,
			plancheck.ExpectUnknownValue(testDomain, tfjsonpath.New("running")),
			plancheck.ExpectKnownValue(testDomain, firstMAC, knownvalue.StringExact(netboot.DerivedMAC("acc", 0)))),
		Check: virshPrints(t, "dumpxml acc", "<vcpu placement='static'>2<", "<source network='acc'/>"),
	})
}
