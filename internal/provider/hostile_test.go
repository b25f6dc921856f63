package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// What somebody might write into an attribute who wants to be more than its value: in XML, in a line of
// dnsmasq's or pxelinux's configuration, in a program's arguments, in a path, on a terminal.
var (
	hostileEnds = []string{ // behind a harmless value
		`"'><y>]]>&lt;<!--`, "</x><y/>", `" #y='`, "\ndhcp-script=/tmp/x", "\x00\x1b[2J", "\u202e", `,x=y;$(x)%s\`, "/../../x", strings.Repeat("x", 5000),
	}
	hostileWholes = []string{"\r\n", "-x", "../x"} // instead of one
)

// TestHostileResources puts hostile texts into every string of every resource. Each is refused with an
// error at that attribute, or reaches the host in the place of a harmless value and changes nothing else:
// no more objects, fields, options or lines, and no control character in any of them. That virt then makes
// the same XML of it is TestHostileXML's to hold.
//
// A new attribute is not covered until a sample has it, and that is an error too.
//
// The race detector makes this test five times as slow, so "make unit" sets -short, which means one text for each string.
func TestHostileResources(t *testing.T) {
	samples := hostileSamples(t)
	for kind, configs := range samples {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			on := &recorder{}
			c := newCoreOf(t, kind, func() run {
				server, schemas := configuredServer(t, on, `{"uri": "memory:///", "hosts": {"far": {"uri": "memory:///"}}}`)
				return run{server, schemas.ResourceSchemas}
			})
			covered := map[string]bool{}
			for _, config := range configs {
				trySample(t, c, on, config, covered)
			}
			for _, name := range stringsOf(c.schema.Block.Attributes, "") {
				if !covered[name] {
					t.Errorf("%s of %s is in no sample: give it a harmless value in hostileSamples", name, kind)
				}
			}
		})
	}
	_, schemas := configuredServer(t, &recorder{}, `{}`)
	for kind := range schemas.ResourceSchemas {
		if samples[kind] == nil {
			t.Errorf("%s has no sample", kind)
		}
	}
}

// trySample replaces each string of a sample by each hostile text.
func trySample(t *testing.T, c *core, on *recorder, sample string, covered map[string]bool) {
	var config map[string]any
	if err := json.Unmarshal([]byte(sample), &config); err != nil {
		t.Fatalf("%v in %s", err, sample)
	}
	run := func(config any) (problems, []any) {
		on.renew(t)
		c.state, c.private, c.identity, c.tainted = c.none(), nil, nil, false
		return c.apply(toJSON(t, config)), on.seen(t)
	}
	said, harmless := run(config)
	if said.hasError() {
		t.Fatalf("the sample itself is refused: %v", said)
	}
	for i, at := range leaves(c.schema.Block.Attributes, config, place{}) {
		covered[at.name] = true
		texts := at.hostile()
		if testing.Short() {
			texts = texts[i%len(texts):][:1] // each string gets another text
		}
		for _, value := range texts {
			said, got := run(at.replaced(config, value))
			holdsProblems(t, at.name, said)
			compare := comparison{at.value, value, at.isContent()}
			if said.hasError() {
				if !said.isAbout(at, value) {
					t.Errorf("%s = %.60q is refused somewhere else: %.600v", at.name, value, said)
				}
			} else if err := compare.sameCalls(harmless, got); err != nil {
				t.Errorf("%s = %.60q: %v", at.name, value, err)
			}
		}
	}
}

// holdsProblems checks that what a terminal shows is plain text. What types of the framework's say of a
// wrong value repeats it as it was written.
func holdsProblems(t *testing.T, what string, said problems) {
	t.Helper()
	for _, d := range said {
		text := d.Summary + d.Detail
		if strings.Contains(text, "Given Value: ") || strings.HasPrefix(d.Summary, "Invalid Attribute Value") {
			continue
		}
		if at := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); at >= 0 {
			t.Errorf("%s: a message has %q: %.300q", what, text[at:min(at+4, len(text))], text)
		}
	}
}

// isAbout tells whether an error is about a place or what it is in, or shows the value. Of a label that is
// changed, the default that named it is what is wrong.
func (p problems) isAbout(at place, value string) bool {
	return slices.ContainsFunc(p, func(d *tfprotov6.Diagnostic) bool {
		if d.Severity != tfprotov6.DiagnosticSeverityError || d.Attribute == nil || len(d.Attribute.Steps()) == 0 {
			return false
		}
		return strings.HasPrefix(at.attribute().String(), d.Attribute.String()) || strings.Contains(d.Detail, strings.Trim(strconv.Quote(value), `"`)) ||
			slices.ContainsFunc(blamed[at.name], func(other string) bool { return strings.Contains(d.Attribute.String(), strconv.Quote(other)) })
	})
}

// blamed are the attributes that are wrong where another one was changed: a list has no checksum of a
// file of another name, and a default is the label of none.
var blamed = map[string][]string{
	"entries.label": {"default"}, "source": {"checksum"}, "kernel.source": {"checksum"}, "initrd.source": {"inject"},
	"kernel.iso_path": {"source"}, "initrd.iso_path": {"source"}, "files.iso_path": {"source"}, "files.source": {"checksum"}, "ins.checksum": {"checksum"}, "checksum_signature.source": {"checksum"},
}

// comparison is of what reaches a host with a harmless value and with a hostile one in its place.
type comparison struct {
	harmless, hostile string
	isContent         bool // so that names and sizes follow from it
}

// sameCalls is same for what the host is told, which may be in any order.
func (c comparison) sameCalls(want, got []any) error {
	if len(got) != len(want) {
		return fmt.Errorf("the host is told %d things, and not %d: %.200v", len(got), len(want), got)
	}
	rest := slices.Clone(got)
	for _, one := range want {
		var err error
		at := slices.IndexFunc(rest, func(other any) bool { err = c.same(one, other); return err == nil })
		if at < 0 {
			return err
		}
		rest = slices.Delete(rest, at, at+1)
	}
	return nil
}

// same says where the two differ in more than the value.
func (c comparison) same(want, got any) error {
	switch want := want.(type) {
	case map[string]any:
		got, isMap := got.(map[string]any)
		if !isMap || !slices.Equal(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))) {
			return fmt.Errorf("the fields differ: %.200v and %.200v", want, got)
		}
		for key := range want {
			if err := c.same(want[key], got[key]); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	case []any:
		got, isList := got.([]any)
		if !isList || len(got) != len(want) && !c.isContent {
			return fmt.Errorf("the host gets %d things, and not %d: %.200v", len(got), len(want), got)
		}
		for i := range min(len(want), len(got)) {
			if err := c.same(want[i], got[i]); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	case string:
		return c.sameText(want, got)
	default:
		if want != got && !c.isContent {
			return fmt.Errorf("the host gets %v, and not %v", got, want)
		}
		return nil
	}
}

func (c comparison) sameText(want string, value any) error {
	got, isText := value.(string)
	var wanted, found any
	switch {
	case !isText:
		return fmt.Errorf("the host gets %v, and not a text", value)
	case strings.HasPrefix(want, "{") && json.Unmarshal([]byte(want), &wanted) == nil && json.Unmarshal([]byte(got), &found) == nil:
		return comparison{c.harmless, c.hostile, true}.same(wanted, found) // a note, which escapes what it holds
	case strings.ContainsFunc(got, unicode.IsControl) && !c.isContent:
		return fmt.Errorf("a control character gets to the host: %.100q", got)
	case got != want && got != strings.ReplaceAll(want, c.harmless, c.hostile) && !c.isContent:
		return fmt.Errorf("the host gets %.100q, and not %.100q", got, want)
	default:
		return nil
	}
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withRules is a network with the raw options that are rules as rules, whose values dnsmasq has in quotes.
func withRules(n virt.Network) any {
	rules, rest := dnsmasq.Rules(n.Options)
	n.Options = rest
	return map[string]any{"network": n, "rules": rules}
}
