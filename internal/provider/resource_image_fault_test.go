package provider

import (
	"context"
	"crypto/sha512"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// nothingPublished checks that a TFTP root is as good as new, for libvirt and on the disk.
func nothingPublished(t *testing.T) func() {
	return func() {
		expect(t, hostDir(t, "/srv/boot", "pxelinux.cfg"))
		virsh(t, "pool-refresh", "srv-boot")
		if volumes := virsh(t, "vol-list", "srv-boot"); strings.Contains(volumes, "acc-") {
			t.Errorf("libvirt lists %s", volumes)
		}
	}
}

// TestAccImageRefused holds that of a file which is not what it should be nothing reaches the host,
// and that the next apply works once it is.
func TestAccImageRefused(t *testing.T) {
	server := lab.NewServer(t)
	url := server.Serve("kernel", oldKernel)
	var steps []resource.TestStep
	for _, test := range []struct {
		content  []byte
		fault    lab.Fault
		checksum string
		error    []string
	}{
		{oldKernel, lab.Status(404), "", []string{`"404 Not Found"`, "check the URL"}},
		{bootFile("long", 3<<20), lab.CutAfter(2 << 20), "", []string{"connection broke after 2097152 of 3145728 bytes"}},
		{oldKernel, lab.HTMLPage(), "", []string{"not an s390x kernel", "web page"}},
		{[]byte("\x7fELF" + strings.Repeat("x", 80000)), nil, "", []string{"not an s390x kernel", "ELF"}},
		{oldKernel[:66000], nil, "", []string{"not an s390x kernel", "only 66000 bytes"}},
		{newKernel, nil, "sha256:" + sha256Of(oldKernel), []string{"has the checksum", "sha256:" + sha256Of(newKernel), "not", "sha256:" + sha256Of(oldKernel)}},
		{newKernel, nil, fmt.Sprintf("sha512:%x", sha512.Sum512(oldKernel)), []string{"has the checksum", fmt.Sprintf("%x", sha512.Sum512(newKernel))}},
	} {
		faults := []lab.Fault{}
		if test.fault != nil {
			faults = append(faults, test.fault)
		}
		checksum := ""
		if test.checksum != "" {
			checksum = fmt.Sprintf("checksum = %q", test.checksum)
		}
		steps = append(steps, resource.TestStep{
			PreConfig:   func() { server.Serve("kernel", test.content, faults...) },
			Config:      from(url, checksum),
			ExpectError: says(append([]string{`Unable to create image "srv-boot/acc"`, "In kernel.source:", url}, test.error...)...),
		})
	}
	good := resource.TestStep{
		PreConfig: func() {
			nothingPublished(t)()
			server.Serve("kernel", oldKernel)
		},
		Config: from(url), Check: boots(t, oldKernel),
	}
	// When one of two files is refused, the other one does not stay either; what was there does.
	pair := resource.TestStep{
		Config:      bootImage(fmt.Sprintf("kernel = { source = %q }\n initrd = { source = %q }", local(t, newKernel), server.Serve("none", nil, lab.Status(404)))),
		ExpectError: says(`Unable to update image "srv-boot/acc"`, "In initrd.source:", "404 Not Found"),
	}
	after := resource.TestStep{
		PreConfig: func() {
			expect(t, hostDir(t, "/srv/boot", "pxelinux.cfg", filepath.Base(bootPath("kernel", oldKernel))))
		},
		Config: from(url), ConfigPlanChecks: noChange, Check: boots(t, oldKernel),
	}
	acceptance(t, append(steps, good, pair, after)...)
}

func TestAccImageInvalid(t *testing.T) {
	var steps []resource.TestStep
	for _, test := range []struct {
		config string
		error  []string
	}{
		{from("/nowhere/kernel"), []string{"Unable to read kernel", "In kernel.source:", `"/nowhere/kernel" on the machine that runs Terraform`, "no such file"}},
		{from(t.TempDir()), []string{"Unable to read kernel", "In kernel.source:", "it is a directory"}},
		{from(local(t, anInitrd)), []string{"Unable to read kernel", "In kernel.source:", "not an s390x kernel: it is a cpio archive"}},
		{from("tftp://example.org/kernel"), []string{"Unable to read kernel", "In kernel.source:", `the scheme "tftp"`, "use http"}},
		{from("http://127.0.0.1/", `checksum = "md5:00"`), []string{"Invalid checksum", "In kernel.checksum:", "write sha256:<64 hex digits>"}},
		{from("http://127.0.0.1/", `checksum = "sha256:00"`), []string{"Invalid checksum", "In kernel.checksum:", "has 2 digits", "needs 64"}},
		{from("http://127.0.0.1/", `file_name = "a/b"`), []string{"Invalid name", "In kernel.file_name:", "slash"}},
		{bootImage(fmt.Sprintf("kernel = { source = %[1]q }\n initrd = { source = %[1]q }", local(t, oldKernel))), []string{"Unable to read initrd", "In initrd.source:", "kernel and initrd are not swapped"}},
		{bootImage(fmt.Sprintf("kernel = {\n source = %q\n file_name = \"same\"\n}\n initrd = {\n source = %q\n file_name = \"same\"\n}", local(t, oldKernel), local(t, anInitrd))),
			[]string{"Invalid file_name", "In initrd.file_name:", `also published as "same"`}},
		{strings.Replace(from("/kernel"), `"acc"`, `"a/b"`, 1), []string{"Invalid name", "name      =", "slash"}},
		{bootImage(""), []string{"Exactly one of these attributes must be configured", "kernel", "ins"}},
	} {
		steps = append(steps, resource.TestStep{Config: test.config, PlanOnly: true, ExpectError: says(test.error...)})
	}
	acceptance(t, steps...)
}

// TestAccImageAfterAKilledRun holds that what a killed run, or a host that crashed, may have left is
// in nobody's way.
func TestAccImageAfterAKilledRun(t *testing.T) {
	kernel := local(t, oldKernel)
	acceptance(t,
		resource.TestStep{Config: root(`path = "/srv/boot"`)},
		resource.TestStep{
			PreConfig: func() {
				writeHostFile(t, "/srv/boot/acc-kernel-0a1b2c3d.part", newKernel)
				writeHostFile(t, bootPath("kernel", oldKernel), oldKernel[:5000])
			},
			Config: from(kernel), Check: boots(t, oldKernel),
		},
		resource.TestStep{
			PreConfig: func() {
				rewrite(t, kernel, newKernel)
				writeHostFile(t, "/srv/boot/acc-kernel-0a1b2c3d.part", newKernel)
				writeHostFile(t, bootPath("kernel", newKernel), newKernel)
			},
			Config: from(kernel), Check: boots(t, newKernel),
		},
		resource.TestStep{
			PreConfig: func() {
				writeHostFile(t, "/srv/boot/acc-kernel-0a1b2c3d.part", newKernel)
				writeHostFile(t, "/srv/boot/vmlinuz", newKernel[:5000])
			},
			Config: from(kernel, `file_name = "vmlinuz"`),
			Check:  resource.ComposeTestCheckFunc(hostFile(t, "/srv/boot/vmlinuz", newKernel), hostDir(t, "/srv/boot", "pxelinux.cfg", "vmlinuz")),
		},
	)
}

func TestAccImageFullDisk(t *testing.T) {
	host := lab.Shared(t)
	makeDir(t, "/srv/boot", 0o755)
	inHost := func(args ...string) string {
		out, err := host.Exec(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	inHost("mount", "-t", "tmpfs", "-o", "size=3m,mode=755", "tmpfs", "/srv/boot")
	t.Cleanup(func() {
		if _, err := host.Exec(context.Background(), "umount", "/srv/boot"); err != nil {
			t.Error(err)
		}
	})
	big := bootFile("big kernel", 4<<20+1)
	name := filepath.Base(bootPath("kernel", big))
	acceptance(t,
		resource.TestStep{
			Config:      from(local(t, big)),
			ExpectError: says(`Unable to create image "srv-boot/acc"`, "tftp_root =", "space left"),
		},
		resource.TestStep{
			PreConfig: func() {
				if left := inHost("ls", "/srv/boot"); left != "pxelinux.cfg\n" {
					t.Errorf("left on the full disk: %s", left)
				}
				inHost("mount", "-o", "remount,size=20m", "/srv/boot")
			},
			Config: from(local(t, big)),
			Check: func(*terraform.State) error {
				if sum := inHost("sha256sum", "/srv/boot/"+name); !strings.HasPrefix(sum, sha256Of(big)) {
					return fmt.Errorf("%s has the checksum %s", name, sum)
				}
				return nil
			},
		},
	)
}

// TestAccImageWithoutRoot holds that a pool that is not there is an error where it is named.
func TestAccImageWithoutRoot(t *testing.T) {
	acceptance(t, resource.TestStep{
		Config:      fmt.Sprintf("resource \"netboot_image\" \"test\" {\n tftp_root = \"nobody\"\n name = \"acc\"\n kernel = { source = %q }\n}", local(t, oldKernel)),
		ExpectError: says(`Unable to create image "nobody/acc"`, `tftp_root = "nobody"`, "no storage pool with matching name 'nobody'"),
	})
}
