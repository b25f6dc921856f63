package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

const (
	oldRoot = "an old root file system"
	newRoot = "a new root file system"
)

// rootPath is the path of the further file root.squashfs with this content.
func rootPath(content string) string {
	return "/srv/boot/acc-root-" + sha256Of([]byte(content))[:12] + ".squashfs"
}

// TestAccImageFiles publishes further files, changes them, loses one and imports them.
func TestAccImageFiles(t *testing.T) {
	server := lab.NewServer(t)
	kernel, squashfs := local(t, oldKernel), local(t, []byte(oldRoot))
	iso := server.Serve("medium.iso", []byte("an ISO image"))
	with := func(files string) string {
		return bootImage(fmt.Sprintf("kernel = { source = %q }\n files = { %s }", kernel, files))
	}
	one := with(fmt.Sprintf(`"root.squashfs" = { source = %q }`, squashfs))
	two := with(fmt.Sprintf(`"root.squashfs" = { source = %q }, medium = { source = %q }`, squashfs, iso))
	has := func(files ...string) resource.TestCheckFunc {
		names := []string{"pxelinux.cfg", filepath.Base(bootPath("kernel", oldKernel))}
		for _, file := range files {
			names = append(names, filepath.Base(file))
		}
		return hostDir(t, "/srv/boot", names...)
	}
	known := func(content string) plancheck.PlanCheck {
		return plancheck.ExpectKnownValue(testImage, tfjsonpath.New("files").AtMapKey("root.squashfs"), knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"path":       knownvalue.StringExact(filepath.Base(rootPath(content))),
			"sha256":     knownvalue.StringExact(sha256Of([]byte(content))),
			"size_bytes": knownvalue.Int64Exact(int64(len(content))),
		}))
	}
	medium := "/srv/boot/acc-medium-" + sha256Of([]byte("an ISO image"))[:12]
	refused := func(files string, texts ...string) resource.TestStep {
		return resource.TestStep{Config: with(files), PlanOnly: true, ExpectError: says(texts...)}
	}
	acceptance(t,
		resource.TestStep{
			Config: one, ConfigPlanChecks: actions(testImage, plancheck.ResourceActionCreate, known(oldRoot)),
			Check: resource.ComposeTestCheckFunc(has(rootPath(oldRoot)), hostFile(t, rootPath(oldRoot), []byte(oldRoot))),
		},
		resource.TestStep{Config: two, ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate, known(oldRoot)), Check: has(rootPath(oldRoot), medium)},
		resource.TestStep{
			ResourceName: testImage, ImportState: true, ImportStateId: "srv-boot/acc", ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"kernel.source", "files.root.squashfs.source", "files.medium.source"},
			PreConfig:               func() { writeHostFile(t, "/srv/boot/acc-theirs-0123456789ab.img", []byte("of another program")) },
		},
		resource.TestStep{
			PreConfig: func() {
				removeHostFile(t, "/srv/boot/acc-theirs-0123456789ab.img")
				removeHostFile(t, rootPath(oldRoot))
			},
			Config:           two,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate, known(oldRoot)),
			Check:            has(rootPath(oldRoot), medium),
		},
		resource.TestStep{
			PreConfig:        func() { rewrite(t, squashfs, []byte(newRoot)) },
			Config:           one,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate, known(newRoot)),
			Check:            has(rootPath(newRoot)),
		},
		resource.TestStep{
			// A failed apply leaves what was there.
			PreConfig:   func() { server.Serve("medium.iso", nil, lab.Status(404)) },
			Config:      two,
			ExpectError: says(`Unable to update image "srv-boot/acc"`, `files["medium"].source`, "404 Not Found"),
		},
		resource.TestStep{Config: one, ConfigPlanChecks: noChange, Check: has(rootPath(newRoot))},
		refused(`"a-b" = { source = "x" }`, "Invalid name", `"a-b" is not the name of a file, such as root.squashfs`),
		refused(`"kernel.img" = { source = "x" }`, "Invalid name", `"kernel" is the name of the attribute for this file`),
		refused(`a = { source = "/nowhere" }`, `files["a"].source`, "no such file"),
		resource.TestStep{
			Config: from(kernel), ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check: func(s *terraform.State) error {
				err := has()(s)
				writeHostFile(t, "/srv/boot/acc-medium-0a1b2c3d.part", []byte("of a run that was killed")) // the destroy removes it
				return err
			},
		},
	)
}

// TestAccImageFilesInUse replaces a further file whose URL is in a command line. The old file stays until the command line names the
// new one, because a guest that is just starting loads it later.
func TestAccImageFilesInUse(t *testing.T) {
	squashfs := local(t, []byte(oldRoot))
	config := bootImage(fmt.Sprintf("kernel = { source = %q }\n files = { \"root.squashfs\" = { source = %q } }", local(t, oldKernel), squashfs)) + `
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.test.id
  entries   = [{ label = "live", kernel = netboot_image.test.kernel.path, append = ["boot=live", "fetch=tftp:///${netboot_image.test.files["root.squashfs"].path}"] }]
}
`
	c := newCLI(t, lab.Shared(t).URI, config)
	c.must("apply", "-auto-approve")
	rewrite(t, squashfs, []byte(newRoot))
	c.must("apply", "-auto-approve", "-target=netboot_image.test")
	files := func(roots ...string) {
		t.Helper()
		names := []string{"pxelinux.cfg", filepath.Base(bootPath("kernel", oldKernel))}
		for _, root := range roots {
			names = append(names, filepath.Base(rootPath(root)))
		}
		expect(t, hostDir(t, "/srv/boot", names...))
	}
	files(oldRoot, newRoot)
	c.must("apply", "-auto-approve")
	c.must("apply", "-auto-approve") // the first run did not know the old file any more
	files(newRoot)
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}

// TestAccImageFTP publishes a kernel from an FTP server.
func TestAccImageFTP(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kernel"), oldKernel, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	url := lab.FTPServer(t, dir)
	acceptance(t,
		resource.TestStep{Config: from(url + "/none"), ExpectError: says("In kernel.source:", url+"/none", "550")},
		resource.TestStep{Config: from(url + "/kernel"), Check: boots(t, oldKernel)},
		resource.TestStep{Config: from(url + "/kernel"), ConfigPlanChecks: noChange},
	)
}

// TestAccImageParts publishes an initrd of several parts.
func TestAccImageParts(t *testing.T) {
	server := lab.NewServer(t)
	kernel, first := local(t, oldKernel), local(t, anInitrd)
	second := []byte("\x1f\x8b a packed archive")
	url := server.Serve("rootfs", second)
	with := func(initrd string) string {
		return bootImage(fmt.Sprintf("kernel = { source = %q }\n initrd = { %s }", kernel, initrd))
	}
	parts := func(checksum string) string {
		return with(fmt.Sprintf("parts = [{ source = %q }, { source = %q, checksum = %q }]", first, url, checksum))
	}
	right := parts("sha256:" + sha256Of(second))
	joined := func(first, second []byte) []byte {
		gap := make([]byte, 4+(4-len(first)%4)%4)
		return append(append(append([]byte{}, first...), gap...), second...)
	}
	changed := []byte("07070100000000changed")
	acceptance(t,
		resource.TestStep{Config: parts("sha256:" + sha256Of(anInitrd)), ExpectError: says(`Unable to create image "srv-boot/acc"`, "initrd.parts", url, "has the checksum")},
		resource.TestStep{
			Config: right,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionCreate,
				plancheck.ExpectUnknownValue(testImage, tfjsonpath.New("initrd").AtMapKey("path"))),
			Check: boots(t, oldKernel, joined(anInitrd, second)),
		},
		resource.TestStep{Config: right, ConfigPlanChecks: noChange},
		resource.TestStep{
			PreConfig:        func() { rewrite(t, first, changed) },
			Config:           right,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check:            boots(t, oldKernel, joined(changed, second)),
		},
		resource.TestStep{
			Config:      with(fmt.Sprintf("parts = [{ source = %q }, { source = %q }]", first, local(t, []byte("hsqs a file system")))),
			ExpectError: says("initrd.parts", "part 2", `nothing can be added to an initrd that begins with "hsqs a"`),
		},
		resource.TestStep{Config: with(`parts = [{ source = "a" }], source = "b"`), PlanOnly: true, ExpectError: says("specified when one (and only one) of [initrd.source.<.parts]")},
		resource.TestStep{Config: with(`parts = [{ source = "a" }], checksum = "sha256:x"`), PlanOnly: true, ExpectError: says("initrd.parts")},
		resource.TestStep{Config: with(`file_name = "x"`), PlanOnly: true, ExpectError: says("initrd.source", "parts", "required")},
		resource.TestStep{
			Config:           with(fmt.Sprintf("parts = [{ source = %q }]", first)),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check:            boots(t, oldKernel, changed),
		},
	)
}

// TestLifecycleImageFilesAtOnce holds that a further file, which can be large, is written only once, but only under a name that is known, new, and
// in no boot configuration: a guest could otherwise load a part of it.
func TestLifecycleImageFilesAtOnce(t *testing.T) {
	kernel, root := local(t, oldKernel), local(t, []byte(oldRoot))
	server := lab.NewServer(t)
	config := func(file string) string {
		return fmt.Sprintf(`{"tftp_root": "srv-boot", "name": "acc", "kernel": {"source": %q}, "files": {"root.squashfs": {%s}}}`, kernel, file)
	}
	fromPath := fmt.Sprintf(`"source": %q`, root)
	fromWeb := fmt.Sprintf(`"source": %q`, server.Serve("root", []byte(oldRoot)))
	withSum := fromWeb + fmt.Sprintf(`, "checksum": "sha256:%s"`, sha256Of([]byte(oldRoot)))
	names := fmt.Sprintf(`{"tftp_root": "srv-boot", "content": "default a\nlabel a\nkernel k\ninitrd i\nappend boot=live fetch=tftp:///%s\n"}`, filepath.Base(rootPath(oldRoot)))
	for what, test := range map[string]struct {
		file       string
		named      bool
		fileCopies int
	}{
		"a local path":                   {fromPath, false, 0},
		"a checksum":                     {withSum, false, 0},
		"no checksum":                    {fromWeb, false, 1},
		"a configuration names the file": {withSum, true, 1},
	} {
		t.Run(what, func(t *testing.T) {
			h := newMemoryHost(t)
			newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/boot"}`)
			if test.named {
				newCore(t, h, "netboot_pxelinux_config").must(names)
			}
			c := newCore(t, h, "netboot_image")
			c.must(config(test.file))
			c.mustBeDone(config(test.file))
			if copies := h.Calls("CloneVolume") - 1; copies != test.fileCopies { // one is of the kernel
				t.Errorf("%d copies of the file, want %d", copies, test.fileCopies)
			}
			destroys(t, c)
		})
	}
}
