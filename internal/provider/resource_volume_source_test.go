package provider

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// rawDisk is a disk of 8 MiB with something at its beginning, at its end and between.
var rawDisk = func() []byte {
	disk := make([]byte, 8<<20)
	for _, at := range []int{0, 3<<20 + 512, 8<<20 - 4096} {
		copy(disk[at:], bytes.Repeat([]byte(fmt.Sprintf("netboot at %d.", at)), 200))
	}
	return disk
}()

// qemuImg runs qemu-img in a directory, and returns the content of the file that it makes.
func qemuImg(t *testing.T, made string, args ...string) []byte {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "qemu-img", args...).CombinedOutput(); err != nil {
		t.Fatalf("qemu-img %s: %v: %s", strings.Join(args, " "), err, out)
	}
	content, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// qcow2Disk is rawDisk as a qcow2 image.
func qcow2Disk(t *testing.T) []byte {
	t.Helper()
	made := filepath.Join(t.TempDir(), "disk.qcow2")
	return qemuImg(t, made, "convert", "-f", "raw", "-O", "qcow2", local(t, rawDisk), made)
}

func packed(t *testing.T, kind string, content []byte) []byte {
	t.Helper()
	var to bytes.Buffer
	switch kind {
	case "gz":
		w := gzip.NewWriter(&to)
		_, _ = w.Write(content)
		_ = w.Close()
	case "zst":
		w, _ := zstd.NewWriter(&to)
		_, _ = w.Write(content)
		_ = w.Close()
	case "lz4":
		w := lz4.NewWriter(&to)
		_, _ = w.Write(content)
		_ = w.Close()
	case "xz", "bzip2":
		packer := exec.CommandContext(t.Context(), kind, "-c")
		packer.Stdin, packer.Stdout = bytes.NewReader(content), &to
		if err := packer.Run(); err != nil {
			t.Fatal(err)
		}
	}
	return to.Bytes()
}

// tarred is an archive with a text and a file.
func tarred(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var to bytes.Buffer
	w := tar.NewWriter(&to)
	for _, file := range []struct {
		name    string
		content []byte
	}{{"README", []byte("a text")}, {name, content}} {
		err := w.WriteHeader(&tar.Header{Name: file.name, Size: int64(len(file.content)), Mode: 0o644})
		if err == nil {
			_, err = w.Write(file.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// cloudImages is the URL of a distribution's folder with a cloud image and its checksum.
func cloudImages(t *testing.T) string {
	t.Helper()
	const name = "noble-server-cloudimg-s390x.img"
	server, disk := lab.NewServer(t), qcow2Disk(t)
	server.Serve("SHA256SUMS", []byte(sha256Of(disk)+" *"+name+"\n"))
	return strings.TrimSuffix(server.Serve(name, disk), "/"+name)
}

// archivedImages serves a cloud image as Debian publishes its own: raw, in an archive.
func archivedImages(t *testing.T) string {
	t.Helper()
	const name = "debian-13-generic-ppc64el.tar.xz"
	server, archive := lab.NewServer(t), tarred(t, "disk.raw", rawDisk)
	server.Serve("SHA512SUMS", fmt.Appendf(nil, "%x  %s\n", sha512.Sum512(archive), name))
	return strings.TrimSuffix(server.Serve(name, archive), "/"+name)
}

// sourced is a configuration with a volume of a source.
func sourced(source string, more ...string) string {
	return volume(fmt.Sprintf("source = %q\n%s", source, strings.Join(more, "\n")))
}

// holdsDisk checks what a guest would see of the volume, and that nothing is beside it.
func holdsDisk(t *testing.T, format string, size int) resource.TestCheckFunc {
	return func(*terraform.State) error {
		made := filepath.Join(t.TempDir(), "seen")
		seen := qemuImg(t, made, "convert", "-f", format, "-O", "raw", inSrv(t, "/srv/acc/disk"), made)
		want := append(bytes.Clone(rawDisk), make([]byte, size-len(rawDisk))...)
		if !bytes.Equal(seen, want) {
			return fmt.Errorf("the volume shows %d bytes, which are not the %d that it should", len(seen), size)
		}
		return hostDir(t, "/srv/acc", "disk")(nil)
	}
}

func TestAccVolumeSource(t *testing.T) {
	accPool(t)
	server := lab.NewServer(t)
	raw, image := rawDisk, qcow2Disk(t)
	var steps []resource.TestStep
	for i, test := range []struct {
		name     string
		content  []byte
		settings string
		format   string
		size     int
	}{
		{"raw", raw, `format = "raw"`, "raw", 8 << 20},
		{"raw", raw, "format = \"raw\"\n capacity = \"16MiB\"", "raw", 16 << 20},
		{"raw", raw, ``, "qcow2", 8 << 20},
		{"qcow2", image, ``, "qcow2", 8 << 20},
		{"qcow2", image, `capacity = "16MiB"`, "qcow2", 16 << 20},
		{"qcow2", image, `format = "raw"`, "raw", 8 << 20},
		{"qcow2", image, "format = \"raw\"\n capacity = \"16MiB\"\n preallocation = \"falloc\"", "raw", 16 << 20},
		{"qcow2", image, "cluster_size = \"2MiB\"\n preallocation = \"metadata\"", "qcow2", 8 << 20},
		{"raw.gz", packed(t, "gz", raw), `format = "raw"`, "raw", 8 << 20},
		{"raw.xz", packed(t, "xz", raw), `format = "raw"`, "raw", 8 << 20},
		{"raw.zst", packed(t, "zst", raw), `format = "raw"`, "raw", 8 << 20},
		{"raw.bz2", packed(t, "bzip2", raw), `format = "raw"`, "raw", 8 << 20},
		{"raw.lz4", packed(t, "lz4", raw), ``, "qcow2", 8 << 20},
		{"raw.tar", tarred(t, "./disk.raw", raw), "format = \"raw\"\n archive_path = \"disk.raw\"", "raw", 8 << 20},
		{"raw.tar.xz", packed(t, "xz", tarred(t, "disk.raw", raw)), `archive_path = "disk.raw"`, "qcow2", 8 << 20},
		{"qcow2.tar.gz", packed(t, "gz", tarred(t, "a/disk.qcow2", image)), `archive_path = "a/disk.qcow2"`, "qcow2", 8 << 20},
		{"qcow2.gz", packed(t, "gz", image), ``, "qcow2", 8 << 20},
		{"qcow2.xz", packed(t, "xz", image), `capacity = "8MiB"`, "qcow2", 8 << 20},
	} {
		checksum := fmt.Sprintf("checksum = \"sha256:%s\"", sha256Of(test.content))
		sources := []string{server.Serve(fmt.Sprintf("%d-%s", i, test.name), test.content)}
		if i < 4 {
			sources = append(sources, local(t, test.content))
			checksum = ""
		}
		for _, source := range sources {
			steps = append(steps, resource.TestStep{
				Config: sourced(source, test.settings, checksum),
				Check: resource.ComposeTestCheckFunc(
					resource.TestCheckResourceAttr(testVolume, "capacity_bytes", fmt.Sprint(test.size)),
					holdsDisk(t, test.format, test.size)),
			})
		}
	}
	acceptance(t, steps...)
}

// TestAccVolumesOfXZ makes volumes side by side, whose sources are unpacked one after the other; one is cut off.
func TestAccVolumesOfXZ(t *testing.T) {
	accPool(t)
	server, xz := lab.NewServer(t), packed(t, "xz", rawDisk)
	url := server.Serve("disk.xz", xz)
	server.Serve("4/disk.xz", xz, lab.First(1, lab.CutAfter(len(xz)/2)))
	config := fmt.Sprintf(`
resource "netboot_volume" "test" {
  count  = 5
  pool   = "acc"
  name   = "disk${count.index}"
  source = count.index < 4 ? %q : %q
}
`, url, strings.Replace(url, "disk.xz", "4/disk.xz", 1))
	acceptance(t,
		resource.TestStep{Config: config, ExpectError: says(`Unable to create volume "acc/disk4"`, "unexpected EOF")},
		resource.TestStep{Config: config, Check: hostDir(t, "/srv/acc", "disk0", "disk1", "disk2", "disk3", "disk4")},
	)
}

// TestAccVolumeSourceChanges holds what replaces a volume, and what does not, and that no plan fetches anything.
func TestAccVolumeSourceChanges(t *testing.T) {
	accPool(t)
	server := lab.NewServer(t)
	first, second := server.Serve("first", rawDisk), server.Serve("second", rawDisk)
	archive := server.Serve("archive.tar", tarred(t, "disk.raw", rawDisk))
	sum := fmt.Sprintf("checksum = \"sha256:%s\"", sha256Of(rawDisk))
	list := server.Serve("SHA256SUMS", []byte(sha256Of(rawDisk)+"  first\n"+sha256Of(rawDisk)+"  second\n"))
	replaces := actions(testVolume, plancheck.ResourceActionDestroyBeforeCreate,
		plancheck.ExpectUnknownValue(testVolume, tfjsonpath.New("capacity")))
	updates := actions(testVolume, plancheck.ResourceActionUpdate)
	fetched := 0
	notFetched := func(*terraform.State) error {
		if now := server.Requests("second"); now != fetched {
			return fmt.Errorf("the source was asked for %d times, want %d", now, fetched)
		}
		return nil
	}
	acceptance(t,
		resource.TestStep{Config: sourced(first), ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionCreate,
			plancheck.ExpectUnknownValue(testVolume, tfjsonpath.New("capacity")))},
		resource.TestStep{Config: sourced(first, sum), ConfigPlanChecks: updates},
		resource.TestStep{Config: sourced(first, `capacity = "16MiB"`), ConfigPlanChecks: updates, Check: holdsDisk(t, "qcow2", 16<<20)},
		resource.TestStep{Config: sourced(archive, `archive_path = "disk.raw"`), ConfigPlanChecks: replaces, Check: holdsDisk(t, "qcow2", 8<<20)},
		resource.TestStep{Config: sourced(archive, `archive_path = "disk.qcow2"`), ConfigPlanChecks: replaces, ExpectError: says(`no file "disk.qcow2"`)},
		resource.TestStep{Config: sourced(second), Check: holdsDisk(t, "qcow2", 8<<20)},
		resource.TestStep{
			PreConfig: func() { fetched = server.Requests("second") },
			Config:    sourced(second, fmt.Sprintf("checksum = \"file:%s\"", list)), ConfigPlanChecks: updates, Check: notFetched,
		},
		resource.TestStep{Config: sourced(second, sum), ConfigPlanChecks: replaces},
		resource.TestStep{
			PreConfig: func() { fetched = server.Requests("second") },
			Config:    volume(`capacity = "8MiB"`), ConfigPlanChecks: updates, Check: notFetched,
		},
		resource.TestStep{ResourceName: testVolume, ImportState: true, ImportStateId: "acc/disk", ImportStateVerify: true},
		resource.TestStep{Config: sourced(second, sum), ConfigPlanChecks: updates, Check: notFetched},
	)
}

func TestAccVolumeSourceRefused(t *testing.T) {
	accPool(t)
	server := lab.NewServer(t)
	image := qcow2Disk(t)
	backed, dataFile := bytes.Clone(image), bytes.Clone(image)
	binary.BigEndian.PutUint64(backed[8:], 0x200)
	binary.BigEndian.PutUint64(dataFile[72:], 4)
	url := server.Serve("disk", rawDisk)
	var steps []resource.TestStep
	for _, test := range []struct {
		content  []byte
		fault    lab.Fault
		settings string
		error    []string
	}{
		{rawDisk, lab.Status(404), "", []string{"source =", "404 Not Found"}},
		{rawDisk, lab.CutAfter(5 << 20), `format = "raw"`, []string{"source =", "connection broke"}},
		{rawDisk, lab.CutAfter(5 << 20), "", []string{"source =", "connection broke"}},
		{rawDisk, lab.HTMLPage(), "", []string{"source =", "not a disk image", "web page"}},
		{nil, nil, "", []string{"source =", "not a disk image", "empty"}},
		{tarred(t, "disk.raw", rawDisk), nil, "", []string{"source =", "not a disk image: it is a tar archive", `first file is "README"`, "archive_path"}},
		{tarred(t, "disk.raw", rawDisk), nil, `archive_path = "disk"`, []string{"archive_path =", `no file "disk"`, `["README" "disk.raw"]`}},
		{packed(t, "gz", tarred(t, "disk.raw", rawDisk)), nil, "archive_path = \"disk.raw\"\n capacity = \"1MiB\"", []string{"source =", "8388608 bytes"}},
		{append(bytes.Clone(rawDisk), "conectix"+strings.Repeat("\x00", 504)...), nil, `format = "raw"`, []string{"source =", "a VHD image"}},
		{packed(t, "gz", rawDisk)[:4000], nil, "", []string{"source =", "gzip file is incomplete or damaged"}},
		{rawDisk, nil, `checksum = "sha256:` + sha256Of(image) + `"`, []string{"source =", "has the checksum", sha256Of(rawDisk)}},
		{rawDisk, nil, `checksum = "file:` + server.Serve("SUMS", []byte(sha256Of(image)+"  other\n")) + `"`, []string{"checksum =", "SUMS"}},
		{backed, nil, "", []string{"source =", "has a backing file"}},
		{packed(t, "gz", backed), nil, `format = "raw"`, []string{"source =", "has a backing file"}},
		{dataFile, nil, "", []string{"source =", "its data in another file"}},
		{[]byte("KDMV" + string(rawDisk)), nil, `format = "raw"`, []string{"source =", "VMDK", "qemu-img convert"}},
		{rawDisk, nil, `capacity = "1MiB"`, []string{"capacity =", "8388608 bytes", "1048576"}},
		{packed(t, "zst", rawDisk), nil, "format = \"raw\"\n capacity = \"1MiB\"", []string{"source =", "unpacks to more than"}},
		{image, nil, "format = \"raw\"\n capacity = \"1MiB\"", []string{"capacity =", "8388608 bytes", "1048576"}},
	} {
		var faults []lab.Fault
		if test.fault != nil {
			faults = append(faults, test.fault)
		}
		steps = append(steps, resource.TestStep{
			PreConfig: func() {
				expect(t, hostDir(t, "/srv/acc"))
				server.Serve("disk", test.content, faults...)
			},
			Config:      sourced(url, test.settings),
			ExpectError: says(append([]string{`Unable to create volume "acc/disk"`}, test.error...)...),
		})
	}
	steps = append(steps, resource.TestStep{
		PreConfig: func() {
			expect(t, hostDir(t, "/srv/acc"))
			server.Serve("disk", rawDisk)
		},
		Config: sourced(url), Check: holdsDisk(t, "qcow2", 8<<20),
	})
	acceptance(t, steps...)
}

// TestLifecycleVolumeSource lets each call fail in turn that makes a volume of a source, as it is and
// converted. The next apply makes it, whatever that has left.
func TestLifecycleVolumeSource(t *testing.T) {
	source := local(t, rawDisk[:1<<20])
	for _, format := range []string{"raw", "qcow2"} {
		config := fmt.Sprintf(`{"name": "disk", "source": %q, "format": %q, "capacity": "16MiB"}`, source, format)
		for _, method := range []string{"CreateVolume", "Volume", "Fill", "VolumeNames", "CloneVolume", "ResizeVolume", "DeleteVolume"} {
			if method == "CloneVolume" && format == "raw" {
				continue
			}
			t.Run(format+" "+method, func(t *testing.T) {
				// In a bubble, as it waits where a run seems to have been killed.
				synctest.Test(t, func(t *testing.T) { failsInTurn(t, newMemoryHost, "netboot_volume", method, config) })
			})
		}
	}
}

func TestAccVolumeDiskFull(t *testing.T) {
	accPool(t)
	host := lab.Shared(t)
	if _, err := host.Exec(t.Context(), "mount", "-t", "tmpfs", "-o", "size=4m", "none", "/srv/acc"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := host.Exec(context.Background(), "umount", "--lazy", "/srv/acc"); err != nil {
			t.Error(err)
		}
	})
	full := says(`Unable to create volume "acc/disk"`, "o space left")
	acceptance(t,
		resource.TestStep{Config: sourced(local(t, fillingDisk), `format = "raw"`), ExpectError: full},
		resource.TestStep{Config: sourced(local(t, fillingDisk)), ExpectError: full},
		resource.TestStep{Config: sourced(local(t, qcow2Disk(t))), Check: virshPrints(t, "vol-list acc", "disk", "not netboot-part")},
	)
}

func TestAccVolumeLayout(t *testing.T) {
	accPool(t)
	layout := "capacity = \"8MiB\"\n cluster_size = \"128KiB\"\n compat = \"1.1\"\n preallocation = \"metadata\"\n owner = 64055\n group = 107\n mode = \"0640\"\n"
	steps := []resource.TestStep{{
		Config: volume(layout),
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue(testVolume, tfjsonpath.New("cluster_size_bytes"), knownvalue.Int64Exact(128<<10)),
		},
		Check: virshPrints(t, "vol-dumpxml --pool acc disk", "<mode>0640</mode>", "<owner>64055</owner>", "<group>107</group>", "<compat>1.1</compat>", "<clusterSize unit='B'>131072</clusterSize>"),
	}}
	steps = append(steps, imports(testVolume, "acc/disk")...)
	replaces := actions(testVolume, plancheck.ResourceActionDestroyBeforeCreate)
	steps = append(steps,
		resource.TestStep{Config: volume(strings.Replace(layout, "128KiB", "131072", 1)), ConfigPlanChecks: noChange},
		resource.TestStep{Config: volume(strings.Replace(layout, "0640", "640", 1)), ConfigPlanChecks: noChange},
		resource.TestStep{
			PreConfig: func() { chmodHost(t, "/srv/acc/disk", 0o600) },
			Config:    volume(layout), PlanOnly: true,
			ExpectError: says(`Unable to change the mode of volume "acc/disk"`, "mode =", "It is 0600, and the plan is 0640", "chmod 0640 /srv/acc/disk"),
		},
		resource.TestStep{
			PreConfig: func() { chmodHost(t, "/srv/acc/disk", 0o640) },
			Config:    volume(layout), ConfigPlanChecks: noChange,
		},
		resource.TestStep{
			Config: volume(strings.Replace(layout, "64055", "0", 1)), PlanOnly: true,
			ExpectError: says(`Unable to change the owner of volume "acc/disk"`, "owner =", "chown 0 /srv/acc/disk"),
		},
		resource.TestStep{
			// As while a guest runs from it.
			PreConfig: func() {
				if err := os.Chown(inSrv(t, "/srv/acc/disk"), 0, 0); err != nil {
					t.Fatal(err)
				}
			},
			Config: volume(layout), ConfigPlanChecks: noChange,
		},
		resource.TestStep{
			Config:           volume(strings.Replace(layout, "64055", "0", 1)),
			ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionUpdate),
		},
		resource.TestStep{Config: volume(strings.NewReplacer("64055", "0", "107", "0").Replace(layout)), ConfigPlanChecks: actions(testVolume, plancheck.ResourceActionUpdate)},
		resource.TestStep{Config: volume(strings.Replace(layout, "128KiB", "2MiB", 1)), ConfigPlanChecks: replaces},
		resource.TestStep{Config: volume("capacity = \"8MiB\"\n compat = \"0.10\""), ConfigPlanChecks: replaces, Check: virshPrints(t, "vol-dumpxml --pool acc disk", "<compat>0.10</compat>")},
		resource.TestStep{
			Config: volume("capacity = \"8MiB\"\n format = \"raw\"\n preallocation = \"falloc\""), ConfigPlanChecks: replaces,
			Check: resource.TestCheckResourceAttr(testVolume, "allocation_bytes", "8388608"),
		},
	)
	steps = append(steps, imports(testVolume, "acc/disk")...)
	acceptance(t, steps...)
}
