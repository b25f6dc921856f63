package provider

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type object = map[string]tftypes.Value

// entryWith is an entry of label "a", kernel "k" and initrd "i" with these attributes in their place.
func entryWith(attributes object) tftypes.Value {
	entry := object{"label": text("a"), "kernel": text("k"), "initrd": text("i")}
	maps.Copy(entry, attributes)
	return braces(entry)
}

const entryText = "label a\n  kernel k\n  initrd i\n  append "

func TestPxelinuxRenderFunction(t *testing.T) {
	entry := entryWith(nil)
	other := entryWith(object{"label": text("b"), "append": brackets(text("x=1"), text("y=2 z"))})
	const otherText = "label b\n  kernel k\n  initrd i\n  append x=1 y=2 z\n"
	plain, two := text(entryText+"BOOT_IMAGE=k\n"), text("default b\n"+entryText+"BOOT_IMAGE=k\n"+otherText)
	for _, test := range []struct {
		name   string
		config tftypes.Value
		want   tftypes.Value
	}{
		{"object", braces(object{"default": text("b"), "entries": brackets(entry, other)}), two},
		{"no default", braces(object{"entries": brackets(entry)}), plain},
		{"null default", braces(object{"default": null, "entries": brackets(entry)}), plain},
		{"entries alone", brackets(entry, other), text(entryText + "BOOT_IMAGE=k\n" + otherText)},
		{"with problems", braces(object{"entries": brackets(entry), "problems": brackets(text("line 1"))}), plain},
		{"as it is parsed", configValue("b", nil, entryValue("a", "k", "i", ""), entryValue("b", "k", "i", "x=1 y=2 z")), two},
		{"null append", brackets(entryWith(object{"append": null})), plain},
		{"empty append", brackets(entryWith(object{"append": brackets()})), plain},
		{"list of append", brackets(entryWith(object{"append": listOf(tftypes.String, text("quiet"))})), text(entryText + "quiet\n")},
		{"maps", listOf(tftypes.Map{ElementType: tftypes.String}, tftypes.NewValue(tftypes.Map{ElementType: tftypes.String},
			object{"label": text("a"), "kernel": text("k"), "initrd": text("i")})), plain},
		{"more than old firmware uses", brackets(manyEntries(30)...), text(manyTexts(30))},
	} {
		t.Run(test.name, func(t *testing.T) { returns(t, test.want, "pxelinux_render", test.config) })
	}
}

func TestPxelinuxRenderFunctionArch(t *testing.T) {
	config := brackets(entryWith(object{"append": brackets(text("x=1"))}))
	returns(t, text("serial 0 115200\ndefault a\nlabel a\n  kernel k\n  initrd i\n  append x=1\n"), "pxelinux_render", config, text("x86_64"))
	returns(t, text(entryText+"BOOT_IMAGE=k\n"), "pxelinux_render", brackets(entryWith(nil)), text("ppc64le"))
	refuses(t, 0, []string{"entries[0].append", "never reaches the kernel", "kernel.cmdline of the netboot_image"}, "pxelinux_render", config, text("ppc64le"))
	refuses(t, 1, []string{`"x86" is not an architecture`}, "pxelinux_render", config, text("x86"))
}

func manyEntries(count int) []tftypes.Value {
	var entries []tftypes.Value
	for i := range count {
		entries = append(entries, entryWith(object{"label": text(fmt.Sprint("e", i))}))
	}
	return entries
}

func manyTexts(count int) string {
	var all strings.Builder
	for i := range count {
		fmt.Fprintf(&all, "label e%d\n  kernel k\n  initrd i\n  append BOOT_IMAGE=k\n", i)
	}
	return all.String()
}

// TestPxelinuxRenderFunctionUnknown holds that the text is unknown while a part of the configuration is.
func TestPxelinuxRenderFunctionUnknown(t *testing.T) {
	for _, config := range []tftypes.Value{
		unknown,
		tftypes.NewValue(tftypes.List{ElementType: parsedEntryType}, tftypes.UnknownValue),
		braces(object{"entries": unknown}),
		braces(object{"default": unknownString, "entries": brackets(entryWith(nil))}),
		brackets(entryWith(nil), unknown),
		brackets(entryWith(object{"label": unknownString})),
		brackets(entryWith(object{"kernel": unknown})),
		brackets(entryWith(object{"initrd": unknown})),
		brackets(entryWith(object{"append": unknown})),
		brackets(entryWith(object{"append": tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, tftypes.UnknownValue)})),
		brackets(entryWith(object{"append": brackets(text("quiet"), unknownString)})),
	} {
		returns(t, unknownString, "pxelinux_render", config)
	}
	// A mistake is one even so.
	refuses(t, 0, []string{"entries[0].cmdline: there is no such attribute"},
		"pxelinux_render", brackets(entryWith(object{"kernel": unknownString, "cmdline": text("quiet")})))
}

func TestPxelinuxRenderFunctionErrors(t *testing.T) {
	arguments := func(v tftypes.Value) tftypes.Value {
		return braces(object{"entries": brackets(entryWith(nil), entryWith(object{"label": text("b"), "append": v}))})
	}
	for _, test := range []struct {
		name   string
		config tftypes.Value
		want   []string
	}{
		{"string", text("label a"), []string{"an object with default and entries, or a list of entries is required, got string"}},
		{"null", null, []string{"is required, got null"}},
		{"no entries", braces(object{"default": text("a")}), []string{"entries: a list of entries is required, got null"}},
		{"object of entries", braces(object{"entries": braces(object{"a": entryWith(nil)})}), []string{"entries: a list of entries is required, got object"}},
		{"set of entries", braces(object{"entries": tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, []tftypes.Value{text("a")})}),
			[]string{"entries: a list of entries is required, got set"}},
		{"one entry", entryWith(nil), []string{"initrd: there is no such attribute; a configuration has default and entries"}},
		{"other attribute", braces(object{"entries": brackets(entryWith(nil)), "timeout": number(5)}), []string{"timeout: there is no such attribute"}},
		{"wrong default", braces(object{"entries": brackets(entryWith(nil)), "default": number(1)}), []string{"default: a string is required, got number"}},
		{"wrong entry", brackets(text("a")), []string{"entries[0]: an object with label, kernel, initrd and append is required, got string"}},
		{"null entry", brackets(entryWith(nil), null), []string{"entries[1]: an object with label", "got null"}},
		{"no label", brackets(braces(object{"kernel": text("k"), "initrd": text("i")})), []string{"entries[0].label: a string is required, got null"}},
		{"null kernel", brackets(entryWith(object{"kernel": null})), []string{"entries[0].kernel: a string is required, got null"}},
		{"list of initrds", brackets(entryWith(object{"initrd": brackets(text("i"))})), []string{"entries[0].initrd: a string is required, got list"}},
		{"bool", brackets(entryWith(object{"kernel": tftypes.NewValue(tftypes.Bool, true)})), []string{"entries[0].kernel: a string is required, got bool"}},
		{"typing mistake", brackets(entryWith(nil), entryWith(object{"label": text("b"), "cmdline": text("quiet")})),
			[]string{"entries[1].cmdline: there is no such attribute; a configuration has default and entries, and an entry has label, kernel, initrd and append"}},
		{"append of one string", arguments(text("quiet")), []string{"entries[1].append: a list of strings is required, got string"}},
		{"append of a map", arguments(tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, object{})), []string{"entries[1].append: a list of strings is required, got map"}},
		{"append with a number", arguments(brackets(text("quiet"), number(5))), []string{"entries[1].append[1]: a string is required, got number"}},
		{"append with null", arguments(brackets(null)), []string{"entries[1].append[0]: a string is required, got null"}},
		{"several", brackets(entryWith(object{"label": null, "append": text("quiet")})),
			[]string{"entries[0].label: a string is required, got null\nentries[0].append: a list of strings is required, got string"}},
		{"empty list", brackets(), []string{"entries: there is no entry"}},
		{"append too long", arguments(brackets(text(strings.Repeat("x", 896)))), []string{"entries[1].append: ", "(896 bytes)", "first 895 bytes", "shorten the arguments"}},
		{"no initrd", brackets(entryWith(object{"initrd": null})), []string{"entries[0].initrd: initrd is missing", "name a file below the TFTP root"}},
		{"default of no entry", braces(object{"default": text("c"), "entries": brackets(entryWith(nil))}), []string{`default: no entry has the label "c"`}},
		{"file too large", brackets(manyEntries(60)...), []string{"entries: the file has ", "the firmware reads at most 2047"}},
		{"too many entries", brackets(manyEntries(31)...), []string{"entries[30].label: this is entry 31; the firmware uses 30"}},
		{"both", arguments(brackets(text("initrd=i"), text("#"))), []string{"names an initrd", "\nentries[1].append: ", "begins with \"#\""}},
	} {
		t.Run(test.name, func(t *testing.T) { refuses(t, 0, test.want, "pxelinux_render", test.config) })
	}
}
