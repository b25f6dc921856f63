package virt

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// Domains and networks are read and changed as trees, because they hold much that is not modelled and must stay.
// Pools, volumes and capabilities are only read, or written anew as a whole, so libvirt's own types (libvirtxml) do.

// parseXML reads what libvirt has written, comments and unknown elements included.
func parseXML(text string) (*etree.Element, error) {
	doc := etree.NewDocument()
	doc.ReadSettings.PreserveCData = true
	if err := doc.ReadFromString(text); err != nil {
		return nil, err
	}
	if doc.Root() == nil {
		return nil, errors.New("the XML has no element")
	}
	return doc.Root(), nil
}

// formatXML is an element as libvirt takes it.
func formatXML(element *etree.Element) (string, error) {
	doc := etree.NewDocumentWithRoot(element.Copy())
	// Line ends that are written as themselves are spaces to the next reader: "Attribute-Value
	// Normalization", https://www.w3.org/TR/xml/#AVNormalize, and "End-of-Line Handling".
	doc.WriteSettings.CanonicalAttrVal, doc.WriteSettings.CanonicalText = true, true
	return doc.WriteToString()
}

// child is the first child of a name, made where there is none.
func child(parent *etree.Element, name string) *etree.Element {
	if found := parent.SelectElement(name); found != nil {
		return found
	}
	return parent.CreateElement(name)
}

// removeAll removes the children of a name.
func removeAll(parent *etree.Element, name string) {
	for _, element := range parent.SelectElements(name) {
		parent.RemoveChild(element)
	}
}

// replaceAll makes one child of a name for each value, in their order. Where an old child is the
// same thing, it is changed, so that it keeps what is not modelled.
func replaceAll[T any](parent *etree.Element, name string, values []T, same func(*etree.Element, T) bool, edit func(*etree.Element, T)) {
	old := parent.SelectElements(name)
	rest := slices.Clone(old)
	var wanted []*etree.Element
	for _, value := range values {
		element := etree.NewElement(name)
		if at := slices.IndexFunc(rest, func(e *etree.Element) bool { return same(e, value) }); at >= 0 {
			element = rest[at]
			rest = slices.Delete(rest, at, at+1)
		}
		edit(element, value)
		wanted = append(wanted, element)
	}
	arrange(parent, old, wanted)
}

// arrange makes of an element's children the wanted ones, in their order. What is in order already is
// not moved, for libvirt keeps an order even among things of different kinds, such as disks and drives.
func arrange(parent *etree.Element, old, wanted []*etree.Element) {
	for _, element := range old {
		if !slices.Contains(wanted, element) {
			parent.RemoveChild(element)
		}
	}
	var last *etree.Element
	for _, element := range wanted {
		if element.Parent() == nil || last != nil && element.Index() < last.Index() {
			parent.RemoveChild(element)
			at := len(parent.Child)
			if last != nil {
				at = last.Index() + 1
			}
			parent.InsertChildAt(at, element)
		}
		last = element
	}
}

// editNamed gives a child of a name its one attribute, or removes it where the value is empty.
func editNamed(parent *etree.Element, name, key, value string) {
	if value == "" {
		removeAll(parent, name)
		return
	}
	child(parent, name).CreateAttr(key, value)
}

// editText gives a child of a name its text, or removes it where that is empty.
func editText(parent *etree.Element, name, text string) {
	if text == "" {
		removeAll(parent, name)
		return
	}
	child(parent, name).SetText(text)
}

// editFlag has a child of a name without content where on, or none.
func editFlag(parent *etree.Element, name string, on bool) {
	if !on {
		removeAll(parent, name)
		return
	}
	child(parent, name)
}

// setAttr sets an attribute, or removes it where the value is empty.
func setAttr(element *etree.Element, key, value string) {
	if value == "" {
		element.RemoveAttr(key)
		return
	}
	element.CreateAttr(key, value)
}

func attr(element *etree.Element, key string) string {
	return element.NotNil().SelectAttrValue(key, "")
}

// childText is the text of the first child of a name, "" where there is none.
func childText(parent *etree.Element, name string) string {
	return parent.SelectElement(name).NotNil().Text()
}

// parseText reads an element's text as a number.
func parseText(element *etree.Element) (uint64, error) {
	return strconv.ParseUint(strings.TrimSpace(element.Text()), 10, 64)
}

// number is a number as an attribute; none is empty.
func number(n uint) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}
