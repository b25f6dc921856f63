package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// foreignNetwork is a network that others have made, of testdata/networks.
type foreignNetwork struct{ name, definition, before string }

// TestAccNetworksOfOthers takes over networks that others have made, all in one run: configuration that a CLI generates
// is valid and plans nothing, and a further reservation, or autostart where there is no DHCP, leaves all the rest of each
// definition as it was, whether the network runs or not. A new case is a new file.
func TestAccNetworksOfOthers(t *testing.T) {
	files, err := filepath.Glob("testdata/networks/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	needsCLI(t)
	leavesNothing(t)
	for _, runs := range []bool{false, true} {
		t.Run(fmt.Sprintf("running %t", runs), func(t *testing.T) {
			var all []foreignNetwork
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if n := (foreignNetwork{definition: string(text)}); !runs || n.canRun() {
					all = append(all, n.given(t, runs))
				}
			}
			takesOverNetworks(t, all)
		})
	}
}

var (
	nameOfNetwork = regexp.MustCompile(`<name>(.*)</name>`)
	ipv4OfDHCP    = regexp.MustCompile(`<ip (?:family='ipv4' )?address='([0-9]+\.[0-9]+\.[0-9]+)\.1'[^>]*[^/]>\s*<dhcp>`)
)

// canRun tells whether it needs what the host of a test may not have: virtual functions, firewalld, and a kernel that
// filters VLANs or shapes traffic.
func (n foreignNetwork) canRun() bool {
	return !slices.ContainsFunc([]string{"<pf ", "macTableManager", " zone=", "\n  <bandwidth>"}, func(text string) bool { return strings.Contains(n.definition, text) })
}

// reserved is a further reservation, in XML and as configuration; empty without DHCP.
func (n foreignNetwork) reserved() (element, object string) {
	found := ipv4OfDHCP.FindStringSubmatch(n.before)
	if found == nil {
		return "", ""
	}
	return fmt.Sprintf("<host mac='52:54:00:fe:ed:01' ip='%s.250'/>", found[1]), fmt.Sprintf(`{ mac = "52:54:00:fe:ed:01", ip = "%s.250" }`, found[1])
}

func (n foreignNetwork) given(t *testing.T, runs bool) foreignNetwork {
	t.Helper()
	n.name = nameOfNetwork.FindStringSubmatch(n.definition)[1]
	virsh(t, "net-define", writeFile(t, n.definition))
	t.Cleanup(func() {
		_, _ = lab.Shared(t).Virsh(context.Background(), "net-destroy", n.name)
		_, _ = lab.Shared(t).Virsh(context.Background(), "net-undefine", n.name)
	})
	if runs {
		virsh(t, "net-start", n.name)
	}
	n.before = n.dump(t)
	return n
}

func (n foreignNetwork) dump(t *testing.T) string {
	return virsh(t, "net-dumpxml", n.name, "--inactive")
}

// takesOverNetworks imports networks, and changes each.
func takesOverNetworks(t *testing.T, all []foreignNetwork) {
	t.Helper()
	var imports strings.Builder
	for _, n := range all {
		fmt.Fprintf(&imports, "import {\n  to = netboot_network.%[1]s\n  id = %[1]q\n}\n", n.name)
	}
	c := newCLI(t, lab.Shared(t).URI, imports.String())
	wantUnmodelledSaid(t, c.must("plan", "-generate-config-out=generated.tf"))
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", len(all))) {
		t.Errorf("what was generated changes networks:\n%s", said)
	}
	c.must("plan", "-detailed-exitcode")
	for _, n := range all {
		if now := n.dump(t); now != n.before {
			t.Errorf("the import has made of %s\n%s\nof\n%s", n.name, now, n.before)
		}
	}
	text, err := os.ReadFile(filepath.Join(c.dir, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	c.write("generated.tf", changedNetworks(t, string(text), all))
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	for _, n := range all {
		n.wantsOnlyItsChange(t)
	}
}

// wantUnmodelledSaid wants to read what of the networks has no attribute, and of those that are usual nothing.
func wantUnmodelledSaid(t *testing.T, said string) {
	t.Helper()
	for name, want := range map[string]bool{"acc-peer": true, "acc-vepa": true, "acc-ovs": true, "acc-default": false, "acc-ports": false, "acc-macvtap": false, "acc-leases": false} {
		if strings.Contains(said, fmt.Sprintf("Parts of network %q have no attribute", name)) != want {
			t.Errorf("of %s the import says something: %t, want %t\n%s", name, !want, want, said)
		}
	}
}

// changedNetworks is generated configuration with a further reservation, or autostart, in each network.
func changedNetworks(t *testing.T, text string, all []foreignNetwork) string {
	t.Helper()
	for _, n := range all {
		start := strings.Index(text, fmt.Sprintf("resource \"netboot_network\" %q {", n.name))
		end := start + strings.Index(text[start:], "\n}\n")
		block := text[start:end]
		if _, object := n.reserved(); object == "" {
			block = strings.Replace(block, "= false", "= true", 1) // autostart comes first
		} else {
			at := strings.Index(block, "ipv4 ")
			block = block[:at] + addReservation(block[at:], object)
		}
		if block == text[start:end] {
			t.Fatalf("there is nothing to change in\n%s", block)
		}
		text = text[:start] + block + text[end:]
	}
	return text
}

var (
	noReservations = regexp.MustCompile(`reservations( *)= null`)
	reservations   = regexp.MustCompile(`reservations( *)= \[`)
)

// addReservation adds to the first list of reservations.
func addReservation(ipv4, object string) string {
	none, some := noReservations.FindStringIndex(ipv4), reservations.FindStringIndex(ipv4)
	if some == nil || none != nil && none[0] < some[0] {
		return ipv4[:none[0]] + "reservations = [" + object + "]" + ipv4[none[1]:]
	}
	return ipv4[:some[1]] + object + "," + ipv4[some[1]:]
}

// wantsOnlyItsChange compares the definition, line by line as libvirt writes it.
func (n foreignNetwork) wantsOnlyItsChange(t *testing.T) {
	t.Helper()
	now := n.dump(t)
	element, _ := n.reserved()
	rest := regexp.MustCompile(`\n *`+regexp.QuoteMeta(element)+`\n`).ReplaceAllString(now, "\n")
	if element == "" {
		rest = now
		if info := virsh(t, "net-info", n.name); !strings.Contains(info, "Autostart:      yes") {
			t.Errorf("%s does not start with the host:\n%s", n.name, info)
		}
	} else if rest == now {
		// Where all have one lease time, it is that of the new one.
		leased := regexp.MustCompile(`(?s)\n *` + strings.TrimSuffix(regexp.QuoteMeta(element), "/>") + `>\s*<lease expiry='86400' unit='seconds'/>\s*</host>\n`)
		if rest = leased.ReplaceAllString(now, "\n"); rest == now {
			t.Errorf("%s has no further reservation:\n%s", n.name, now)
		}
	}
	if rest != n.before {
		t.Errorf("a change has made of %s\n%s\nof\n%s", n.name, now, n.before)
	}
}
