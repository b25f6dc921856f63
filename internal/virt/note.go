package virt

import (
	"context"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// A note is a text that this program keeps with a domain, in an element of its own in the domain's metadata:
// https://libvirt.org/formatdomain.html#general-metadata.
const (
	noteNamespace = "https://registry.terraform.io/providers/s390x-netboot/netboot"
	notePrefix    = "netboot"
)

// SetNote stores a text with a domain, in its definition and in the running guest.
func (h *Host) SetNote(ctx context.Context, name, note string) error {
	var element libvirt.OptString // no element removes the note
	if note != "" {
		root := etree.NewElement("note") // libvirt requires a namespace and does not read the content
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
	if refusedWith(err, libvirt.ErrOperationInvalid) { // the guest has ended since the lookup
		err = set(libvirt.DomainAffectConfig)
	}
	return err
}

// editNote puts the note into the metadata, which may hold elements of other programs.
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

// noteIn returns the note's element in the metadata, or nil if there is none.
func noteIn(metadata *etree.Element) *etree.Element {
	for _, element := range metadata.ChildElements() {
		if element.NamespaceURI() == noteNamespace {
			return element
		}
	}
	return nil
}

// parseNote returns the note in the metadata, or "" if there is none.
func parseNote(metadata *etree.Element) string { return noteIn(metadata.NotNil()).NotNil().Text() }
