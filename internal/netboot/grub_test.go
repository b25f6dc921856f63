package netboot

import (
	"cmp"
	"testing"
	"testing/synctest"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/loader"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

func TestCheckGRUB(t *testing.T) {
	const forMAC, forAll = "lab/grub.cfg-01-52-54-00-00-00-01", "lab/grub.cfg-x86_64"
	uefi := func(n *Network) { n.Rules = []dnsmasq.Rule{{Arch: "x86_64-efi", Bootfile: "shimx64.efi"}} }
	for name, test := range map[string]struct {
		config, forArch string
		others          []string
		network         Network
		onHost          bool
		unknownMAC      bool
		files           []string // below the TFTP root; nil for the shim and GRUB
		are             map[string]loader.File
		memory          uint64
		kernel          string // that an entry names; "" for one of this run, in a text
		want            []string
	}{
		"for this guest":          {config: forMAC},
		"for all":                 {config: forAll},
		"for another MAC":         {config: "lab/grub.cfg-01-52-54-00-00-00-02", want: []string{"Error grub_config never reads grub/grub.cfg-01-52-54-00-00-00-02, which is for the MAC address 52:54:00:00:00:02; it boots with 52:54:00:00:00:01"}},
		"for an unknown MAC":      {config: "lab/grub.cfg-01-52-54-00-00-00-02", unknownMAC: true},
		"for all of another arch": {config: "lab/grub.cfg-arm64", forArch: arch.AArch64, want: []string{`Error grub_config is for aarch64 guests, but this guest has the architecture x86_64: use a netboot_grub_config with arch = "x86_64"`}},
		"not known":               {},
		"another name":            {config: "lab/grub.cfg", want: []string{"Error grub_config this guest never reads grub/grub.cfg"}},
		"another comes first":     {config: forAll, others: []string{forMAC}, want: []string{"Warning grub_config GRUB loads grub/grub.cfg-01-52-54-00-00-00-01 before grub/grub.cfg-x86_64"}},
		"another comes later":     {config: forMAC, others: []string{forAll}},
		"no bootfile":             {config: forAll, network: serving(func(*Network) {}), want: []string{`Error interfaces[0].network names no bootfile for x86_64 guests with UEFI`}},
		"no bootfile on the host": {config: forAll, network: serving(func(*Network) {}), onHost: true, want: []string{`Warning interfaces[0].network names no bootfile`}},
		"bootfile for a BIOS":     {config: forAll, network: serving(func(n *Network) { n.Rules = []dnsmasq.Rule{{Arch: "x86_64", Bootfile: "pxelinux.0"}} }), want: []string{`Error interfaces[0].network with arch = "x86_64-efi"`}},
		"bootfile for everyone":   {config: forAll, network: bootfile("shimx64.efi")},
		"bootfile for this guest": {config: forAll, network: serving(func(n *Network) { n.Rules = []dnsmasq.Rule{{MAC: testMAC, Bootfile: "shimx64.efi"}} })},
		"bootfile by HTTP": {config: forAll, network: serving(func(n *Network) {
			n.TFTPRoot, n.Rules = "", []dnsmasq.Rule{{Arch: "x86_64-http", Bootfile: "http://h/shimx64.efi"}}
		})},
		"options":             {config: forAll, network: serving(func(n *Network) { n.Options = []string{"dhcp-boot=shimx64.efi"} })},
		"another DHCP server": {config: forAll, network: serving(func(n *Network) { n.DHCP = false })},
		"another TFTP root":   {config: forAll, network: serving(func(n *Network) { uefi(n); n.TFTPRoot = "/srv/other" }), want: []string{"Error interfaces[0].network serves the TFTP root /srv/other, but the configuration is below /srv/lab"}},
		"no TFTP root":        {config: forAll, network: serving(func(n *Network) { uefi(n); n.TFTPRoot = "" }), want: []string{"Error interfaces[0].network serves no TFTP root"}},
		"another server by a rule": {config: forAll, network: serving(func(n *Network) {
			n.TFTPRoot = ""
			n.Rules = []dnsmasq.Rule{{Arch: "x86_64-efi", Bootfile: "s", NextServer: "10.0.0.1"}}
		})},
		"no shim":                   {config: forAll, files: []string{"grubx64.efi"}, want: []string{`Error interfaces[0].network tells this guest to load "shimx64.efi", but there is no such file`}},
		"no GRUB for the shim":      {config: forAll, files: []string{"shimx64.efi"}, want: []string{`Error interfaces[0].network shimx64.efi is a shim, which loads "grubx64.efi", but there is no such file below the TFTP root /srv/lab: add "grubx64.efi" to files`}},
		"a text as the loader":      {config: forAll, are: map[string]loader.File{"shimx64.efi": {Kind: loader.Text}}, want: []string{`Error interfaces[0].network tells this guest to load "shimx64.efi", but this file is a text file: publish a boot loader for x86_64 with UEFI, such as a shim, under this path`}},
		"a BIOS's loader":           {config: forAll, are: map[string]loader.File{"shimx64.efi": {Kind: loader.PXELINUX, Major: "6"}}, want: []string{`Error interfaces[0].network but this file is PXELINUX, a boot loader for a BIOS`}},
		"another BIOS's loader":     {config: forAll, are: map[string]loader.File{"shimx64.efi": {Kind: loader.Other}}, want: []string{`Error interfaces[0].network but this file is in another format`}},
		"another CPU's loader":      {config: forAll, are: map[string]loader.File{"shimx64.efi": {Kind: loader.GRUB, EFI: arch.AArch64}}, want: []string{`Error interfaces[0].network but this file is GRUB, an EFI program for aarch64`}},
		"another CPU's GRUB":        {config: forAll, are: map[string]loader.File{"grubx64.efi": {Kind: loader.GRUB, EFI: arch.AArch64}}, want: []string{`Error interfaces[0].network is a shim, which loads "grubx64.efi", but this file is GRUB, an EFI program for aarch64: publish the file that belongs to "shimx64.efi"`}},
		"a shim and GRUB":           {config: forAll, are: map[string]loader.File{"shimx64.efi": {Kind: loader.Shim, EFI: arch.X86}, "grubx64.efi": {Kind: loader.GRUB, EFI: arch.X86}}},
		"iPXE":                      {config: forAll, files: []string{"shimx64.efi"}, are: map[string]loader.File{"shimx64.efi": {Kind: loader.Other, EFI: arch.X86}}},
		"a script of iPXE":          {config: forAll, files: []string{"shimx64.efi"}, are: map[string]loader.File{"shimx64.efi": {Kind: loader.Script}}},
		"byte code":                 {config: forAll, files: []string{"shimx64.efi"}, are: map[string]loader.File{"shimx64.efi": {Kind: loader.Other, EFI: loader.AnyMachine}}},
		"GRUB with a shim's name":   {config: forAll, files: []string{"shimx64.efi"}, are: map[string]loader.File{"shimx64.efi": {Kind: loader.GRUB, EFI: arch.X86}}},
		"a shim with another name":  {config: forAll, network: bootfile("bootx64.efi"), files: []string{"bootx64.efi"}, are: map[string]loader.File{"bootx64.efi": {Kind: loader.Shim, EFI: arch.X86}}, want: []string{`Error interfaces[0].network bootx64.efi is a shim, which loads "grubx64.efi", but there is no such file`}},
		"too little memory":         {config: forAll, memory: 100 << 20, want: []string{`Error memory entry "linux": kernel and initrd have 150 MiB, but the guest has 100 MiB of memory`}},
		"a kernel":                  {config: forAll, kernel: "/k"},
		"no kernel":                 {config: forAll, kernel: "vmlinus", want: []string{`Warning grub_config entry "linux" names "vmlinus", but there is no such file`}},
		"a kernel on a device":      {config: forAll, kernel: "(http,10.0.0.1)/vmlinus"},
		"a kernel by a variable":    {config: forAll, kernel: "/$net_default_mac"},
		"a kernel, HTTP boot":       {config: forAll, kernel: "vmlinus", network: serving(func(n *Network) { n.Rules = []dnsmasq.Rule{{Arch: "x86_64-http", Bootfile: "http://h/shimx64.efi"}} })},
		"GRUB without a shim":       {config: forAll, files: []string{"grubx64.efi"}, network: bootfile("grubx64.efi")},
		"network that is not known": {config: forAll, network: Network{Name: "other", DHCP: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.network.Name == "" {
				test.network = serving(uefi)
			}
			host := fakeHost{networks: map[string]Network{}}
			var plans Plans
			if test.onHost {
				host.networks[test.network.Name] = test.network
			} else {
				plans.Networks.Add(test.network.Name, test.network)
			}
			plans.Roots.Add("lab", "/srv/lab")
			if test.files == nil {
				test.files = []string{"shimx64.efi", "grubx64.efi"}
			}
			for _, file := range []string{"k", "i", "j"} {
				plans.Files.Add("lab/"+file, File{Size: 50 << 20})
			}
			for _, file := range test.files {
				plans.Files.Add("lab/"+file, File{Kind: FixedFile, Loader: test.are[file]})
			}
			for _, id := range append(test.others, test.config) {
				config := Config{Arch: arch.X86, Config: pxelinux.Config{Entries: []pxelinux.Entry{{Label: "linux", Kernel: cmp.Or(test.kernel, "k"), Initrd: "i,/j"}}}, Entered: test.kernel != ""}
				if test.forArch != "" {
					config.Arch = test.forArch
				}
				plans.Configs.Add(id, config)
			}
			nic := Interface{MAC: testMAC, Network: "lab", Boots: true}
			if test.unknownMAC {
				nic.MAC = ""
			}
			guest := Guest{Arch: arch.X86, Memory: test.memory, Config: test.config, GRUB: true, Starts: true, Interfaces: []Interface{nic, {MAC: "52:54:00:00:00:09", Network: "none"}}}
			synctest.Test(t, func(t *testing.T) { wantFindings(t, Check(t.Context(), guest, &plans, host), test.want) })
		})
	}
}
