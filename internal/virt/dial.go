package virt

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
)

// dialer opens connections to the libvirtd of one host. The caller closes them.
type dialer interface {
	dial(ctx context.Context) (net.Conn, error)
}

// parameters are the parameters of libvirt's URIs, https://libvirt.org/uri.html#remote-uris. Any other parameter is
// refused, because it would be a mistake that no one notices.
var parameters = map[string]bool{
	"auth": true, "command": true, "keyfile": true, "known_hosts": true, "known_hosts_verify": true, "mode": true, "name": true,
	"netcat": true, "no_sanity": true, "no_tty": true, "no_verify": true, "pkipath": true, "proxy": true, "socket": true, "sshauth": true, "tls_priority": true,
}

// dialerFor chooses the transport that a libvirt URI names.
func dialerFor(uri *url.URL) (dialer, error) {
	driver, transport, _ := strings.Cut(uri.Scheme, "+")
	if err := checkDriver(driver, uri); err != nil {
		return nil, err
	}
	for name := range uri.Query() {
		if !parameters[name] {
			return nil, fmt.Errorf("parameter %q is not known; use one of %s", name, strings.Join(slices.Sorted(maps.Keys(parameters)), ", "))
		}
	}
	if transport == "" {
		transport = "unix"
		if uri.Host != "" {
			transport = "tls"
		}
	}
	switch transport {
	case "unix":
		return newUnixDialer(uri)
	case "tcp", "tls", "ssh", "libssh", "libssh2":
		if uri.Hostname() == "" {
			return nil, fmt.Errorf("transport %q needs a host; use a URI like %s+%s://host/system", transport, driver, transport)
		}
		return remoteDialerFor(transport, uri)
	default:
		return nil, fmt.Errorf("transport %q is not known; use unix, tcp, tls, ssh or libssh", transport)
	}
}

// checkDriver refuses a URI that does not belong to libvirt's QEMU driver,
// https://libvirt.org/drvqemu.html#connection-uris.
func checkDriver(driver string, uri *url.URL) error {
	isPath := func(text string) bool { return text == "system" || text == "session" }
	switch {
	case driver == "":
		return fmt.Errorf("it has no driver; use a URI like qemu:///system")
	case uri.Query().Has("name"): // libvirtd gets its value instead of this URI
		return nil
	case driver != "qemu":
		return fmt.Errorf("driver %q is not supported, because its guests do not boot from the network as QEMU's guests do; use a URI like qemu:///system", driver)
	case isPath(uri.Host) && uri.Path == "":
		return fmt.Errorf("it names the host %q and no path; write it with three slashes, %s:///%s", uri.Host, uri.Scheme, uri.Host)
	case !isPath(strings.TrimPrefix(uri.Path, "/")):
		return fmt.Errorf("path %q is not a path of the QEMU driver; use /system, or /session for a user's own guests", uri.Path)
	default:
		return nil
	}
}

func remoteDialerFor(transport string, uri *url.URL) (dialer, error) {
	switch transport {
	case "tcp":
		return tcpDialer(address(uri, "16509")), nil
	case "tls":
		return newTLSDialer(uri), nil
	case "ssh":
		return newSSHDialer(uri)
	default:
		return newLibSSHDialer(uri)
	}
}

func address(uri *url.URL, port string) string {
	if uri.Port() != "" {
		port = uri.Port()
	}
	return net.JoinHostPort(uri.Hostname(), port)
}

// tcpDialer connects without encryption, to an address.
type tcpDialer string

func (d tcpDialer) dial(ctx context.Context) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", string(d))
	return conn, checking(checkTCP, err)
}
