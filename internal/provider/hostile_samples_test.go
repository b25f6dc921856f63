package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/iso9660"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

const someTimeouts = `"timeouts": {"create": "1m", "read": "1m", "update": "1m", "delete": "1m"}`

// hostileSamples are configurations of each resource that have all of its strings, with harmless values.
func hostileSamples(t *testing.T) map[string][]string {
	t.Helper()
	return map[string][]string{
		"netboot_tftp_root": {`{"host": "far", "path": "/srv/other", "name": "other", ` + someTimeouts + `}`,
			hostileArchive(t), hostileMedium(t), `{"path": "/srv/other", "name": "other", "files": {"a": {"content": "a text"}}, "grub_prefixes": ["grub"]}`},
		"netboot_image": hostileImages(t),
		"netboot_pxelinux_config": {
			`{"host": "far", "tftp_root": "srv-tftp", "mac": "52:54:00:00:00:01", "default": "linux", "entries": [
				{"label": "linux", "kernel": "a-kernel", "initrd": "an-initrd", "append": ["quiet", "root=/dev/vda"]},
				{"label": "rescue", "kernel": "another-kernel"}], ` + someTimeouts + `}`,
			`{"tftp_root": "srv-tftp", "uuid": "7d1c7f0e-6a3e-4a86-8f0c-0123456789ab", "content": "label linux\n  kernel a-kernel\n  initrd an-initrd\n  append quiet"}`,
			`{"tftp_root": "srv-tftp", "ipv4": "192.168.150.0/24", "entries": [{"label": "linux", "kernel": "a-kernel"}]}`,
			`{"tftp_root": "srv-tftp", "arch": "x86_64", "uuid": "7d1c7f0e-6a3e-4a86-8f0c-0123456789ab", "default": "linux", "entries": [
				{"label": "linux", "kernel": "a-kernel", "initrd": "an-initrd,another", "append": ["quiet"]}]}`,
			`{"tftp_root": "srv-tftp", "reader": "s390-tools", "default": "linux", "entries": [{"label": "linux", "kernel": "a-kernel", "initrd": "an-initrd", "append": ["quiet"]}]}`,
		},
		"netboot_grub_config": {
			`{"host": "far", "tftp_root": "srv-tftp", "mac": "52:54:00:00:00:01", "default": "linux", "entries": [
				{"label": "linux", "kernel": "a-kernel", "initrd": "an-initrd,another", "append": ["quiet", "root=/dev/vda"]},
				{"label": "rescue", "kernel": "another-kernel"}], ` + someTimeouts + `}`,
			`{"tftp_root": "srv-tftp", "arch": "aarch64", "content": "set timeout=0\nmenuentry a {\n  linux /a-kernel quiet\n  initrd /an-initrd\n}\n"}`,
		},
		"netboot_network": {
			`{"host": "far", "name": "net", "mode": "nat", "bridge": "netbr", "forward_devices": ["eth7"], "domain": "lab.test", "tftp_root": "/srv/tftp",
			  "ipv4": {"address": "192.168.151.1/24", "dhcp": {
			    "ranges": [{"start": "192.168.151.10", "end": "192.168.151.20", "lease_time": "4h"}],
			    "reservations": [{"mac": "52:54:00:00:00:01", "ip": "192.168.151.30", "hostname": "one", "lease_time": "5h"}],
			    "bootfile": "boot/first", "next_server": "192.168.151.2", "lease_time": "2h"}}}`,
			`{"name": "net", "tftp_root": "/srv/tftp", "ipv4": {"address": "192.168.151.1/24", "dhcp": {
			    "ranges": [{"start": "192.168.151.10", "end": "192.168.151.20"}],
			    "boot": [{"arch": "x86_64", "bootfile": "pc/lpxelinux", "next_server": "192.168.151.3", "config_file": "pc/config", "path_prefix": "pc/prefix"},
			             {"mac": "52:54:00:00:00:02", "bootfile": "second"}]}}}`,
			`{"name": "net", "ipv6": {"address": "fd00:151::1/64", "dhcp": {
			    "ranges": [{"start": "fd00:151::10", "end": "fd00:151::20", "lease_time": "4h"}], "lease_time": "3h",
			    "reservations": [{"duid": "00:04:aa:bb", "ip": "fd00:151::30", "hostname": "two", "lease_time": "5h"}]}},
			  "routes": [{"to": "2001:db8::/48", "gateway": "fd00:151::9"}]}`,
			`{"name": "net", "mode": "hostdev", "physical_function": "eth8"}`,
			`{"name": "net", "mode": "isolated", "dns": {"hosts": [{"ip": "192.168.151.40", "hostnames": ["three", "four"]}], "forwarders": [{"address": "192.0.2.53", "domain": "example.test"}]},
			  "dnsmasq_options": ["log-dhcp"], ` + someTimeouts + `}`,
		},
		"netboot_volume": {
			`{"host": "far", "name": "fresh", "pool": "default", "capacity": "1GiB", "format": "qcow2", "preallocation": "metadata", "cluster_size": "64KiB", "compat": "1.1", "mode": "0640", ` + someTimeouts + `}`,
			`{"name": "fresh", "backing": {"volume": "default/disk", "format": "qcow2"}}`,
			`{"name": "fresh", "capacity": "1GiB", "backing": {"path": "/srv/golden.img", "format": "raw"}}`,
			hostileSource(t),
			`{"name": "seed", "cloud_init": {"user_data": "#cloud-config\n", "meta_data": "instance-id: one", "network_config": "version: 2", "vendor_data": "#cloud-config\n"}}`,
			`{"name": "seed", "ignition": "{\"ignition\": {\"version\": \"3.4.0\"}}"}`,
		},
		"netboot_domain": hostileGuests,
	}
}

var hostileGuests = []string{
	`{"host": "far", "name": "guest", "arch": "s390x", "machine": "s390-ccw-virtio-7.2", "accelerator": "tcg", "cpu": "qemu", "cpu_features": {"vx": "disable"}, "memory": "512MiB", "max_memory": "1GiB",
	  "shutdown_timeout": "1m", "boot": ["network", "disk"], "loadparm": "LINUX", "running": false,
	  "disks": [{"volume": "default/disk", "bus": "virtio", "serial": "one", "cache": "none", "discard": "unmap", "io": "native"}],
	  "interfaces": [{"network": "lab", "mac": "52:54:00:00:00:01", "model": "virtio", "link": "up"}], "consoles": ["sclp"],
	  "pxelinux_config": "srv-tftp/default", "boot_check": {"expect": ["Linux version"], "forbid": ["panic"], "timeout": "3m"},
	  "guest_agent": true, "wait_for": {"address": {"prefix": "192.168.150.0/24", "timeout": "1m"}, "agent": {"timeout": "1m"}, "cloud_init": {"timeout": "1m"}, "port": {"number": 22, "address": "192.168.150.12", "timeout": "1m"}},
	  "addresses_from": "lease", ` + someTimeouts + `}`,
	`{"name": "guest", "memory": "512MiB", "running": false, "interfaces": [{"bridge": "br0", "mac": "52:54:00:00:00:01"}]}`,
	`{"name": "guest", "memory": "512MiB", "running": false, "kernel": {"file": "/srv/boot/linux", "initrd_file": "/srv/boot/initrd"}, "disks": [
	  {"path": "/dev/disk/by-path/ccw-0.0.0100", "format": "raw"}, {"url": "rbd://me@server:6789/pool/image", "secret": "ceph-me", "error_policy": "stop"}], "launch_security": "none",
	  "cdroms": [{"volume": "default/disk", "bus": "scsi"}, {"path": "/srv/dvd.iso"}, {"url": "https://server:443/dvd.iso"}, {}],
	  "filesystems": [{"source": "/srv/a", "target": "a", "driver": "virtiofs"}], "memory_backing": {"huge_pages": "1MiB", "source": "memfd", "shared": true},
	  "hostdevs": [{"mdev": "0a1b2c3d-0000-4000-8000-0000000000c2", "model": "vfio-ccw"}, {"pci": "0000:02:00.0"}],
	  "devices_xml": {"entropy": "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"},
	  "interfaces": [{"network": "lab", "portgroup": "slow", "mac": "52:54:00:00:00:03"}, {"device": "eth0", "macvtap": "bridge", "mac": "52:54:00:00:00:01"}, {"pci": "0000:01:00.1", "mac": "52:54:00:00:00:02"}]}`,
	`{"name": "guest", "arch": "x86_64", "firmware": "uefi", "grub_config": "srv-tftp/grub.cfg-x86_64", "memory": "512MiB", "running": false, "interfaces": [{"network": "lab", "mac": "52:54:00:00:00:01"}]}`,
	`{"name": "guest", "memory": "512MiB", "running": false, "kernel": {"image": "srv-tftp/linux", "cmdline": "quiet"}}`,
	`{"name": "guest", "memory": "512MiB", "running": false, "boot": ["network", "disk"], "disks": [{"volume": "default/disk"}],
	  "interfaces": [{"network": "lab", "mac": "52:54:00:00:00:01"}], "install": {"until": "reboot", "timeout": "30m", "expect": ["LOADPARM"], "forbid": ["failed"]}, "reinstall": "one"}`,
}

// hostileImages are of every kind of source: local files, a list of checksums and its signature, an ISO
// image, and a manifest in one.
func hostileImages(t *testing.T) []string {
	t.Helper()
	kernel, initrd := local(t, oldKernel), local(t, anInitrd)
	list := fmt.Sprintf("%s  %s\n", sha256Of(oldKernel), "file")
	key, signature := signed(t, list)
	lists := strings.TrimSuffix(kernel, "file") + "SHA256SUMS"
	rewrite(t, lists, []byte(list))
	ca := someCA(t)
	var medium bytes.Buffer
	if err := iso9660.Write(&medium, "MEDIUM", []iso9660.File{
		{Name: "kernel.ubuntu", Content: oldKernel},
		{Name: "initrd.ubuntu", Content: anInitrd},
		{Name: "ubuntu.ins", Content: []byte("* Ubuntu\nkernel.ubuntu 0x00000000\n")},
	}); err != nil {
		t.Fatal(err)
	}
	sums := local(t, []byte(sha256Of(oldKernel)+"  kernel.ubuntu\n"))
	iso := local(t, medium.Bytes())
	return []string{
		fmt.Sprintf(`{"host": "far", "tftp_root": "srv-tftp", "name": "acc", "arch": "s390x", %s, "tls": {"ca_file": %q},
			"kernel": {"source": %q, "checksum": "file:%s", "file_name": "a-kernel"},
			"initrd": {"source": %q, "checksum": "sha256:%s", "file_name": "an-initrd"},
			"checksum_signature": {"key": %q, "source": %q}}`,
			someTimeouts, ca, kernel, lists, initrd, sha256Of(anInitrd), local(t, []byte(key)), local(t, signature)),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %q, "cmdline": "quiet"}, "initrd": {"source": %q, "inject": {
			"/preseed.cfg": {"content": "a text", "mode": "0600"}, "/bin/run": {"source": %q}}}}`, local(t, plainKernel("kernel")), initrd, initrd),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %[1]q, "iso_path": "/kernel.ubuntu"}, "initrd": {"source": %[1]q, "iso_path": "/ubuntu.ins"}}`, iso),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %q, "archive_path": "boot/linux"}, "initrd": {"source": %q, "archive_path": "boot/initrd"}}`,
			local(t, tarred(t, "boot/linux", oldKernel)), local(t, tarred(t, "boot/initrd", anInitrd))),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %[1]q}, "initrd": {"parts": [{"source": %[2]q, "checksum": "sha256:%[3]s"}]}, "files": {"root.img": {"source": %[2]q, "checksum": "sha256:%[3]s"}}}`,
			local(t, plainKernel("kernel")), initrd, sha256Of(anInitrd)),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %q}, "initrd": {"parts": [{"source": %q, "iso_path": "/initrd.ubuntu"}]}}`, local(t, plainKernel("kernel")), iso),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %q}, "initrd": {"parts": [{"source": %q, "archive_path": "initrd"}]}}`, local(t, plainKernel("kernel")), local(t, tarred(t, "initrd", anInitrd))),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %q}, "files": {"root.img": {"source": %q, "iso_path": "/ubuntu.ins"}}}`, local(t, plainKernel("kernel")), iso),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "kernel": {"source": %q}, "files": {"root.img": {"source": %q, "archive_path": "root"}}}`, local(t, plainKernel("kernel")), local(t, tarred(t, "root", anInitrd))),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "ins": {"source": %q, "iso_path": "/ubuntu.ins"}}`, iso),
		fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "ins": {"source": %q, "checksum": "file:%s"}}`,
			writeBeside(t, "ubuntu.ins", "* Ubuntu\nkernel.ubuntu 0x00000000\n", "kernel.ubuntu", string(oldKernel)), sums),
	}
}

// hostileArchive is a TFTP root with a file from an archive, verified by a list.
func hostileArchive(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`{"path": "/srv/other", "name": "other", "files": {"a": {%s, "archive_path": "loader"}}, %s}`, verifiedSource(t, tarred(t, "loader", oldKernel))...)
}

// verifiedSource is a local file with this content, verified by a list: its attributes, and those that say how it is verified.
func verifiedSource(t *testing.T, content []byte) []any {
	t.Helper()
	source := local(t, content)
	list := sha256Of(content) + "  file\n"
	sums := strings.TrimSuffix(source, "file") + "SHA256SUMS"
	rewrite(t, sums, []byte(list))
	key, signature := signed(t, list)
	return []any{
		fmt.Sprintf(`"source": %q, "checksum": "file:%s"`, source, sums),
		fmt.Sprintf(`"checksum_signature": {"key": %q, "source": %q}, "tls": {"ca_file": %q}`, local(t, []byte(key)), local(t, signature), someCA(t)),
	}
}

// someCA is a file with the certificate of a server.
func someCA(t *testing.T) (path string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	return local(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// hostileMedium is a TFTP root with a file from an ISO image.
func hostileMedium(t *testing.T) string {
	t.Helper()
	var medium bytes.Buffer
	if err := iso9660.Write(&medium, "MEDIUM", []iso9660.File{{Name: "loader", Content: oldKernel}}); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"path": "/srv/other", "name": "other", "files": {"b/c": {"source": %q, "iso_path": "/loader"}}}`, local(t, medium.Bytes()))
}

// hostileSource is a volume from a local image in an archive, verified by a list.
func hostileSource(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`{"name": "fresh", "format": "raw", "archive_path": "disk.raw", %s, %s}`, verifiedSource(t, tarred(t, "disk.raw", make([]byte, 1<<20)))...)
}

// writeBeside writes files into one directory, by their names and contents in turn, and returns the first.
func writeBeside(t *testing.T, files ...string) string {
	t.Helper()
	first := local(t, nil)
	dir := strings.TrimSuffix(first, "file")
	for i := 0; i < len(files); i += 2 {
		rewrite(t, dir+files[i], []byte(files[i+1]))
	}
	return dir + files[0]
}

// recorder is a host in memory that keeps what it is told to make.
type recorder struct {
	host
	mu   sync.Mutex
	told []any
}

// renew makes the host a new one, with what the samples need.
func (r *recorder) renew(t *testing.T) {
	t.Helper()
	h := virttest.New()
	r.host, r.told = h, nil
	kernel := "linux-kernel-" + sha256Of(oldKernel)[:12]
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, path := range map[string]string{"default": "/var/lib/libvirt/images", "srv-tftp": "/srv/tftp", "srv-tftp-pxelinux.cfg": "/srv/tftp/pxelinux.cfg", "srv-tftp-grub": "/srv/tftp/grub"} {
		_, _, err := h.CreatePool(t.Context(), name, path)
		must(err)
	}
	must(h.CreateVolume(t.Context(), virt.Volume{Pool: "default", Name: "disk", Format: "qcow2", Capacity: 1 << 30}))
	must(h.CreateVolume(t.Context(), virt.Volume{Pool: "srv-tftp", Name: kernel, Format: "raw", Capacity: uint64(len(oldKernel)), Mode: "0644"}))
	must(h.CreateNetwork(t.Context(), virt.Network{Name: "lab", Mode: virt.ModeIsolated, Active: true}))
	must(h.CreateDomain(t.Context(), virt.Domain{Name: "another", Arch: "s390x", Accelerator: "tcg", VCPUs: 1, Memory: 1 << 29}))
}

// seen is what the host was told to make, as JSON has it.
func (r *recorder) seen(t *testing.T) (seen []any) {
	t.Helper()
	if err := json.Unmarshal([]byte(toJSON(t, r.told)), &seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

func (r *recorder) tell(what ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, what)
}

// stage is what a staged file is called by, which is random.
var stage = regexp.MustCompile(`[0-9a-f]{8}\.part$`)

func (r *recorder) tellOf(what string, v virt.Volume) {
	v.Name = stage.ReplaceAllString(v.Name, "part")
	r.tell(what, v)
}

func (r *recorder) CreatePool(ctx context.Context, name, path string) (virt.Pool, bool, error) {
	r.tell("pool", name, path)
	return r.host.CreatePool(ctx, name, path)
}

func (r *recorder) CreateVolume(ctx context.Context, v virt.Volume) error {
	r.tellOf("volume", v)
	return r.host.CreateVolume(ctx, v)
}

func (r *recorder) CloneVolume(ctx context.Context, v virt.Volume, from string) error {
	r.tellOf("clone", v)
	return r.host.CloneVolume(ctx, v, from)
}

func (r *recorder) Upload(ctx context.Context, pool, name string, content io.Reader) error {
	if pool != tftproot.ConfigPool("srv-tftp") || strings.HasSuffix(name, ".initrd") {
		return r.host.Upload(ctx, pool, name, content)
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	r.tell("file", name, strings.Split(string(text), "\n"))
	return r.host.Upload(ctx, pool, name, bytes.NewReader(text))
}

func (r *recorder) CreateNetwork(ctx context.Context, n virt.Network) error {
	r.tell("network", withRules(n))
	return r.host.CreateNetwork(ctx, n)
}

func (r *recorder) CreateDomain(ctx context.Context, d virt.Domain) error {
	r.tell("domain", d)
	return r.host.CreateDomain(ctx, d)
}

func (r *recorder) SetNote(ctx context.Context, name, note string) error {
	r.tell("note", name, note)
	return r.host.SetNote(ctx, name, note)
}

// InstallDomain is an installation that is over at once.
func (r *recorder) InstallDomain(ctx context.Context, d virt.Domain) (*virt.Installation, error) {
	r.tell("install", d)
	asserted[*virttest.Host](r.host).ScriptInstall(d.Name, "", virt.EndReboot)
	return r.host.InstallDomain(ctx, d)
}
