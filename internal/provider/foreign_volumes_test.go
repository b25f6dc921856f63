package provider

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// foreignVolumes are volumes that others make, each by commands in its pool's directory. A new case is a new row.
var foreignVolumes = map[string]string{
	"raw.img":          "truncate -s 1M $0",
	"odd.img":          "printf %1000s > $0", // no whole number of sectors
	"fallocated.img":   "fallocate -l 1M $0",
	"script.sh":        "printf '#!/bin/sh\n' > $0",
	"plain.qcow2":      "qemu-img create -q -f qcow2 $0 10M",
	"old.qcow2":        "qemu-img create -q -f qcow2 -o compat=0.10 $0 10M",
	"clusters.qcow2":   "qemu-img create -q -f qcow2 -o cluster_size=2M,lazy_refcounts=on $0 10M",
	"metadata.qcow2":   "qemu-img create -q -f qcow2 -o preallocation=metadata $0 10M",
	"full.qcow2":       "qemu-img create -q -f qcow2 -o preallocation=full $0 1M",
	"vmware.vmdk":      "qemu-img create -q -f vmdk $0 10M",
	"virtualbox.vdi":   "qemu-img create -q -f vdi $0 10M",
	"hyperv.vhd":       "qemu-img create -q -f vpc $0 10M",
	"hyperv.vhdx":      "qemu-img create -q -f vhdx $0 10M", // which libvirt takes for raw
	"ancient.qcow":     "qemu-img create -q -f qcow $0 10M",
	"enhanced.qed":     "qemu-img create -q -f qed $0 10M",
	"install.iso":      "mkdir -p $0.d; echo 1 > $0.d/a; xorriso -as genisoimage -quiet -V INSTALL -o $0 $0.d; rm -r $0.d",
	"over.qcow2":       "qemu-img create -q -f raw over.base 4M; qemu-img create -q -f qcow2 -F raw -b /srv/foreign/over.base -u $0 8M",
	"over-full.qcow2":  "qemu-img create -q -f qcow2 -F raw -b /srv/foreign/over.base -u $0 1M; qemu-io -f qcow2 -c 'write 0 1M' -u $0 2>/dev/null; true",
	"chain.qcow2":      "qemu-img create -q -f qcow2 -F qcow2 -b /srv/foreign/over.qcow2 -u $0 8M",
	"outside.qcow2":    "qemu-img create -q -f qcow2 -F raw -b /var/lib/elsewhere/base.raw -u $0 8M",
	"outside-2.qcow2":  "qemu-img create -q -f qcow2 -F vmdk -b /var/lib/elsewhere/base.vmdk -u $0 8M",
	"over-vmdk.qcow2":  "qemu-img create -q -f qcow2 -F vmdk -b /srv/foreign/vmware.vmdk -u $0 10M",
	"over-nbd.qcow2":   "qemu-img create -q -f qcow2 -F raw -b nbd://example.com:10809/export -u $0 8M",
	"relative.qcow2":   "qemu-img create -q -f qcow2 -F raw -b over.base -u $0 8M",
	"cloud-localds":    seedOfOthers + "xorriso -as genisoimage -quiet -V cidata -joliet -rock -o $0 user-data meta-data; rm user-data meta-data",
	"virt-install.iso": seedOfOthers + "printf 'version: 2\n' > network-config; xorriso -as genisoimage -quiet -V CIDATA -J -r -o $0 user-data meta-data network-config; rm *-data network-config",
	"worker.ign":       `printf '{"ignition":{"version":"3.4.0"},"passwd":{}}' > $0`,
}

const seedOfOthers = "printf '#cloud-config\nhostname: x\n' > user-data; printf 'instance-id: i-1\nlocal-hostname: x\n' > meta-data; "

// makeForeign makes the volumes, in a pool "foreign" at /srv/foreign.
func makeForeign(t *testing.T) {
	t.Helper()
	makeDir(t, "/srv/foreign", 0o755)
	for _, name := range slices.SortedFunc(maps.Keys(foreignVolumes), func(a, b string) int { return strings.Compare(a, b) }) {
		command := exec.Command("sh", "-c", foreignVolumes[name], name)
		command.Dir = inSrv(t, "/srv/foreign")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	virsh(t, "pool-create-as", "foreign", "dir", "--target", "/srv/foreign")
	t.Cleanup(func() { virsh(t, "pool-destroy", "foreign") })
}

// importBlocks are those of volumes by their ids.
func importBlocks(ids ...string) string {
	var blocks strings.Builder
	for i, id := range ids {
		fmt.Fprintf(&blocks, "import {\n  to = netboot_volume.v%d\n  id = %q\n}\n", i, id)
	}
	return blocks.String()
}

// takesOverVolumes imports volumes: what is generated is valid and plans nothing, once and again. It returns the CLI, with
// what the first plan said.
func takesOverVolumes(t *testing.T, ids ...string) (c *cli, said string) {
	t.Helper()
	c = newCLI(t, lab.Shared(t).URI, importBlocks(ids...))
	said = c.must("plan", "-generate-config-out=generated.tf")
	if !strings.Contains(said, fmt.Sprintf("%d to import, 0 to add, 0 to change", len(ids))) {
		t.Errorf("the import changes something:\n%s", said)
	}
	if applied := c.must("apply", "-auto-approve"); !strings.Contains(applied, fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", len(ids))) {
		t.Errorf("what was generated changes the volumes:\n%s", applied)
	}
	c.must("plan", "-detailed-exitcode")
	return c, said
}

// TestAccVolumesOfOthers takes over volumes that others have made.
func TestAccVolumesOfOthers(t *testing.T) {
	needsCLI(t)
	makeForeign(t)
	var ids []string
	for _, name := range slices.Sorted(maps.Keys(foreignVolumes)) {
		ids = append(ids, "foreign/"+name)
	}
	_, said := takesOverVolumes(t, ids...)
	for _, text := range []string{"Content of the seed is not imported", "user_data", "Backing cannot be imported"} {
		if !strings.Contains(said, text) {
			t.Errorf("the plan does not say %q:\n%s", text, said)
		}
	}
}

// TestAccSeedsOfOthers writes the content of imported seeds in: the same changes nothing, whoever made the image; other
// content replaces it.
func TestAccSeedsOfOthers(t *testing.T) {
	needsCLI(t)
	makeForeign(t)
	seed := func(name, what string) string {
		return fmt.Sprintf("resource \"netboot_volume\" \"v0\" {\n  pool = \"foreign\"\n  name = %q\n  %s\n}\n", name, what)
	}
	for _, test := range []struct{ name, same, other string }{
		{"cloud-localds", `cloud_init = { user_data = "#cloud-config\nhostname: x\n" }`, `cloud_init = { user_data = "#cloud-config\nhostname: y\n" }`},
		{"virt-install.iso", `cloud_init = { user_data = "#cloud-config\nhostname: x\n", network_config = "version: 2\n" }`, `cloud_init = { user_data = "#cloud-config\nhostname: x\n" }`},
		{"worker.ign", `ignition = "{\"ignition\":{\"version\":\"3.4.0\"},\"passwd\":{}}"`, `ignition = "{\"ignition\":{\"version\":\"3.4.0\"}}"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _ := takesOverVolumes(t, "foreign/"+test.name)
			if err := os.Remove(filepath.Join(c.dir, "generated.tf")); err != nil {
				t.Fatal(err)
			}
			c.write("main.tf", onHost(lab.Shared(t).URI)+seed(test.name, test.same))
			c.must("plan", "-detailed-exitcode")
			c.write("main.tf", onHost(lab.Shared(t).URI)+seed(test.name, test.other))
			if said := c.must("plan"); !strings.Contains(said, "must be replaced") {
				t.Errorf("other content does not replace the seed:\n%s", said)
			}
		})
	}
}

// TestAccVolumeImportByPath imports volumes by their paths, as other providers name them: also a file that libvirt has not
// seen yet, and a seed with its UUID.
func TestAccVolumeImportByPath(t *testing.T) {
	needsCLI(t)
	makeForeign(t)
	writeHostFile(t, "/srv/foreign/late.img", make([]byte, 1<<20))
	makeDir(t, "/srv/foreign/sub", 0o755)
	c, _ := takesOverVolumes(t, "/srv/foreign/plain.qcow2", "/srv/foreign/cloud-localds;7ff2c0c6-0000-4000-8000-000000000001", "/srv/foreign/late.img")
	if state := c.state(); !strings.Contains(state, `"foreign/plain.qcow2"`) || !strings.Contains(state, `"foreign/cloud-localds"`) {
		t.Errorf("the state is\n%s", state)
	}
	for id, text := range map[string]string{
		"/srv/foreign/none.img": "The file does not exist",
		"/srv/nowhere/a.img":    "It is in no pool of the host",
		"/srv/foreign/sub":      "It is a directory",
	} {
		c.write("more.tf", "import {\n  to = netboot_volume.more\n  id = \""+id+"\"\n}\n")
		c.mustFail([]string{"plan", "-generate-config-out=more-generated.tf"}, "Unable to ", text)
	}
}

// TestAccSeedImportGenerated imports seeds that this provider has made from another folder: what is generated is valid and
// replaces nothing.
func TestAccSeedImportGenerated(t *testing.T) {
	needsCLI(t)
	accPool(t)
	c := newCLI(t, lab.Shared(t).URI, `
resource "netboot_volume" "s" {
  pool       = "acc"
  name       = "seed"
  cloud_init = { user_data = "#cloud-config\nhostname: x\n" }
}
resource "netboot_volume" "i" {
  pool     = "acc"
  name     = "ign"
  ignition = jsonencode({ ignition = { version = "3.4.0" } })
}
`)
	c.must("apply", "-auto-approve")
	_, said := takesOverVolumes(t, "acc/seed", "acc/ign")
	for _, text := range []string{"Content of the seed is not imported", "is a seed for"} {
		if !strings.Contains(said, text) {
			t.Errorf("the plan does not say %q:\n%s", text, said)
		}
	}
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}
