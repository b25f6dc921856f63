package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
)

// loaderWords are what a kernel shows that stands for the boot loader of s390-tools and the kernel that it starts, for the example's test
// without the real boot loader.
const loaderWords = "Linux version 6.0\nwaiting for pxe config from DHCP (max 600 sec)\nLinux version 6.1\n"

// longParameter is longer than the command line that the firmware passes to a kernel.
var longParameter = "netboot.print=" + strings.Repeat("x", 1400)

// TestConformanceS390Tools applies the example of the boot loader of s390-tools with the real boot loader. It boots a small kernel, then
// does so again after a change of only the guest, and then Debian's kernel, which needs minutes to unpack itself as the second kernel of an
// emulated guest, with an initrd that does not fit into the room of the firmware before QEMU 9.2.
func TestConformanceS390Tools(t *testing.T) {
	needsCLI(t)
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("make conformance runs this, because it takes minutes")
	}
	loader, err := lab.Blob(t.Context())
	if errors.Is(err, lab.ErrNoBlobScript) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	provider := strings.Replace(readFile(t, examplesDir+"/provider/provider.tf"), `"consoles"`, strconv.Quote(t.TempDir()), 1)
	initrd, err := lab.Initrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	small := imagesWith(t, writeFile(t, string(lab.GreetingKernel("Linux version 0 which greets: "))), initrd)
	applies := func(images, words string, change ...string) resource.TestStep {
		text := strings.NewReplacer(change...).Replace(bareExample(t, "s390-tools"))
		return resource.TestStep{
			Config: text + provider,
			ConfigVariables: config.Variables{
				"loader":     config.StringVariable(loader),
				"images":     config.StringVariable(images),
				"parameters": config.ListVariable(config.StringVariable(longParameter)),
			},
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr("netboot_domain.guest", "boot_result.config", "pxelinux.cfg/01-"+strings.ReplaceAll(netboot.DerivedMAC("guest", 0), ":", "-")),
				resource.TestCheckResourceAttrWith("netboot_domain.guest", "boot_result.console_tail", func(tail string) error {
					if !strings.Contains(tail, words) {
						return fmt.Errorf("the console does not show %q:\n%s", words, tail)
					}
					return nil
				}),
			),
		}
	}
	t.Setenv("LIBVIRT_DEFAULT_URI", lab.Shared(t).URI)
	leavesNothing(t)
	greets := "which greets: console=ttysclp0 " + longParameter
	expects := []string{`"Linux version"`, `"Linux version", "x{700}x{700}"`}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		applies(small, greets, expects...),
		applies(small, greets, append([]string{`"2GiB"`, `"1GiB"`}, expects...)...),
	}})
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		applies(imagesWith(t, kernel, lengthened(t, initrd, 130<<20)), strings.TrimPrefix(longParameter, "netboot.print="), `"Linux version"`, `"Run /init", "NETBOOT-INIT: ready"`),
	}})
}

// imagesWith is a web server with this kernel and this initrd.
func imagesWith(t *testing.T, kernel, initrd string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(path.Base(r.URL.Path), "kernel") {
			http.ServeFile(w, r, kernel)
			return
		}
		http.ServeFile(w, r, initrd)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// lengthened is a copy of an initrd that zeros, which Linux skips, make as long as size.
func lengthened(t *testing.T, initrd string, size int64) string {
	t.Helper()
	long := writeFile(t, readFile(t, initrd))
	if err := os.Truncate(long, size); err != nil {
		t.Fatal(err)
	}
	return long
}
