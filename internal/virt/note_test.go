package virt

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const theirs = `<t:note xmlns:t="https://example.com/">a &lt;note&gt; of <t:b/> somebody else</t:note>`

func TestNoteStaysBesideOthers(t *testing.T) {
	for _, metadata := range []string{"", theirs, " \n" + theirs + "\n<!-- a comment -->" + theirs, "<!-- alone --><a><![CDATA[b]]></a>"} {
		root := parsed(t, "<domain><metadata>"+metadata+"</metadata></domain>")
		for _, text := range []string{"first", `<second> & "more"`, "third\n"} {
			Domain{Note: text}.editNote(root)
			got := formatted(t, root)
			if read := noteOf(t, got); read != text {
				t.Errorf("the note %q is read as %q", text, read)
			}
			if !strings.Contains(got, "<metadata>"+metadata+"<netboot:note") {
				t.Errorf("beside %q the note %q is written as %q", metadata, text, got)
			}
		}
		Domain{}.editNote(root)
		want := "<domain><metadata>" + metadata + "</metadata></domain>"
		if metadata == "" {
			want = "<domain/>"
		}
		if got := formatted(t, root); got != want {
			t.Errorf("without the note %q is %q", metadata, got)
		}
	}
}

func TestNoteAsLibvirtWritesIt(t *testing.T) {
	const libvirts = `<netboot:note xmlns:netboot="` + noteNamespace + `">a &amp; b</netboot:note>`
	if got := noteOf(t, "<domain><metadata>"+theirs+libvirts+"</metadata></domain>"); got != "a & b" {
		t.Errorf("the note is %q", got)
	}
}

func TestNoMetadata(t *testing.T) {
	if got := noteOf(t, "<domain/>"); got != "" {
		t.Errorf("the note is %q", got)
	}
}

// noteOf reads a note as the note of a domain.
func noteOf(t *testing.T, text string) string {
	t.Helper()
	return parseNote(parsed(t, text).SelectElement("metadata"))
}

// FuzzNote: a note that is written into any metadata is read back unchanged, and the rest of the metadata stays the
// same.
func FuzzNote(f *testing.F) {
	f.Add("", "text")
	f.Add(theirs, `<"&'>`)
	f.Add("<a/>\r\n<!--c--><b><![CDATA[d]]></b>", "two\nlines")
	f.Fuzz(func(t *testing.T, metadata, text string) {
		root, err := parseXML("<domain><metadata>" + metadata + "</metadata></domain>")
		if err != nil || !isXMLText(text) || text == "" {
			return
		}
		Domain{}.editNote(root)
		before := formatted(t, root)
		Domain{Note: text}.editNote(root)
		again := parsed(t, formatted(t, root))
		if got := noteIn(child(again, "metadata")).NotNil().Text(); got != text {
			t.Errorf("the note %q came out as %q", text, got)
		}
		Domain{}.editNote(again)
		if after := formatted(t, again); after != before {
			t.Errorf("%q became %q", before, after)
		}
	})
}

// isXMLText reports whether an XML document can contain a text.
func isXMLText(text string) bool {
	forbidden := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff'
	}
	return utf8.ValidString(text) && !strings.ContainsFunc(text, forbidden)
}
