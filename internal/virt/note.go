package virt

import (
	"context"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// A note is a text that this program keeps with a domain, in an element of its own among the
// domain's metadata: https://libvirt.org/formatdomain.html#general-metadata.
const (
	noteNamespace = "https://registry.terraform.io/providers/s390x-netboot/netboot"
	notePrefix    = "netboot"
)

// SetNote keeps a text with a domain, in its definition and in the running guest's.
func (h *Host) SetNote(ctx context.Context, name, note string) error {
	var element libvirt.OptString // none removes the note
	if note != "" {
		root := etree.NewElement("note") // libvirt asks for a namespace and does not read what is in it
		root.CreateAttr("xmlns", noteNamespace)
		root.SetText(note)
		text, err := formatXML(root)
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
		return change(ctx, h, "virDomainSetMetadata", func(l *libvirt.Libvirt) error {
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

// editNote puts the note among the metadata, which may hold other programs' elements.
func (d Domain) editNote(root *etree.Element) {
	metadata := child(root, "metadata")
	found := noteIn(metadata)
	switch {
	case d.Note != "" && found == nil:
		found = metadata.CreateElement(notePrefix + ":note")
		found.CreateAttr("xmlns:"+notePrefix, noteNamespace)
		fallthrough
	case d.Note != "":
		if found.Text() != d.Note {
			found.SetText(d.Note)
		}
	case found != nil:
		metadata.RemoveChild(found)
	}
	if len(metadata.Child) == 0 {
		root.RemoveChild(metadata)
	}
}

// noteIn is the note's element among the metadata, nil where there is none.
func noteIn(metadata *etree.Element) *etree.Element {
	for _, element := range metadata.ChildElements() {
		if element.NamespaceURI() == noteNamespace {
			return element
		}
	}
	return nil
}

// parseNote is the note among the metadata, "" where there is none.
func parseNote(metadata *etree.Element) string { return noteIn(metadata.NotNil()).NotNil().Text() }
