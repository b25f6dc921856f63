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

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
)

const testConfig = "netboot_pxelinux_config.test"

// pxelinuxConfig is a configuration with one file of these attributes, in a TFTP root at /srv/boot.
func pxelinuxConfig(attributes string) string {
	return root(`path = "/srv/boot"`) + fmt.Sprintf(`
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.test.id
%s
}
`, attributes)
}

// menuEntry is an entry that boots "k" with more attributes.
func menuEntry(label string, more ...string) string {
	return fmt.Sprintf("{\n label = %q\n kernel = \"k\"\n initrd = \"i\"\n %s\n}", label, strings.Join(more, "\n"))
}

func menu(all ...string) string { return "entries = [" + strings.Join(all, ", ") + "]" }

const (
	oneEntryText = "label linux\n  kernel k\n  initrd i\n  append BOOT_IMAGE=k\n"
	twoEntryText = "default rescue\n" +
		"label linux\n  kernel k\n  initrd i\n  append root=/dev/vda1 quiet\n" +
		"label rescue\n  kernel k\n  initrd i\n  append BOOT_IMAGE=k\n"
	readyText = "# by hand\nLABEL ready\n\tkernel k\n\tinitrd i\n\tappend a b\n"
)

var (
	oneEntry   = menu(menuEntry("linux"))
	twoEntries = "default = \"rescue\"\n" + menu(menuEntry("linux", `append = ["root=/dev/vda1", "quiet"]`), menuEntry("rescue"))
	ready1     = fmt.Sprintf("content = %q", strings.ReplaceAll(readyText, "\t", "  "))
)

// guestReads checks what a file below pxelinux.cfg says, and that it is the only one.
func guestReads(t *testing.T, name, text string) resource.TestCheckFunc {
	return resource.ComposeTestCheckFunc(
		hostFile(t, "/srv/boot/pxelinux.cfg/"+name, []byte(text)),
		hostDir(t, "/srv/boot/pxelinux.cfg", name),
		resource.TestCheckResourceAttr(testConfig, "content", text),
		resource.TestCheckResourceAttr(testConfig, "sha256", sha256Of([]byte(text))),
	)
}

func TestAccPxelinuxConfigNames(t *testing.T) {
	var steps []resource.TestStep
	action := plancheck.ResourceActionCreate
	for _, test := range []struct{ target, name, rewritten string }{
		{"", "default", ""},
		{`mac = "52:54:00:AB:cd:01"`, "01-52-54-00-ab-cd-01", `mac = "52-54-00-ab-cd-01"`},
		{`uuid = "6C8F3D9E-0000-4000-8000-00000000ABCD"`, "6c8f3d9e-0000-4000-8000-00000000abcd", `uuid = "6c8f3d9e-0000-4000-8000-00000000abcd"`},
		{`ipv4 = "192.168.150.1"`, "C0A89601", `ipv4 = "192.168.150.1/32"`},
		{`ipv4 = "192.168.150.0/24"`, "C0A896", ""},
	} {
		steps = append(steps,
			resource.TestStep{
				Config: pxelinuxConfig(test.target + "\n" + oneEntry),
				ConfigPlanChecks: actions(testConfig, action,
					plancheck.ExpectKnownValue(testConfig, tfjsonpath.New("file_name"), knownvalue.StringExact(test.name)),
					plancheck.ExpectKnownValue(testConfig, tfjsonpath.New("path"), knownvalue.StringExact("pxelinux.cfg/"+test.name)),
					plancheck.ExpectKnownValue(testConfig, tfjsonpath.New("content"), knownvalue.StringExact(oneEntryText))),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentity(testConfig, map[string]knownvalue.Check{
					"host":      knownvalue.Null(),
					"tftp_root": knownvalue.StringExact("srv-boot"), "file_name": knownvalue.StringExact(test.name),
				})},
				Check: guestReads(t, test.name, oneEntryText),
			},
			resource.TestStep{ResourceName: testConfig, ImportState: true, ImportStateId: "srv-boot/" + test.name, ImportStateKind: resource.ImportBlockWithID},
		)
		if test.rewritten != "" {
			steps = append(steps, resource.TestStep{Config: pxelinuxConfig(test.rewritten + "\n" + oneEntry), ConfigPlanChecks: noChange})
		}
		action = plancheck.ResourceActionDestroyBeforeCreate
	}
	acceptance(t, steps...)
}

// TestAccPxelinuxConfigArch makes a configuration for PCs, imports it, and replaces it by one for s390x guests.
func TestAccPxelinuxConfigArch(t *testing.T) {
	const (
		target = "uuid = \"" + pcUUID + "\"\n"
		name   = "0e7f1c7d-3e6a-864a-8f0c-0123456789ab"
		text   = "serial 0 115200\ndefault linux\nlabel linux\n  kernel k\n  initrd i\n"
	)
	acceptance(t,
		resource.TestStep{
			Config: pxelinuxConfig("arch = \"ppc64le\"\n" + twoEntries), PlanOnly: true,
			ExpectError: says("In entries[0].append:", "never reaches the kernel", "kernel.cmdline of the netboot_image"),
		},
		resource.TestStep{
			Config:           pxelinuxConfig("arch = \"x86_64\"\n" + target + oneEntry),
			ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionCreate, plancheck.ExpectKnownValue(testConfig, tfjsonpath.New("file_name"), knownvalue.StringExact(name))),
			Check:            guestReads(t, name, text),
		},
		resource.TestStep{ResourceName: testConfig, ImportState: true, ImportStateId: "srv-boot/" + name, ImportStateKind: resource.ImportBlockWithID},
		resource.TestStep{
			Config:           pxelinuxConfig(target + oneEntry),
			ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionDestroyBeforeCreate),
			Check:            guestReads(t, pcUUID, oneEntryText),
		},
	)
}

func TestAccPxelinuxConfigUpdate(t *testing.T) {
	const file = "/srv/boot/pxelinux.cfg/default"
	var before os.FileInfo
	inPlace := func(attributes, text string) resource.TestStep {
		return resource.TestStep{
			PreConfig:        func() { before = statHostFile(t, file) },
			Config:           pxelinuxConfig(attributes),
			ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(guestReads(t, "default", text), func(*terraform.State) error {
				// Were it another file, there would have been a moment with none.
				if !os.SameFile(before, statHostFile(t, file)) {
					return fmt.Errorf("%s was removed and made again", file)
				}
				return nil
			}),
		}
	}
	steps := []resource.TestStep{{Config: pxelinuxConfig(oneEntry), Check: guestReads(t, "default", oneEntryText)}, inPlace(twoEntries, twoEntryText)}
	steps = append(steps, imports(testConfig, "srv-boot/default", "content")...)
	steps = append(steps, inPlace(ready1, strings.ReplaceAll(readyText, "\t", "  ")))
	steps = append(steps, imports(testConfig, "srv-boot/default", "default", "entries")...)
	for id, text := range map[string]string{
		"srv-boot/nobody": "Cannot import non-existent remote object",
		"nobody/default":  "Cannot import non-existent remote object",
		"default":         `"default" is not of the form tftp_root/file_name`,
	} {
		steps = append(steps, resource.TestStep{ResourceName: testConfig, ImportState: true, ImportStateId: id, ExpectError: says(text)})
	}
	acceptance(t, append(steps, inPlace(oneEntry, oneEntryText))...)
}

// TestAccPxelinuxConfigNeverAbsent holds that a guest finds a whole file at any moment of an update.
func TestAccPxelinuxConfigNeverAbsent(t *testing.T) {
	file := inSrv(t, "/srv/boot/pxelinux.cfg/default")
	stop, seen := make(chan struct{}), make(chan string)
	watch := func() {
		defer close(seen)
		for {
			select {
			case <-stop:
				return
			default:
			}
			text, err := readAtOnce(file)
			if whole := strings.TrimRight(text, "\n") + "\n"; err != nil || whole != oneEntryText && whole != twoEntryText {
				seen <- fmt.Sprintf("%v, %q", err, text)
				return
			}
		}
	}
	acceptance(t,
		resource.TestStep{Config: pxelinuxConfig(oneEntry)},
		resource.TestStep{PreConfig: func() { go watch() }, Config: pxelinuxConfig(twoEntries)},
		resource.TestStep{
			Config: pxelinuxConfig(oneEntry),
			Check: func(*terraform.State) error {
				close(stop)
				if moment := <-seen; moment != "" {
					return fmt.Errorf("there was a moment in which a guest read: %s", moment)
				}
				return nil
			},
		},
	)
}

// readAtOnce reads what a small file holds at one moment.
func readAtOnce(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text := make([]byte, 4096)
	n, err := file.Read(text)
	return string(text[:n]), err
}

func TestAccPxelinuxConfigDrift(t *testing.T) {
	const file = "/srv/boot/pxelinux.cfg/default"
	config := pxelinuxConfig(twoEntries)
	mended := func(action plancheck.ResourceActionType, behindItsBack func()) resource.TestStep {
		return resource.TestStep{
			PreConfig: behindItsBack, Config: config,
			ConfigPlanChecks: actions(testConfig, action), Check: guestReads(t, "default", twoEntryText),
		}
	}
	acceptance(t,
		resource.TestStep{Config: config},
		mended(plancheck.ResourceActionUpdate, func() { writeHostFile(t, file, []byte(strings.ToUpper(twoEntryText))) }),
		mended(plancheck.ResourceActionUpdate, func() { writeHostFile(t, file, nil) }),
		mended(plancheck.ResourceActionUpdate, func() { writeHostFile(t, file, []byte("label \xff\x00\n")) }),
		mended(plancheck.ResourceActionUpdate, func() { writeHostFile(t, file, []byte(strings.Repeat("no text\x00", 20000))) }),
		mended(plancheck.ResourceActionUpdate, func() { chmodHost(t, file, 0o600) }),
		mended(plancheck.ResourceActionUpdate, func() {
			writeHostFile(t, file, []byte("label theirs\n"))
			chmodHost(t, file, 0o640)
		}),
		mended(plancheck.ResourceActionCreate, func() { removeHostFile(t, file) }),
		mended(plancheck.ResourceActionCreate, func() { virsh(t, "vol-delete", "--pool", "srv-boot-pxelinux.cfg", "default") }),
		mended(plancheck.ResourceActionNoop, func() { virsh(t, "pool-destroy", "srv-boot-pxelinux.cfg") }),
		mended(plancheck.ResourceActionCreate, func() {
			virsh(t, "pool-destroy", "srv-boot-pxelinux.cfg")
			virsh(t, "pool-undefine", "srv-boot-pxelinux.cfg")
		}),
	)
}

func TestAccPxelinuxConfigTaken(t *testing.T) {
	const file = "/srv/boot/pxelinux.cfg/default"
	acceptance(t,
		resource.TestStep{Config: root(`path = "/srv/boot"`)},
		resource.TestStep{
			PreConfig: func() { writeHostFile(t, file, []byte("theirs\n")) },
			Config:    pxelinuxConfig(oneEntry),
			ExpectError: says(`Unable to create pxelinux configuration "srv-boot/default"`, "with other content",
				"terraform import ADDRESS srv-boot/default", "choose another name, or remove it from the host"),
		},
		resource.TestStep{
			PreConfig: func() {
				expect(t, hostFile(t, file, []byte("theirs\n")))
				writeHostFile(t, file, nil) // as a killed run leaves it
			},
			Config: pxelinuxConfig(oneEntry), Check: guestReads(t, "default", oneEntryText),
		},
	)
}

// TestAccPxelinuxConfigUnreadable has a file that guests cannot read where Terraform knows nothing of it
// yet: with this content it is made anew, with another one it is somebody else's.
func TestAccPxelinuxConfigUnreadable(t *testing.T) {
	const file = "/srv/boot/pxelinux.cfg/default"
	given := func(text string) func() {
		return func() {
			writeHostFile(t, file, []byte(text))
			chmodHost(t, file, 0o600)
		}
	}
	config := pxelinuxConfig(oneEntry)
	acceptance(t,
		resource.TestStep{Config: root(`path = "/srv/boot"`)},
		resource.TestStep{PreConfig: given("theirs\n"), Config: config, ExpectError: says("with other content")},
		resource.TestStep{
			PreConfig: func() { expect(t, hostMode(t, file, 0o600)); given(oneEntryText)() },
			Config:    config, Check: guestReads(t, "default", oneEntryText),
		},
		resource.TestStep{
			PreConfig: func() { chmodHost(t, file, 0o600) },
			Config:    root(`path = "/srv/boot"`), Check: hostDir(t, "/srv/boot/pxelinux.cfg"),
		},
		resource.TestStep{
			PreConfig: given(oneEntryText),
			Config: config + `
import {
  to = netboot_pxelinux_config.test
  id = "srv-boot/default"
}`,
			ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionUpdate), Check: guestReads(t, "default", oneEntryText),
		},
	)
}

func TestAccPxelinuxConfigInvalid(t *testing.T) {
	long := fmt.Sprintf(`append = ["%s"]`, strings.Repeat("x", 896))
	var many, big []string
	for i := range 16 {
		many = append(many, menuEntry(fmt.Sprint("e", i)))
	}
	for i := range 3 {
		big = append(big, menuEntry(fmt.Sprint("e", i), fmt.Sprintf(`append = ["%s"]`, strings.Repeat("x", 700))))
	}
	var steps []resource.TestStep
	for _, test := range []struct {
		attributes string
		error      []string
	}{
		{menu(menuEntry("a", long)), []string{"In entries[0].append:", "(896 bytes)", "is too long", "first 895 bytes", "shorten the arguments"}},
		{menu(menuEntry("a"), menuEntry("b", `append = ["a\nb"]`)), []string{"In entries[1].append:", "control character", "remove the character"}},
		{menu(menuEntry("a", `append = ["\ta"]`)), []string{"In entries[0].append:", "begins or ends with a blank"}},
		{menu(menuEntry("a", `append = ["initrd=i"]`)), []string{"In entries[0].append:", "names an initrd", "name the file in initrd"}},
		{"default = \"b\"\n" + menu(menuEntry("a")), []string{"default", `"b"`, "first entry"}},
		{menu(many...), []string{"In entries[15]", "This is entry 16", "uses 15"}},
		{menu(big...), []string{"entries =", "2223 bytes", "at most 2047"}},
		{strings.Replace(menu(menuEntry("a")), `"i"`, `"i,j"`, 1), []string{"In entries[0].initrd:", "has a comma", "join the files"}},
		{strings.Replace(menu(menuEntry("a")), `"i"`, `""`, 1), []string{"In entries[0].initrd:", "missing"}},
		{strings.Replace(menu(menuEntry("a")), `"k"`, `"http://x/k"`, 1), []string{"In entries[0].kernel:", "is a URL", "only TFTP"}},
		{menu(menuEntry("a"), menuEntry("a")), []string{"In entries[1].label:", "used twice"}},
		{"entries = []", []string{"entries =", "at least 1"}},
		{`content = "label a\n  kernel\tk\n  initrd i\n  append x\nfallback a\n"`, []string{"content =", "line 5", "does not know", "fallback"}},
		{fmt.Sprintf("content = %q", strings.Repeat("#", 2048)), []string{"content =", "2048", "2047"}},
		{ready1 + "\n" + oneEntry, []string{"entries", "content"}},
		{`mac = "52:54:00:00:00:01"`, []string{"entries", "content"}},
		{ready1 + "\ndefault = \"ready\"", []string{"default", "content"}},
		{"mac = \"52:54:00:00:00\"\n" + oneEntry, []string{"Invalid mac", "mac =", "52:54:00:00:00"}},
		{"uuid = \"x\"\n" + oneEntry, []string{"Invalid uuid", "uuid =", `"x"`}},
		{"ipv4 = \"192.168.150.0/25\"\n" + oneEntry, []string{"Invalid ipv4", "ipv4 =", "/25"}},
		{"mac = \"52:54:00:00:00:01\"\n ipv4 = \"10.0.0.1\"\n" + oneEntry, []string{"mac", "ipv4"}},
	} {
		steps = append(steps, resource.TestStep{Config: pxelinuxConfig(test.attributes), PlanOnly: true, ExpectError: says(test.error...)})
	}
	acceptance(t, steps...)
}

func TestAccPxelinuxConfigUnknown(t *testing.T) {
	later := func(value string) string {
		return fmt.Sprintf("resource \"terraform_data\" \"later\" { input = %q }\n", value)
	}
	config := func(value string) string {
		return later(value) + pxelinuxConfig(`
  mac     = "52:54:00:00:00:${terraform_data.later.output}"
  default = "e${terraform_data.later.output}"
  entries = [{ label = "e${terraform_data.later.output}", kernel = "k", initrd = "i", append = ["n=${terraform_data.later.output}"] }]`)
	}
	unknown := []plancheck.PlanCheck{
		plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("file_name")), plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("id")),
		plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("content")), plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("sha256")),
	}
	text := func(n string) string {
		return fmt.Sprintf("default e%[1]s\nlabel e%[1]s\n  kernel k\n  initrd i\n  append n=%[1]s\n", n)
	}
	acceptance(t,
		resource.TestStep{
			Config: config("01"), ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionCreate, unknown...),
			Check: guestReads(t, "01-52-54-00-00-00-01", text("01")),
		},
		resource.TestStep{
			Config: config("02"), ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionDestroyBeforeCreate, unknown...),
			Check: guestReads(t, "01-52-54-00-00-00-02", text("02")),
		},
		resource.TestStep{
			// What is wrong only with a value that came late is found before it is written.
			Config:      later("03") + pxelinuxConfig("content = terraform_data.later.output"),
			ExpectError: says("Invalid pxelinux configuration", "content =", `"03"`),
		},
	)
}

// TestAccPxelinuxConfigPartlyUnknown holds that what is wrong is found in the plan, though another part is not known then.
func TestAccPxelinuxConfigPartlyUnknown(t *testing.T) {
	const later = "resource \"terraform_data\" \"later\" { input = \"a\" }\n"
	var steps []resource.TestStep
	for _, test := range []struct {
		attributes string
		error      []string
	}{
		{`entries = [{ label = "a", kernel = terraform_data.later.output, initrd = "i", append = ["` + strings.Repeat("x", 896) + `"] }]`, []string{"In entries[0].append:", "is too long"}},
		{`entries = [{ label = "a", kernel = "k", initrd = terraform_data.later.output, append = ["initrd=i"] }]`, []string{"In entries[0].append:", "names an initrd"}},
		{`entries = [{ label = "a", kernel = "k", initrd = "i", append = [terraform_data.later.output, "initrd=i"] }]`, []string{"In entries[0].append:", "names an initrd"}},
		{"default = \"nope\"\n entries = [{ label = \"a\", kernel = terraform_data.later.output, initrd = \"i\" }]", []string{"default", `"nope"`, "first entry"}},
		{`entries = [{ label = terraform_data.later.output, kernel = "k", initrd = "i,j" }]`, []string{"In entries[0].initrd:", "has a comma"}},
		{`entries = [{ label = "a", kernel = "k", initrd = "i", append = split(" ", terraform_data.later.output) }, { label = "a", kernel = "k", initrd = "i" }]`, []string{"In entries[1].label:", "used twice"}},
	} {
		steps = append(steps, resource.TestStep{Config: later + pxelinuxConfig(test.attributes), PlanOnly: true, ExpectError: says(test.error...)})
	}
	acceptance(t, append(steps, resource.TestStep{ // which breaks no rule, though it is known neither whether nor which
		Config: later + pxelinuxConfig(`default = terraform_data.later.output
			entries = [{ label = terraform_data.later.output, kernel = terraform_data.later.output, initrd = "i", append = [terraform_data.later.output] }]`),
		Check: guestReads(t, "default", "default a\nlabel a\n  kernel a\n  initrd i\n  append a\n"),
	})...)
}

// TestAccPxelinuxConfigWithoutInitrd has an entry without an initrd through its life: the file that
// stands for it comes and goes with the configuration.
func TestAccPxelinuxConfigWithoutInitrd(t *testing.T) {
	const dir = "/srv/boot/pxelinux.cfg/"
	withoutInitrd := pxelinuxConfig("mac = \"52:54:00:00:00:01\"\n" + menu(strings.Replace(menuEntry("linux"), `initrd = "i"`, "", 1)))
	const name = "01-52-54-00-00-00-01"
	published := resource.ComposeTestCheckFunc(
		hostFile(t, dir+name, []byte("label linux\n  kernel k\n  initrd pxelinux.cfg/"+name+".initrd\n  append BOOT_IMAGE=k\n")),
		hostFile(t, dir+name+".initrd", []byte(image.EmptyInitrd)),
		hostDir(t, dir, name, name+".initrd"),
		resource.TestCheckNoResourceAttr(testConfig, "entries.0.initrd"),
	)
	mended := func(action plancheck.ResourceActionType, behindItsBack func()) resource.TestStep {
		return resource.TestStep{PreConfig: behindItsBack, Config: withoutInitrd, ConfigPlanChecks: actions(testConfig, action), Check: published}
	}
	acceptance(t,
		resource.TestStep{Config: withoutInitrd, Check: published},
		resource.TestStep{ResourceName: testConfig, ImportState: true, ImportStateId: "srv-boot/" + name, ImportStateKind: resource.ImportBlockWithID},
		mended(plancheck.ResourceActionUpdate, func() { removeHostFile(t, dir+name+".initrd") }),
		mended(plancheck.ResourceActionUpdate, func() { writeHostFile(t, dir+name+".initrd", nil) }),
		mended(plancheck.ResourceActionUpdate, func() { chmodHost(t, dir+name+".initrd", 0o600) }),
		mended(plancheck.ResourceActionUpdate, func() { chmodHost(t, dir+name, 0o600) }),
		mended(plancheck.ResourceActionCreate, func() { removeHostFile(t, dir+name) }),
		resource.TestStep{
			Config: pxelinuxConfig("mac = \"52:54:00:00:00:01\"\n" + menu(menuEntry("linux"))),
			Check:  hostDir(t, dir, name),
		},
		resource.TestStep{Config: withoutInitrd, Check: published},
		resource.TestStep{
			PreConfig: func() { removeHostFile(t, dir+name+".initrd") },
			Config:    root(`path = "/srv/boot"`), Check: hostDir(t, dir),
		},
		resource.TestStep{
			PreConfig:   func() { writeHostFile(t, dir+name, []byte("theirs\n")) },
			Config:      withoutInitrd,
			ExpectError: says("with other content"),
		},
		resource.TestStep{
			PreConfig: func() { expect(t, hostDir(t, dir, name)); removeHostFile(t, dir+name) },
			Config:    root(`path = "/srv/boot"`),
		},
	)
}
