package boot_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

// loaderCase is what a guest does that starts the boot loader of s390-tools.
type loaderCase struct {
	config string // its configuration; if empty, there is none
	dhcp   string // option of dnsmasq for the second address, that of the boot loader
	wait   string // words on the console after which the guest is ended; if empty, when it stops

	stage            boot.Stage
	message, meaning string // parts of the explanation; if empty, the boot succeeds
}

// greets is what the kernel of a good boot shows, with its command line.
const greets = "GREETING: "

var loaderCases = map[string]loaderCase{
	"boots":                {config: "label a\nkernel greeting\nappend " + strings.Repeat("x", 1400) + "\n", wait: greets + strings.Repeat("x", 1400), stage: boot.StageConfig},
	"boots with an initrd": {config: "kernel greeting\ninitrd lab\n", wait: greets, stage: boot.StageConfig},
	"ipappend":             {config: "kernel greeting\nappend x\nipappend 2\n", wait: greets + "x", stage: boot.StageConfig},
	"no configuration":     {stage: boot.StageDHCP, message: "no config found", meaning: "under any name that the boot loader of s390-tools asked for"},
	"no kernel line":       {config: "linux greeting\n", stage: boot.StageConfig, message: "no kernel statement found", meaning: "has no kernel line"},
	"kernel missing":       {config: "kernel missing\n", stage: boot.StageConfig, message: "tftp: server error: (1) file", meaning: "names a kernel or initrd that the TFTP server does not have"},
	"initrd missing":       {config: "kernel greeting\ninitrd missing\n", stage: boot.StageConfig, message: "tftp: server error: (1) file", meaning: "names a kernel or initrd that the TFTP server does not have"},
	"kernel secret":        {config: "kernel secret\n", stage: boot.StageConfig, message: "tftp: server error: ", meaning: "is not allowed to read a file"},
	"a page":               {config: "kernel page\n", stage: boot.StageConfig, message: "Invalid memory segment", meaning: "not an s390x kernel"},
	"garbage":              {config: "kernel garbage\n", wait: "Kexec load", stage: boot.StageConfig, message: "Kexec load", meaning: "which has printed nothing"},
	"append too long":      {config: "kernel greeting\nappend " + strings.Repeat("x", 4096) + "\n", stage: boot.StageConfig, message: "command line too long, maximum allowed size 4095", meaning: "longer than the command line that the kernel"},
	"no TFTP server":       {dhcp: "dhcp-boot=tag:udhcp,tag:%s,,," + noServer, wait: "tftp: timeout", stage: boot.StageDHCP, message: "tftp: timeout", meaning: "does not answer the boot loader"},
	"no address":           {dhcp: "dhcp-ignore=tag:udhcp,tag:%s", wait: "waiting for pxe config", stage: boot.StageFirmware, message: "waiting for pxe config", meaning: "has no address yet"},
}

// TestConformanceLoader boots the real boot loader of s390-tools. It checks what the script does, and the explanations of what it and its
// programs say.
func TestConformanceLoader(t *testing.T) {
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("this boots an emulated Linux for each case: make conformance")
	}
	lab.Need(t)
	blob, err := lab.Blob(t.Context())
	if errors.Is(err, lab.ErrNoBlobScript) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(loaderCases))
	n := startLoaderLab(t, blob, names)
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n.bootsLoader(t, loaderCases[name], macOf(i))
		})
	}
}

// startLoaderLab makes a network whose bootfile is the boot loader, and serves the files of the cases.
func startLoaderLab(t *testing.T, blob string, names []string) labNetwork {
	t.Helper()
	host := lab.Shared(t)
	n := labNetwork{host, filepath.Join(host.Dir, "srv", "loader"), nil}
	content, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"blob":     string(content),
		"greeting": string(lab.GreetingKernel(greets)),
		"page":     "<html><body>Not Found</body></html>",
		"garbage":  strings.Repeat("garbage ", 10_000),
		"lab":      cpio("init", "no program"),
		"secret":   "may not be read",
	} {
		n.serve(t, name, []byte(content))
	}
	if err := os.Chmod(filepath.Join(n.root, "secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	definition := filepath.Join(t.TempDir(), "network.xml")
	if err := os.WriteFile(definition, []byte(loaderXML(names)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Virsh(t.Context(), "net-create", definition); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = host.Virsh(context.Background(), "net-destroy", "loader") })
	for _, command := range []string{
		"link add loader-up up type veth peer name loader-peer",
		"link set loader-peer up",
		"link set loader-up master loader",
		"address add " + noServer + "/32 dev lo",
	} {
		_, _ = host.Exec(t.Context(), append([]string{"ip"}, strings.Fields(command)...)...) // another test may have done it
	}
	return n
}

func loaderXML(names []string) string {
	var options strings.Builder
	for i, name := range names {
		if c := loaderCases[name]; c.dhcp != "" {
			tag := fmt.Sprintf("case%d", i)
			fmt.Fprintf(&options, "<dnsmasq:option value='dhcp-host=%s,set:%s'/>\n<dnsmasq:option value='%s'/>\n", macOf(i), tag, fmt.Sprintf(c.dhcp, tag))
		}
	}
	return `<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
<name>loader</name>
<forward mode='open'/>
<bridge name='loader' stp='off'/>
<ip address='10.7.0.1' netmask='255.255.0.0'>
  <tftp root='/srv/loader'/>
  <dhcp><range start='10.7.1.0' end='10.7.9.255'/><bootp file='blob'/></dhcp>
</ip>
<dnsmasq:options>
<dnsmasq:option value='no-ping'/>
<dnsmasq:option value='dhcp-vendorclass=set:udhcp,udhcp'/>
` + options.String() + `</dnsmasq:options>
</network>`
}

// bootsLoader boots a guest with the boot loader, and checks what its console says.
func (n labNetwork) bootsLoader(t *testing.T, c loaderCase, mac string) {
	t.Helper()
	if c.config != "" {
		n.serve(t, "pxelinux.cfg/01-"+strings.ReplaceAll(mac, ":", "-"), []byte(c.config))
	}
	qemus, err := lab.QEMUs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	guest, err := n.host.Netboot(ctx, lab.Machine{QEMU: qemus[0], Bridge: "loader", MAC: mac, GiveUpAt: c.wait, Patience: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	console := guest.Transcript()
	if err := guest.Close(); err != nil {
		t.Error(err)
	}
	want := boot.Expectation{Expect: []*regexp.Regexp{regexp.MustCompile(`Linux version|` + greets)}, Loader: true}
	result, err := boot.Watch(t.Context(), strings.NewReader(console), want)
	if result.Stage != c.stage {
		t.Errorf("the boot came to stage %s, want %s", result.Stage, c.stage)
	}
	var failure *boot.Failure
	switch {
	case c.message == "" && (err != nil || result.Matched[0] != greets):
		t.Errorf("got %v, want a boot of the second kernel", err)
	case c.message == "":
	case !errors.As(err, &failure) || len(failure.Explanations) == 0:
		t.Errorf("got %v, want a failure with an explanation", err)
	case !strings.Contains(failure.Explanations[0].Message, c.message) || !strings.Contains(failure.Explanations[0].Meaning, c.meaning):
		t.Errorf("want %q explained as %q", c.message, c.meaning)
	}
	if t.Failed() {
		t.Errorf("%v\n%s", err, console)
	}
}
