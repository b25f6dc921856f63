package virt

import (
	"context"
	"net"
	"net/url"
	"os/user"

	"github.com/digitalocean/go-libvirt/socket/dialers"
)

// libSSHDialer connects by ssh without the ssh program, and therefore without the program's configuration.
type libSSHDialer struct{ *dialers.SSH }

func newLibSSHDialer(uri *url.URL) (dialer, error) {
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
	if query.Get("no_verify") == "1" || query.Get("known_hosts_verify") == "ignore" {
		options = append(options, dialers.WithInsecureIgnoreHostKey())
	} else {
		options = append(options, set(query.Get("known_hosts"), dialers.UseKnownHostsFile)...)
	}
	return libSSHDialer{dialers.NewSSH(uri.Hostname(), options...)}, nil
}

// dial waits for go-libvirt, which has no context, and closes a connection that comes too late.
func (d libSSHDialer) dial(ctx context.Context) (net.Conn, error) {
	var conn net.Conn
	var err error
	done := make(chan struct{})
	go func() {
		conn, err = d.Dial()
		close(done)
	}()
	select {
	case <-done:
		return conn, checking(checkSSH, err)
	case <-ctx.Done():
		go func() {
			if <-done; err == nil {
				_ = conn.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// set is the option for a value from the URI, or no option if the URI has no value.
func set[O any](value string, option func(string) O) []O {
	if value == "" {
		return nil
	}
	return []O{option(value)}
}
