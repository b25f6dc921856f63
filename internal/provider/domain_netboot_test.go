package provider

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

const (
	testMAC     = "52:54:00:00:00:01"
	testUUID    = "0a1b2c3d-0000-4000-8000-00000000002a"
	testMACFile = "lab/01-52-54-00-00-00-01"
)

const (
	separateFirmware = "LOADPARM=["
	mergedFirmware   = "LOADPARM=[ pxelinux.cfg"
	unknownFirmware  = "not s390-ccw.img"
)

// netbootCase is a guest with one interface on the network lab, and what else its boot depends on.
type netbootCase struct {
	firmware string
	memory   uint64
	uuid     string // "" is one that only the apply gives it
	config   string // pxelinux_config
	network  virt.Network
	onHost   bool // the network is there and no resource of this run
	initrd   uint64
	others   []string // more configurations
	runs     bool     // the guest runs and goes on
}

// bootNetwork serves the TFTP root lab.
func bootNetwork(change func(*virt.Network)) virt.Network {
	n := virt.Network{
		Name: "lab", Mode: "nat", TFTPRoot: "/srv/lab",
		IPv4: &virt.IP{
			Address: netip.MustParsePrefix("192.168.150.1/24"),
			DHCP:    &virt.DHCP{Ranges: []virt.Range{{Start: "192.168.150.10", End: "192.168.150.20"}}},
		},
	}
	change(&n)
	return n
}

func bootfile(name string) virt.Network {
	return bootNetwork(func(n *virt.Network) { n.IPv4.DHCP.Bootfile = name })
}

func TestCheckNetboot(t *testing.T) {
	unchanged := bootNetwork(func(*virt.Network) {})
	reserved := bootNetwork(func(n *virt.Network) {
		n.IPv4.DHCP.Reservations = []virt.Reservation{{MAC: "52-54-00-00-00-01", IP: "192.168.150.7"}}
	})
	elsewhere := bootNetwork(func(n *virt.Network) { n.TFTPRoot = "/srv/other" })
	nowhere := bootNetwork(func(n *virt.Network) { n.TFTPRoot = "" })
	foreign := bootfile("pxelinux.0")
	told := func(rules ...dnsmasq.Rule) virt.Network {
		return bootNetwork(func(n *virt.Network) { n.Options = dnsmasq.Options(rules) })
	}
	raw := bootNetwork(func(n *virt.Network) { n.Options = []string{"dhcp-boot=pxelinux.0"} })

	for name, test := range map[string]struct {
		netbootCase
		want []string // "severity attribute part of the detail" of each
	}{
		"for every guest":                {netbootCase{}, nil},
		"for this guest":                 {netbootCase{config: testMACFile}, nil},
		"for another MAC":                {netbootCase{config: "lab/01-52-54-00-00-00-02"}, []string{"Error pxelinux_config never reads pxelinux.cfg/01-52-54-00-00-00-02; its firmware asks for pxelinux.cfg/01-52-54-00-00-00-01, pxelinux.cfg/default: make the configuration for this guest's MAC address, 52:54:00:00:00:01"}},
		"for its UUID":                   {netbootCase{config: "lab/" + testUUID, uuid: testUUID}, nil},
		"for a UUID that is not known":   {netbootCase{config: "lab/" + testUUID}, nil},
		"for another UUID":               {netbootCase{config: "lab/0a1b2c3d-0000-4000-8000-000000000000", uuid: testUUID}, []string{"Error pxelinux_config never reads"}},
		"for its address":                {netbootCase{config: "lab/C0A89607", network: reserved}, nil},
		"for its addresses":              {netbootCase{config: "lab/C0A896", network: reserved}, nil},
		"for another address":            {netbootCase{config: "lab/C0A89608", network: reserved}, []string{"Error pxelinux_config never reads"}},
		"for an address that DHCP gives": {netbootCase{config: "lab/C0A89608"}, nil},
		"no id":                          {netbootCase{config: "default"}, []string{"Error pxelinux_config form tftp_root/file_name"}},
		"another comes first":            {netbootCase{others: []string{testMACFile}}, []string{"Warning pxelinux_config asks for pxelinux.cfg/01-52-54-00-00-00-01 before pxelinux.cfg/default"}},
		"another comes later":            {netbootCase{config: testMACFile, others: []string{"lab/default"}}, nil},
		"another in another root":        {netbootCase{others: []string{"other/01-52-54-00-00-00-01"}}, nil},
		"another for who runs":           {netbootCase{others: []string{testMACFile}, runs: true}, nil},

		"another TFTP root":             {netbootCase{network: elsewhere}, []string{"Error interfaces[0].network serves the TFTP root /srv/other, and the configuration is below /srv/lab"}},
		"another TFTP root on the host": {netbootCase{network: elsewhere, onHost: true}, []string{"Warning interfaces[0].network serves the TFTP root /srv/other"}},
		"no TFTP root":                  {netbootCase{network: nowhere}, []string{"Error interfaces[0].network serves no TFTP root"}},
		"a loader of x86":               {netbootCase{network: foreign}, []string{`Error interfaces[0].network boot "pxelinux.0", a boot loader of other machines`}},
		"a loader of x86 on the host":   {netbootCase{network: foreign, onHost: true}, []string{`Warning interfaces[0].network boot "pxelinux.0"`}},
		"a loader of x86 for who runs":  {netbootCase{network: foreign, onHost: true, runs: true}, nil},
		"a bootfile":                    {netbootCase{network: bootfile("kernel")}, []string{"Warning pxelinux_config asks for kernel before"}},
		"a directory of bootfiles":      {netbootCase{network: bootfile("s390x/")}, []string{"Error pxelinux_config its firmware asks for s390x/pxelinux.cfg/01-52-54-00-00-00-01"}},

		"a loader of x86 for x86":         {netbootCase{network: told(dnsmasq.Rule{Arch: "x86_64", Bootfile: "pxelinux.0"})}, nil},
		"a loader of x86 for s390x":       {netbootCase{network: told(dnsmasq.Rule{Arch: "s390x", Bootfile: "pxelinux.0"})}, []string{`Error interfaces[0].network boot "pxelinux.0"`}},
		"told its configuration":          {netbootCase{config: "lab/01-52-54-00-00-00-02", network: told(dnsmasq.Rule{MAC: testMAC, ConfigFile: "01-52-54-00-00-00-02"})}, nil},
		"told its configuration's path":   {netbootCase{network: told(dnsmasq.Rule{MAC: testMAC, ConfigFile: "pxelinux.cfg/default"})}, []string{`Error interfaces[0].network below pxelinux.cfg/: set config_file to "default"`}},
		"told another directory":          {netbootCase{network: told(dnsmasq.Rule{Arch: "s390x", PathPrefix: "other/"})}, []string{"Error pxelinux_config its firmware asks for other/01-52-54-00-00-00-01"}},
		"raw options that nobody can see": {netbootCase{network: raw, config: "lab/01-52-54-00-00-00-02"}, nil},

		"fits":                         {netbootCase{initrd: 110 << 20}, nil},
		"does not fit the firmware":    {netbootCase{initrd: 120 << 20, memory: 4 << 30}, []string{`Error pxelinux_config Entry "linux": kernel and initrd need 136314880 bytes`}},
		"fits a later firmware":        {netbootCase{initrd: 120 << 20, firmware: mergedFirmware}, nil},
		"does not fit the memory":      {netbootCase{initrd: 600 << 20, firmware: mergedFirmware}, []string{"Error pxelinux_config in a guest with 512 MiB of memory"}},
		"may not fit":                  {netbootCase{initrd: 120 << 20, firmware: unknownFirmware}, []string{"Warning pxelinux_config need 136314880 bytes"}},
		"too little memory":            {netbootCase{memory: 120 << 20}, []string{"Error memory needs 125 MiB of memory for itself, and the guest has 120 MiB"}},
		"enough for a later firmware":  {netbootCase{memory: 120 << 20, firmware: mergedFirmware}, nil},
		"perhaps too little":           {netbootCase{memory: 120 << 20, firmware: unknownFirmware}, []string{"Warning memory needs 125 MiB"}},
		"perhaps too little, but runs": {netbootCase{memory: 120 << 20, firmware: unknownFirmware, runs: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if test.network.Name == "" {
				test.network = unchanged
			}
			wantDiagnostics(t, test.check(t), test.want)
		})
	}
}

// check plans all that the case has, and the guest last.
func (c netbootCase) check(t *testing.T) diag.Diagnostics {
	t.Helper()
	if c.memory == 0 {
		c.memory = 512 << 20
	}
	if c.config == "" {
		c.config = "lab/default"
	}
	if c.firmware == "" {
		c.firmware = separateFirmware
	}
	memory := virttest.New()
	memory.SetFirmware(c.firmware)
	r := &domainResource{configured{site: newSite(memory)}}
	if c.onHost {
		if err := memory.Disk().Mkdir(c.network.TFTPRoot, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := memory.CreateNetwork(t.Context(), c.network); err != nil {
			t.Fatal(err)
		}
	} else {
		r.plans.networks.add(c.network.Name, c.network)
	}
	r.plans.roots.add("lab", "/srv/lab")
	r.plans.files.add("lab/k", plannedFile{"kernel", 10 << 20})
	r.plans.files.add("lab/i", plannedFile{"initrd", c.initrd})
	for _, id := range append(c.others, c.config) {
		r.plans.configs.add(id, pxelinux.Config{Entries: []pxelinux.Entry{{Label: "linux", Kernel: "k", Initrd: "/i"}}})
	}
	guest := domainModel{
		Arch:           types.StringValue(archS390X),
		Memory:         newSize(c.memory),
		UUID:           types.StringUnknown(),
		PxelinuxConfig: types.StringValue(c.config),
	}
	if c.uuid != "" {
		guest.UUID = types.StringValue(c.uuid)
	}
	var diags diag.Diagnostics
	guest.Interfaces, diags = types.ListValueFrom(t.Context(), interfaceType, []interfaceModel{
		{Network: types.StringValue("lab"), MAC: hwtypes.NewMACAddressValue(testMAC)},
	})
	r.checkNetboot(t.Context(), guest, !c.runs, &diags)
	return diags
}

// wantDiagnostics compares diagnostics with "severity attribute part of the detail" of each.
func wantDiagnostics(t *testing.T, got diag.Diagnostics, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %q", got, want)
	}
	for i, d := range got {
		words := strings.SplitN(want[i], " ", 3)
		at := ""
		if d, ok := d.(diag.DiagnosticWithPath); ok {
			at = d.Path().String()
		}
		if d.Severity().String() != words[0] || at != words[1] || !strings.Contains(d.Detail(), words[2]) {
			t.Errorf("got %s at %q: %s\nwant %s", d.Severity(), at, d.Detail(), want[i])
		}
	}
}

// TestAccDomainNetbootChecks plans guests that could not boot, with a CLI: each is refused before
// anything is made.
func TestAccDomainNetbootChecks(t *testing.T) {
	network := func(tftpRoot, dhcp, guest string) string {
		return root(`path = "/srv/check"`) + fmt.Sprintf(`
resource "netboot_pxelinux_config" "check" {
  tftp_root = netboot_tftp_root.test.id
  mac       = provider::netboot::mac("another")
  entries   = [{ label = "a", kernel = "k", append = ["quiet"] }]
}
resource "netboot_network" "check" {
  name      = "check"
  tftp_root = %s
  ipv4      = { address = "192.168.93.1/24", dhcp = { ranges = [{ start = "192.168.93.10", end = "192.168.93.20" }] %s } }
}
resource "netboot_domain" "check" {
  name            = "check"
  interfaces      = [{ network = netboot_network.check.name }]
  %s
}
`, tftpRoot, dhcp, guest)
	}
	refused := func(config string, words ...string) resource.TestStep {
		pattern := strings.Join(words, `[\s\S]*`)
		return resource.TestStep{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile(`Guest would not boot[\s\S]*` + pattern)}
	}
	image := func(kernel, initrd string) string {
		return root(`path = "/srv/check"`) + bigImage(t) + fmt.Sprintf(`
resource "netboot_pxelinux_config" "check" {
  tftp_root = netboot_tftp_root.test.id
  entries   = [{ label = "a", kernel = netboot_image.check.%s.path, initrd = netboot_image.check.%s.path }]
}
resource "netboot_domain" "check" {
  name            = "check"
  memory          = "4GiB"
  interfaces      = [{ network = "elsewhere" }]
  pxelinux_config = netboot_pxelinux_config.check.id
}
`, kernel, initrd)
	}
	// The firmware in one file has room wherever there is memory, and needs none for a second one.
	refusedBySeparate := func(config string, words ...string) resource.TestStep {
		if released[lab.Shared(t).Generation].firmware == "separate" {
			return refused(config, words...)
		}
		return resource.TestStep{Config: config, PlanOnly: true, ExpectNonEmptyPlan: true}
	}
	const served = "netboot_tftp_root.test.path"
	const byConfig = "pxelinux_config = netboot_pxelinux_config.check.id\n memory = \"512MiB\""
	acceptance(t,
		refused(network(served, "", byConfig), "never", "reads", "52:54:00"),
		refused(network(`"/srv/other"`, "", byConfig), "serves", "/srv/other"),
		refused(network(served, `, bootfile = "pxelinux.0"`, `memory = "512MiB"`), "loader", "of", "other", "machines"),
		refusedBySeparate(network(served, "", `memory = "64MiB"`), "needs", "125", "MiB"),
		refusedBySeparate(image("kernel", "initrd"), "Entry \"a\"", "has", "room", "for", "125829120"),
		resource.TestStep{
			Config: image("initrd", "kernel"), PlanOnly: true,
			ExpectError: says("In entries[0].initrd", "is the kernel of a netboot_image", "write the path of its initrd"),
		},
	)
}

// bigImage is an image that no firmware before QEMU 9.2 has room for.
func bigImage(t *testing.T) string {
	t.Helper()
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	initrd := filepath.Join(t.TempDir(), "initrd")
	if err := os.WriteFile(initrd, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(initrd, 120<<20); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`
resource "netboot_image" "check" {
  tftp_root = netboot_tftp_root.test.id
  name      = "big"
  kernel    = { source = %q }
  initrd    = { source = %q }
}
`, kernel, initrd)
}
