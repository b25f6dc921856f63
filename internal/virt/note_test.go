package virt

import (
	"strings"
	"testing"
	"unicode/utf8"

	"libvirt.org/go/libvirtxml"
)

const theirs = `<t:note xmlns:t="https://example.com/">a &lt;note&gt; of <t:b/> somebody else</t:note>`

func TestNoteStaysBesideOthers(t *testing.T) {
	for _, metadata := range []string{"", theirs, " \n" + theirs + "\n<!-- a comment -->" + theirs} {
		doc := &libvirtxml.Domain{Metadata: &libvirtxml.DomainMetadata{XML: metadata}}
		for _, text := range []string{"first", `<second> & "more"`, "third\n"} {
			if err := (Domain{Note: text}).applyNote(doc); err != nil {
				t.Fatal(err)
			}
			if got := parseNote(doc.Metadata); got != text {
				t.Errorf("the note %q is read as %q", text, got)
			}
			if !strings.Contains(doc.Metadata.XML, strings.TrimSpace(metadata)) || strings.Count(doc.Metadata.XML, notePrefix) != 2 {
				t.Errorf("beside %q the note %q is written as %q", metadata, text, doc.Metadata.XML)
			}
		}
		if err := (Domain{}).applyNote(doc); err != nil {
			t.Fatal(err)
		}
		if doc.Metadata != nil && doc.Metadata.XML != strings.TrimSpace(metadata) || doc.Metadata == nil && metadata != "" {
			t.Errorf("without the note %q is %+v", metadata, doc.Metadata)
		}
	}
}

func TestNoteAsLibvirtWritesIt(t *testing.T) {
	const libvirts = `<netboot:note xmlns:netboot="` + noteNamespace + `">a &amp; b</netboot:note>`
	others, text, err := splitNote(theirs + libvirts)
	if err != nil || others != theirs || text != "a & b" {
		t.Errorf("splitNote returned %q, %q, %v", others, text, err)
	}
}

func TestBrokenMetadata(t *testing.T) {
	broken := &libvirtxml.DomainMetadata{XML: "<a>"}
	if got := parseNote(broken); got != "" {
		t.Errorf("the note is %q", got)
	}
	if err := (Domain{Note: "text"}).applyNote(&libvirtxml.Domain{Metadata: broken}); err == nil {
		t.Error("a note was put into broken metadata")
	}
}

// FuzzSplitNote: a note comes out of any metadata as it went in, and the rest stays what it was.
func FuzzSplitNote(f *testing.F) {
	f.Add("", "text")
	f.Add(theirs, `<"&'>`)
	f.Add("<a/>\r\n<!--c--><b><![CDATA[d]]></b>", "two\nlines")
	f.Fuzz(func(t *testing.T, metadata, text string) {
		rest, _, err := splitNote(metadata)
		if err != nil || !isXMLText(text) {
			return
		}
		element, err := noteElement(text)
		if err != nil {
			t.Fatal(err)
		}
		others, got, err := splitNote(rest + element)
		if strings.Contains(rest, "]]>") && err != nil {
			return // the note stood between "]]" and ">"
		}
		if err != nil || others != rest || got != text {
			t.Errorf("out of %q came %q, %q, %v, want %q", rest+element, others, got, err, text)
		}
	})
}

// isXMLText tells whether a text can be in an XML document at all.
func isXMLText(text string) bool {
	forbidden := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff'
	}
	return utf8.ValidString(text) && !strings.ContainsFunc(text, forbidden)
}
