package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// bootLoaders is a TFTP root, and a PC that boots from it.
type bootLoaders struct{ root, network, config, domain *core }

func newBootLoaders(t *testing.T, h *virttest.Host) bootLoaders {
	t.Helper()
	return bootLoaders{newCore(t, h, "netboot_tftp_root"), newCore(t, h, "netboot_network"), newCore(t, h, "netboot_pxelinux_config"), newCore(t, h, "netboot_domain")}
}

// in has everything done in one run.
func (b bootLoaders) in(t *testing.T, run run) {
	t.Helper()
	for _, c := range []*core{b.root, b.network, b.config, b.domain} {
		c.run(t.Context(), run)
	}
}

func (b bootLoaders) must(p planned) {
	if p.problems.hasError() {
		b.root.t.Fatal(p.problems)
	}
}

// plan is what the plan of the PC says, with further attributes.
func (b bootLoaders) plan(attributes ...string) string {
	b.must(b.network.plan(`{"name": "pcs", "tftp_root": "/srv/tftp", "ipv4": {"address": "192.168.177.1/24", "dhcp": {"ranges": [{"start": "192.168.177.10", "end": "192.168.177.20"}], "boot": [{"arch": "x86_64", "bootfile": "pxelinux.0"}]}}}`))
	b.must(b.config.plan(`{"tftp_root": "srv-tftp", "arch": "x86_64", "content": "default a\nlabel a\nlocalboot 0\n"}`))
	said := b.domain.plan(`{"name": "pc", "arch": "x86_64", "memory": "256MiB", "interfaces": [{"network": "pcs"}], "pxelinux_config": "srv-tftp/default"` + strings.Join(append([]string{""}, attributes...), ", ") + `}`).problems
	return strings.ReplaceAll(said.String(), "\n", " ")
}

// TestBootLoaderOfPlan refuses a PC whose boot loader is another file, which the plan reads.
func TestBootLoaderOfPlan(t *testing.T) {
	h := newMemoryHost(t)
	pxelinux, module := writeFile(t, "\xea\x24\x7c\x00\r\nPXELINUX 6.04 PXE 20200816 "), writeFile(t, "\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x03\x00\x01\x00")
	for name, test := range map[string]struct{ loader, module, want string }{
		"PXELINUX":           {pxelinux, module, ""},
		"a text":             {writeFile(t, "404 page not found\n"), module, `tells this guest to load "pxelinux.0", but this file is a text file`},
		"swapped":            {module, pxelinux, "but this file is a module of SYSLINUX for a BIOS"},
		"a text as a module": {pxelinux, writeFile(t, "404 page not found\n"), `PXELINUX 5 and later loads "ldlinux.c32" first, but this file is a text file`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBootLoaders(t, h)
			b.in(t, newRun(t, h))
			b.root.plan(fmt.Sprintf(`{"path": "/srv/tftp", "files": {"pxelinux.0": {"source": %q}, "ldlinux.c32": {"source": %q}}}`, test.loader, test.module))
			said := b.plan()
			if strings.Contains(said, "would not boot") != (test.want != "") || !strings.Contains(said, test.want) {
				t.Errorf("the plan says %s, want %q", said, test.want)
			}
		})
	}
}

// TestBootLoaderOfApply refuses a PC whose boot loader is another file, which only the apply reads. Later plans remember it.
func TestBootLoaderOfApply(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("no such file\n")) }))
	t.Cleanup(server.Close)
	h := newMemoryHost(t)
	files := fmt.Sprintf(`{"path": "/srv/tftp", "files": {"pxelinux.0": {"source": "%s/pxelinux.0"}}}`, server.URL)
	const want = "but this file is a text file"
	b := newBootLoaders(t, h)
	b.in(t, newRun(t, h))
	if said := b.root.apply(files); len(said) > 0 {
		t.Fatal(said)
	}
	if said := b.plan(); !strings.Contains(said, want) {
		t.Errorf("after the apply of the TFTP root, the plan says %s", said)
	}
	b.in(t, newRun(t, h))
	b.root.plan(files)
	if said := b.plan(); !strings.Contains(said, want) {
		t.Errorf("in a later run, the plan says %s", said)
	}
}

// TestBootLoaderRemoved warns about a boot loader that is removed, although a guest loads it at its next start.
func TestBootLoaderRemoved(t *testing.T) {
	h := newMemoryHost(t)
	b := newBootLoaders(t, h)
	b.in(t, newRun(t, h))
	if said := b.root.apply(`{"path": "/srv/tftp", "files": {"pxelinux.0": {"content": "\r\nPXELINUX 6.04\u0001"}, "ldlinux.c32": {"content": "\u0001"}}}`); len(said) > 0 {
		t.Fatal(said)
	}
	b.in(t, newRun(t, h))
	b.root.plan(`{"path": "/srv/tftp", "files": {"pxelinux.0": {"content": "\r\nPXELINUX 6.04\u0001"}}}`)
	if said := b.plan(`"running": false`); !strings.Contains(said, `this run removes "ldlinux.c32" below the TFTP root`) {
		t.Errorf("the plan says %s", said)
	}
}

// TestAccBootLoaderOfApply holds that Terraform asks again, with what the apply of the TFTP root has read, before it makes the guest.
func TestAccBootLoaderOfApply(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("no such file\n")) }))
	t.Cleanup(server.Close)
	acceptance(t, resource.TestStep{
		Config: rootFiles(fmt.Sprintf(`"pxelinux.0" = { source = "%[1]s/a" }`+"\n"+`"ldlinux.c32" = { source = "%[1]s/b" }`, server.URL)) + `
resource "netboot_network" "pcs" {
  name      = "pcs"
  tftp_root = netboot_tftp_root.test.path
  ipv4 = {
    address = "192.168.177.1/24"
    dhcp    = { ranges = [{ start = "192.168.177.10", end = "192.168.177.20" }], boot = [{ arch = "x86_64", bootfile = "pxelinux.0" }] }
  }
}
resource "netboot_pxelinux_config" "pcs" {
  tftp_root = netboot_tftp_root.test.id
  arch      = "x86_64"
  content   = "default a\nlabel a\nlocalboot 0\n"
}
resource "netboot_domain" "pc" {
  name            = "pc"
  arch            = "x86_64"
  memory          = "256MiB"
  interfaces      = [{ network = netboot_network.pcs.name }]
  pxelinux_config = netboot_pxelinux_config.pcs.id
}
`,
		ExpectError: says("Guest would not boot", `tells this guest to load "pxelinux.0", but this file is a text file`),
	})
}
