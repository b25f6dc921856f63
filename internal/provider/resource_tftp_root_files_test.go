package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// loaderPackage is a Debian package with the file usr/lib/PXELINUX/pxelinux.0, whose content is theLoader.
var (
	loaderPackage = filepath.Join("..", "image", "testdata", "archives", "loader.xz.deb")
	theLoader     = []byte("the loader\n")
)

// rootFiles is a configuration with a TFTP root at /srv/root that has these files.
func rootFiles(files string) string {
	return root("path = \"/srv/root\"\n files = {\n" + files + "\n}")
}

func TestAccTFTPRootFiles(t *testing.T) {
	requests := new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = w.Write(oldKernel)
	}))
	t.Cleanup(server.Close)
	source := local(t, anInitrd)
	archive, err := filepath.Abs(loaderPackage)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf(`
		"pxelinux.0"               = { source = %q, archive_path = "/usr/lib/PXELINUX/pxelinux.0" }
		"grub/x86_64-efi/core.efi" = { source = "%s/core.efi" }
		"grub/initrd"              = { source = %q }
		"certificate"              = { content = "a text\n" }
	`, archive, server.URL, source)
	acceptance(t,
		resource.TestStep{
			Config:           rootFiles(all),
			ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionCreate),
			Check: resource.ComposeTestCheckFunc(
				hostFile(t, "/srv/root/pxelinux.0", theLoader), hostMode(t, "/srv/root/pxelinux.0", 0o644),
				hostFile(t, "/srv/root/grub/x86_64-efi/core.efi", oldKernel),
				hostFile(t, "/srv/root/grub/initrd", anInitrd),
				hostFile(t, "/srv/root/certificate", []byte("a text\n")),
				hostDir(t, "/srv/root", "certificate", "grub", "pxelinux.0", "pxelinux.cfg"),
				hostDir(t, "/srv/root/grub", "initrd", "x86_64-efi"), hostDir(t, "/srv/root/grub/x86_64-efi", "core.efi"),
				hostMode(t, "/srv/root/grub/x86_64-efi", 0o755),
				virshPrints(t, "pool-info srv-root-grub-x86_64-efi", "State:          running", "Autostart:      yes"),
				resource.TestCheckResourceAttr(testRoot, "files.pxelinux.0.sha256", sha256Of(theLoader)),
				resource.TestCheckResourceAttr(testRoot, "files.grub/x86_64-efi/core.efi.size_bytes", fmt.Sprint(len(oldKernel))),
			),
		},
		resource.TestStep{PreConfig: func() { requests.Store(0) }, Config: rootFiles(all), ConfigPlanChecks: noChange},
		resource.TestStep{ // only what was removed or changed is published again
			PreConfig: func() {
				if n := requests.Load(); n > 0 {
					t.Errorf("%d requests for an unchanged file", n)
				}
				removeHostFile(t, "/srv/root/grub/initrd")
				writeHostFile(t, "/srv/root/certificate", []byte("theirs"))
			},
			Config: rootFiles(all), ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(
				hostFile(t, "/srv/root/grub/initrd", anInitrd), hostFile(t, "/srv/root/certificate", []byte("a text\n")),
				resource.TestCheckResourceAttr(testRoot, "files.grub/initrd.sha256", sha256Of(anInitrd)),
			),
		},
		resource.TestStep{ // a pool of a directory, and the directory
			PreConfig: func() {
				virsh(t, "pool-destroy", "srv-root-grub-x86_64-efi")
				virsh(t, "pool-undefine", "srv-root-grub-x86_64-efi")
				removeHostFile(t, "/srv/root/grub/x86_64-efi")
			},
			Config: rootFiles(all), ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionUpdate),
			Check: hostFile(t, "/srv/root/grub/x86_64-efi/core.efi", oldKernel),
		},
		resource.TestStep{
			PreConfig: func() { rewrite(t, source, newKernel) },
			Config:    rootFiles(all), ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionUpdate),
			Check: hostFile(t, "/srv/root/grub/initrd", newKernel),
		},
		resource.TestStep{ // what is no longer named is removed, with its directories
			Config:           rootFiles(`"certificate" = { content = "another text\n" }`),
			ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(
				hostDir(t, "/srv/root", "certificate", "pxelinux.cfg"), hostFile(t, "/srv/root/certificate", []byte("another text\n")),
				virshPrints(t, "pool-list --all --name", "not srv-root-grub"),
			),
		},
		resource.TestStep{Config: root(`path = "/srv/root"`), Check: hostDir(t, "/srv/root", "pxelinux.cfg")},
		resource.TestStep{Config: rootFiles(all), Check: hostFile(t, "/srv/root/pxelinux.0", theLoader)},
	)
	expect(t, hostAbsent(t, "/srv/root"))
}

// TestAccTFTPRootFilesOfOthers holds that files that are on the host stay, whatever happens to the resource.
func TestAccTFTPRootFilesOfOthers(t *testing.T) {
	makeDir(t, "/srv/root", 0o755)
	makeDir(t, "/srv/root/grub", 0o755)
	writeHostFile(t, "/srv/root/pxelinux.0", theLoader)
	writeHostFile(t, "/srv/root/grub/grub.cfg", []byte("theirs"))
	same := fmt.Sprintf(`"pxelinux.0" = { content = %q }`, theLoader)
	mine := same + "\n" + `"grub/mine" = { content = "mine" }`
	acceptance(t,
		resource.TestStep{
			Config:      rootFiles(mine + "\n" + `"grub/grub.cfg" = { content = "mine" }`),
			ExpectError: says(`Unable to create TFTP root "srv-root"`, `"grub.cfg" already exists`, "remove the file from the host, or from files"),
		},
		resource.TestStep{
			PreConfig: func() {
				expect(t, hostDir(t, "/srv/root", "grub", "pxelinux.0"))
				expect(t, hostDir(t, "/srv/root/grub", "grub.cfg"))
				expect(t, virshPrints(t, "pool-list --all --name", "not srv-root"))
			},
			Config: rootFiles(mine),
			Check:  resource.ComposeTestCheckFunc(hostFile(t, "/srv/root/pxelinux.0", theLoader), hostFile(t, "/srv/root/grub/mine", []byte("mine"))),
		},
		resource.TestStep{Config: rootFiles(`"grub/mine" = { content = "mine" }`), Check: hostFile(t, "/srv/root/pxelinux.0", theLoader)},
	)
	expect(t, hostDir(t, "/srv/root", "grub", "pxelinux.0"))
	expect(t, hostFile(t, "/srv/root/grub/grub.cfg", []byte("theirs")))
	expect(t, hostDir(t, "/srv/root/grub", "grub.cfg"))
}

// TestAccTFTPRootFilesImport holds that an import takes over the files that the configuration names.
func TestAccTFTPRootFilesImport(t *testing.T) {
	config := rootFiles(`"grub/a" = { content = "a" }`)
	steps := append([]resource.TestStep{{Config: config}}, resource.TestStep{
		ResourceName: testRoot, ImportState: true, ImportStateId: "srv-root", ImportStateVerify: true,
		ImportStateVerifyIgnore: []string{"files.%", "files.grub/a.%", "files.grub/a.content", "files.grub/a.sha256", "files.grub/a.size_bytes"},
	})
	acceptance(t, steps...)
	expect(t, hostAbsent(t, "/srv/root"))
}

// fullPool is a host that takes no upload into one of its pools.
type fullPool struct {
	*virttest.Host
	name string
}

func (f *fullPool) Upload(ctx context.Context, pool, name string, content io.Reader) error {
	if pool == f.name {
		return errors.New("the disk is full")
	}
	return f.Host.Upload(ctx, pool, name, content)
}

// TestTFTPRootFilesFail holds that a create that fails leaves nothing, and that after an update that fails the state has what is on the
// host, so that the next apply does the rest.
func TestTFTPRootFilesFail(t *testing.T) {
	h := &fullPool{virttest.New(), "srv-root-grub"}
	c := newCore(t, h, "netboot_tftp_root")
	both := `{"path": "/srv/root", "files": {"a": {"content": "new"}, "grub/b": {"content": "b"}}}`
	if said := c.apply(both); !strings.Contains(said.String(), "the disk is full") {
		t.Fatalf("create: %v", said)
	}
	if _, err := h.Disk().Stat("/srv/root"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is left after a create that failed: %v", err)
	}
	c.must(`{"path": "/srv/root", "files": {"a": {"content": "old"}, "c/d": {"content": "d"}}}`)
	if said := c.apply(both); !strings.Contains(said.String(), "the disk is full") {
		t.Fatalf("update: %v", said)
	}
	for _, file := range []string{"/srv/root/a", "/srv/root/c/d"} {
		if _, err := h.Disk().Stat(file); err != nil {
			t.Errorf("after an update that failed: %v", err)
		}
	}
	h.name = ""
	c.must(both)
	if _, err := h.Disk().Stat("/srv/root/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory of a file that is no longer named is left: %v", err)
	}
	destroys(t, c)
	if _, err := h.Disk().Stat("/srv/root"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is left after the destroy: %v", err)
	}
}

// TestTFTPRootFilesOfDirectoryThatIsGone holds that one apply publishes the files of a directory again that was removed from the host.
func TestTFTPRootFilesOfDirectoryThatIsGone(t *testing.T) {
	h := virttest.New()
	c := newCore(t, h, "netboot_tftp_root")
	const config = `{"path": "/srv/root", "files": {"a": {"content": "a"}, "grub/b": {"content": "b"}}, "grub_prefixes": ["grub"]}`
	for _, dir := range []string{"/srv/root/grub", "/srv/root"} {
		c.must(config)
		if err := h.Disk().Remove(dir); err != nil {
			t.Fatal(err)
		}
		c.must(config)
		for _, file := range []string{"/srv/root/a", "/srv/root/grub/b", "/srv/root/grub/grub.cfg"} {
			if _, err := h.Disk().Stat(file); err != nil {
				t.Errorf("after %s was removed: %v", dir, err)
			}
		}
	}
}

// TestTFTPRootFilesAfterImport holds that a destroy after an import removes the pools of directories as well.
func TestTFTPRootFilesAfterImport(t *testing.T) {
	h := virttest.New()
	c := newCore(t, h, "netboot_tftp_root")
	const config = `{"path": "/srv/root", "files": {"a/b": {"content": "b"}}}`
	c.must(config)
	c.imports("srv-root")
	c.must(config)
	destroys(t, c)
	if pools, err := h.PoolNames(t.Context()); err != nil || len(pools) > 0 {
		t.Errorf("these pools are left: %q (%v)", pools, err)
	}
}

// TestTFTPRootKeepsConfigurations holds that the directory of GRUB's configurations stays while it has one.
func TestTFTPRootKeepsConfigurations(t *testing.T) {
	h := virttest.New()
	root, config := newCore(t, h, "netboot_tftp_root"), newCore(t, h, "netboot_grub_config")
	root.must(`{"path": "/srv/tftp", "grub_prefixes": ["boot/grub"]}`)
	config.must(`{"tftp_root": "srv-tftp", "entries": [{"label": "a", "kernel": "k"}]}`)
	root.must(`{"path": "/srv/tftp", "grub_prefixes": []}`)
	config.mustBeDone(`{"tftp_root": "srv-tftp", "entries": [{"label": "a", "kernel": "k"}]}`)
	destroys(t, config)
	destroys(t, root)
	if _, err := h.Disk().Stat("/srv/tftp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
}

// TestGRUBConfigWithoutDirectory holds that a plan notices that the TFTP root has no directory for GRUB's configurations.
func TestGRUBConfigWithoutDirectory(t *testing.T) {
	for prefixes, want := range map[string]string{`[]`: "set grub_prefixes on the netboot_tftp_root", `["boot/grub"]`: ""} {
		h := virttest.New()
		run := newRun(t, h)
		root, config := newCore(t, h, "netboot_tftp_root"), newCore(t, h, "netboot_grub_config")
		root.run(t.Context(), run)
		config.run(t.Context(), run)
		root.plan(`{"path": "/srv/tftp", "grub_prefixes": ` + prefixes + `}`)
		said := config.plan(`{"tftp_root": "srv-tftp", "entries": [{"label": "a", "kernel": "k"}]}`).problems.String()
		if want == "" && said != "" || !strings.Contains(said, want) {
			t.Errorf("with the prefixes %s, the plan says %s", prefixes, said)
		}
	}
}

// TestTFTPRootFoundFileStays holds that a file that another program made stays after a destroy, also if it was changed since.
func TestTFTPRootFoundFileStays(t *testing.T) {
	h := virttest.New()
	if err := errors.Join(h.Disk().Mkdir("/srv/root", 0o755), h.Disk().WriteFile("/srv/root/a", []byte("a"))); err != nil {
		t.Fatal(err)
	}
	c := newCore(t, h, "netboot_tftp_root")
	c.must(`{"path": "/srv/root", "files": {"a": {"content": "a"}}}`)
	c.must(`{"path": "/srv/root", "files": {"a": {"content": "another"}}}`)
	destroys(t, c)
	if text, err := h.Disk().ReadFile("/srv/root/a"); string(text) != "another" {
		t.Errorf("the file has %q (%v)", text, err)
	}
}

// TestTFTPRootFilesTainted holds that a destroy without the private state, which Terraform does not pass after a create that was
// interrupted, removes the files that have the content that the state says.
func TestTFTPRootFilesTainted(t *testing.T) {
	h := virttest.New()
	c := newCore(t, h, "netboot_tftp_root")
	c.must(`{"path": "/srv/root", "files": {"a": {"content": "a"}, "grub/b": {"content": "b"}}}`)
	if said := c.change(c.none(), c.none(), nil, c.identity); len(said) > 0 {
		t.Errorf("destroy: %v", said)
	}
	if _, err := h.Disk().Stat("/srv/root"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
}

func TestTFTPRootFilesRefused(t *testing.T) {
	for name, test := range map[string]struct{ file, want string }{
		"an absolute path":       {`"/pxelinux.0": {"content": "a"}`, `"/pxelinux.0" is not the path of a file below the TFTP root`},
		"a path upwards":         {`"../a": {"content": "a"}`, "is not the path of a file below"},
		"a directory":            {`"a/": {"content": "a"}`, "is not the path of a file below"},
		"a configuration":        {`"pxelinux.cfg/default": {"content": "a"}`, "netboot_pxelinux_config"},
		"nothing":                {`"a": {}`, "source"},
		"two contents":           {`"a": {"content": "a", "source": "/b"}`, "source"},
		"a checksum of a text":   {`"a": {"content": "a", "checksum": "sha256:` + sha256Of(nil) + `"}`, "checksum"},
		"two containers":         {`"a": {"source": "/b", "iso_path": "c", "archive_path": "d"}`, "archive_path"},
		"a missing file":         {`"a": {"source": "/missing/file"}`, "on the machine that runs Terraform"},
		"a package":              {fmt.Sprintf(`"a": {"source": %q}`, loaderPackage), "it is a Debian package; set archive_path"},
		"not in the package":     {fmt.Sprintf(`"a": {"source": %q, "archive_path": "pxelinux.0"}`, loaderPackage), `["./usr/lib/PXELINUX/pxelinux.0"]`},
		"an empty file":          {`"a": {"content": ""}`, "content"},
		"a wrong checksum":       {fmt.Sprintf(`"a": {"source": %q, "archive_path": "usr/lib/PXELINUX/pxelinux.0", "checksum": "sha256:%s"}`, loaderPackage, sha256Of(nil)), "checksum"},
		"a file and a directory": {`"a": {"content": "a"}, "a/b": {"content": "b"}`, `"a" is also the directory of another file`},
		"one pool for two":       {`"a/b/c": {"content": "a"}, "a-b/c": {"content": "b"}`, "would have storage pools of one name"},
		"a hidden file":          {`".disk/info": {"content": "a"}`, "is not the path"},
		"a control character":    {"\"a\\u0007b\": {\"content\": \"a\"}", "is not the path"},
	} {
		t.Run(name, func(t *testing.T) {
			h := virttest.New()
			c := newCore(t, h, "netboot_tftp_root")
			said := c.apply(`{"path": "/srv/root", "files": {` + test.file + `}}`)
			if !said.hasError() || !strings.Contains(said.String(), test.want) {
				t.Errorf("got %v; want %q", said, test.want)
			}
			if _, err := h.Disk().Stat("/srv/root"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the directory is on the host: %v", err)
			}
		})
	}
}

// TestTFTPRootGRUBPrefixes makes, repairs and removes the files by which GRUB finds its configuration.
func TestTFTPRootGRUBPrefixes(t *testing.T) {
	h := virttest.New()
	c := newCore(t, h, "netboot_tftp_root")
	holds := func(file string, want bool) {
		t.Helper()
		text, err := h.Disk().ReadFile(file)
		if (err == nil) != want || want && string(text) != grub.Dispatcher() {
			t.Errorf("%s: %q (%v)", file, text, err)
		}
	}
	both := `{"path": "/srv/root", "grub_prefixes": [".", "debian-installer/amd64/grub"]}`
	c.must(both)
	c.mustBeDone(both)
	holds("/srv/root/grub.cfg", true)
	holds("/srv/root/debian-installer/amd64/grub/grub.cfg", true)
	if _, err := h.Pool(t.Context(), "srv-root-grub"); err != nil {
		t.Errorf("configurations have no directory: %v", err)
	}
	for _, change := range []func() error{
		func() error { return h.Disk().Remove("/srv/root/grub.cfg") },
		func() error {
			return h.Disk().WriteFile("/srv/root/debian-installer/amd64/grub/grub.cfg", []byte("another text"))
		},
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		c.must(both)
		holds("/srv/root/grub.cfg", true)
		holds("/srv/root/debian-installer/amd64/grub/grub.cfg", true)
	}
	c.must(`{"path": "/srv/root", "grub_prefixes": ["grub"]}`)
	holds("/srv/root/grub.cfg", false)
	holds("/srv/root/grub/grub.cfg", true)
	if _, err := h.Disk().Stat("/srv/root/debian-installer"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory is left: %v", err)
	}
	c.must(`{"path": "/srv/root"}`)
	if _, err := h.Disk().Stat("/srv/root/grub"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory is left: %v", err)
	}
	for config, want := range map[string]string{
		`"grub_prefixes": ["/grub"]`: "is not the path",
		`"grub_prefixes": ["grub"], "files": {"grub/grub.cfg": {"content": "a"}}`: `remove "grub" from grub_prefixes`,
	} {
		if said := c.apply(`{"path": "/srv/root", ` + config + `}`); !strings.Contains(said.String(), want) {
			t.Errorf("%s: %v", config, said)
		}
	}
}
