package netboot

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/loader"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
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

// netbootCase is a guest with one interface on the network lab, and everything else that its boot depends on.
type netbootCase struct {
	arch      string // of the guest; "" for s390x
	forArch   string // of the configurations; "" for s390x
	firmware  string
	memory    uint64
	uuid      string // "" if only the apply sets it
	config    string // pxelinux_config
	network   Network
	onHost    bool // the network exists on the host, and is not a resource of this run
	initrd    uint64
	append    string   // of the entry
	others    []string // more configurations
	published string   // one more kernel of an image
	blobSize  uint64   // its size
	reader    string   // of the configurations
	entries   []pxelinux.Entry
	files     []string // at fixed paths, of this run
	are       map[string]loader.File
	onDisk    []string // files that are on the host, in the pool of the TFTP root
	removed   string   // one of them, which this run removes
	runs      bool     // the guest runs, and keeps running

	kernel    string // that an entry of the configuration names; "" for one of this run, in a text
	noKernels bool   // this run publishes none
	unknown   bool   // this run publishes an image with files that only the apply names
}

// serving serves the TFTP root lab.
func serving(change func(*Network)) Network {
	n := Network{Name: "lab", TFTPRoot: "/srv/lab", Server: "192.168.150.1", DHCP: true}
	change(&n)
	return n
}

func bootfile(name string) Network {
	return serving(func(n *Network) { n.Bootfile = name })
}

// TestCheckBlob is about guests that start the boot loader of s390-tools, and configurations for it.
func TestCheckBlob(t *testing.T) {
	const tools = pxelinux.S390Tools
	blob, pxelinux0 := bootfile("blob"), bootfile("pxelinux.0")
	prefixed := serving(func(n *Network) {
		n.Rules = []dnsmasq.Rule{{Arch: arch.S390X, Bootfile: "blob", PathPrefix: "tree/"}}
	})
	elsewhere := serving(func(n *Network) { n.Bootfile, n.NextServer = "pxelinux.0", "192.168.150.2" })
	twoEntries := []pxelinux.Entry{{Label: "linux", Kernel: "k", Initrd: "i"}, {Label: "b", Kernel: "k", Initrd: "i"}}
	noBootfile := `interfaces[0].network the configuration lab/default is for the boot loader of s390-tools, but DHCP on network "lab" names no bootfile for this guest, so its firmware reads the configuration: publish the boot loader`
	for name, test := range map[string]struct {
		netbootCase
		want []string
	}{
		"published":                         {netbootCase{network: blob, published: "blob", reader: tools}, nil},
		"published as pxelinux.0":           {netbootCase{network: pxelinux0, published: "pxelinux.0", reader: tools}, nil},
		"of another program":                {netbootCase{network: pxelinux0, reader: tools}, nil},
		"of another server":                 {netbootCase{network: elsewhere, reader: tools}, nil},
		"of another server, firmware reads": {netbootCase{network: elsewhere, published: "pxelinux.0"}, []string{`Error interfaces[0].network boot "pxelinux.0", a boot loader for other architectures`}},
		"for this guest":                    {netbootCase{network: blob, published: "blob", reader: tools, config: testMACFile}, nil},
		"for another MAC":                   {netbootCase{network: blob, published: "blob", reader: tools, config: "lab/01-52-54-00-00-00-02"}, []string{"Error pxelinux_config never reads pxelinux.cfg/01-52-54-00-00-00-02; its boot loader requests pxelinux.cfg/01-52-54-00-00-00-01, pxelinux.cfg/default: use a configuration for this guest's MAC address"}},
		"another comes first":               {netbootCase{network: blob, published: "blob", reader: tools, others: []string{testMACFile}}, []string{"Warning pxelinux_config the boot loader requests pxelinux.cfg/01-52-54-00-00-00-01 before pxelinux.cfg/default"}},
		"a prefix leads elsewhere":          {netbootCase{network: prefixed, published: "blob", reader: tools}, []string{"Error pxelinux_config its boot loader requests tree/pxelinux.cfg/01-52-54-00-00-00-01, tree/pxelinux.cfg/default: remove path_prefix"}},
		"no bootfile":                       {netbootCase{reader: tools}, []string{"Error " + noBootfile}},
		"no bootfile on the host":           {netbootCase{reader: tools, onHost: true}, []string{"Warning " + noBootfile}},
		"a directory":                       {netbootCase{network: bootfile("s390x/"), reader: tools, config: testMACFile}, []string{"Error interfaces[0].network names no bootfile for this guest"}},
		"not by DHCP of this network":       {netbootCase{network: serving(func(n *Network) { n.DHCP = false }), reader: tools}, nil},
		"firmware's, and it reads it":       {netbootCase{network: blob, published: "blob"}, nil},
		"firmware's, with two entries":      {netbootCase{network: blob, published: "blob", entries: twoEntries}, []string{`Error pxelinux_config tells this guest to boot "blob", a kernel. If it is the boot loader of s390-tools, it does not read lab/default as it is written: the boot loader of s390-tools reads one entry, but there are 2: keep one entry in the file; or name no bootfile for this guest`}},
		"the same on the host":              {netbootCase{network: blob, published: "blob", entries: twoEntries, onHost: true}, []string{`Warning pxelinux_config reads one entry, but there are 2`}},
		"no kernel of an image":             {netbootCase{network: blob, files: []string{"blob"}}, []string{"Warning pxelinux_config the firmware requests blob before"}},
		"of a PC":                           {pc(netbootCase{published: "pxelinux.0"}), nil},
		"larger than the firmware loads":    {netbootCase{network: blob, published: "blob", reader: tools, initrd: 200 << 20}, nil},
		"not twice in memory":               {netbootCase{network: blob, published: "blob", reader: tools, initrd: 250 << 20}, []string{`Error memory entry "linux": kernel and initrd, 2 times in the memory of the boot loader, have 520 MiB, but the guest has 512 MiB of memory: give the guest more memory`}},
		"a boot loader that is too large":   {netbootCase{network: blob, published: "blob", blobSize: 130 << 20, reader: tools}, []string{`Error pxelinux_config bootfile "blob": kernel and initrd need`}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.network.Name == "" {
				test.network = serving(func(*Network) {})
			}
			synctest.Test(t, func(t *testing.T) { wantFindings(t, test.check(t), test.want) })
		})
	}
}

func TestCheck(t *testing.T) {
	unchanged := serving(func(*Network) {})
	reserved := serving(func(n *Network) {
		n.Reserved = map[string]string{testMAC: "192.168.150.7"}
	})
	elsewhere := serving(func(n *Network) { n.TFTPRoot = "/srv/other" })
	nowhere := serving(func(n *Network) { n.TFTPRoot = "" })
	foreign := bootfile("pxelinux.0")
	ruled := func(rules ...dnsmasq.Rule) Network {
		return serving(func(n *Network) { n.Rules = rules })
	}
	raw := serving(func(n *Network) { n.Options = []string{"dhcp-boot=pxelinux.0"} })

	for name, test := range map[string]struct {
		netbootCase
		want []string // "severity attribute part of the text" of each
	}{
		"for every guest":                {netbootCase{}, nil},
		"for this guest":                 {netbootCase{config: testMACFile}, nil},
		"for another MAC":                {netbootCase{config: "lab/01-52-54-00-00-00-02"}, []string{"Error pxelinux_config never reads pxelinux.cfg/01-52-54-00-00-00-02; its firmware requests pxelinux.cfg/01-52-54-00-00-00-01, pxelinux.cfg/default: use a configuration for this guest's MAC address, 52:54:00:00:00:01"}},
		"for its UUID":                   {netbootCase{config: "lab/" + testUUID, uuid: testUUID}, nil},
		"for a UUID that is not known":   {netbootCase{config: "lab/" + testUUID}, nil},
		"for another UUID":               {netbootCase{config: "lab/0a1b2c3d-0000-4000-8000-000000000000", uuid: testUUID}, []string{"Error pxelinux_config never reads"}},
		"for its address":                {netbootCase{config: "lab/C0A89607", network: reserved}, nil},
		"for its addresses":              {netbootCase{config: "lab/C0A896", network: reserved}, nil},
		"for another address":            {netbootCase{config: "lab/C0A89608", network: reserved}, []string{"Error pxelinux_config never reads"}},
		"for an address that DHCP gives": {netbootCase{config: "lab/C0A89608"}, nil},
		"another comes first":            {netbootCase{others: []string{testMACFile}}, []string{"Warning pxelinux_config requests pxelinux.cfg/01-52-54-00-00-00-01 before pxelinux.cfg/default"}},
		"another comes later":            {netbootCase{config: testMACFile, others: []string{"lab/default"}}, nil},
		"another in another root":        {netbootCase{others: []string{"other/01-52-54-00-00-00-01"}}, nil},
		"another for who runs":           {netbootCase{others: []string{testMACFile}, runs: true}, nil},

		"another TFTP root":             {netbootCase{network: elsewhere}, []string{"Error interfaces[0].network serves the TFTP root /srv/other, but the configuration is below /srv/lab"}},
		"another TFTP root on the host": {netbootCase{network: elsewhere, onHost: true}, []string{"Warning interfaces[0].network serves the TFTP root /srv/other"}},
		"no TFTP root":                  {netbootCase{network: nowhere}, []string{"Error interfaces[0].network serves no TFTP root"}},
		"a loader of x86":               {netbootCase{network: foreign}, []string{`Error interfaces[0].network boot "pxelinux.0", a boot loader for other architectures`}},
		"a loader of x86 on the host":   {netbootCase{network: foreign, onHost: true}, []string{`Warning interfaces[0].network boot "pxelinux.0"`}},
		"a loader of x86 for who runs":  {netbootCase{network: foreign, onHost: true, runs: true}, nil},
		"the loader of s390-tools":      {netbootCase{network: foreign, published: "pxelinux.0"}, nil},
		"a bootfile":                    {netbootCase{network: bootfile("kernel")}, []string{"Warning pxelinux_config requests kernel before"}},
		"a directory of bootfiles":      {netbootCase{network: bootfile("s390x/")}, []string{"Error pxelinux_config its firmware requests s390x/pxelinux.cfg/01-52-54-00-00-00-01"}},

		"a loader of x86 for x86":         {netbootCase{network: ruled(dnsmasq.Rule{Arch: "x86_64", Bootfile: "pxelinux.0"})}, nil},
		"a loader of x86 for s390x":       {netbootCase{network: ruled(dnsmasq.Rule{Arch: "s390x", Bootfile: "pxelinux.0"})}, []string{`Error interfaces[0].network boot "pxelinux.0"`}},
		"told its configuration":          {netbootCase{config: "lab/01-52-54-00-00-00-02", network: ruled(dnsmasq.Rule{MAC: testMAC, ConfigFile: "01-52-54-00-00-00-02"})}, nil},
		"told its configuration's path":   {netbootCase{network: ruled(dnsmasq.Rule{MAC: testMAC, ConfigFile: "pxelinux.cfg/default"})}, []string{`Error interfaces[0].network below pxelinux.cfg/: set config_file to "default"`}},
		"told another directory":          {netbootCase{network: ruled(dnsmasq.Rule{Arch: "s390x", PathPrefix: "other/"})}, []string{"Error pxelinux_config its firmware requests other/01-52-54-00-00-00-01"}},
		"raw options that nobody can see": {netbootCase{network: raw, config: "lab/01-52-54-00-00-00-02"}, nil},

		"for another architecture":                     {netbootCase{forArch: arch.X86}, []string{`Error pxelinux_config the configuration lab/default is for x86_64 guests, but this guest has the architecture s390x, which reads other keywords and other file names: use a netboot_pxelinux_config with arch = "s390x"`}},
		"for a PC":                                     {pc(netbootCase{forArch: arch.S390X}), []string{`Error pxelinux_config use a netboot_pxelinux_config with arch = "x86_64"`}},
		"for a guest that reads none":                  {netbootCase{arch: "aarch64"}, []string{"Error pxelinux_config use a netboot_grub_config and grub_config instead of pxelinux_config, because aarch64 guests start GRUB"}},
		"a PC":                                         {pc(netbootCase{}), nil},
		"a PC without PXELINUX":                        {pc(netbootCase{network: unchanged}), []string{`Error interfaces[0].network names no bootfile for x86_64 guests`}},
		"a PC, PXELINUX in a directory":                {pc(netbootCase{network: ruled(dnsmasq.Rule{Arch: "x86_64", Bootfile: "x86/pxelinux.0"})}), []string{"Error pxelinux_config its firmware requests x86/pxelinux.cfg/01-52-54-00-00-00-01, x86/pxelinux.cfg/default: set a bootfile without a directory"}},
		"a PC's UUID":                                  {pc(netbootCase{config: "lab/43a35ea2-91dd-3740-9bb5-e76409e08caa", uuid: "a25ea343-dd91-4037-9bb5-e76409e08caa"}), nil},
		"a PC's UUID as written":                       {pc(netbootCase{config: "lab/a25ea343-dd91-4037-9bb5-e76409e08caa", uuid: "a25ea343-dd91-4037-9bb5-e76409e08caa"}), []string{"Error pxelinux_config never reads"}},
		"a PC needs less memory":                       {pc(netbootCase{memory: 120 << 20, initrd: 109 << 20}), nil},
		"a PC with too little memory":                  {pc(netbootCase{memory: 64 << 20, initrd: 120 << 20}), []string{`Error memory entry "linux": kernel and initrd have 130 MiB, but the guest has 64 MiB of memory: give the guest more memory`}},
		"a PC, loaders of this run":                    {pc(netbootCase{files: []string{"pxelinux.0", "ldlinux.c32"}}), nil},
		"a PC, a loader with a slash":                  {pc(netbootCase{network: ruled(dnsmasq.Rule{Arch: "x86_64", Bootfile: "/pxelinux.0"})}), nil},
		"a PC, no loader in this run":                  {pc(netbootCase{files: []string{"ldlinux.c32"}}), []string{`Error interfaces[0].network tells this guest to load "pxelinux.0", but there is no such file below the TFTP root /srv/lab: add "pxelinux.0" to files`}},
		"a PC, no module in this run":                  {pc(netbootCase{files: []string{"pxelinux.0"}}), []string{`Error interfaces[0].network PXELINUX 5 and later loads "ldlinux.c32" first, but there is no such file`}},
		"a PC, a text as its loader":                   {pcFiles(loader.File{Kind: loader.Text}, loader.File{Kind: loader.Module}), []string{`Error interfaces[0].network tells this guest to load "pxelinux.0", but this file is a text file: publish a boot loader for a BIOS, such as pxelinux.0, under this path`}},
		"a PC, a shim as its loader":                   {pcFiles(loader.File{Kind: loader.Shim, EFI: arch.X86}, loader.File{}), []string{`Error interfaces[0].network but this file is a shim, an EFI program for x86_64`}},
		"a PC, a module as its loader":                 {pcFiles(loader.File{Kind: loader.Module}, loader.File{Kind: loader.Module}), []string{`Error interfaces[0].network but this file is a module of SYSLINUX`}},
		"a PC, a text as its module":                   {pcFiles(loader.File{Kind: loader.PXELINUX, Major: "6"}, loader.File{Kind: loader.Text}), []string{`Error interfaces[0].network PXELINUX 5 and later loads "ldlinux.c32" first, but this file is a text file: publish the file that belongs to "pxelinux.0"`}},
		"a PC, UEFI's module":                          {pcFiles(loader.File{}, loader.File{Kind: loader.Other}), []string{`Error interfaces[0].network "ldlinux.c32" first, but this file is in another format`}},
		"a PC, PXELINUX":                               {pcFiles(loader.File{Kind: loader.PXELINUX, Major: "6"}, loader.File{Kind: loader.Module}), nil},
		"a PC, iPXE":                                   {pc(netbootCase{files: []string{"pxelinux.0"}, are: map[string]loader.File{"pxelinux.0": {Kind: loader.Other}}}), nil},
		"a PC, a script":                               {pc(netbootCase{files: []string{"pxelinux.0"}, are: map[string]loader.File{"pxelinux.0": {Kind: loader.Script}}}), nil},
		"a PC, Linux":                                  {pc(netbootCase{files: []string{"pxelinux.0"}, are: map[string]loader.File{"pxelinux.0": {Kind: loader.Other, EFI: arch.X86, BIOS: true}}}), nil},
		"a PC, PXELINUX 4":                             {pc(netbootCase{files: []string{"pxelinux.0"}, are: map[string]loader.File{"pxelinux.0": {Kind: loader.PXELINUX, Major: "4"}}}), nil},
		"a PC, PXELINUX 6, no module":                  {pc(netbootCase{files: []string{"pxelinux.0"}, are: map[string]loader.File{"pxelinux.0": {Kind: loader.PXELINUX, Major: "6"}}}), []string{`Error interfaces[0].network loads "ldlinux.c32" first, but there is no such file`}},
		"a PC, no module on the host":                  {pc(netbootCase{onDisk: []string{"pxelinux.0"}}), []string{`Warning interfaces[0].network PXELINUX 5 and later loads "ldlinux.c32" first`}},
		"a PC, module on the host":                     {pc(netbootCase{files: []string{"pxelinux.0"}, onDisk: []string{"ldlinux.c32"}}), nil},
		"a PC that runs, no loader":                    {pc(netbootCase{files: []string{"other"}, runs: true}), nil},
		"a PC that runs, PXELINUX's module is removed": {pc(netbootCase{removed: "ldlinux.c32", runs: true}), []string{`Warning interfaces[0].network this run removes "ldlinux.c32" below the TFTP root, which the guest loads when it starts the next time: keep "ldlinux.c32" in files`}},
		"a PC that runs, PXELINUX is removed":          {pc(netbootCase{removed: "pxelinux.0", runs: true}), []string{`Warning interfaces[0].network this run removes "pxelinux.0"`}},
		"a PC that runs, another file is removed":      {pc(netbootCase{removed: "menu.c32", runs: true}), nil},
		"a PC that starts, PXELINUX is removed":        {pc(netbootCase{removed: "pxelinux.0", files: []string{"other"}, onDisk: []string{"pxelinux.0", "ldlinux.c32"}}), []string{`Error interfaces[0].network to load "pxelinux.0", but there is no such file`}},
		"ppc64le":                                      {netbootCase{arch: arch.PPC64LE, forArch: arch.PPC64LE}, nil},
		"ppc64le with a bootfile":                      {netbootCase{arch: arch.PPC64LE, forArch: arch.PPC64LE, network: bootfile("core.elf")}, []string{"Error pxelinux_config never reads pxelinux.cfg/default; its firmware requests core.elf: remove the bootfile for ppc64le guests"}},

		"names a kernel":                 {netbootCase{kernel: "/k"}, nil},
		"names a kernel on the host":     {netbootCase{kernel: "theirs", onDisk: []string{"theirs"}}, nil},
		"names no kernel":                {netbootCase{kernel: "vmlinus"}, []string{`Error pxelinux_config entry "linux" names "vmlinus", but there is no such file below the TFTP root: use the path of a netboot_image`}},
		"names no kernel of this run":    {netbootCase{kernel: "vmlinus", noKernels: true}, []string{`Warning pxelinux_config names "vmlinus"`}},
		"names no kernel, but runs":      {netbootCase{kernel: "vmlinus", runs: true}, nil},
		"names a kernel in a directory":  {netbootCase{kernel: "debian/linux"}, nil},
		"names a kernel on a web server": {pc(netbootCase{kernel: "http://h/linux"}), nil},
		"names a kernel on a server":     {pc(netbootCase{kernel: "10.0.0.1::linux"}), nil},
		"perhaps names a kernel":         {netbootCase{kernel: "vmlinus", unknown: true}, nil},
		"names a kernel elsewhere":       {netbootCase{kernel: "vmlinus", network: serving(func(n *Network) { n.Rules = []dnsmasq.Rule{{Arch: "s390x", PathPrefix: "pxelinux.cfg/"}} })}, nil},
		"a PC names no kernel":           {pc(netbootCase{kernel: "vmlinus"}), []string{`Error pxelinux_config names "vmlinus"`}},

		"fits":                           {netbootCase{initrd: 110 << 20}, nil},
		"does not fit the firmware":      {netbootCase{initrd: 120 << 20, memory: 4 << 30}, []string{`Error pxelinux_config entry "linux": kernel and initrd need 136314880 bytes`}},
		"fits a later firmware":          {netbootCase{initrd: 120 << 20, firmware: mergedFirmware}, nil},
		"does not fit the memory":        {netbootCase{initrd: 600 << 20, firmware: mergedFirmware}, []string{"Error pxelinux_config in a guest with 512 MiB of memory"}},
		"may not fit":                    {netbootCase{initrd: 120 << 20, firmware: unknownFirmware}, []string{"Warning pxelinux_config need 136314880 bytes"}},
		"too little memory":              {netbootCase{memory: 120 << 20}, []string{"Error memory needs 125 MiB of memory for itself, but the guest has 120 MiB"}},
		"enough for a later firmware":    {netbootCase{memory: 120 << 20, firmware: mergedFirmware}, nil},
		"perhaps too little":             {netbootCase{memory: 120 << 20, firmware: unknownFirmware}, []string{"Warning memory needs 125 MiB"}},
		"a root in memory":               {netbootCase{memory: 1 << 30, append: "boot=live fetch=tftp:///root.squashfs"}, nil},
		"a root larger than memory":      {netbootCase{append: "boot=live fetch=http://192.0.2.1/root.squashfs"}, []string{`Error memory entry "linux": kernel and initrd and root.squashfs have 710 MiB, but the guest has 512 MiB`}},
		"a PC's root larger than memory": {pc(netbootCase{append: "root=live:http://192.0.2.1/root.squashfs"}), []string{"Error memory kernel and initrd and root.squashfs have 710 MiB"}},
		"a root by NFS":                  {netbootCase{append: "boot=live netboot=nfs nfsroot=192.0.2.1:/root.squashfs"}, nil},
		"a root of no known kind":        {netbootCase{append: "boot=live fetch=http://192.0.2.1/root.img"}, []string{`Error pxelinux_config entry "linux": live-boot does not know what http://192.0.2.1/root.img is: name a file that ends with .squashfs, .iso, .tgz, .tar`}},
		"a root without a slash":         {netbootCase{append: "boot=live fetch=http://192.0.2.1:8080root.squashfs"}, []string{`Error pxelinux_config entry "linux": http://192.0.2.1:8080root.squashfs is not the URL of a file: write a slash between the server and the path, because the paths of a netboot_image do not begin with one`}},
		"a root joined to an address":    {netbootCase{append: "boot=live fetch=http://192.0.2.1root.squashfs"}, []string{`Error pxelinux_config entry "linux": http://192.0.2.1root.squashfs is not the URL of a file: write a slash between the server and the path, because the paths of a netboot_image do not begin with one`}},
		"a root for another system":      {netbootCase{append: "fetch=http://192.0.2.1/root.img"}, nil},
		"a root that does not exist":     {netbootCase{append: "boot=live fetch=tftp:///other.squashfs"}, []string{`Warning pxelinux_config entry "linux": the guest fetches tftp:///other.squashfs, but there is no file "other.squashfs" below the TFTP root`}},
		"perhaps too little, but runs":   {netbootCase{memory: 120 << 20, firmware: unknownFirmware, runs: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if test.network.Name == "" {
				test.network = unchanged
			}
			synctest.Test(t, func(t *testing.T) { wantFindings(t, test.check(t), test.want) })
		})
	}
}

// pc is a case of an x86_64 guest, whose network names PXELINUX if the case does not say anything else. PXELINUX is on the host.
func pc(c netbootCase) netbootCase {
	c.arch, c.forArch = arch.X86, cmp.Or(c.forArch, arch.X86)
	if c.files == nil && c.onDisk == nil {
		c.onDisk = []string{"pxelinux.0", "ldlinux.c32"}
	}
	if c.network.Name == "" {
		c.network = serving(func(n *Network) { n.Rules = []dnsmasq.Rule{{Arch: "x86_64", Bootfile: "pxelinux.0"}} })
	}
	return c
}

// pcFiles is a case of an x86_64 guest with these as pxelinux.0 and ldlinux.c32.
func pcFiles(boots, module loader.File) netbootCase {
	return pc(netbootCase{files: []string{"pxelinux.0", "ldlinux.c32"}, are: map[string]loader.File{"pxelinux.0": boots, "ldlinux.c32": module}})
}

// check plans everything in the case, and the guest last.
func (c netbootCase) check(t *testing.T) []Finding {
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
	host := fakeHost{firmware: c.firmware, networks: map[string]Network{}, files: map[string]fs.FileInfo{}}
	for _, file := range c.onDisk {
		host.files["lab/"+file] = nil
	}
	var plans Plans
	if c.onHost {
		host.networks[c.network.Name] = c.network
	} else {
		plans.Networks.Add(c.network.Name, c.network)
	}
	plans.Roots.Add("lab", "/srv/lab")
	if !c.noKernels {
		plans.Files.Add("lab/k", File{Kind: "kernel", Size: 10 << 20})
	}
	plans.Images.Add("other/linux", Image{})
	plans.Images.Add("lab/linux", Image{Known: !c.unknown})
	plans.Files.Add("lab/i", File{Kind: "initrd", Size: c.initrd})
	plans.Files.Add("lab/root.squashfs", File{Kind: "files/root.squashfs", Size: 700 << 20})
	if c.published != "" {
		plans.Files.Add("lab/"+c.published, File{Kind: "kernel", Size: c.blobSize})
	}
	for _, file := range c.files {
		plans.Files.Add("lab/"+file, File{Kind: FixedFile, Loader: c.are[file]})
	}
	plans.Removed.Add("lab/"+c.removed, true)
	if c.entries == nil {
		c.entries = []pxelinux.Entry{{Label: "linux", Kernel: cmp.Or(c.kernel, "k"), Initrd: "/i", Append: c.append}}
	}
	for _, id := range append(c.others, c.config) {
		plans.Configs.Add(id, Config{
			Arch: cmp.Or(c.forArch, arch.S390X), Reader: c.reader, Entered: c.kernel != "",
			Config: pxelinux.Config{Default: "linux", Entries: c.entries},
		})
	}
	guest := Guest{Arch: cmp.Or(c.arch, arch.S390X), UUID: c.uuid, Memory: c.memory, Config: c.config, Starts: !c.runs, Interfaces: []Interface{{MAC: testMAC, Network: "lab", Boots: true}}}
	return Check(t.Context(), guest, &plans, host)
}

// wantFindings compares findings with "severity attribute part of the text" of each.
func wantFindings(t *testing.T, got []Finding, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %q", got, want)
	}
	for i, finding := range got {
		severity, at := "Error", string(finding.Attribute)
		if finding.Severity == pxelinux.Warning {
			severity = "Warning"
		}
		if finding.Attribute == OfNetwork {
			at = fmt.Sprintf("interfaces[%d].network", finding.Interface)
		}
		words := strings.SplitN(want[i], " ", 3)
		if severity != words[0] || at != words[1] || !strings.Contains(finding.Error(), words[2]) {
			t.Errorf("got %s at %q: %s\nwant %s", severity, at, finding.Error(), want[i])
		}
	}
}

// fakeHost is a host with the networks and files that a test sets.
type fakeHost struct {
	firmware string
	networks map[string]Network
	files    map[string]fs.FileInfo // by pool/name
}

func (h fakeHost) BootNetwork(_ context.Context, name string) (Network, error) {
	network, found := h.networks[name]
	if !found {
		return Network{}, fs.ErrNotExist
	}
	return network, nil
}

func (h fakeHost) BootFirmware(ctx context.Context) pxelinux.Firmware { return FirmwareOf(ctx, h) }

func (h fakeHost) Firmware(context.Context) ([]byte, error) { return []byte(h.firmware), nil }

func (h fakeHost) Stat(_ context.Context, pool, name string) (fs.FileInfo, error) {
	info, found := h.files[pool+"/"+name]
	if !found {
		return nil, fs.ErrNotExist
	}
	return info, nil
}
