package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// place is that of a string in a configuration.
type place struct {
	name  string // in the schema: "ipv4.dhcp.boot.bootfile"; of a map's key "initrd.inject{}"
	value string
	steps []any // names of attributes and indexes
	keys  []bool
	isKey bool // the last step is a key of a map, and is what is replaced
}

func (p place) in(name string, step any, isKey bool) place {
	return place{name: strings.TrimPrefix(p.name+"."+name, "."), steps: append(slices.Clone(p.steps), step), keys: append(slices.Clone(p.keys), isKey)}
}

// hostile are the values to be tried in this place.
func (p place) hostile() []string {
	values := slices.Clone(hostileWholes)
	for _, end := range hostileEnds {
		values = append(values, p.value+end)
	}
	return values
}

// attribute is the place in Terraform's words.
func (p place) attribute() *tftypes.AttributePath {
	at := tftypes.NewAttributePath()
	for i, step := range p.steps {
		switch step := step.(type) {
		case int:
			at = at.WithElementKeyInt(step)
		case string:
			if p.keys[i] {
				at = at.WithElementKeyString(step)
			} else {
				at = at.WithAttributeName(step)
			}
		}
	}
	return at
}

// isContent tells whether the value is what a file holds, of which names and sizes follow.
func (p place) isContent() bool {
	return slices.ContainsFunc([]string{"content", "files.content", "cloud_init.", "ignition", "initrd.inject", "kernel.cmdline"}, func(prefix string) bool {
		return strings.HasPrefix(p.name, prefix)
	})
}

// replaced is a copy of a configuration with another value in this place.
func (p place) replaced(config any, value string) any {
	return replacedAt(config, p.steps, value, p.isKey)
}

func replacedAt(config any, steps []any, value string, isKey bool) any {
	if len(steps) == 0 {
		return value
	}
	switch config := config.(type) {
	case map[string]any:
		copied, step := maps.Clone(config), asserted[string](steps[0])
		if isKey && len(steps) == 1 {
			copied[value] = copied[step]
			delete(copied, step)
			return copied
		}
		copied[step] = replacedAt(config[step], steps[1:], value, isKey)
		return copied
	case []any:
		copied, step := slices.Clone(config), asserted[int](steps[0])
		copied[step] = replacedAt(config[step], steps[1:], value, isKey)
		return copied
	default:
		panic("a path leads into a value")
	}
}

// leaves are the places of the strings in a configuration, by its schema.
func leaves(attributes []*tfprotov6.SchemaAttribute, config map[string]any, within place) (found []place) {
	for _, a := range attributes {
		value, given := config[a.Name]
		if !given {
			continue
		}
		at := within.in(a.Name, a.Name, false)
		if a.NestedType == nil {
			found = append(found, plainLeaves(value, at)...)
			continue
		}
		switch value := value.(type) {
		case []any:
			for i, element := range value {
				inner := at.in("", i, false)
				inner.name = at.name
				found = append(found, leaves(a.NestedType.Attributes, asserted[map[string]any](element), inner)...)
			}
		case map[string]any:
			if a.NestedType.Nesting != tfprotov6.SchemaObjectNestingModeMap {
				found = append(found, leaves(a.NestedType.Attributes, value, at)...)
				continue
			}
			for key, element := range value {
				inner := at.in("", key, true)
				inner.name = at.name
				found = append(found, leaves(a.NestedType.Attributes, asserted[map[string]any](element), inner)...)
				inner.name, inner.value, inner.isKey = at.name+"{}", key, true
				found = append(found, inner)
			}
		}
	}
	return found
}

// plainLeaves are those of a string, or of a list or a map of strings.
func plainLeaves(value any, at place) (found []place) {
	switch value := value.(type) {
	case string:
		at.value = value
		return []place{at}
	case []any:
		for i, element := range value {
			if text, isText := element.(string); isText {
				inner := at.in("", i, false)
				inner.name, inner.value = at.name, text
				found = append(found, inner)
			}
		}
	case map[string]any:
		for key, element := range value {
			inner := at.in("", key, true)
			inner.name, inner.value = at.name, asserted[string](element)
			found = append(found, inner)
			inner.name, inner.value, inner.isKey = at.name+"{}", key, true
			found = append(found, inner)
		}
	}
	return found
}

// stringsOf are the names of the strings that a user can set, as leaves has them.
func stringsOf(attributes []*tfprotov6.SchemaAttribute, within string) (names []string) {
	for _, a := range attributes {
		name := strings.TrimPrefix(within+"."+a.Name, ".")
		switch {
		case !a.Required && !a.Optional:
		case a.NestedType != nil:
			names = append(names, stringsOf(a.NestedType.Attributes, name)...)
			if a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeMap {
				names = append(names, name+"{}")
			}
		case a.Type.Is(tftypes.String), a.Type.Equal(tftypes.List{ElementType: tftypes.String}):
			names = append(names, name)
		case a.Type.Equal(tftypes.Map{ElementType: tftypes.String}):
			names = append(names, name, name+"{}")
		case a.Type.Is(tftypes.Number), a.Type.Is(tftypes.Bool), a.Type.Equal(tftypes.List{ElementType: tftypes.Number}):
		default:
			panic(fmt.Sprintf("%s is of a type that this test does not know: %s", name, a.Type))
		}
	}
	return names
}

// asserted is a value whose kind is known here, though not to the compiler.
func asserted[T any](value any) T {
	known, isKind := value.(T)
	if !isKind {
		panic(fmt.Sprintf("a %T is no %T", value, known))
	}
	return known
}
