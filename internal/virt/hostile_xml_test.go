package virt

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestHostileXML puts markup into every string that is written as XML. The result must have the same elements and
// attributes as with a harmless value, and the value must be unchanged in one of them. The test finds the strings by
// reflection, so that it includes new fields. The plan refuses what XML cannot hold, such as NUL.
func TestHostileXML(t *testing.T) {
	unmodelled := map[string]string{}
	for _, kind := range []string{"domain", "network"} {
		text, err := os.ReadFile("testdata/unmodelled_" + kind + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		unmodelled[kind] = string(text)
	}
	redefined := func(d Domain) (string, error) {
		root, err := d.redefinition(unmodelled["domain"])
		if err != nil {
			return "", err
		}
		return formatXML(root)
	}
	edited := func(n Network) (string, error) {
		root, err := parseXML(unmodelled["network"])
		if err != nil {
			return "", err
		}
		n.edit(root)
		return formatXML(root)
	}
	holdsShape(t, "a new domain", fullDomain(), func(d Domain) (string, error) {
		root, err := d.newXML()
		if err != nil {
			return "", err
		}
		return formatXML(root)
	})
	holdsShape(t, "a changed domain", fullDomain(), redefined)
	holdsShape(t, "a new network", manyTexts(), func(n Network) (string, error) { return formatXML(n.newXML()) })
	holdsShape(t, "a changed network", manyTexts(), edited)
	holdsShape(t, "a volume", Volume{
		Pool: "pool", Name: "name", Format: "qcow2", Capacity: 1 << 30, Compat: "1.1", Mode: "0644", Owner: "1", Group: "2",
		Preallocation: "off", Backing: &Backing{Path: "/srv/base", Format: "raw"},
	}, func(v Volume) (string, error) { return volumeXML(v).Marshal() })
	holdsShape(t, "a pool", Pool{Name: "pool", Path: "/srv/pool"}, func(p Pool) (string, error) { return poolXML(p.Name, p.Path).Marshal() })
}

// manyTexts returns a network with everything that a network can have.
func manyTexts() Network {
	return Network{
		Name: "lab", Mode: ModeNAT, Bridge: "virbr1", Domain: "lab.test", TFTPRoot: "/srv/tftp", OpenVSwitch: true, VLANs: []uint{1, 2},
		Devices: []string{"eth0", "eth1"}, PF: "eth2", Routes: []Route{{To: netip.MustParsePrefix("198.51.100.0/24"), Gateway: "192.168.150.9"}},
		IPv4: &IP{netip.MustParsePrefix("192.168.150.1/24"), &DHCP{
			Ranges:       []Range{{Start: "192.168.150.10", End: "192.168.150.20"}},
			Reservations: []Reservation{{MAC: "52:54:00:00:00:01", IP: "192.168.150.30", Hostname: "one"}},
			Bootfile:     "first", NextServer: "192.168.150.2",
		}},
		IPv6:    &IP{netip.MustParsePrefix("fd00:150::1/64"), &DHCP{Reservations: []Reservation{{DUID: "00:04:aa:bb", IP: "fd00:150::30", Hostname: "two"}}}},
		DNS:     &DNS{Hosts: []DNSHost{{IP: "192.168.150.40", Names: []string{"three", "four"}}}, Forwarders: []Forwarder{{Domain: "example.test", Address: "192.0.2.53"}}},
		Options: []string{"log-dhcp", "log-queries"},
	}
}

// holdsShape tries each string of a value in turn.
func holdsShape[T any](t *testing.T, what string, full T, write func(T) (string, error)) {
	t.Helper()
	for i, path := range textsOf(reflect.ValueOf(full), "") {
		shape := func(text string) (string, []string) {
			var changed T
			copied := reflect.ValueOf(&changed).Elem()
			copied.Set(deepCopy(reflect.ValueOf(full)))
			n := 0
			setText(copied, &n, i, text)
			written, err := write(changed)
			if err != nil {
				t.Fatalf("%s: %s: %v", what, path, err)
			}
			return shapeOf(t, written)
		}
		want, before := shape("harmless")
		for _, hostile := range []string{`<x/>`, `"/><y a='`, `'/><y a="`, `]]>`, `&lt;`, `&x;`, `<!--`, `<?x?>`, "a\nb\tc", " x ", "--x=y,z;$(x)"} {
			got, values := shape(hostile)
			if got != want {
				t.Errorf("%s: with %q as its %s it is\n%s\nand not\n%s", what, hostile, path, got, want)
			}
			if slices.Contains(before, "harmless") && !slices.Contains(values, hostile) {
				t.Errorf("%s: %q as its %s is written as another text: %q", what, hostile, path, values)
			}
		}
	}
}

// shapeOf returns the elements and attributes of a document, and their values. It uses another parser than the one
// behind the writer.
func shapeOf(t *testing.T, text string) (shape string, values []string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	var names strings.Builder
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return names.String(), values
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			fmt.Fprintf(&names, "<%s", token.Name.Local)
			for _, a := range token.Attr {
				fmt.Fprintf(&names, " %s", a.Name.Local)
				values = append(values, a.Value)
			}
			names.WriteString(">")
		case xml.EndElement:
			names.WriteString("</>")
		case xml.CharData:
			values = append(values, string(token))
		default:
			fmt.Fprintf(&names, "%T", token)
		}
	}
}

// textsOf returns the paths of the strings in a value.
func textsOf(value reflect.Value, path string) (paths []string) {
	switch value.Kind() {
	case reflect.String:
		return []string{path}
	case reflect.Pointer:
		if !value.IsNil() {
			return textsOf(value.Elem(), path)
		}
	case reflect.Slice:
		for i := range value.Len() {
			paths = append(paths, textsOf(value.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if field := value.Type().Field(i); field.IsExported() {
				paths = append(paths, textsOf(value.Field(i), path+"."+field.Name)...)
			}
		}
	}
	return paths
}

// setText sets the wanted-th string of a value.
func setText(value reflect.Value, n *int, wanted int, text string) {
	switch value.Kind() {
	case reflect.String:
		if *n == wanted {
			value.SetString(text)
		}
		*n++
	case reflect.Pointer:
		if !value.IsNil() {
			setText(value.Elem(), n, wanted, text)
		}
	case reflect.Slice:
		for i := range value.Len() {
			setText(value.Index(i), n, wanted, text)
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if value.Type().Field(i).IsExported() {
				setText(value.Field(i), n, wanted, text)
			}
		}
	}
}

// deepCopy returns a copy that shares nothing that can be set with the value.
func deepCopy(value reflect.Value) reflect.Value {
	copied := reflect.New(value.Type()).Elem()
	copied.Set(value)
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			copied.Set(reflect.New(value.Type().Elem()))
			copied.Elem().Set(deepCopy(value.Elem()))
		}
	case reflect.Slice:
		copied.Set(reflect.MakeSlice(value.Type(), value.Len(), value.Len()))
		for i := range value.Len() {
			copied.Index(i).Set(deepCopy(value.Index(i)))
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if value.Type().Field(i).IsExported() {
				copied.Field(i).Set(deepCopy(value.Field(i)))
			}
		}
	}
	return copied
}
