package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// hostileConsole is what a guest writes that wants to reach the terminal.
const hostileConsole = "LOADPARM=[        ]\r\nevil \x1b[2J\x1b]0;title\x07\x1bP\u202e\u009b2J\x9b3J\x00\x7f\b\bconsole\rover\n  Using pxelinux.cfg/\x1b[31mdefault\x1b[0m\nlast \x1b]8;;http://x\x1b\\words\x1b[0m\n"

// talkative is a host whose running guests have that console.
type talkative struct{ *virttest.Host }

func (talkative) OpenConsole(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(hostileConsole)), nil
}

// TestConsoleIsPlainText holds that whatever a guest writes gets to a terminal as plain text, on every way
// that leads there: a good boot's result, which is also in the note on the host, a failed one's error, an
// installation's, and the data source's both.
func TestConsoleIsPlainText(t *testing.T) {
	guest := func(check string) string {
		return fmt.Sprintf(`{"name": "guest", "memory": "512MiB", "interfaces": [{"network": "lab"}], "boot_check": {%s}}`, check)
	}
	console := func(until string) string {
		return fmt.Sprintf(`{"domain": "guest", "until": %q, "timeout": "5s"}`, until)
	}
	for name, show := range map[string]func(t *testing.T, h talkative) string{
		"a boot": func(t *testing.T, h talkative) string {
			c := newCore(t, h, "netboot_domain")
			c.must(guest(`"expect": ["evil (.*)$", "words"]`))
			d, err := h.Domain(t.Context(), "guest")
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(c.state, d.Note)
		},
		"a failed boot": func(t *testing.T, h talkative) string {
			return newCore(t, h, "netboot_domain").apply(guest(`"expect": ["never"], "forbid": ["words.*"]`)).String()
		},
		"a boot that ends": func(t *testing.T, h talkative) string {
			h.Script("guest", hostileConsole, true)
			return newCore(t, h, "netboot_domain").apply(guest(`"expect": ["never"]`)).String()
		},
		"an installation": func(t *testing.T, h talkative) string {
			h.ScriptInstall("guest", hostileConsole, virt.EndCrashed)
			return newCore(t, h, "netboot_domain").apply(memoryInstall).String()
		},
		"a console": func(t *testing.T, h talkative) string {
			server, schemas := configuredServer(t, h, `{}`)
			schema := schemas.DataSourceSchemas["netboot_console"]
			read, err := server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: "netboot_console", Config: dynamicOf(t, schema, console("last (.*)$"))})
			if err != nil || len(read.Diagnostics) > 0 {
				t.Fatal(err, problems(read.Diagnostics))
			}
			state, err := read.State.Unmarshal(schema.ValueType())
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(state)
		},
		"a console that says something else": func(t *testing.T, h talkative) string {
			server, schemas := configuredServer(t, h, `{}`)
			return ask(t, server, "data.netboot_console", dynamicOf(t, schemas.DataSourceSchemas["netboot_console"], console("never"))).String()
		},
		"a note that somebody has written": func(t *testing.T, h talkative) string {
			c := newCore(t, h, "netboot_domain")
			c.must(guest(`"expect": ["words"]`))
			if err := h.SetNote(t.Context(), "guest", toJSON(t, map[string]any{"boot_result": map[string]any{"console_tail": hostileConsole}})); err != nil {
				t.Fatal(err)
			}
			c.imports("guest")
			return fmt.Sprint(c.state)
		},
		"a configuration that somebody has written": func(t *testing.T, h talkative) string {
			newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/tftp"}`)
			if err := h.Disk().WriteFile("/srv/tftp/pxelinux.cfg/default", []byte("label x\n  kernel \x1b[2Jwords\u009b2J\x00\n")); err != nil {
				t.Fatal(err)
			}
			c := newCore(t, h, "netboot_pxelinux_config")
			c.imports("srv-tftp/default")
			return fmt.Sprint(c.state)
		},
		"what libvirt passes on": func(t *testing.T, h talkative) string {
			h.Fail("CreateDomain", errors.New("QEMU said: last words "+hostileConsole))
			return newCore(t, h, "netboot_domain").apply(guest(`"expect": ["words"]`)).String()
		},
	} {
		h := talkative{newGuestHost(t)}
		h.Script("guest", hostileConsole, false)
		shown := show(t, h)
		if at := strings.IndexFunc(shown, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); at >= 0 {
			t.Errorf("%s shows %q: %q", name, shown[at:min(at+4, len(shown))], shown)
		}
		if !strings.Contains(shown, "words") {
			t.Errorf("%s does not show the console: %s", name, shown)
		}
	}
}
