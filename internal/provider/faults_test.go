package provider

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// downloaded is a resource that is made of a file on a server.
type downloaded struct {
	content []byte
	Subject string
	config  func(attributes, more string) string // attributes of the file, and more of the resource
	nothing resource.TestCheckFunc               // is left of it on the host
	whole   resource.TestCheckFunc               // is what the host has
}

// TestAccFaults holds that whatever a server does wrong is an error that says so, leaves nothing on the host,
// and is not in the way of the next apply.
func TestAccFaults(t *testing.T) {
	accPool(t)
	volumes := func(format string) downloaded {
		return downloaded{
			fillingDisk, `Unable to create volume "acc/disk"`,
			func(attributes, more string) string {
				return volume(fmt.Sprintf("format = %q\n%s\n%s", format, attributes, more))
			},
			hostDir(t, "/srv/acc"), hostDir(t, "/srv/acc", "disk"),
		}
	}
	for name, test := range map[string]downloaded{
		"image": {
			bigKernel, `Unable to create image "srv-boot/acc"`,
			func(attributes, more string) string { return bootImage("kernel = {\n" + attributes + "\n}\n" + more) },
			hostDir(t, "/srv/boot", "pxelinux.cfg"), boots(t, bigKernel),
		},
		"volume":           volumes("raw"),
		"converted volume": volumes("qcow2"),
	} {
		t.Run(name, func(t *testing.T) { acceptance(t, test.steps(t)...) })
	}
}

// steps have each fault in turn, and then a server that answers at the third request.
func (d downloaded) steps(t *testing.T) []resource.TestStep {
	t.Helper()
	server := lab.NewServer(t)
	url := server.Serve("file", d.content)
	var steps []resource.TestStep
	for i, fault := range d.faults(t, server) {
		var faults []lab.Fault
		if fault.fault != nil {
			faults = append(faults, fault.fault)
		}
		steps = append(steps, resource.TestStep{
			PreConfig: func() {
				if i > 0 {
					expect(t, d.nothing)
				}
				server.Serve("file", d.content, faults...)
			},
			Config:      d.config(fmt.Sprintf("source = %q\n%s", cmp.Or(fault.url, url), fault.attributes), fault.more),
			ExpectError: says(append([]string{d.Subject}, fault.says...)...),
		})
	}
	return append(steps, resource.TestStep{
		PreConfig: func() { expect(t, d.nothing) },
		Config:    d.config(fmt.Sprintf("source = %q", server.Serve("flaky", d.content, lab.First(2, lab.Status(500)))), ""),
		Check:     d.whole,
	})
}

// fault is what a server does, or what a configuration wants of it that it has not.
type fault struct {
	fault            lab.Fault
	url              string // of another server
	attributes, more string
	says             []string
}

func (d downloaded) faults(t *testing.T, server *lab.Server) []fault {
	t.Helper()
	distrusted := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(d.content) }))
	t.Cleanup(distrusted.Close)
	const soon = `timeouts = { create = "2s" }`
	sums := sha256Of(d.content) + "  file\n"
	list := fmt.Sprintf("checksum = %q", "file:"+server.Serve("SHA256SUMS", []byte(sums)))
	key, _ := signed(t, sums)
	_, signature := signed(t, sums)
	signatureURL := server.Serve("SHA256SUMS.gpg", signature)
	faults := []fault{
		{fault: lab.Status(404), says: []string{"404 Not Found", "check the URL"}},
		{fault: lab.HTMLPage(), says: []string{"it is a web page"}},
		{fault: lab.RedirectLoop(), says: []string{"the server redirects in a loop"}},
		{fault: lab.Altered(), attributes: fmt.Sprintf("checksum = \"sha256:%s\"", sha256Of(d.content)), says: []string{"has the checksum", "not", sha256Of(d.content)}},
		{fault: lab.StallAfter(3 << 20), more: soon, says: []string{"exceeded its time limit"}},
		{fault: lab.Slow(time.Second), more: soon, says: []string{"exceeded its time limit"}},
		{url: distrusted.URL + "/file", says: []string{"certificate"}},
		{url: server.Serve("unlisted", d.content), attributes: list, says: []string{"checksum", "SHA256SUMS"}},
		{attributes: list, more: fmt.Sprintf("checksum_signature = {\n key = %q\n source = %q\n}", key, signatureURL), says: []string{"SHA256SUMS", "key"}},
	}
	for tenth := range 10 {
		at := len(d.content) * tenth / 10
		faults = append(faults, fault{fault: lab.CutAfter(at), says: []string{"unexpected EOF"}})
	}
	return faults
}
