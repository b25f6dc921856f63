package virt

import (
	"fmt"
	"net"
	"net/url"
	"os/user"
	"strings"

	"github.com/digitalocean/go-libvirt/socket/dialers"
)

// dialer opens one connection to libvirtd; it is go-libvirt's socket.Dialer.
type dialer interface {
	Dial() (net.Conn, error)
}

// dialerFor chooses the transport that a libvirt URI names. Parameters have libvirt's names:
// https://libvirt.org/uri.html#remote-uris
func dialerFor(uri *url.URL) (dialer, error) {
	driver, transport, _ := strings.Cut(uri.Scheme, "+")
	if driver == "" {
		return nil, fmt.Errorf("it has no driver; write it like qemu:///system")
	}
	if transport == "" {
		transport = "unix"
		if uri.Host != "" {
			transport = "tls"
		}
	}
	switch transport {
	case "unix":
		return dialers.NewLocal(set(uri.Query().Get("socket"), dialers.WithSocket)...), nil
	case "tcp":
		return dialers.NewRemote(uri.Hostname(), set(uri.Port(), dialers.UsePort)...), nil
	case "tls":
		return tlsDialer(uri), nil
	case "ssh":
		return sshDialer(uri)
	default:
		return nil, fmt.Errorf("transport %q is not known; use unix, tcp, tls or ssh", transport)
	}
}

func tlsDialer(uri *url.URL) dialer {
	options := set(uri.Port(), dialers.UseTLSPort)
	options = append(options, set(uri.Query().Get("pkipath"), dialers.UsePKIPath)...)
	if uri.Query().Get("no_verify") == "1" {
		options = append(options, dialers.WithInsecureNoVerify())
	}
	return dialers.NewTLS(uri.Hostname(), options...)
}

func sshDialer(uri *url.URL) (dialer, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	query := uri.Query()
	password, _ := uri.User.Password()
	options := []dialers.SSHOption{dialers.WithSystemSSHDefaults(me)}
	options = append(options, set(uri.Port(), dialers.UseSSHPort)...)
	options = append(options, set(uri.User.Username(), dialers.UseSSHUsername)...)
	options = append(options, set(password, dialers.UseSSHPassword)...)
	options = append(options, set(query.Get("keyfile"), dialers.UseKeyFile)...)
	options = append(options, set(query.Get("socket"), dialers.WithRemoteSocket)...)
	if query.Get("no_verify") == "1" {
		options = append(options, dialers.WithInsecureIgnoreHostKey())
	}
	return dialers.NewSSH(uri.Hostname(), options...), nil
}

// set is the option for a value that the URI gives, or none.
func set[O any](value string, option func(string) O) []O {
	if value == "" {
		return nil
	}
	return []O{option(value)}
}
