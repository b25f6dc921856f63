package boot_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// TestProvoked makes real guests fail in the ways that the explanations describe, with QEMU's firmware, the
// dnsmasq of a libvirt network and Linux. It checks that the explanation is right when the message appears.
func TestProvoked(t *testing.T) {
	n := startLab(t)
	for i, c := range provoked {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if other, ok := otherwise[c.name]; ok && n.host.Generation == lab.Trixie {
				c.stage, c.message, c.meaning = other.stage, other.message, other.meaning
			}
			console := n.boot(t, c, macOf(i))
			_, err := boot.Watch(t.Context(), strings.NewReader(console), boot.Expectation{Expect: []*regexp.Regexp{regexp.MustCompile("never seen")}})
			var failure *boot.Failure
			if !errors.As(err, &failure) {
				t.Fatal(err)
			}
			if failure.Result.Stage != c.stage {
				t.Errorf("the boot came to stage %s, want %s", failure.Result.Stage, c.stage)
			}
			at := slices.IndexFunc(failure.Explanations, func(e boot.Explanation) bool {
				return strings.Contains(e.Message, c.message) && strings.Contains(e.Meaning, c.meaning)
			})
			if at != 0 && !c.beside || at < 0 {
				t.Errorf("want %q explained as %q", c.message, c.meaning)
			}
			if t.Failed() {
				t.Errorf("%v\n%s", failure, console)
			}
		})
	}
}

// labNetwork is a libvirt network with a TFTP root, and the names of its files for guests.
type labNetwork struct {
	host  *lab.Host
	root  string
	qemus map[string]lab.QEMU
}

// Hosts that are reached through the network's router, and what the router answers for them.
const (
	routerProhibits = "198.51.100.1"
	routerKnowsNot  = "198.51.100.2"
	routerIsSilent  = "198.51.100.3"
	noServer        = "198.51.100.4" // exists, but has no TFTP server
)

func startLab(t *testing.T) labNetwork {
	t.Helper()
	lab.Need(t)
	host := lab.Shared(t)
	n := labNetwork{host, filepath.Join(host.Dir, "srv", "provoked"), map[string]lab.QEMU{}}
	qemus, err := lab.QEMUs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range qemus {
		n.qemus[q.Name] = q
	}
	n.serveFiles(t)
	definition := filepath.Join(t.TempDir(), "network.xml")
	if err := os.WriteFile(definition, []byte(networkXML()), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Virsh(t.Context(), "net-create", definition); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = host.Virsh(context.Background(), "net-destroy", "provoked") })
	for _, command := range []string{
		// A port that stays up. Without it the bridge loses the first packet of its first guest.
		"link add provoked-up up type veth peer name provoked-peer",
		"link set provoked-peer up",
		"link set provoked-up master provoked",
		"route add prohibit " + routerProhibits,
		"route add unreachable " + routerKnowsNot,
		"route add blackhole " + routerIsSilent,
		"address add " + noServer + "/32 dev lo",
	} {
		if _, err := host.Exec(t.Context(), append([]string{"ip"}, strings.Fields(command)...)...); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// networkXML has the options that dnsmasq sends to each case's guest, by a tag for its MAC address.
func networkXML() string {
	var options strings.Builder
	for i, c := range provoked {
		for j, option := range c.dhcp {
			if j == 0 {
				fmt.Fprintf(&options, "<dnsmasq:option value='dhcp-host=%s,set:case%d'/>\n", macOf(i), i)
			}
			fmt.Fprintf(&options, "<dnsmasq:option value='%s'/>\n", strings.Replace(option, "=", fmt.Sprintf("=tag:case%d,", i), 1))
		}
		if c.noDHCP {
			fmt.Fprintf(&options, "<dnsmasq:option value='dhcp-host=%s,ignore'/>\n", macOf(i))
		}
	}
	return `<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
<name>provoked</name>
<forward mode='open'/>
<bridge name='provoked' stp='off'/>
<ip address='10.8.0.1' netmask='255.255.0.0'>
  <tftp root='/srv/provoked'/>
  <dhcp><range start='10.8.1.0' end='10.8.9.255'/></dhcp>
</ip>
<dnsmasq:options>
<dnsmasq:option value='no-ping'/>
` + options.String() + `</dnsmasq:options>
</network>`
}

func macOf(i int) string { return fmt.Sprintf("52:54:00:02:00:%02x", i) }

// boot runs the case's guest to its end and returns what its console shows.
func (n labNetwork) boot(t *testing.T, c provokedCase, mac string) string {
	t.Helper()
	if c.config != "" {
		n.serve(t, "pxelinux.cfg/01-"+strings.ReplaceAll(mac, ":", "-"), []byte(c.config))
	}
	m := lab.Machine{QEMU: n.qemus["installed"], Bridge: "provoked", MAC: mac}
	if c.machine != nil {
		c.machine(&m)
	}
	if c.qemu != "" {
		m.QEMU = n.qemus[c.qemu]
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	guest, err := n.host.Netboot(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = guest.Close() }()
	return guest.Transcript()
}

func (n labNetwork) serve(t *testing.T, name string, content []byte) {
	t.Helper()
	file := filepath.Join(n.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// serveFiles serves what the cases' configurations and bootfiles name.
func (n labNetwork) serveFiles(t *testing.T) {
	t.Helper()
	lab.Need(t)
	for name, content := range map[string]string{
		"kernel":        string(lab.ProbeKernel(0)),
		"initrd":        "an initrd",
		"empty":         "",
		"page":          "<html><body>Not Found</body></html>",
		"tiny":          "tiny!",
		"one-line.ins":  "* nothing but a comment",
		"no-spaces.ins": "* an .ins file\nkernel\n",
		"secret":        "may not be read",
		"directory/x":   "",
		"init-is-bad":   cpio("init", "no program"),
		"garbage":       strings.Repeat("garbage ", 1000),
	} {
		n.serve(t, name, []byte(content))
	}
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := lab.Initrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"linux": kernel, "lab": initrd} {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		n.serve(t, name, content)
	}
	for name, change := range map[string]func(string) error{
		"secret": func(file string) error { return os.Chmod(file, 0o600) },
		"large":  func(file string) error { return errors.Join(os.WriteFile(file, nil, 0o644), os.Truncate(file, 16<<20)) },
	} {
		if err := change(filepath.Join(n.root, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// cpio is an archive with one program, in the form that Linux unpacks:
// https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
func cpio(name, content string) string {
	header := func(name string, mode, size int) string {
		text := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", 1, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name)+1, 0, name)
		return text + strings.Repeat("\x00", -len(text)&3)
	}
	return header(name, 0o100755, len(content)) + content + strings.Repeat("\x00", -len(content)&3) + header("TRAILER!!!", 0, 0)
}
