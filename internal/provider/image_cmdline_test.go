package provider

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// plainKernel passes for a kernel that can carry a command line, of at most 895 bytes.
func plainKernel(text string) []byte {
	content := make([]byte, 70001)
	copy(content[0x10008:], "S390EP")
	copy(content[0x11000:], text)
	return content
}

// carrying is a kernel with a command line of its own.
func carrying(t *testing.T, kernel []byte, cmdline string) []byte {
	t.Helper()
	return forFirmware(t, arch.S390X, kernel, &cmdline)
}

// forFirmware is a kernel as it is published.
func forFirmware(t *testing.T, name string, kernel []byte, cmdline *string) []byte {
	t.Helper()
	reader, err := image.ForFirmware(name, bytes.NewReader(kernel), cmdline)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// saying is an attribute of a kernel.
func saying(cmdline string) string { return fmt.Sprintf("cmdline = %q", cmdline) }

// TestLifecycleImageCommandLine takes the command line of a local kernel through what becomes of it.
func TestLifecycleImageCommandLine(t *testing.T) {
	h := newMemoryHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/boot"}`)
	kernel := plainKernel("kernel")
	source := local(t, kernel)
	config := func(attributes string) string {
		return fmt.Sprintf(`{"tftp_root": "srv-boot", "name": "acc", "kernel": {"source": %q %s}}`, source, attributes)
	}
	holds := func(content []byte) { t.Helper(); holdsKernel(t, h, content) }
	long := strings.Repeat("x", 895)
	c := newCore(t, h, "netboot_image")
	for _, step := range []struct {
		attributes string
		want       []byte
	}{
		{`, "cmdline": "x=1"`, carrying(t, kernel, "x=1")},
		{`, "cmdline": "` + long + `"`, carrying(t, kernel, long)},
		{`, "cmdline": ""`, carrying(t, kernel, "")},
		{``, kernel},
		{`, "cmdline": "x=2", "checksum": "sha256:` + sha256Of(kernel) + `"`, carrying(t, kernel, "x=2")},
		{`, "cmdline": "x=3"`, carrying(t, kernel, "x=3")},
	} {
		c.must(config(step.attributes))
		holds(step.want)
	}
	c.imports("srv-boot/acc")
	c.mustBeDone(config(`, "cmdline": "x=3"`))
	c.must(config(`, "cmdline": "x=4"`))
	holds(carrying(t, kernel, "x=4"))

	c.imports("srv-boot/acc")
	rewrite(t, source, plainKernel("another"))
	c.must(config(`, "cmdline": "x=4"`))
	holds(carrying(t, plainKernel("another"), "x=4"))
	destroys(t, c)
}

// TestImageCommandLineTwice warns about a second command line, which a kernel with its own does not use: that of a guest that boots it
// directly (measured with QEMU 7.2), or of an entry.
func TestImageCommandLineTwice(t *testing.T) {
	h := newConfigHost(t)
	source := writeFile(t, string(plainKernel("kernel")))
	for name, test := range map[string]struct{ kind, config, want string }{
		"a guest":              {"netboot_domain", `{"name": "guest", "memory": "512MiB", "boot": [], "kernel": {"image": "srv-tftp/acc", "cmdline": "y=2"}}`, "Command line is not used"},
		"a guest without":      {"netboot_domain", `{"name": "guest", "memory": "512MiB", "boot": [], "kernel": {"image": "srv-tftp/acc"}}`, ""},
		"an entry":             {"netboot_pxelinux_config", `{"tftp_root": "srv-tftp", "entries": [{"label": "a", "kernel": "k", "append": ["y=2"]}]}`, "the kernel k has a command line of its own"},
		"an entry without":     {"netboot_pxelinux_config", `{"tftp_root": "srv-tftp", "entries": [{"label": "a", "kernel": "k"}]}`, ""},
		"an entry of another":  {"netboot_pxelinux_config", `{"tftp_root": "srv-tftp", "entries": [{"label": "a", "kernel": "l", "append": ["y=2"]}]}`, ""},
		"a guest with another": {"netboot_domain", `{"name": "guest", "memory": "512MiB", "boot": [], "kernel": {"file": "/srv/k", "cmdline": "y=2"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			run, image, user := newRun(t, h), newCore(t, h, "netboot_image"), newCore(t, h, test.kind)
			image.run(t.Context(), run)
			user.run(t.Context(), run)
			image.plan(fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %q, "file_name": "k", "cmdline": "x=1"}}`, source))
			said := strings.ReplaceAll(user.plan(test.config).problems.String(), "\n", " ")
			if test.want == "" && said != "" || !strings.Contains(said, test.want) {
				t.Errorf("the plan says %s, want %q", said, test.want)
			}
		})
	}
}

// holdsKernel checks that the kernel is the only published file.
func holdsKernel(t *testing.T, h *virttest.Host, content []byte) {
	t.Helper()
	name := bootPath("kernel", content)
	names, err := h.VolumeNames(t.Context(), "srv-boot")
	if err != nil || !slices.Contains(names, filepath.Base(name)) || strings.Count(strings.Join(names, " "), "acc-") != 1 {
		t.Errorf("the host has %q (%v), want %s alone", names, err, name)
	}
	if got, err := h.Disk().ReadFile(name); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%s has %d bytes that should not be (%v)", name, len(got), err)
	}
}

// TestLifecycleImagePSeries takes a ppc64le kernel, which is never published as it is, through what becomes of it.
func TestLifecycleImagePSeries(t *testing.T) {
	h := newMemoryHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/boot"}`)
	kernel := lab.PSeriesVmlinux(1)
	source := local(t, kernel)
	config := func(attributes string) string {
		return fmt.Sprintf(`{"tftp_root": "srv-boot", "name": "acc", "arch": "ppc64le", "kernel": {"source": %q %s}}`, source, attributes)
	}
	line := "console=hvc0"
	sum := `, "checksum": "sha256:` + sha256Of(kernel) + `"`
	published := func(cmdline *string) []byte { return forFirmware(t, arch.PPC64LE, kernel, cmdline) }
	c := newCore(t, h, "netboot_image")
	for _, step := range []struct {
		attributes string
		want       []byte
	}{
		{``, published(nil)},
		{sum, published(nil)},
		{`, "cmdline": "console=hvc0"`, published(&line)},
		{`, "cmdline": "console=hvc0"` + sum, published(&line)},
		{``, published(nil)},
	} {
		c.must(config(step.attributes))
		holdsKernel(t, h, step.want)
		c.mustBeDone(config(step.attributes))
		c.imports("srv-boot/acc")
		c.has(map[string]string{"arch": "ppc64le"})
		c.mustBeDone(config(strings.TrimSuffix(step.attributes, sum)))
	}
	if err := h.Disk().Remove(bootPath("kernel", published(nil))); err != nil {
		t.Fatal(err)
	}
	c.must(config(``))
	holdsKernel(t, h, published(nil))
	if bytes.Equal(published(nil), kernel) {
		t.Error("the kernel is published as it is")
	}
	rewrite(t, source, lab.PSeriesProbeKernel(2))
	c.must(config(``))
	holdsKernel(t, h, lab.PSeriesProbeKernel(2))
	destroys(t, c)
}

// TestLifecycleImageCommandLineOf refuses command lines by the architecture, before the source is fetched.
func TestLifecycleImageCommandLineOf(t *testing.T) {
	h := newMemoryHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/boot"}`)
	for arch, want := range map[string]string{
		"ppc64le": "the command line has 2048 bytes; this kernel accepts at most 2047",
		"x86_64":  "only kernels for s390x and ppc64le can carry a command line",
	} {
		c := newCore(t, h, "netboot_image")
		config := fmt.Sprintf(`{"tftp_root": "srv-boot", "name": "acc", "arch": %q, "kernel": {"source": "https://example.com/kernel", "cmdline": %q}}`, arch, strings.Repeat("x", 2048))
		if said := c.apply(config).String(); !strings.Contains(said, "In kernel.cmdline:") || !strings.Contains(said, want) {
			t.Errorf("%s: %s", arch, said)
		}
	}
}

// TestAccImagePSeriesWeb holds that a ppc64le kernel from the web is fetched only once, whether its checksum is known or not.
func TestAccImagePSeriesWeb(t *testing.T) {
	server := lab.NewServer(t)
	kernel := lab.PSeriesVmlinux(1)
	url := server.Serve("kernel", kernel)
	config := func(attributes string) string {
		return bootImage(fmt.Sprintf("arch = \"ppc64le\"\nkernel = {\n source = %q\n %s\n}", url, attributes))
	}
	sum := fmt.Sprintf(`checksum = "sha256:%s"`, sha256Of(kernel))
	published := forFirmware(t, arch.PPC64LE, kernel, nil)
	acceptance(t,
		resource.TestStep{Config: config(""), Check: boots(t, published)},
		resource.TestStep{Config: config(""), ConfigPlanChecks: noChange},
		resource.TestStep{Config: config(sum), Check: boots(t, published)},
		resource.TestStep{Config: config(sum), ConfigPlanChecks: noChange},
		resource.TestStep{
			Config: config(sum),
			Check: func(*terraform.State) error {
				if got := server.Requests("kernel"); got != 2 {
					return fmt.Errorf("the server was asked %d times for the kernel", got)
				}
				return nil
			},
		},
		resource.TestStep{
			PreConfig:   func() { server.Serve("kernel", lab.PSeriesVmlinux(2)) },
			Config:      config(sum + "\n cmdline = \"x\""),
			ExpectError: says(`Unable to update image "srv-boot/acc"`, "In kernel.source:", "has the checksum"),
		},
	)
}

// TestAccImageCommandLineWeb holds that nothing is fetched where nothing has changed.
func TestAccImageCommandLineWeb(t *testing.T) {
	server := lab.NewServer(t)
	kernel := plainKernel("kernel")
	url := server.Serve("kernel", kernel)
	sum := fmt.Sprintf(`checksum = "sha256:%s"`, sha256Of(kernel))
	asked := func(want int) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if got := server.Requests("kernel"); got != want {
				return fmt.Errorf("the server was asked %d times for the kernel, want %d", got, want)
			}
			return nil
		}
	}
	changes := func(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return actions(testImage, action, plancheck.ExpectUnknownValue(testImage, tfjsonpath.New("kernel").AtMapKey("path")))
	}
	first, second := carrying(t, kernel, "x=1"), carrying(t, kernel, "x=2")
	acceptance(t,
		resource.TestStep{
			Config:           from(url, saying("x=1"), sum),
			ConfigPlanChecks: changes(plancheck.ResourceActionCreate),
			Check:            resource.ComposeTestCheckFunc(boots(t, first), asked(1)),
		},
		resource.TestStep{Config: from(url, saying("x=1"), sum), ConfigPlanChecks: noChange, Check: asked(1)},
		resource.TestStep{
			Config:           from(url, saying("x=2"), sum),
			ConfigPlanChecks: changes(plancheck.ResourceActionUpdate),
			Check:            resource.ComposeTestCheckFunc(boots(t, second), asked(2)),
		},
		resource.TestStep{
			PreConfig:        func() { removeHostFile(t, bootPath("kernel", second)) },
			Config:           from(url, saying("x=2"), sum),
			ConfigPlanChecks: changes(plancheck.ResourceActionCreate),
			Check:            resource.ComposeTestCheckFunc(boots(t, second), asked(3)),
		},
		resource.TestStep{
			PreConfig:   func() { server.Serve("kernel", plainKernel("another")) },
			Config:      from(url, saying("x=3"), sum),
			ExpectError: says(`Unable to update image "srv-boot/acc"`, "In kernel.source:", "has the checksum"),
		},
		resource.TestStep{Config: from(url, saying("x=2"), sum), ConfigPlanChecks: noChange, Check: boots(t, second)},
	)
}

func TestAccImageCommandLineUnknown(t *testing.T) {
	kernel := plainKernel("kernel")
	config := "resource \"terraform_data\" \"later\" { input = \"x=1\" }\n" + from(local(t, kernel), "cmdline = terraform_data.later.output")
	known := plancheck.ExpectKnownValue(testImage, tfjsonpath.New("kernel").AtMapKey("sha256"), knownvalue.StringExact(sha256Of(carrying(t, kernel, "x=2"))))
	acceptance(t,
		resource.TestStep{
			Config: config,
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionCreate,
				plancheck.ExpectUnknownValue(testImage, tfjsonpath.New("kernel").AtMapKey("sha256"))),
			Check: boots(t, carrying(t, kernel, "x=1")),
		},
		resource.TestStep{Config: config, ConfigPlanChecks: noChange},
		resource.TestStep{
			Config:           from(local(t, kernel), saying("x=2")),
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionUpdate, known),
			Check:            boots(t, carrying(t, kernel, "x=2")),
		},
	)
}

// TestAccImageCommandLineImport holds that the command line is found in the kernel on the host.
func TestAccImageCommandLineImport(t *testing.T) {
	kernel := plainKernel("kernel")
	url := lab.NewServer(t).Serve("kernel", kernel)
	config := from(url, saying("x=1"))
	acceptance(t,
		resource.TestStep{Config: config},
		resource.TestStep{
			ResourceName: testImage, ImportState: true, ImportStateId: "srv-boot/acc", ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"kernel.source"},
		},
		resource.TestStep{Config: root(`path = "/srv/boot"`) + "\nremoved {\n from = netboot_image.test\n lifecycle { destroy = false }\n}\n"},
		resource.TestStep{
			Config:           config + "import {\n to = netboot_image.test\n id = \"srv-boot/acc\"\n}\n",
			ConfigPlanChecks: actions(testImage, plancheck.ResourceActionNoop),
			Check:            boots(t, carrying(t, kernel, "x=1")),
		},
	)
}

func TestAccImageCommandLineInvalid(t *testing.T) {
	kernel := plainKernel("kernel")
	file, url := local(t, kernel), lab.NewServer(t).Serve("kernel", kernel)
	long := saying(strings.Repeat("x", 896))
	limit := []string{"In kernel.cmdline:", "the command line has 896 bytes; this kernel accepts at most 895"}
	var steps []resource.TestStep
	for _, test := range []struct {
		config string
		error  []string
	}{
		{from(file, saying("a\nb")), []string{"Invalid command line", "In kernel.cmdline:", `has '\n' at byte 1`}},
		{from(file, saying("x=ä")), []string{"Invalid command line", "In kernel.cmdline:", `has 'ä' at byte 2`}},
		{from(file, long), append([]string{"Unable to read kernel"}, limit...)},
		{from(url, long), append([]string{`Unable to create image "srv-boot/acc"`}, limit...)},
		{from(local(t, carrying(t, kernel, "x=1")), saying("x=2")), []string{"In kernel.cmdline:", "already carries a command line"}},
		{from(local(t, oldKernel), saying("x=1")), []string{"In kernel.cmdline:", "cannot carry a command line"}},
		{from(file, saying("x=1"), `checksum = "sha256:`+sha256Of(oldKernel)+`"`), []string{"In kernel.source:", "has the checksum"}},
	} {
		steps = append(steps, resource.TestStep{Config: test.config, ExpectError: says(test.error...)})
	}
	acceptance(t, append(steps, resource.TestStep{PreConfig: nothingPublished(t), Config: from(file, saying("x=1"))})...)
}

// TestLifecycleImageInArchive publishes a kernel and an initrd out of archives, each with what is added to it.
func TestLifecycleImageInArchive(t *testing.T) {
	h := newConfigHost(t)
	c := newCore(t, h, "netboot_image")
	kernel, initrd := tarred(t, "boot/linux", plainKernel("kernel")), tarred(t, "boot/initrd", anInitrd)
	config := fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc",
		"kernel": {"source": %q, "archive_path": "boot/linux", "cmdline": "quiet", "checksum": "sha256:%s"},
		"initrd": {"source": %q, "archive_path": "boot/initrd", "inject": {"/a": {"content": "a"}}}}`,
		local(t, kernel), sha256Of(kernel), local(t, initrd))
	c.must(config)
	c.mustBeDone(config)
	plain := newCore(t, newConfigHost(t), "netboot_image")
	plain.must(fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %q, "cmdline": "quiet"}, "initrd": {"source": %q, "inject": {"/a": {"content": "a"}}}}`,
		local(t, plainKernel("kernel")), local(t, anInitrd)))
	for _, kind := range []string{"kernel", "initrd"} {
		if got, want := members(t, members(t, c.state)[kind])["sha256"], members(t, members(t, plain.state)[kind])["sha256"]; !got.Equal(want) {
			t.Errorf("the %s out of an archive is %v, and not %v", kind, got, want)
		}
	}
	wrong := newCore(t, newConfigHost(t), "netboot_image")
	if said := wrong.apply(strings.Replace(config, "boot/linux", "boot/other", 1)); !strings.Contains(said.String(), `set archive_path to one of the files that it has`) {
		t.Errorf("got %v", said)
	}
}
