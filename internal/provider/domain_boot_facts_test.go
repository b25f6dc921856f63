package provider

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

func TestBootFacts(t *testing.T) {
	whole := map[string]string{"lab-pxelinux.cfg/default": "text", "lab/k": "kernel", "lab/i": "initrd"}
	without := func(file string) map[string]string {
		files := map[string]string{}
		for name, content := range whole {
			if name != file {
				files[name] = content
			}
		}
		return files
	}
	took := func(config string) boot.Result { return boot.Result{Stage: boot.StageConfig, Config: config} }
	asked := func(server string) boot.Result { return boot.Result{Stage: boot.StageDHCP, Server: server} }
	unchanged := bootNetwork(func(*virt.Network) {})
	for name, test := range map[string]struct {
		result  boot.Result
		files   map[string]string
		network virt.Network
		want    []string // parts of each fact
	}{
		"nothing wrong":    {took("pxelinux.cfg/default"), whole, unchanged, nil},
		"no kernel":        {took("pxelinux.cfg/default"), without("lab/k"), unchanged, []string{`the kernel "k" of the entry "linux", which a netboot_image of this run publishes, is not in the pool "lab" on the host`}},
		"no initrd":        {took("pxelinux.cfg/default"), without("lab/i"), unchanged, []string{`the initrd "/i" of the entry "linux" is not in the pool`}},
		"no configuration": {boot.Result{Stage: boot.StageDHCP}, without("lab-pxelinux.cfg/default"), unchanged, []string{`the configuration lab/default is not in the pool "lab-pxelinux.cfg" on the host`}},
		"another one":      {took("pxelinux.cfg/01-52-54-00-00-00-01"), without("lab/k"), unchanged, []string{`the firmware took pxelinux.cfg/01-52-54-00-00-00-01, and pxelinux_config is "lab/default"`}},
		"in Linux":         {boot.Result{Stage: boot.StageLinux, Config: "pxelinux.cfg/other"}, nil, unchanged, nil},
		"its server":       {asked("192.168.150.1"), whole, unchanged, nil},
		"another server":   {asked("192.168.150.99"), whole, unchanged, []string{"the guest asked the TFTP server 192.168.150.99, and its network names 192.168.150.1: another DHCP server has answered it"}},
		"its next server": {asked("192.168.150.9"), whole, bootNetwork(func(n *virt.Network) {
			n.Options = dnsmasq.Options([]dnsmasq.Rule{{Arch: "s390x", NextServer: "192.168.150.9"}})
		}), nil},
		"no TFTP root": {asked(""), whole, bootNetwork(func(n *virt.Network) { n.TFTPRoot = "" }), []string{`network "lab" serves no TFTP root`}},
		"no DHCP":      {boot.Result{Stage: boot.StageFirmware}, whole, bootNetwork(func(n *virt.Network) { n.IPv4.DHCP = nil }), []string{`network "lab" hands out no addresses`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := factsAbout(t, test.result, test.files, test.network)
			same := func(fact, want string) bool { return strings.Contains(fact, want) }
			if !slices.EqualFunc(got, test.want, same) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// factsAbout is of a guest whose configuration, kernel and network are of this run.
func factsAbout(t *testing.T, result boot.Result, files map[string]string, network virt.Network) []string {
	t.Helper()
	memory := virttest.New()
	for pool, directory := range map[string]string{"lab": "/srv/lab", "lab-pxelinux.cfg": "/srv/lab/pxelinux.cfg"} {
		if err := memory.Disk().Mkdir(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, _, err := memory.CreatePool(t.Context(), pool, directory); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		pool, file, _ := strings.Cut(name, "/")
		directory := virt.NewDirectory(memory, pool)
		if err := directory.Create(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		if err := directory.Write(t.Context(), file, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	r := &domainResource{configured{site: newSite(memory)}}
	r.plans.networks.add(network.Name, network)
	r.plans.files.add("lab/k", plannedFile{"kernel", 6})
	r.plans.configs.add("lab/default", pxelinux.Config{Entries: []pxelinux.Entry{{Label: "linux", Kernel: "k", Initrd: "/i"}}})
	guest := domainModel{PxelinuxConfig: types.StringValue("lab/default")}
	guest.Boot, _ = types.ListValueFrom(t.Context(), types.StringType, []string{virt.BootNetwork})
	guest.Interfaces, _ = types.ListValueFrom(t.Context(), interfaceType, []interfaceModel{
		{Network: types.StringValue("lab"), MAC: hwtypes.NewMACAddressValue(testMAC)},
	})
	return r.bootFacts(t.Context(), guest, result)
}
