package virt

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// Domains and networks are read and changed as trees, because they contain much that is not modelled and must stay.
// Pools, volumes and capabilities are only read or written as a whole, so libvirt's own types (libvirtxml) do.

// parseXML reads what libvirt has written, including comments and unknown elements.
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

// formatXML returns an element in the form that libvirt accepts.
func formatXML(element *etree.Element) (string, error) {
	doc := etree.NewDocumentWithRoot(element.Copy())
	// The next reader turns literal line ends into spaces: "Attribute-Value Normalization",
	// https://www.w3.org/TR/xml/#AVNormalize, and "End-of-Line Handling".
	doc.WriteSettings.CanonicalAttrVal, doc.WriteSettings.CanonicalText = true, true
	return doc.WriteToString()
}

// child returns the first child with a name. It makes the child if there is none.
func child(parent *etree.Element, name string) *etree.Element {
	if found := parent.SelectElement(name); found != nil {
		return found
	}
	return parent.CreateElement(name)
}

// removeAll removes the children with a name.
func removeAll(parent *etree.Element, name string) {
	for _, element := range parent.SelectElements(name) {
		parent.RemoveChild(element)
	}
}

// replaceAll makes one child with a name for each value, in order. If an old child is the same thing, it is changed,
// so that it keeps what is not modelled.
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

// arrange makes the wanted elements the children, in order. It does not move elements that are already in order,
// because libvirt keeps an order even among different kinds of devices, such as disks and drives.
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

// editNamed sets the only attribute of a named child, or removes the child if the value is empty.
func editNamed(parent *etree.Element, name, key, value string) {
	if value == "" {
		removeAll(parent, name)
		return
	}
	child(parent, name).CreateAttr(key, value)
}

// editText sets the text of a named child, or removes the child if the text is empty.
func editText(parent *etree.Element, name, text string) {
	if text == "" {
		removeAll(parent, name)
		return
	}
	child(parent, name).SetText(text)
}

// editFlag adds a named child without content if on, and removes it otherwise.
func editFlag(parent *etree.Element, name string, on bool) {
	if !on {
		removeAll(parent, name)
		return
	}
	child(parent, name)
}

// setAttr sets an attribute, or removes it if the value is empty.
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

// childText returns the text of the first child with a name, or "" if there is none.
func childText(parent *etree.Element, name string) string {
	return parent.SelectElement(name).NotNil().Text()
}

// parseText reads an element's text as a number.
func parseText(element *etree.Element) (uint64, error) {
	return strconv.ParseUint(strings.TrimSpace(element.Text()), 10, 64)
}

// number formats a number as an attribute. 0 is "".
func number(n uint) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}
