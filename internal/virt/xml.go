package virt

import (
	"errors"

	"github.com/beevik/etree"
)

// parseXML reads what libvirt has written, comments and unknown elements included.
func parseXML(text string) (*etree.Element, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		return nil, err
	}
	if doc.Root() == nil {
		return nil, errors.New("XML without an element")
	}
	return doc.Root(), nil
}

// formatXML is an element as libvirt takes it.
func formatXML(element *etree.Element) (string, error) {
	return etree.NewDocumentWithRoot(element.Copy()).WriteToString()
}
