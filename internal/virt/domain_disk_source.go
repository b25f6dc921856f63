package virt

import (
	"net"
	"slices"
	"strings"

	"github.com/beevik/etree"
	"github.com/google/uuid"
)

// sourceAttrs are the types of disk that Disk models, and the attribute of the source that says where the disk is.
// https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms
var sourceAttrs = map[string]string{"file": "file", "block": "dev", "volume": "volume", "network": "protocol"}

// hasSource reports whether Disk can express where a disk is.
func hasSource(disk *etree.Element) bool {
	if diskType(disk) == "network" {
		return slices.Contains(RemoteProtocols(), attr(disk.SelectElement("source"), "protocol"))
	}
	return attr(disk.SelectElement("source"), sourceAttrs[diskType(disk)]) != ""
}

func diskType(disk *etree.Element) string { return disk.SelectAttrValue("type", "file") }

// parseSource reads where a disk is stored.
func (disk *Disk) parseSource(element *etree.Element) {
	source := element.SelectElement("source").NotNil()
	switch kind := diskType(element); kind {
	case "file", "block":
		disk.Path, disk.Block = attr(source, sourceAttrs[kind]), kind == "block"
	case "volume":
		disk.Volume = attr(source, "pool") + "/" + attr(source, "volume")
	case "network":
		auth := diskAuth(element)
		disk.URL = parseRemote(source, attr(auth, "username"))
		secret := auth.SelectElement("secret").NotNil()
		disk.Secret = attr(secret, "uuid") + attr(secret, "usage") // it has either of them
	}
}

// diskAuth returns the <auth> element that says as which user a network disk is read. Older definitions have it next
// to the source.
func diskAuth(disk *etree.Element) *etree.Element {
	if auth := disk.SelectElement("source").NotNil().SelectElement("auth"); auth != nil {
		return auth
	}
	return disk.SelectElement("auth").NotNil()
}

// editSource writes where a new disk is stored. It writes a volume by its path, because AppArmor's virt-aa-helper
// denies type='volume'.
func (disk Disk) editSource(element *etree.Element) {
	kind := "file"
	switch {
	case disk.Path == "" && disk.URL != "":
		kind = "network"
	case disk.Path == "":
		kind = "volume"
	case disk.Block:
		kind = "block"
	}
	element.CreateAttr("type", kind)
	source := element.CreateElement("source")
	switch kind {
	case "network":
		editRemote(source, disk.URL)
	case "volume":
		pool, name, _ := strings.Cut(disk.Volume, "/")
		source.CreateAttr("pool", pool)
		source.CreateAttr("volume", name)
	default:
		source.CreateAttr(sourceAttrs[kind], disk.Path)
	}
}

// secretTypes are libvirt's types of secrets, by protocol.
var secretTypes = map[string]string{"rbd": "ceph", "iscsi": "iscsi"}

// editSecret writes which secret a network disk needs.
func (disk Disk) editSecret(element *etree.Element, before string) {
	if disk.URL == "" || strings.EqualFold(disk.Secret, before) {
		return
	}
	removeAll(element, "auth")
	source := child(element, "source")
	removeAll(source, "auth")
	if disk.Secret == "" {
		return
	}
	remote := splitRemote(disk.URL)
	auth := source.CreateElement("auth")
	auth.CreateAttr("username", remote.user)
	secret := auth.CreateElement("secret")
	secret.CreateAttr("type", secretTypes[remote.protocol])
	key := "usage"
	if _, err := uuid.Parse(disk.Secret); err == nil {
		key = "uuid"
	}
	secret.CreateAttr(key, disk.Secret)
}

// remote is a URL of network storage: protocol[+transport]://[user@]host[:port][,host…]/name[?socket=path], as QEMU
// writes its own URLs. The name is as libvirt has it, whatever it contains.
type remote struct {
	protocol, transport, user, name, socket string
	hosts                                   []string
}

func splitRemote(text string) remote {
	var r remote
	scheme, rest, _ := strings.Cut(text, "://")
	r.protocol, r.transport, _ = strings.Cut(scheme, "+")
	authority, name, _ := strings.Cut(rest, "/")
	if user, hosts, found := strings.Cut(authority, "@"); found {
		r.user, authority = user, hosts
	}
	if authority != "" {
		r.hosts = strings.Split(authority, ",")
	}
	r.name = name
	if r.transport == "unix" {
		r.name, r.socket, _ = strings.Cut(name, "?socket=")
	}
	return r
}

// parseRemote returns the URL of a disk's source.
func parseRemote(source *etree.Element, user string) string {
	scheme, socket := attr(source, "protocol"), ""
	var hosts []string
	for _, host := range source.SelectElements("host") {
		if transport := attr(host, "transport"); transport != "" && transport != "tcp" && len(hosts) == 0 {
			scheme += "+" + transport
		}
		if at := attr(host, "socket"); at != "" {
			socket = "?socket=" + at
			continue
		}
		name, port := attr(host, "name"), attr(host, "port")
		switch {
		case port != "" && port != defaultPorts[attr(source, "protocol")]:
			name = net.JoinHostPort(name, port)
		case strings.Contains(name, ":"):
			name = "[" + name + "]"
		}
		hosts = append(hosts, name)
	}
	if user != "" {
		user += "@"
	}
	return scheme + "://" + user + strings.Join(hosts, ",") + "/" + attr(source, "name") + socket
}

// editRemote writes a URL into the source of a new disk.
func editRemote(source *etree.Element, url string) {
	r := splitRemote(url)
	source.CreateAttr("protocol", r.protocol)
	setAttr(source, "name", r.name)
	if r.socket != "" {
		host := source.CreateElement("host")
		host.CreateAttr("transport", "unix")
		host.CreateAttr("socket", r.socket)
	}
	for _, at := range r.hosts {
		host := source.CreateElement("host")
		name, port, err := net.SplitHostPort(at)
		if err != nil {
			name, port = strings.Trim(at, "[]"), ""
		}
		host.CreateAttr("name", name)
		setAttr(host, "port", port)
		setAttr(host, "transport", r.transport)
	}
}

// defaultPorts are the ports that libvirt writes if a source has none: src/storage_file/storage_source.c,
// virStorageSourceNetworkDefaultPort.
var defaultPorts = map[string]string{"http": "80", "https": "443", "ftp": "21", "ftps": "990", "nbd": "10809", "iscsi": "3260", "gluster": "24007"}

// SameURL reports whether two URLs are the same storage, with or without the protocol's default port.
func SameURL(a, b string) bool { return plainURL(a) == plainURL(b) }

// plainURL writes a URL as parseRemote does.
func plainURL(url string) string {
	if url == "" {
		return ""
	}
	source := etree.NewElement("source")
	editRemote(source, url)
	return parseRemote(source, splitRemote(url).user)
}

// UserOf returns the user in a URL, or "" if it has none.
func UserOf(url string) string { return splitRemote(url).user }

// RemoteProtocols returns the protocols of disk URLs.
func RemoteProtocols() []string {
	return []string{"rbd", "iscsi", "nbd", "http", "https", "ftp", "ftps", "gluster"}
}
