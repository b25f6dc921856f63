package provider

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

const testImage = "netboot_image.test"

// bootImage is a configuration with an image "acc" of these attributes, in a TFTP root at /srv/boot.
func bootImage(attributes string) string {
	return root(`path = "/srv/boot"`) + fmt.Sprintf(`
resource "netboot_image" "test" {
  tftp_root = netboot_tftp_root.test.id
  name      = "acc"
  %s
}
`, attributes)
}

// from is an image of the kernel at this source, with more attributes of the kernel.
func from(source string, more ...string) string {
	return bootImage(fmt.Sprintf("kernel = {\n source = %q\n %s\n}", source, strings.Join(more, "\n")))
}

// bootFile is content that passes for a kernel: of size bytes, all of them differing with the text,
// with the mark that tells an s390x kernel. Sizes are odd, so that nothing may round them.
func bootFile(text string, size int) []byte {
	content := bytes.Repeat([]byte(text+"\x00"), size/len(text)+1)[:size]
	copy(content[0x10008:], "S390EP")
	return content
}

var (
	oldKernel = bootFile("old kernel", 70001)
	newKernel = bootFile("new kernel", 80003)
	anInitrd  = []byte("07070100000000initrd")
)

func sha256Of(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// bootPath is the path of a file under the name that carries its content.
func bootPath(kind string, content []byte) string {
	return "/srv/boot/acc-" + kind + "-" + sha256Of(content)[:12]
}

// boots checks that the TFTP root holds these files of the image and nothing else.
func boots(t *testing.T, kernel []byte, initrd ...[]byte) resource.TestCheckFunc {
	names := []string{"pxelinux.cfg", filepath.Base(bootPath("kernel", kernel))}
	checks := []resource.TestCheckFunc{
		hostFile(t, bootPath("kernel", kernel), kernel),
		resource.TestCheckResourceAttr(testImage, "kernel.path", names[1]),
		resource.TestCheckResourceAttr(testImage, "kernel.sha256", sha256Of(kernel)),
		resource.TestCheckResourceAttr(testImage, "kernel.size_bytes", fmt.Sprint(len(kernel))),
	}
	for _, content := range initrd {
		names = append(names, filepath.Base(bootPath("initrd", content)))
		checks = append(checks, hostFile(t, bootPath("initrd", content), content),
			resource.TestCheckResourceAttr(testImage, "initrd.path", names[2]))
	}
	return resource.ComposeTestCheckFunc(append(checks, hostDir(t, "/srv/boot", names...))...)
}

// local writes a file on the machine that runs Terraform.
func local(t *testing.T, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	rewrite(t, path, content)
	return path
}

func rewrite(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAccImageLocal(t *testing.T) {
	kernel, initrd := local(t, oldKernel), local(t, anInitrd)
	config := bootImage(fmt.Sprintf("kernel = { source = %q }\n initrd = { source = %q }", kernel, initrd))
	known := func(kind string, content []byte) plancheck.PlanCheck {
		return plancheck.ExpectKnownValue(testImage, tfjsonpath.New(kind), knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"path":       knownvalue.StringExact(filepath.Base(bootPath(kind, content))),
			"sha256":     knownvalue.StringExact(sha256Of(content)),
			"size_bytes": knownvalue.Int64Exact(int64(len(content))),
		}))
	}
	acceptance(t,
		resource.TestStep{
			Config:           config,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionCreate, known("kernel", oldKernel), known("initrd", anInitrd)),
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentity(testImage, map[string]knownvalue.Check{
				"host":      knownvalue.Null(),
				"tftp_root": knownvalue.StringExact("srv-boot"), "name": knownvalue.StringExact("acc"),
			})},
			Check: resource.ComposeTestCheckFunc(resource.TestCheckResourceAttr(testImage, "id", "srv-boot/acc"), boots(t, oldKernel, anInitrd)),
		},
		resource.TestStep{
			// A file that was only touched is the same file.
			PreConfig: func() {
				now := time.Now()
				if err := os.Chtimes(inSrv(t, bootPath("kernel", oldKernel)), now, now); err != nil {
					t.Fatal(err)
				}
			},
			Config: config, ConfigPlanChecks: noChange,
		},
		resource.TestStep{
			PreConfig:        func() { rewrite(t, kernel, newKernel) },
			Config:           config,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate, known("kernel", newKernel), known("initrd", anInitrd)),
			Check:            boots(t, newKernel, anInitrd),
		},
		resource.TestStep{
			Config:           from(kernel),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check:            boots(t, newKernel),
		},
	)
}

func TestAccImageWeb(t *testing.T) {
	server := lab.NewServer(t)
	kernel := server.Serve("kernel", oldKernel, lab.First(2, lab.Status(503)), lab.NoLength())
	initrd := server.Serve("initrd", anInitrd)
	config := func(more string) string {
		return bootImage(fmt.Sprintf("kernel = {\n source = %q\n %s\n}\n initrd = { source = %q }", kernel, more, initrd))
	}
	asked := func(kernels, initrds int) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if k, i := server.Requests("kernel"), server.Requests("initrd"); k != kernels || i != initrds {
				return fmt.Errorf("the server was asked %d times for the kernel and %d times for the initrd, want %d and %d", k, i, kernels, initrds)
			}
			return nil
		}
	}
	acceptance(t,
		resource.TestStep{
			Config:           config(""),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionCreate, plancheck.ExpectUnknownValue(testImage, tfjsonpath.New("kernel").AtMapKey("path"))),
			Check:            resource.ComposeTestCheckFunc(boots(t, oldKernel, anInitrd), asked(3, 1)),
		},
		resource.TestStep{
			// What the checksum tells to be there is not fetched.
			Config:           config(fmt.Sprintf(`checksum = "sha256:%s"`, strings.ToUpper(sha256Of(oldKernel)))),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check:            resource.ComposeTestCheckFunc(boots(t, oldKernel, anInitrd), asked(3, 1)),
		},
		resource.TestStep{
			PreConfig:        func() { server.Serve("kernel", newKernel) },
			Config:           config(fmt.Sprintf(`checksum = "sha512:%x"`, sha512.Sum512(newKernel))),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check:            resource.ComposeTestCheckFunc(boots(t, newKernel, anInitrd), asked(4, 1)),
		},
		resource.TestStep{
			// The server has another version, which nobody asks for.
			PreConfig: func() { server.Serve("kernel", oldKernel) },
			Config:    config(fmt.Sprintf(`checksum = "sha512:%x"`, sha512.Sum512(newKernel))), ConfigPlanChecks: noChange,
			Check: asked(4, 1),
		},
	)
}

func TestAccImageDrift(t *testing.T) {
	server := lab.NewServer(t)
	kernel, initrd := local(t, oldKernel), server.Serve("initrd", anInitrd)
	config := bootImage(fmt.Sprintf("kernel = { source = %q }\n initrd = { source = %q }", kernel, initrd))
	file := bootPath("kernel", oldKernel)
	mended := func(action plancheck.ResourceActionType, behindItsBack func()) resource.TestStep {
		return resource.TestStep{
			PreConfig: behindItsBack, Config: config,
			ConfigPlanChecks: actions(testImage, action), Check: boots(t, oldKernel, anInitrd),
		}
	}
	acceptance(t,
		resource.TestStep{Config: config},
		mended(plancheck.ResourceActionUpdate, func() { removeHostFile(t, file) }),
		mended(plancheck.ResourceActionUpdate, func() { removeHostFile(t, bootPath("initrd", anInitrd)) }),
		mended(plancheck.ResourceActionUpdate, func() {
			if err := os.Truncate(inSrv(t, file), 1000); err != nil {
				t.Fatal(err)
			}
		}),
		mended(plancheck.ResourceActionUpdate, func() { writeHostFile(t, file, bootFile("bad kernel", len(oldKernel))) }),
		mended(plancheck.ResourceActionUpdate, func() { virsh(t, "vol-delete", "--pool", "srv-boot", filepath.Base(file)) }),
		mended(plancheck.ResourceActionUpdate, func() { chmodHost(t, file, 0o600) }),
		mended(plancheck.ResourceActionUpdate, func() {
			chmodHost(t, file, 0o640)
			chmodHost(t, bootPath("initrd", anInitrd), 0)
		}),
		mended(plancheck.ResourceActionCreate, func() {
			removeHostFile(t, file)
			removeHostFile(t, bootPath("initrd", anInitrd))
		}),
		// The pool is another resource's; its files are as they were.
		mended(plancheck.ResourceActionNoop, func() { virsh(t, "pool-destroy", "srv-boot") }),
		mended(plancheck.ResourceActionCreate, func() {
			virsh(t, "pool-destroy", "srv-boot")
			virsh(t, "pool-undefine", "srv-boot")
		}),
	)
}

// TestAccImageUnreadable has a file that guests cannot read under a name that the user chose, where
// others may have files too, and one that is being imported.
func TestAccImageUnreadable(t *testing.T) {
	const file = "/srv/boot/kernel.img"
	kernel := local(t, oldKernel)
	config := from(kernel, `file_name = "kernel.img"`)
	given := func(path string) func() {
		return func() {
			writeHostFile(t, path, oldKernel)
			chmodHost(t, path, 0o600)
		}
	}
	acceptance(t,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig: func() { chmodHost(t, file, 0o600) },
			Config:    config, ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate), Check: hostFile(t, file, oldKernel),
		},
		resource.TestStep{
			PreConfig: func() { chmodHost(t, file, 0o600) },
			Config:    root(`path = "/srv/boot"`), Check: hostDir(t, "/srv/boot", "pxelinux.cfg"),
		},
		resource.TestStep{
			PreConfig: given(file),
			Config:    config, ExpectError: says(`Unable to create image "srv-boot/acc"`, `a file "kernel.img"`, "a mode that does not let guests read it"),
		},
		resource.TestStep{
			PreConfig: func() {
				expect(t, hostMode(t, file, 0o600))
				removeHostFile(t, file)
				given(bootPath("kernel", oldKernel))()
			},
			Config: from(kernel) + `
import {
  to = netboot_image.test
  id = "srv-boot/acc"
}`,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate), Check: boots(t, oldKernel),
		},
	)
}

// TestAccImageChangedAtItsSource holds that the repair of a file takes what the source gives by now.
func TestAccImageChangedAtItsSource(t *testing.T) {
	server := lab.NewServer(t)
	url := server.Serve("kernel", oldKernel)
	acceptance(t,
		resource.TestStep{Config: from(url)},
		resource.TestStep{
			PreConfig: func() {
				server.Serve("kernel", newKernel)
				writeHostFile(t, bootPath("kernel", oldKernel), []byte("damaged"))
			},
			Config:           from(url),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check:            boots(t, newKernel),
		},
	)
}

func TestAccImageImport(t *testing.T) {
	server := lab.NewServer(t)
	kernel, initrd := server.Serve("kernel", oldKernel), local(t, anInitrd)
	config := bootImage(fmt.Sprintf("kernel = { source = %q }\n initrd = { source = %q }", kernel, initrd))
	forget := "\nremoved {\n from = netboot_image.test\n lifecycle { destroy = false }\n}\n"
	imported := func(by string) resource.TestStep {
		return resource.TestStep{
			Config: config + "import {\n to = netboot_image.test\n " + by + "\n}\n",
			// What the host cannot know is where the files came from: the plan reads the sources.
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionNoop),
			Check:            boots(t, oldKernel, anInitrd),
		}
	}
	wrong := func(id string, texts ...string) resource.TestStep {
		return resource.TestStep{ResourceName: testImage, ImportState: true, ImportStateId: id, ExpectError: says(texts...)}
	}
	acceptance(t,
		resource.TestStep{Config: config},
		resource.TestStep{
			ResourceName: testImage, ImportState: true, ImportStateId: "srv-boot/acc", ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"kernel.source", "initrd.source"},
		},
		wrong("srv-boot/nobody", "Cannot import non-existent remote object"),
		wrong("nobody/acc", "Cannot import non-existent remote object"),
		wrong("acc", "Invalid import id", `"acc" is not of the form tftp_root/name`),
		wrong("/acc", "Invalid import id"),
		resource.TestStep{Config: root(`path = "/srv/boot"`) + forget},
		imported(`id = "srv-boot/acc"`),
		resource.TestStep{Config: root(`path = "/srv/boot"`) + forget},
		imported(`identity = { tftp_root = "srv-boot", name = "acc" }`),
		resource.TestStep{
			PreConfig:    func() { writeHostFile(t, "/srv/boot/acc-kernel-000000000000", nil) },
			ResourceName: testImage, ImportState: true, ImportStateId: "srv-boot/acc",
			ExpectError: says("more than one kernel with that name", "acc-kernel-000000000000"),
		},
		resource.TestStep{
			PreConfig: func() {
				removeHostFile(t, "/srv/boot/acc-kernel-000000000000")
				server.Serve("kernel", newKernel)
			},
			Config:           config,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check:            boots(t, newKernel, anInitrd),
		},
	)
}

// A local file is needed until it is published; who has removed it since can still plan and destroy.
func TestAccImageSourceGone(t *testing.T) {
	kernel := local(t, oldKernel)
	acceptance(t,
		resource.TestStep{Config: from(kernel), Check: boots(t, oldKernel)},
		resource.TestStep{
			PreConfig: func() {
				if err := os.Remove(kernel); err != nil {
					t.Fatal(err)
				}
			},
			Config:           from(kernel),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionNoop),
			Check:            boots(t, oldKernel),
		},
	)
}

// TestAccImageTainted holds that a tainted image takes its files along: Terraform hands over no private
// state for it.
func TestAccImageTainted(t *testing.T) {
	acceptance(t,
		resource.TestStep{Config: from(local(t, oldKernel)), Check: boots(t, oldKernel)},
		resource.TestStep{
			Taint: []string{testImage}, Config: from(local(t, newKernel)),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionDestroyBeforeCreate),
			Check:            boots(t, newKernel),
		},
	)
}

func TestAccImageCreateBeforeDestroy(t *testing.T) {
	config := func(name string, content []byte) string {
		return strings.Replace(from(local(t, content)), `"acc"`, fmt.Sprintf("%q\n lifecycle { create_before_destroy = true }", name), 1)
	}
	same := config("acc", oldKernel)
	acceptance(t,
		resource.TestStep{Config: same, Check: boots(t, oldKernel)},
		resource.TestStep{
			Taint: []string{testImage}, Config: same,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionCreateBeforeDestroy),
			Check:            boots(t, oldKernel),
		},
		resource.TestStep{
			Config:           config("acc2", newKernel),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionCreateBeforeDestroy),
			Check:            hostDir(t, "/srv/boot", "pxelinux.cfg", "acc2-kernel-"+sha256Of(newKernel)[:12]),
		},
	)
}

// TestAccImageSameContent holds that images of the same content are apart, and that content which is
// there is not sent again.
func TestAccImageSameContent(t *testing.T) {
	kernel := local(t, oldKernel)
	other := strings.NewReplacer(`"netboot_image" "test"`, `"netboot_image" "other"`, `"acc"`, `"other"`).Replace(from(kernel))
	other = other[strings.Index(other, `resource "netboot_image"`):]
	var before os.FileInfo
	untouched := func(*terraform.State) error {
		if now := statHostFile(t, bootPath("kernel", oldKernel)); !now.ModTime().Equal(before.ModTime()) || !os.SameFile(now, before) {
			return fmt.Errorf("the file was written again")
		}
		return nil
	}
	acceptance(t,
		resource.TestStep{Config: from(kernel) + other, Check: hostFile(t, "/srv/boot/other-kernel-"+sha256Of(oldKernel)[:12], oldKernel)},
		resource.TestStep{Config: from(kernel), Check: boots(t, oldKernel)},
		resource.TestStep{
			PreConfig: func() { before = statHostFile(t, bootPath("kernel", oldKernel)) },
			Config:    from(local(t, oldKernel)), ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate), Check: untouched,
		},
	)
}

func TestAccImageFileName(t *testing.T) {
	const named = `file_name = "vmlinuz"`
	kernel := local(t, oldKernel)
	holds := func(content []byte) resource.TestCheckFunc {
		return resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(testImage, "kernel.path", "vmlinuz"),
			hostFile(t, "/srv/boot/vmlinuz", content), hostDir(t, "/srv/boot", "pxelinux.cfg", "vmlinuz"),
		)
	}
	acceptance(t,
		resource.TestStep{Config: from(kernel, named), Check: holds(oldKernel)},
		resource.TestStep{
			PreConfig: func() { rewrite(t, kernel, newKernel) },
			Config:    from(kernel, named), ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate), Check: holds(newKernel),
		},
		resource.TestStep{Config: from(kernel), ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate), Check: boots(t, newKernel)},
		resource.TestStep{
			// Somebody else's file is neither adopted nor overwritten.
			PreConfig:   func() { writeHostFile(t, "/srv/boot/vmlinuz", []byte("theirs")) },
			Config:      from(kernel, named),
			ExpectError: says(`Unable to update image "srv-boot/acc"`, "In kernel.file_name:", `"vmlinuz" already exists under the TFTP root`, "choose another file_name"),
		},
		resource.TestStep{
			PreConfig: func() {
				expect(t, hostFile(t, "/srv/boot/vmlinuz", []byte("theirs")))
				removeHostFile(t, "/srv/boot/vmlinuz")
			},
			Config: from(kernel, named), Check: holds(newKernel),
		},
	)
}

func TestAccImageUnknown(t *testing.T) {
	kernel := local(t, oldKernel)
	later := func(value string) string {
		return fmt.Sprintf("resource \"terraform_data\" \"later\" { input = %q }\n", value)
	}
	source := later(kernel) + bootImage("kernel = { source = terraform_data.later.output }")
	name := func(name string) string {
		return later(name) + strings.Replace(from(kernel), `"acc"`, "terraform_data.later.output", 1)
	}
	unknown := plancheck.ExpectUnknownValue(testImage, tfjsonpath.New("kernel").AtMapKey("path"))
	acceptance(t,
		resource.TestStep{Config: source, ConfigPlanChecks: actions(testImage, plancheck.ResourceActionCreate, unknown), Check: boots(t, oldKernel)},
		resource.TestStep{
			Config:           name("acc3"),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionDestroyBeforeCreate, unknown, plancheck.ExpectUnknownValue(testImage, tfjsonpath.New("id"))),
			Check:            hostDir(t, "/srv/boot", "pxelinux.cfg", "acc3-kernel-"+sha256Of(oldKernel)[:12]),
		},
	)
}

// TestAccImageOldFiles replaces a kernel that pxelinux configurations and guests name. The old file stays until nothing names it.
func TestAccImageOldFiles(t *testing.T) {
	const configOfOthers = "/srv/boot/pxelinux.cfg/01-52-54-00-aa-bb-cc"
	before, after := writeFile(t, string(oldKernel)), writeFile(t, string(newKernel))
	config := func(kernel string) string {
		return from(kernel) + `
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.test.id
  entries   = [{ label = "linux", kernel = netboot_image.test.kernel.path, initrd = "i" }]
}
resource "netboot_domain" "test" {
  name       = "acc"
  memory     = "256MiB"
  running    = false
  interfaces = []
  kernel     = { image = netboot_image.test.id }
}
`
	}
	c := newCLI(t, lab.Shared(t).URI, config(before))
	has := func(kernels ...[]byte) {
		t.Helper()
		names := []string{"pxelinux.cfg"}
		for _, kernel := range kernels {
			names = append(names, filepath.Base(bootPath("kernel", kernel)))
		}
		if err := hostDir(t, "/srv/boot", names...)(nil); err != nil {
			t.Error(err)
		}
	}
	applies := func(kernel string, args ...string) {
		t.Helper()
		c.write("main.tf", onHost(lab.Shared(t).URI)+config(kernel))
		c.must(append([]string{"apply", "-auto-approve"}, args...)...)
	}
	applies(before)
	has(oldKernel)
	applies(after, "-target=netboot_image.test")
	has(oldKernel, newKernel)
	applies(after, "-target=netboot_pxelinux_config.test")
	has(oldKernel, newKernel) // which the guest still names
	applies(after)
	c.mustFail([]string{"plan", "-detailed-exitcode"}, `Old files of image "srv-boot/acc" are left`) // as that run did not know them
	c.must("apply", "-auto-approve")
	has(newKernel)
	c.must("plan", "-detailed-exitcode")

	applies(before)
	has(oldKernel)
	writeHostFile(t, configOfOthers, []byte("label a\n  kernel "+filepath.Base(bootPath("kernel", oldKernel))+"\n  initrd i\n  append x\n"))
	applies(after)
	has(oldKernel, newKernel)
	c.must("plan", "-detailed-exitcode")
	if err := os.Remove(inSrv(t, configOfOthers)); err != nil {
		t.Fatal(err)
	}
	c.mustFail([]string{"plan", "-detailed-exitcode"}, `Old files of image "srv-boot/acc" are left`, filepath.Base(bootPath("kernel", oldKernel)))
	c.must("apply", "-auto-approve")
	has(newKernel)
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}
