package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

const pcUUID = "7d1c7f0e-6a3e-4a86-8f0c-0123456789ab"

// newConfigHost has the TFTP root srv-tftp.
func newConfigHost(t *testing.T) *virttest.Host {
	t.Helper()
	h := newMemoryHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/tftp"}`)
	return h
}

// has compares attributes of the state.
func (c *core) has(want map[string]string) {
	c.t.Helper()
	state := members(c.t, c.state)
	for name, text := range want {
		if !state[name].Equal(tftypes.NewValue(tftypes.String, text)) {
			c.t.Errorf("%s is %v, want %q", name, state[name], text)
		}
	}
}

// TestLifecyclePxelinuxArch makes configurations for each architecture, and takes them over.
func TestLifecyclePxelinuxArch(t *testing.T) {
	h := newConfigHost(t)
	const (
		pc      = `{"tftp_root": "srv-tftp", "arch": "x86_64", "uuid": "` + pcUUID + `", "entries": [{"label": "a", "kernel": "k", "append": ["x=1"]}, {"label": "b", "kernel": "k", "initrd": "i,j"}]}`
		s390x   = `{"tftp_root": "srv-tftp", "mac": "52:54:00:00:00:01", "entries": [{"label": "a", "kernel": "k", "initrd": "i"}]}`
		ppc64le = `{"tftp_root": "srv-tftp", "arch": "ppc64le", "mac": "52:54:00:00:00:01", "entries": [{"label": "a", "kernel": "k", "initrd": "i"}]}`
	)
	c := newCore(t, h, "netboot_pxelinux_config")
	c.must(pc)
	c.has(map[string]string{
		"arch": "x86_64", "default": "a", "file_name": "0e7f1c7d-3e6a-864a-8f0c-0123456789ab",
		"content": "serial 0 115200\ndefault a\nlabel a\n  kernel k\n  append x=1\nlabel b\n  kernel k\n  initrd i,j\n",
	})
	if _, err := h.Disk().Stat("/srv/tftp/pxelinux.cfg/0e7f1c7d-3e6a-864a-8f0c-0123456789ab.initrd"); err == nil {
		t.Error("there is an empty initrd, which PXELINUX does not need")
	}
	c.imports("srv-tftp/0e7f1c7d-3e6a-864a-8f0c-0123456789ab")
	c.has(map[string]string{"arch": "x86_64", "uuid": pcUUID})
	c.mustBeDone(pc)
	destroys(t, c)

	c.must(s390x)
	c.has(map[string]string{"arch": "s390x"})
	if plan := c.plan(ppc64le); !plan.replaces {
		t.Error("another architecture does not replace the configuration")
	}
	c.must(ppc64le)
	c.has(map[string]string{"arch": "ppc64le"})
	c.imports("srv-tftp/01-52-54-00-00-00-01")
	if plan := c.plan(ppc64le); plan.replaces {
		t.Error("an import that cannot see the architecture makes a plan replace the configuration")
	}
	c.must(ppc64le)
	if plan := c.plan(s390x); !plan.replaces {
		t.Error("after an update, another architecture does not replace the configuration")
	}
}

// TestLifecyclePxelinuxArchOfOldState reads a state from before there was arch.
func TestLifecyclePxelinuxArchOfOldState(t *testing.T) {
	const config = `{"tftp_root": "srv-tftp", "entries": [{"label": "a", "kernel": "k", "initrd": "i"}]}`
	c := newCore(t, newConfigHost(t), "netboot_pxelinux_config")
	c.must(config)
	attributes := members(t, c.state)
	attributes["arch"] = tftypes.NewValue(tftypes.String, nil)
	c.state = tftypes.NewValue(c.typed, attributes)
	if plan := c.planRefreshed(config); plan.replaces {
		t.Error("a plan without a refresh replaces it")
	}
	c.mustBeDone(config)
}

// TestPxelinuxArchErrors holds that a configuration is checked for the reader of its architecture.
func TestPxelinuxArchErrors(t *testing.T) {
	h := newConfigHost(t)
	for config, want := range map[string][]string{
		`"arch": "ppc64le", "entries": [{"label": "a", "kernel": "k", "initrd": "i", "append": ["console=hvc0"]}]`:      {"entries[0].append", "never reaches the kernel", "kernel.cmdline of the netboot_image"},
		`"arch": "ppc64le", "content": "label a\n  kernel k\n  initrd i\n  append x=1\n"`:                               {"Line 4", "never reaches the kernel"},
		`"arch": "x86_64", "entries": [{"label": "a b", "kernel": "k"}]`:                                                {"entries[0].label", "takes only the first word"},
		`"arch": "x86_64", "entries": [{"label": "a", "kernel": "k", "append": ["` + strings.Repeat("x", 2040) + `"]}]`: {"entries[0].append", "cuts off the rest", "BOOT_IMAGE="},
		`"arch": "x86_64", "default": "b", "entries": [{"label": "a", "kernel": "k"}]`:                                  {"default", "takes it as the path of a kernel"},
		`"arch": "x86_64", "content": "label a\nkernel k\n"`:                                                            {"content", "no default line"},
		`"arch": "x86_64", "uuid": "7d1c7f0e-6a3e-4a00-8f0c-0123456789ab", "entries": [{"label": "a", "kernel": "k"}]`:  {"uuid", "never asks for its file", "use a MAC address"},
		`"arch": "aarch64", "entries": [{"label": "a", "kernel": "k"}]`:                                                 {"arch", "s390x", "ppc64le", "x86_64"},
	} {
		said := newCore(t, h, "netboot_pxelinux_config").apply(`{"tftp_root": "srv-tftp", ` + config + `}`).String()
		for _, part := range want {
			if !strings.Contains(strings.ReplaceAll(said, "\n", " "), part) {
				t.Errorf("%s: it does not say %q: %s", config, part, said)
			}
		}
	}
	newCore(t, h, "netboot_pxelinux_config").must(`{"tftp_root": "srv-tftp", "arch": "x86_64",
		"content": "serial 0 115200\nprompt 1\ntimeout 30\ndefault a\nlabel a\n  linux k\n  ipappend 2\n"}`)
}

// TestPxelinuxArchOfImage plans a configuration for PCs, and one for s390x guests, in the run that plans the image of an s390x
// kernel.
func TestPxelinuxArchOfImage(t *testing.T) {
	h := newConfigHost(t)
	run := newRun(t, h)
	image, config := newCore(t, h, "netboot_image"), newCore(t, h, "netboot_pxelinux_config")
	image.run(t.Context(), run)
	config.run(t.Context(), run)
	image.plan(fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "linux", "kernel": {"source": %q, "file_name": "k"}}`, writeFile(t, string(oldKernel))))
	const entries = `"entries": [{"label": "a", "kernel": "k"}]}`
	said := config.plan(`{"tftp_root": "srv-tftp", "arch": "x86_64", ` + entries).problems.String()
	for _, part := range []string{`ElementKeyInt(0).AttributeName("kernel")`, "is the kernel of a netboot_image for s390x", "this configuration is for x86_64 guests", `set arch of the configuration to "s390x"`} {
		if !strings.Contains(said, part) {
			t.Errorf("the plan says %s, want %q", said, part)
		}
	}
	if plan := config.plan(`{"tftp_root": "srv-tftp", "mac": "52:54:00:00:00:01", ` + entries); len(plan.problems) > 0 {
		t.Errorf("the plan says %v", plan.problems)
	}
}

// TestPxelinuxArchOfForeign takes over a file for PCs that another program wrote. Its arch can then be set without a change of
// the file.
func TestPxelinuxArchOfForeign(t *testing.T) {
	const text = "default a\nprompt 0\nlabel a\n  linux k\n  append initrd=i quiet\n"
	h := newConfigHost(t)
	if err := h.Disk().WriteFile("/srv/tftp/pxelinux.cfg/default", []byte(text)); err != nil {
		t.Fatal(err)
	}
	c := newCore(t, h, "netboot_pxelinux_config")
	if said := c.tryImport("srv-tftp/default").String(); !strings.Contains(said, `if it is for x86_64 guests, set arch to "x86_64"`) {
		t.Errorf("the import says %s", said)
	}
	config := fmt.Sprintf(`{"tftp_root": "srv-tftp", "arch": "x86_64", "content": %q}`, text)
	if plan := c.plan(config); plan.replaces || len(plan.problems) > 0 {
		t.Errorf("the plan replaces it (%v), or says %v", plan.replaces, plan.problems)
	}
	c.must(config)
	c.has(map[string]string{"arch": "x86_64", "default": "a"})
}

// TestPxelinuxOfOtherFiles plans a configuration that boots a file at a fixed path, and a volume, which this run publishes as well.
func TestPxelinuxOfOtherFiles(t *testing.T) {
	h := newConfigHost(t)
	run := newRun(t, h)
	root, volume, config := newCore(t, h, "netboot_tftp_root"), newCore(t, h, "netboot_volume"), newCore(t, h, "netboot_pxelinux_config")
	for _, c := range []*core{root, volume, config} {
		c.run(t.Context(), run)
	}
	root.plan(`{"path": "/srv/tftp", "files": {"k": {"content": "a kernel"}}}`)
	volume.plan(`{"pool": "srv-tftp", "name": "i", "format": "raw", "capacity": "1MiB"}`)
	if plan := config.plan(`{"tftp_root": "srv-tftp", "entries": [{"label": "a", "kernel": "k", "initrd": "i"}]}`); len(plan.problems) > 0 {
		t.Errorf("the plan says %v", plan.problems)
	}
}
