package virt

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// A note is a text that this program keeps with a domain, in an element of its own among the
// domain's metadata: https://libvirt.org/formatdomain.html#general-metadata.
const (
	noteNamespace = "https://registry.terraform.io/providers/s390x-netboot/netboot"
	notePrefix    = "netboot"
)

// note is the element; libvirt asks for a namespace and does not read what is in it.
type note struct {
	XMLName xml.Name `xml:"https://registry.terraform.io/providers/s390x-netboot/netboot note"`
	Text    string   `xml:",chardata"`
}

// noteElement is the element that holds a note; "" removes it.
func noteElement(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	element, err := xml.Marshal(note{Text: text})
	return string(element), err
}

// SetNote keeps a text with a domain, in its definition and in the running guest's.
func (h *Host) SetNote(ctx context.Context, name, note string) error {
	var element libvirt.OptString // none removes the note
	if note != "" {
		text, err := noteElement(note)
		if err != nil {
			return err
		}
		element = libvirt.OptString{text}
	}
	domain, err := h.lookupDomain(ctx, name)
	if err != nil {
		return err
	}
	impact := libvirt.DomainAffectConfig
	if domain.ID >= 0 {
		impact |= libvirt.DomainAffectLive
	}
	set := func(impact libvirt.DomainModificationImpact) error {
		return do(ctx, h, func(l *libvirt.Libvirt) error {
			return l.DomainSetMetadata(domain, int32(libvirt.DomainMetadataElement),
				element, libvirt.OptString{notePrefix}, libvirt.OptString{noteNamespace}, impact)
		})
	}
	err = set(impact)
	if refusedWith(err, libvirt.ErrOperationInvalid) { // the guest has ended since it was looked up
		err = set(libvirt.DomainAffectConfig)
	}
	return err
}

// applyNote puts the note among the metadata, which may hold other programs' elements.
func (d Domain) applyNote(doc *libvirtxml.Domain) error {
	var old string
	if doc.Metadata != nil {
		old = doc.Metadata.XML
	}
	others, _, err := splitNote(old)
	if err != nil {
		return err
	}
	element, err := noteElement(d.Note)
	if err != nil {
		return err
	}
	doc.Metadata = nil
	if all := strings.TrimSpace(others + element); all != "" {
		doc.Metadata = &libvirtxml.DomainMetadata{XML: all}
	}
	return nil
}

// parseNote is the note among the metadata, "" where there is none.
func parseNote(metadata *libvirtxml.DomainMetadata) string {
	if metadata == nil {
		return ""
	}
	_, found, err := splitNote(metadata.XML)
	if err != nil {
		return ""
	}
	return found
}

// splitNote takes the note out of the metadata and leaves the other elements as they are written.
func splitNote(metadata string) (others, text string, err error) {
	decoder := xml.NewDecoder(strings.NewReader(metadata))
	for {
		begin := decoder.InputOffset()
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return others, text, nil
		}
		if err != nil {
			return "", "", err
		}
		element, isElement := token.(xml.StartElement)
		switch {
		case isElement && element.Name.Space == noteNamespace:
			var found note
			if err := decoder.DecodeElement(&found, &element); err != nil {
				return "", "", err
			}
			text = found.Text
			continue
		case isElement:
			if err := decoder.Skip(); err != nil {
				return "", "", err
			}
		}
		others += metadata[begin:decoder.InputOffset()]
	}
}
