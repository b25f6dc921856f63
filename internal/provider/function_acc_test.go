package provider

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// onNoHost is a provider whose host is nowhere: functions need none.
const onNoHost = "provider \"netboot\" {\n  uri = \"" + nowhere + "\"\n}\n"

// outputIs checks an output for a text.
func outputIs(name, text string) statecheck.StateCheck {
	return statecheck.ExpectKnownOutputValue(name, knownvalue.StringExact(text))
}

// TestAccFunctions calls every function in one configuration.
func TestAccFunctions(t *testing.T) {
	onlyProvider(t, onNoHost, `
output "mac" { value = provider::netboot::mac("blog-netboot") }
output "second_mac" { value = provider::netboot::mac("blog-netboot", 1) }
output "file_name" { value = provider::netboot::pxelinux_file_name(provider::netboot::mac("blog-netboot")) }
output "pc_file_name" { value = provider::netboot::pxelinux_file_name("7d1c7f0e-6a3e-4a86-8f0c-0123456789ab", "x86_64") }
output "pc_text" { value = provider::netboot::pxelinux_render([{ label = "a", kernel = "k", append = ["x=1"] }], "x86_64") }
output "text" {
  value = provider::netboot::pxelinux_render({
    default = "b"
    entries = [
      { label = "a", kernel = "k", initrd = "i" },
      { label = "b", kernel = "k", initrd = "i", append = ["x=1", "y=2"] },
    ]
  })
}
output "entries_alone" {
  value = provider::netboot::pxelinux_render([for l in ["a", "b"] : { label = l, kernel = "k", initrd = "i", append = null }])
}
output "again" { value = provider::netboot::pxelinux_render(provider::netboot::pxelinux_parse("label a\nkernel k\ninitrd i\nappend x=1\n")) }
output "parsed" { value = provider::netboot::pxelinux_parse("prompt 0\nlabel a\nkernel k\nappend x=1 y=2\n") }
output "manifest" { value = provider::netboot::ins_parse("* Linux\nk 0x0\ni 0x1000000\np 0x10480\n") }
`, resource.TestStep{ConfigStateChecks: []statecheck.StateCheck{
		outputIs("mac", "52:54:00:09:43:37"),
		outputIs("second_mac", "52:54:00:b0:fd:8d"),
		outputIs("file_name", "01-52-54-00-09-43-37"),
		outputIs("pc_file_name", "0e7f1c7d-3e6a-864a-8f0c-0123456789ab"),
		outputIs("pc_text", "serial 0 115200\ndefault a\nlabel a\n  kernel k\n  append x=1\n"),
		outputIs("text", "default b\nlabel a\n  kernel k\n  initrd i\n  append BOOT_IMAGE=k\nlabel b\n  kernel k\n  initrd i\n  append x=1 y=2\n"),
		outputIs("entries_alone", "label a\n  kernel k\n  initrd i\n  append BOOT_IMAGE=k\nlabel b\n  kernel k\n  initrd i\n  append BOOT_IMAGE=k\n"),
		outputIs("again", "label a\n  kernel k\n  initrd i\n  append x=1\n"),
		statecheck.ExpectKnownOutputValue("parsed", knownvalue.ObjectExact(map[string]knownvalue.Check{
			"default": knownvalue.Null(),
			"entries": knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectExact(map[string]knownvalue.Check{
				"label":  knownvalue.StringExact("a"),
				"kernel": knownvalue.StringExact("k"),
				"initrd": knownvalue.Null(),
				"append": knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("x=1"), knownvalue.StringExact("y=2")}),
			})}),
			"problems": knownvalue.ListExact([]knownvalue.Check{
				knownvalue.StringRegexp(says(`line 1, column 1: the firmware ignores this line, because it does not know "prompt" here`)),
				knownvalue.StringRegexp(says(`line 2, column 7: initrd is missing`)),
			}),
		})),
		statecheck.ExpectKnownOutputValue("manifest", knownvalue.ObjectExact(map[string]knownvalue.Check{
			"title": knownvalue.StringExact("Linux"),
			"files": knownvalue.ListExact([]knownvalue.Check{
				fileIs("k", 0), fileIs("i", 0x1000000), fileIs("p", 0x10480),
			}),
			"kernel":     knownvalue.StringExact("k"),
			"initrd":     knownvalue.StringExact("i"),
			"parameters": knownvalue.StringExact("p"),
		})),
	}})
}

func fileIs(path string, address int64) knownvalue.Check {
	return knownvalue.ObjectExact(map[string]knownvalue.Check{"path": knownvalue.StringExact(path), "address": knownvalue.Int64Exact(address)})
}

func TestAccFunctionErrors(t *testing.T) {
	for _, test := range []struct {
		call  string
		error []string
	}{
		{`mac("")`, []string{`"name" parameter`, "a name cannot be empty"}},
		{`mac("a", -1)`, []string{`"index" parameter`, "the index -1 is negative"}},
		{`mac(null)`, []string{`"name" parameter`, "must not be null"}},
		{`pxelinux_file_name("192.168.150.0/22")`, []string{`"who" parameter`, "does not end at a whole hexadecimal digit"}},
		{`pxelinux_render([{ label = "a", kernel = "k", initrd = "i", cmdline = "quiet" }])`,
			[]string{`"config" parameter`, "entries[0].cmdline: there is no such attribute", "label, kernel, initrd and append"}},
		{`pxelinux_render({ entries = [{ label = "a", kernel = terraform_data.later.output, initrd = "i", append = "quiet" }] })`,
			[]string{`"config" parameter`, "entries[0].append: a list of strings is required, got string"}},
		{`pxelinux_render([{ label = "a", kernel = "k", initrd = "i", append = ["initrd=i"] }])`,
			[]string{`"config" parameter`, "entries[0].append: ", "names an initrd", "name the file in initrd"}},
		{`pxelinux_render(null)`, []string{`"config" parameter`, "must not be null"}},
		{`ins_parse("k 0x0\n")`, []string{`"text" parameter`, `does not begin with "* "`}},
		{`ins_parse("* Linux\nk\t0x0\n")`, []string{`"text" parameter`, "line 2: there is a tab"}},
	} {
		t.Run(test.call, func(t *testing.T) {
			onlyProvider(t, onNoHost, `
resource "terraform_data" "later" { input = "x" }
output "test" { value = provider::netboot::`+test.call+` }
`, resource.TestStep{PlanOnly: true, ExpectError: says(test.error...)})
		})
	}
}

// TestAccFunctionsAndResources holds that a resource takes what a function returns, and a function
// what a resource will be.
func TestAccFunctionsAndResources(t *testing.T) {
	parsed := func(text string) string {
		return fmt.Sprintf("locals {\n found = provider::netboot::pxelinux_parse(%q)\n}\n", text) +
			pxelinuxConfig("default = local.found.default\nentries = local.found.entries")
	}
	const found = "prompt 0\ndefault rescue\nlabel linux\n kernel k\n initrd i\n append root=/dev/vda1   quiet\nlabel rescue\n kernel k\n initrd i\n append BOOT_IMAGE=k\n"
	acceptance(t,
		resource.TestStep{
			Config: parsed(found),
			Check:  guestReads(t, "default", twoEntryText),
		},
		resource.TestStep{
			Config: parsed("label linux\n kernel k\n"), // an empty initrd goes with it
			Check:  resource.TestCheckNoResourceAttr(testConfig, "entries.0.initrd"),
		},
		resource.TestStep{
			Config: "resource \"terraform_data\" \"later\" { input = \"k\" }\n" + pxelinuxConfig(`
content = provider::netboot::pxelinux_render([{ label = "linux", kernel = terraform_data.later.output, initrd = "i" }])`),
			ConfigPlanChecks: actions(testConfig, plancheck.ResourceActionUpdate, plancheck.ExpectUnknownValue(testConfig, tfjsonpath.New("content"))),
			Check:            guestReads(t, "default", oneEntryText),
		},
	)
}
