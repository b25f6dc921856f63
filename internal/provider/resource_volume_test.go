package provider

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

const testVolume = "netboot_volume.test"

// volume is a configuration with one volume "disk" in the pool "acc" of these further attributes.
func volume(attributes string) string {
	return fmt.Sprintf("resource \"netboot_volume\" \"test\" {\n  name = \"disk\"\n  pool = \"acc\"\n%s\n}\n", attributes)
}

// accPool makes the pool "acc" in the lab host's /srv, which goes with the test.
func accPool(t *testing.T) {
	t.Helper()
	makeDir(t, "/srv/acc", 0o755)
	virsh(t, "pool-create-as", "acc", "dir", "--target", "/srv/acc")
	t.Cleanup(func() { virsh(t, "pool-destroy", "acc") })
}

func TestAccVolume(t *testing.T) {
	accPool(t)
	steps := []resource.TestStep{{
		Config: volume(`capacity = "8GiB"`),
		ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionCreate,
			plancheck.ExpectKnownValue(testVolume, tfjsonpath.New("id"), knownvalue.StringExact("acc/disk")),
			plancheck.ExpectKnownValue(testVolume, tfjsonpath.New("capacity_bytes"), knownvalue.Int64Exact(8<<30)),
			plancheck.ExpectUnknownValue(testVolume, tfjsonpath.New("allocation_bytes"))),
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectIdentity(testVolume, map[string]knownvalue.Check{
				"host": knownvalue.Null(),
				"pool": knownvalue.StringExact("acc"), "name": knownvalue.StringExact("disk"),
			}),
			statecheck.ExpectKnownValue(testVolume, tfjsonpath.New("path"), knownvalue.StringExact("/srv/acc/disk")),
		},
		Check: virshPrints(t, "vol-dumpxml --pool acc disk", "<capacity unit='bytes'>8589934592</capacity>", "<format type='qcow2'/>", "not <backingStore"),
	}}
	steps = append(steps, imports(testVolume, "acc/disk")...)
	steps = append(steps,
		resource.TestStep{Config: volume(`capacity = "8192MiB"`), ConfigPlanChecks: noChange},
		resource.TestStep{Config: volume(`capacity = "8589934592"`), ConfigPlanChecks: noChange},
		resource.TestStep{
			Config: volume(`capacity = "9GiB"`),
			ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionUpdate,
				plancheck.ExpectKnownValue(testVolume, tfjsonpath.New("capacity_bytes"), knownvalue.Int64Exact(9<<30))),
			Check: virshPrints(t, "vol-dumpxml --pool acc disk", "<capacity unit='bytes'>9663676416</capacity>"),
		},
		resource.TestStep{
			Config:      volume(`capacity = "8GiB"`),
			PlanOnly:    true,
			ExpectError: says(`Unable to shrink volume "acc/disk"`, "capacity =", "The volume has 9GiB, and the plan is 8GiB", "-replace=ADDRESS"),
		},
		resource.TestStep{
			Config:           volume("capacity = \"9GiB\"\n timeouts = { create = \"1m\" }"),
			ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionUpdate),
		},
		resource.TestStep{
			Config:           volume("capacity = \"1MiB\"\n format = \"raw\""),
			ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionDestroyBeforeCreate),
			Check:            virshPrints(t, "vol-dumpxml --pool acc disk", "<capacity unit='bytes'>1048576</capacity>", "<format type='raw'/>"),
		},
	)
	steps = append(steps, imports(testVolume, "acc/disk")...)
	steps = append(steps,
		resource.TestStep{Config: volume("capacity = \"2MiB\"\n format = \"raw\""), Check: virshPrints(t, "vol-dumpxml --pool acc disk", ">2097152<")},
	)
	acceptance(t, steps...)
	expect(t, virshPrints(t, "vol-list acc", "not disk"))
}

func TestAccVolumeImportIDs(t *testing.T) {
	accPool(t)
	fails := func(id string, texts ...string) resource.TestStep {
		return resource.TestStep{Config: volume(`capacity = "1MiB"`), ResourceName: testVolume, ImportState: true, ImportStateId: id, ExpectError: says(texts...)}
	}
	acceptance(t,
		fails("disk", "Invalid import id", `"disk" is not of the form pool/name`),
		fails("acc/", "Invalid import id", `"acc/" is not of the form pool/name`),
		fails("acc/disk", "Cannot import non-existent remote object"),
		fails("nowhere/disk", "Cannot import non-existent remote object"),
	)
}

func TestAccVolumeDrift(t *testing.T) {
	accPool(t)
	config := volume(`capacity = "1GiB"`)
	creates := actions(testVolume, plancheck.ResourceActionCreate)
	acceptance(t,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig:        func() { virsh(t, "vol-delete", "disk", "--pool", "acc") },
			Config:           config,
			ConfigPlanChecks: creates,
		},
		resource.TestStep{
			// libvirt itself does not know yet.
			PreConfig: func() {
				if err := os.Remove(inSrv(t, "/srv/acc/disk")); err != nil {
					t.Fatal(err)
				}
			},
			Config:           config,
			ConfigPlanChecks: creates,
			Check:            virshPrints(t, "vol-info --pool acc disk", "1.00 GiB"),
		},
		resource.TestStep{
			PreConfig:   func() { virsh(t, "vol-resize", "disk", "2G", "--pool", "acc") },
			Config:      config,
			PlanOnly:    true,
			ExpectError: says(`Unable to shrink volume "acc/disk"`, "The volume has 2GiB, and the plan is 1GiB"),
		},
	)
}

// TestAccVolumeReplaces holds that nothing of the old volume is planned for the new one.
func TestAccVolumeReplaces(t *testing.T) {
	accPool(t)
	makeDir(t, "/srv/acc-2", 0o755)
	virsh(t, "pool-create-as", "acc-2", "dir", "--target", "/srv/acc-2")
	t.Cleanup(func() { virsh(t, "pool-destroy", "acc-2") })
	acceptance(t,
		resource.TestStep{Config: volume(`capacity = "1GiB"`)},
		resource.TestStep{
			Config:           strings.ReplaceAll(volume(`capacity = "1MiB"`), `"acc"`, `"acc-2"`),
			ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionDestroyBeforeCreate),
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr(testVolume, "path", "/srv/acc-2/disk"),
				virshPrints(t, "vol-list acc", "not disk"),
			),
		},
	)
}

func TestAccVolumeBacking(t *testing.T) {
	accPool(t)
	virsh(t, "vol-create-as", "acc", "theirs.qcow2", "3G", "--format", "qcow2")
	if err := os.WriteFile(inSrv(t, "/srv/elsewhere"), make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(inSrv(t, "/srv/elsewhere")) })
	base := `
resource "netboot_volume" "base" {
  name     = "base"
  pool     = "acc"
  format   = "raw"
  capacity = "2GiB"
}
`
	overlay := func(backing string) string { return base + volume("backing = { "+backing+" }") }
	laidOver := func(path, format, capacity string) resource.TestCheckFunc {
		return resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(testVolume, "capacity", capacity),
			virshPrints(t, "vol-dumpxml --pool acc disk", "<path>"+path+"</path>", "<format type='"+format+"'/>"),
		)
	}
	replaces := actions(testVolume, plancheck.ResourceActionDestroyBeforeCreate)
	steps := []resource.TestStep{{
		Config: overlay(`volume = netboot_volume.base.id`),
		Check:  laidOver("/srv/acc/base", "raw", "2GiB"),
	}}
	steps = append(steps, imports(testVolume, "acc/disk")...)
	steps = append(steps,
		resource.TestStep{
			Config:           overlay("volume = netboot_volume.base.id }\n capacity = \"4GiB\"\n timeouts = {"),
			ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionUpdate),
			Check:            laidOver("/srv/acc/base", "raw", "4GiB"),
		},
		resource.TestStep{
			Config:           overlay(`path = "/srv/acc/theirs.qcow2", format = "qcow2"`),
			ConfigPlanChecks: replaces,
			Check:            laidOver("/srv/acc/theirs.qcow2", "qcow2", "3GiB"),
		},
		resource.TestStep{
			Config:      overlay(`path = "/srv/elsewhere"`),
			ExpectError: says(`Unable to create volume "acc/disk"`, "backing =", "The size of /srv/elsewhere is not known", "set capacity"),
		},
		resource.TestStep{
			Config: overlay("path = \"/srv/elsewhere\" }\n capacity = \"1GiB\"\n timeouts = {"),
			Check:  laidOver("/srv/elsewhere", "raw", "1GiB"),
		},
		resource.TestStep{
			Config:      overlay(`volume = "acc/none"`),
			ExpectError: says(`Unable to create volume "acc/disk"`, "backing =", "Backing volume acc/none"),
		},
	)
	acceptance(t, steps...)
}

func TestAccVolumeInvalid(t *testing.T) {
	var steps []resource.TestStep
	for _, test := range []struct {
		attributes string
		error      []string
	}{
		{``, []string{"capacity", "backing"}},
		{`capacity = "8 gigs"`, []string{"Invalid size", "capacity =", `the unit "gigs" is unknown`}},
		{`capacity = "-1"`, []string{"Invalid size", "capacity =", `"-1" is not a size`}},
		{`capacity = "1025B"`, []string{"Invalid capacity", "capacity =", "512-byte sectors"}},
		{`capacity = 20`, []string{"Invalid size", "capacity =", `did you mean "20GiB"`}},
		{"capacity = \"1GiB\"\n archive_path = \"disk.raw\"", []string{"archive_path =", `"source" must be specified`}},
		{"capacity = \"1GiB\"\n format = \"vmdk\"", []string{"format =", "new volume is qcow2 or raw"}},
		{"capacity = \"1GiB\"\n format = \"floppy\"", []string{"format =", "value must be one of"}},
		{"format = \"raw\"\n backing = { volume = \"acc/base\" }", []string{"Invalid format", "format =", "raw volume cannot be an overlay"}},
		{`backing = { volume = "acc/base", path = "/srv/base" }`, []string{"Invalid backing", "backing =", "set either volume or path"}},
		{`backing = { format = "raw" }`, []string{"Invalid backing", "backing =", "set either volume or path"}},
		{`backing = { path = "srv/base" }`, []string{"Invalid path", inside("backing")}},
		{"capacity = \"1GiB\"\n timeouts = { create = \"soon\" }", []string{inside("timeouts"), "soon"}},
	} {
		steps = append(steps, resource.TestStep{Config: volume(test.attributes), PlanOnly: true, ExpectError: says(test.error...)})
	}
	acceptance(t, steps...)
}

func TestAccVolumeNameTaken(t *testing.T) {
	accPool(t)
	taken := says(`Unable to create volume "acc/disk"`, `name = "disk"`, "exist", "terraform import ADDRESS acc/disk") // libvirt has two messages
	virsh(t, "vol-create-as", "acc", "disk", "3M", "--format", "raw")
	acceptance(t,
		resource.TestStep{Config: volume(`capacity = "1GiB"`), ExpectError: taken},
		resource.TestStep{
			// A file that libvirt has not seen yet is somebody's as well.
			PreConfig: func() {
				virsh(t, "vol-delete", "disk", "--pool", "acc")
				if err := os.WriteFile(inSrv(t, "/srv/acc/disk"), []byte("theirs"), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			Config:      volume(`capacity = "1GiB"`),
			ExpectError: taken,
		},
	)
	if content, err := os.ReadFile(inSrv(t, "/srv/acc/disk")); err != nil || string(content) != "theirs" {
		t.Errorf("the file is now %q (%v)", content, err)
	}
}

func TestAccVolumePool(t *testing.T) {
	makeDir(t, "/srv/acc", 0o755)
	virsh(t, "pool-define-as", "acc", "dir", "--target", "/srv/acc")
	t.Cleanup(func() { virsh(t, "pool-undefine", "acc") })
	acceptance(t,
		resource.TestStep{
			Config:      strings.ReplaceAll(volume(`capacity = "1MiB"`), `"acc"`, `"none"`),
			ExpectError: says(`Unable to create volume "none/disk"`, "pool =", `The host has no pool "none"`, "virsh pool-list"),
		},
		resource.TestStep{
			Config:      volume(`capacity = "1MiB"`),
			ExpectError: says(`Unable to create volume "acc/disk"`, "pool =", "is not started", "virsh pool-start acc"),
		},
		resource.TestStep{
			PreConfig: func() { virsh(t, "pool-start", "acc") },
			Config:    volume(`capacity = "1MiB"`),
		},
	)
	virsh(t, "pool-destroy", "acc")
}

// TestAccVolumeDefaultPool makes several volumes side by side on a host that has no default pool.
func TestAccVolumeDefaultPool(t *testing.T) {
	if strings.Contains(virsh(t, "pool-list", "--all", "--name"), "default") {
		virsh(t, "pool-destroy", "default")
		virsh(t, "pool-undefine", "default")
	}
	config := `
resource "netboot_volume" "test" {
  count    = 4
  name     = "acc-${count.index}"
  capacity = "1MiB"
}
`
	acceptance(t, resource.TestStep{
		Config: config,
		Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr("netboot_volume.test.0", "id", "default/acc-0"),
			virshPrints(t, "pool-dumpxml default", "<path>/var/lib/libvirt/images</path>"),
			virshPrints(t, "pool-info default", "State:          running", "Autostart:      yes"),
			virshPrints(t, "vol-list default", "acc-0", "acc-1", "acc-2", "acc-3"),
		),
	})
	if err := virshPrints(t, "pool-list", "default")(nil); err != nil {
		t.Errorf("the host does not keep its default pool: %v", err)
	}
}

// TestAccVolumeGrowsUnderAGuest holds that growing a disk reaches the guest that runs from it: QEMU has
// the file locked, and must be asked.
func TestAccVolumeGrowsUnderAGuest(t *testing.T) {
	accPool(t)
	for _, format := range []string{"qcow2", "raw"} {
		grown := func(*terraform.State) error {
			return virshPrints(t, "domblkinfo foreign vda", "2147483648")(nil)
		}
		acceptance(t,
			resource.TestStep{Config: volume(fmt.Sprintf("capacity = \"1GiB\"\n format = %q", format))},
			resource.TestStep{
				PreConfig: func() {
					startForeignGuest(t, fmt.Sprintf(`<disk type='file' device='disk'><driver name='qemu' type='%s'/><source file='/srv/acc/disk'/><target dev='vda' bus='virtio'/></disk>`, format))
				},
				Config:           volume(fmt.Sprintf("capacity = \"2GiB\"\n format = %q", format)),
				ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionUpdate),
				Check:            grown,
			},
			resource.TestStep{
				PreConfig: func() { virsh(t, "destroy", "foreign") },
				Config:    volume(fmt.Sprintf("capacity = \"2GiB\"\n format = %q", format)),
			},
		)
	}
}

func TestAccVolumeUnknown(t *testing.T) {
	accPool(t)
	acceptance(t, resource.TestStep{
		Config: `
resource "terraform_data" "later" { input = "2GiB" }
` + volume("capacity = terraform_data.later.output"),
		ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionCreate,
			plancheck.ExpectUnknownValue(testVolume, tfjsonpath.New("capacity")),
			plancheck.ExpectUnknownValue(testVolume, tfjsonpath.New("capacity_bytes")),
			plancheck.ExpectKnownValue(testVolume, tfjsonpath.New("id"), knownvalue.StringExact("acc/disk"))),
		Check: resource.TestCheckResourceAttr(testVolume, "capacity_bytes", "2147483648"),
	})
}
