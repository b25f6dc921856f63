package provider

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// bootedByInstallers are the examples that boot Debian's real installers, on firmware that takes minutes under emulation.
var bootedByInstallers = []string{"uefi", "arm64", "ppc64le", "architectures"}

// TestConformanceInstallers applies the examples that boot Debian's real installers, and holds that each guest comes to the first
// question. One of them is for PCs with BIOS, UEFI and secure boot, an arm64 guest, a ppc64le guest and an s390x guest at once on one
// network.
func TestConformanceInstallers(t *testing.T) {
	needsCLI(t)
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("make conformance runs this: it keeps the processors busy for many minutes")
	}
	installers := debianInstallers(t)
	for _, name := range bootedByInstallers {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			config := bareExample(t, name)
			// The lab's s390x guest asks nothing.
			asks := strings.ReplaceAll(config, `expect = ["Linux version"], timeout = "20m"`,
				`expect = ["Debian installer main menu|Choose the language|Select a language|NETBOOT-INIT: ready"], timeout = "50m"`)
			if asks == config {
				t.Fatal("the example has no boot_check as this test knows it")
			}
			c := newCLI(t, lab.Shared(t).URI, atInstallers.ReplaceAllString(asks, installers))
			if strings.Contains(config, `variable "s390x"`) {
				c.write("terraform.tfvars", `s390x = "`+installers+`/s390x"`)
			}
			c.mustWithin(time.Hour, "apply", "-auto-approve")
			c.must("plan", "-detailed-exitcode")
			c.must("destroy", "-auto-approve")
		})
	}
}

// atInstallers is where the examples find Debian.
var atInstallers = regexp.MustCompile(regexp.QuoteMeta("https://deb.debian.org/debian/dists/bookworm/main"))

// debianInstallers serves the files of Debian's installers at the paths that they have in Debian's archive, and the lab's kernel and
// initrd as those of s390x.
func debianInstallers(t *testing.T) (url string) {
	t.Helper()
	lab.Need(t)
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := lab.Initrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, arch := range []string{"amd64", "arm64", "ppc64el"} {
		deb, err := lab.Installer(t.Context(), arch)
		if err != nil {
			t.Fatal(err)
		}
		if output, err := exec.CommandContext(t.Context(), "dpkg-deb", "--extract", deb, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
	}
	inArchive := regexp.MustCompile(`^/installer-(\w+)/current/images/netboot/`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/s390x/kernel.debian":
			http.ServeFile(w, r, kernel)
		case "/s390x/initrd.debian":
			http.ServeFile(w, r, initrd)
		default:
			http.ServeFile(w, r, filepath.Join(dir, inArchive.ReplaceAllString(r.URL.Path, "/usr/lib/debian-installer/images/12/$1/text/")))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
