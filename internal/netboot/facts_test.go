package netboot

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

func TestFacts(t *testing.T) {
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
	unchanged := serving(func(*Network) {})
	for name, test := range map[string]struct {
		result  boot.Result
		files   map[string]string
		network Network
		want    []string // parts of each fact
	}{
		"nothing wrong":    {took("pxelinux.cfg/default"), whole, unchanged, nil},
		"no kernel":        {took("pxelinux.cfg/default"), without("lab/k"), unchanged, []string{`the kernel "k" of the entry "linux", which this run publishes, is not in the pool "lab" on the host`}},
		"no initrd":        {took("pxelinux.cfg/default"), without("lab/i"), unchanged, []string{`the initrd "/i" of the entry "linux" is not in the pool`}},
		"no configuration": {boot.Result{Stage: boot.StageDHCP}, without("lab-pxelinux.cfg/default"), unchanged, []string{`the configuration lab/default is not in the pool "lab-pxelinux.cfg" on the host`}},
		"another one":      {took("pxelinux.cfg/01-52-54-00-00-00-01"), without("lab/k"), unchanged, []string{`the guest used pxelinux.cfg/01-52-54-00-00-00-01, but pxelinux_config is "lab/default"`}},
		"in Linux":         {boot.Result{Stage: boot.StageLinux, Config: "pxelinux.cfg/other"}, nil, unchanged, nil},
		"its server":       {asked("192.168.150.1"), whole, unchanged, nil},
		"another server":   {asked("192.168.150.99"), whole, unchanged, []string{"the guest used the TFTP server 192.168.150.99, but its network names 192.168.150.1: another DHCP server has answered the guest"}},
		"its next server": {asked("192.168.150.9"), whole, serving(func(n *Network) {
			n.Rules = []dnsmasq.Rule{{Arch: "s390x", Bootfile: "kernel", NextServer: "192.168.150.9"}}
		}), nil},
		"no TFTP root": {asked(""), whole, serving(func(n *Network) { n.TFTPRoot = "" }), []string{`network "lab" serves no TFTP root`}},
		"no DHCP":      {boot.Result{Stage: boot.StageFirmware}, whole, serving(func(n *Network) { n.DHCP = false }), []string{`network "lab" hands out no addresses`}},
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

// factsAbout returns the facts about a guest whose configuration, kernel and network are planned in this run.
func factsAbout(t *testing.T, result boot.Result, files map[string]string, network Network) []string {
	t.Helper()
	host := fakeHost{files: map[string]fs.FileInfo{}}
	for name, content := range files {
		host.files[name] = fileInfo(t, content, 0o644)
	}
	var plans Plans
	plans.Networks.Add(network.Name, network)
	plans.Files.Add("lab/k", File{Kind: "kernel", Size: 6})
	plans.Configs.Add("lab/default", Config{Config: pxelinux.Config{Entries: []pxelinux.Entry{{Label: "linux", Kernel: "k", Initrd: "/i"}}}})
	guest := Guest{Arch: arch.S390X, Config: "lab/default", Interfaces: []Interface{{MAC: testMAC, Network: "lab", Boots: true}}}
	return Facts(t.Context(), guest, result, &plans, host)
}

// TestFactsOfFiles checks the facts about files that the TFTP server cannot serve.
func TestFactsOfFiles(t *testing.T) {
	for want, info := range map[string]fs.FileInfo{
		"is empty on the host":              fileInfo(t, "", 0o644),
		"has the mode 0600 on the host, so": fileInfo(t, "text", 0o600),
	} {
		host := fakeHost{files: map[string]fs.FileInfo{"lab-pxelinux.cfg/default": info}}
		got := Facts(t.Context(), Guest{Arch: arch.S390X, Config: "lab/default"}, boot.Result{}, &Plans{}, host)
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func fileInfo(t *testing.T, content string, mode fs.FileMode) fs.FileInfo {
	t.Helper()
	info, err := fstest.MapFS{"file": {Data: []byte(content), Mode: mode}}.Stat("file")
	if err != nil {
		t.Fatal(err)
	}
	return info
}
