package netboot

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// fetching are the parameters of command lines whose URL names a file that the system keeps in memory: of live-boot, CoreOS, dracut,
// cloud-initramfs-rooturl and casper.
var fetching = []string{"fetch=", "coreos.live.rootfs_url=", "root=live:", "root=squash:", "url="}

// fetched are the URLs of the files that a system keeps in memory.
func fetched(cmdline string) (urls []string) {
	for word := range strings.FieldsSeq(cmdline) {
		for _, parameter := range fetching {
			if url, found := strings.CutPrefix(word, parameter); found && strings.Contains(url, "://") {
				urls = append(urls, url)
			}
		}
	}
	return urls
}

// liveBootExtensions are those by which live-boot decides what it has fetched: live-boot components/9990-mount-http.sh do_httpmount().
var liveBootExtensions = []string{".squashfs", ".iso", ".tgz", ".tar"}

// live checks the files that the system of an entry fetches after its start.
func (c *check) live(ctx context.Context, entry pxelinux.Entry) {
	root, isLiveBoot := rootOf(c.guest.Config), slices.Contains(strings.Fields(entry.Append), "boot=live")
	for _, address := range fetched(entry.Append) {
		if isLiveBoot && !slices.Contains(liveBootExtensions, path.Ext(address)) {
			c.reportEntry(entry, pxelinux.Error, fmt.Sprintf("live-boot does not know what %s is", address),
				"name a file that ends with "+strings.Join(liveBootExtensions, ", "))
		}
		if isLiveBoot && !namesFile(address) {
			c.reportEntry(entry, pxelinux.Error, fmt.Sprintf("%s is not the URL of a file", address),
				"write a slash between the server and the path, because the paths of a netboot_image do not begin with one")
		}
		// An empty host is the server that DHCP names.
		if file, isHere := strings.CutPrefix(address, "tftp:///"); isHere && !c.elsewhere && c.isMissing(ctx, root, file) && !c.publishesUnknown(root) {
			c.reportEntry(entry, pxelinux.Warning, fmt.Sprintf("the guest fetches %s, but there is no file %q below the TFTP root", address, file),
				"use the path of a file in files of a netboot_image")
		}
	}
}

// namesFile tells whether a URL has a path after its server.
func namesFile(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && (parsed.Host == "" || parsed.Path != "")
}

func (c *check) reportEntry(entry pxelinux.Entry, severity pxelinux.Severity, message, remedy string) {
	about := OfConfig
	if c.guest.GRUB {
		about = OfGRUB
	}
	c.report(&pxelinux.Problem{Severity: severity, Message: fmt.Sprintf("entry %q: %s", entry.Label, message), Remedy: remedy}, about)
}
