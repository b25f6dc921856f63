package provider

import (
	"bytes"
	"crypto/sha512"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/initrd"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/iso9660"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// carryingFile is an initrd with a file in it.
func carryingFile(t *testing.T, original []byte, path, text string, mode uint32) []byte {
	t.Helper()
	file := initrd.File{Path: path, Mode: mode, Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	reader, err := initrd.Inject(bytes.NewReader(original), []initrd.File{file})
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestAccImageInject puts files into an initrd, and changes them.
func TestAccImageInject(t *testing.T) {
	server := lab.NewServer(t)
	url, kernel := server.Serve("initrd", anInitrd), local(t, oldKernel)
	injected := local(t, []byte("from a file"))
	with := func(inject string) string {
		return bootImage(fmt.Sprintf("kernel = { source = %q }\n initrd = {\n source = %q\n inject = { %s }\n }", kernel, url, inject))
	}
	asText := with(`"/preseed.cfg" = { content = "a text" }`)
	asFile := with(fmt.Sprintf(`"/bin/run" = { source = %q, mode = "0755" }`, injected))
	published := func(path, text string, mode uint32) resource.TestCheckFunc {
		return boots(t, oldKernel, carryingFile(t, anInitrd, path, text, mode))
	}
	refused := func(inject string, texts ...string) resource.TestStep {
		return resource.TestStep{Config: with(inject), PlanOnly: true, ExpectError: says(texts...)}
	}
	steps := []resource.TestStep{
		{Config: asText, Check: published("/preseed.cfg", "a text", 0o644)},
		{Config: asText, ConfigPlanChecks: noChange},
		{Config: asFile, ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate), Check: published("/bin/run", "from a file", 0o755)},
		{
			PreConfig:        func() { rewrite(t, injected, []byte("changed")) },
			Config:           asFile,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check:            published("/bin/run", "changed", 0o755),
		},
		{
			// What is on the host does not need the file any more.
			PreConfig:        func() { removeLocal(t, injected) },
			Config:           asFile,
			ConfigPlanChecks: noChange,
		},
		refused(`"preseed.cfg" = { content = "x" }`, "initrd", "does not begin with a slash"),
		refused(`"/a" = { content = "x", source = "y" }`, "content", "source"),
		refused(`"/a" = { content = "x", mode = "rw" }`, "Invalid mode", "octal digits"),
		refused(`"/a" = { source = "/none" }`, "Unable to read initrd", "/none"),
	}
	acceptance(t, steps...)
}

func removeLocal(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestE2EInject boots a guest that reads what was put into its initrd.
func TestE2EInject(t *testing.T) {
	config := strings.Replace(bootFiles(t), "initrd    = { source", `initrd = {
    inject = { "/etc/answers" = { content = "forty-two", mode = "0600" } }
    source`, 1)
	acceptance(t, resource.TestStep{Config: config + entry("", bootKernel, `"netboot.file=/etc/answers"`) + `
resource "netboot_domain" "test" {
  name            = "acc"
  memory          = "512MiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  boot_check      = { expect = ["file=/etc/answers mode=100600 .*content=.forty-two."] }
}
`})
}

// ubuntu is a web server with the layout of Ubuntu's installation medium, and the URL of its root.
func ubuntu(t *testing.T) (*lab.Server, string) {
	t.Helper()
	server := lab.NewServer(t)
	server.Serve("boot/kernel.ubuntu", oldKernel)
	server.Serve("boot/initrd.ubuntu", anInitrd)
	server.Serve("boot/parmfile.ubuntu", []byte("root=/dev/ram0\nip=dhcp --- \n"))
	url := server.Serve("ubuntu.ins", []byte("* Ubuntu for IBM Z\nboot/kernel.ubuntu 0x00000000\nboot/initrd.off 0x0001040c\nboot/initrd.siz 0x00010414\nboot/parmfile.ubuntu 0x00010480\nboot/initrd.ubuntu 0x01000000\n"))
	server.Serve("boot/ubuntu.ins", []byte("* Ubuntu for IBM Z\nkernel.ubuntu 0x00000000\nparmfile.ubuntu 0x00010480\ninitrd.ubuntu 0x01000000\n"))
	return server, strings.TrimSuffix(url, "/ubuntu.ins")
}

// TestAccImageINS publishes what a manifest names, in both of Ubuntu's layouts.
func TestAccImageINS(t *testing.T) {
	server, root := ubuntu(t)
	ins := func(path string) string { return bootImage(fmt.Sprintf("ins = { source = %q }", root+path)) }
	published := resource.ComposeTestCheckFunc(
		boots(t, oldKernel, anInitrd),
		resource.TestCheckResourceAttr(testImage, "cmdline", "root=/dev/ram0 ip=dhcp ---"),
		resource.TestCheckResourceAttr(testImage, "kernel.source", root+"/boot/kernel.ubuntu"),
	)
	acceptance(t,
		resource.TestStep{Config: bootImage(""), PlanOnly: true, ExpectError: says("Exactly one of these attributes must be configured", "kernel", "ins")},
		resource.TestStep{
			Config:           ins("/ubuntu.ins"),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionCreate),
			Check:            published,
		},
		resource.TestStep{Config: ins("/ubuntu.ins"), ConfigPlanChecks: noChange},
		resource.TestStep{
			PreConfig:        func() { removeHostFile(t, bootPath("kernel", oldKernel)) },
			Config:           ins("/ubuntu.ins"),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate),
			Check:            published,
		},
		resource.TestStep{Config: ins("/boot/ubuntu.ins"), Check: published},
		resource.TestStep{
			PreConfig:   func() { server.Serve("none.ins", []byte("* nothing\nkernel 0x10000\n")) },
			Config:      ins("/none.ins"),
			ExpectError: says("Unable to read the manifest", "ins =", "none.ins", "names no kernel"),
		},
		resource.TestStep{
			PreConfig:   func() { server.Serve("page.ins", []byte("<!DOCTYPE html>")) },
			Config:      ins("/page.ins"),
			ExpectError: says("Unable to read the manifest", "page.ins", "web page"),
		},
		resource.TestStep{
			// From the manifest to the files themselves: they are there already.
			Config: bootImage(fmt.Sprintf("kernel = { source = %q }\n initrd = { source = %q }", root+"/boot/kernel.ubuntu", root+"/boot/initrd.ubuntu")),
			Check:  boots(t, oldKernel, anInitrd),
		},
	)
}

// TestAccImageChecksumList verifies files by lists, signed ones among them.
func TestAccImageChecksumList(t *testing.T) {
	server := lab.NewServer(t)
	url := server.Serve("images/generic/kernel", oldKernel)
	list := fmt.Sprintf("%x  ./generic/kernel\n%x  ./cdrom/kernel\n", sha512.Sum512(oldKernel), sha512.Sum512(newKernel))
	listURL := server.Serve("images/SHA512SUMS", []byte(list))
	otherURL := server.Serve("other/SHA256SUMS", fmt.Appendf(nil, "%s *kernel\n", sha256Of(newKernel)))
	noneURL := server.Serve("none/SHA256SUMS", fmt.Appendf(nil, "%s *initrd\n", sha256Of(newKernel)))
	key, signature := signed(t, list)
	otherKey, _ := signed(t, list)
	signatureURL := server.Serve("images/SHA512SUMS.gpg", signature)
	of := func(list string) string { return fmt.Sprintf("checksum = %q", "file:"+list) }
	by := func(key string) string {
		return fmt.Sprintf("checksum_signature = {\n key = %q\n source = %q\n}", key, signatureURL)
	}
	image := func(more, checksum string) string {
		return bootImage(fmt.Sprintf("%s\n kernel = {\n source = %q\n %s\n}", more, url, checksum))
	}
	refused := func(config string, texts ...string) resource.TestStep {
		return resource.TestStep{Config: config, ExpectError: says(append([]string{"Unable to create image"}, texts...)...)}
	}
	acceptance(t,
		resource.TestStep{
			Config:      bootImage(fmt.Sprintf("kernel = {\n source = %q\n iso_path = \"/kernel\"\n %s\n}", url, of(listURL))),
			PlanOnly:    true,
			ExpectError: says("Invalid checksum", "only a part of the image is fetched"),
		},
		refused(image("", of(otherURL)), "has the checksum", sha256Of(oldKernel), "not", sha256Of(newKernel)),
		refused(image("", of(noneURL)), "In kernel.checksum:", noneURL),
		refused(image("", of(listURL+".gone")), "In kernel.checksum:", "404"),
		resource.TestStep{
			PreConfig:   func() { server.Serve("images/SHA512SUMS", []byte(strings.ToUpper(list))) },
			Config:      image(by(key), of(listURL)),
			ExpectError: says("In kernel.checksum:", "SHA512SUMS", "signature"),
		},
		refused(image(by(otherKey), of(listURL)), "In kernel.checksum:", "SHA512SUMS", "key"),
		resource.TestStep{Config: image(by("no key"), of(listURL)), ExpectError: says("Unable to read the key", "checksum_signature")},
		resource.TestStep{
			PreConfig: func() {
				nothingPublished(t)()
				server.Serve("images/SHA512SUMS", []byte(list))
			},
			Config: image(by(key), of(listURL)),
			Check:  boots(t, oldKernel),
		},
		resource.TestStep{Config: image(by(key), of(listURL)), ConfigPlanChecks: noChange},
	)
}

// signed makes a key and a detached signature by it.
func signed(t *testing.T, text string) (key string, signature []byte) {
	t.Helper()
	entity, err := openpgp.NewEntity("archive", "", "archive@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	var public, detached bytes.Buffer
	w, err := armor.Encode(&public, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := entity.Serialize(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openpgp.DetachSign(&detached, entity, strings.NewReader(text), nil); err != nil {
		t.Fatal(err)
	}
	return public.String(), detached.Bytes()
}

// TestAccImageTLS holds that a server which nobody vouches for is not trusted, unless it is asked for.
func TestAccImageTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(oldKernel) }))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	rewrite(t, ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	with := func(tls string) string {
		return bootImage(fmt.Sprintf("%s\n kernel = { source = %q }", tls, server.URL+"/kernel"))
	}
	acceptance(t,
		resource.TestStep{Config: with(""), ExpectError: says("Unable to create image", "certificate")},
		resource.TestStep{Config: with(`tls = { ca_file = "/none" }`), ExpectError: says("Unable to read certificates", "/none")},
		resource.TestStep{Config: with(fmt.Sprintf("tls = { ca_file = %q }", local(t, oldKernel))), ExpectError: says("Unable to read certificates", "no certificate")},
		resource.TestStep{Config: with(fmt.Sprintf("tls = { ca_file = %q }", ca)), Check: boots(t, oldKernel)},
		resource.TestStep{Config: with(""), Destroy: true},
		resource.TestStep{Config: with("tls = { insecure = true }"), Check: boots(t, oldKernel)},
	)
}

// TestAccImageISO takes kernel and initrd out of an ISO image, on a web server and local, by their paths
// and by a manifest.
func TestAccImageISO(t *testing.T) {
	var medium bytes.Buffer
	err := iso9660.Write(&medium, "MEDIUM", []iso9660.File{
		{Name: "kernel.ubuntu", Content: oldKernel},
		{Name: "initrd.ubuntu", Content: anInitrd},
		{Name: "parmfile.ubuntu", Content: []byte("quiet")},
		{Name: "ubuntu.ins", Content: []byte("* Ubuntu\nkernel.ubuntu 0x00000000\nparmfile.ubuntu 0x00010480\ninitrd.ubuntu 0x01000000\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := local(t, medium.Bytes())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }))
	t.Cleanup(server.Close)
	files := func(source, kernel string) string {
		return bootImage(fmt.Sprintf("kernel = {\n source = %[1]q\n iso_path = %[2]q\n}\n initrd = {\n source = %[1]q\n iso_path = \"initrd.ubuntu\"\n}", source, kernel))
	}
	web := server.URL + "/medium.iso"
	acceptance(t,
		resource.TestStep{Config: files(web, "/kernel.ubuntu"), Check: boots(t, oldKernel, anInitrd)},
		resource.TestStep{Config: files(web, "/kernel.ubuntu"), ConfigPlanChecks: noChange},
		resource.TestStep{Config: files(file, "/kernel.ubuntu"), Check: boots(t, oldKernel, anInitrd)},
		resource.TestStep{
			Config:      files(web, "/boot/kernel"),
			ExpectError: says("Unable to update image", "In kernel.source:", "/boot/kernel"),
		},
		resource.TestStep{
			Config:      files(file, "/parmfile.ubuntu"),
			ExpectError: says("Unable to read kernel", "In kernel.source:", "not an s390x kernel"),
		},
		resource.TestStep{
			Config: bootImage(fmt.Sprintf("ins = {\n source = %q\n iso_path = \"/ubuntu.ins\"\n}", web)),
			Check: resource.ComposeTestCheckFunc(
				boots(t, oldKernel, anInitrd),
				resource.TestCheckResourceAttr(testImage, "cmdline", "quiet"),
				resource.TestCheckResourceAttr(testImage, "initrd.iso_path", "/initrd.ubuntu"),
			),
		},
	)
}

// TestLifecycleImageUnchanged holds that a plan of an unchanged image asks the host once for each file, and
// reads neither what is there nor its source.
func TestLifecycleImageUnchanged(t *testing.T) {
	h := newMemoryHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/boot"}`)
	kernel, initrd := local(t, oldKernel), local(t, anInitrd)
	config := fmt.Sprintf(`{"tftp_root": "srv-boot", "name": "acc", "kernel": {"source": %q}, "initrd": {"source": %q}}`, kernel, initrd)
	c := newCore(t, h, "netboot_image")
	c.must(config)
	before := h.Calls("Volume")
	info, err := os.Stat(kernel)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, kernel, newKernel[:len(oldKernel)])
	if err := os.Chtimes(kernel, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	c.mustBeDone(config) // for nobody has looked into the file
	if calls := h.Calls("Volume") - before; calls != 2 || h.Calls("Download") != 0 {
		t.Errorf("the plan asked for volumes %d times, and read %d", calls, h.Calls("Download"))
	}
	if err := os.Chtimes(kernel, info.ModTime(), info.ModTime().Add(1)); err != nil {
		t.Fatal(err)
	}
	if plan := c.plan(config); plan.problems.hasError() || plan.state.Equal(c.state) {
		t.Errorf("the changed source was not found: %v", plan.problems)
	}
}

// TestLifecycleImageLeftovers holds that a file which could not be removed, the new one of an update that
// failed or the old one of another, is not forgotten.
func TestLifecycleImageLeftovers(t *testing.T) {
	h := newMemoryHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/boot"}`)
	config := func(kernel []byte) string {
		return fmt.Sprintf(`{"tftp_root": "srv-boot", "name": "acc", "kernel": {"source": %q}}`, local(t, kernel))
	}
	for _, deletes := range []int{1, 2} { // that work: of what is not there yet, and of the staged file
		for _, applies := range []bool{false, true} {
			c := newCore(t, h, "netboot_image")
			c.must(config(oldKernel))
			h.FailAfter("DeleteVolume", deletes, errors.New("connection lost"))
			if problems := c.apply(config(newKernel)); !problems.hasError() {
				t.Error("nobody is told of the file that is left")
			}
			h.Fail("DeleteVolume", nil)
			c = inAnotherRun(c, h)
			if applies {
				c.must(config(newKernel))
				wantFiles(t, h, 1)
				c = inAnotherRun(c, h)
			}
			if problems := c.destroy(); problems.hasError() {
				t.Errorf("destroy: %v", problems)
			}
			wantFiles(t, h, 0)
		}
	}
}

// inAnotherRun is the same object for another run: what one has published, it does not remove.
func inAnotherRun(c *core, h *virttest.Host) *core {
	next := newCore(c.t, h, c.kind)
	next.state, next.private, next.identity = c.state, c.private, c.identity
	return next
}

// wantFiles holds that so many files are below the root, but for staged ones, which the next run removes.
func wantFiles(t *testing.T, h *virttest.Host, want int) {
	t.Helper()
	names, err := h.VolumeNames(t.Context(), "srv-boot")
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".part") })
	if err != nil || len(names) != want {
		t.Errorf("%q are there, %v, want %d", names, err, want)
	}
}
