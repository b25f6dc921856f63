package virt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/digitalocean/go-libvirt"
)

// sshDialer connects by the ssh program, as libvirt does. What works by hand therefore works here: ~/.ssh/config with
// its jump hosts, agents and known hosts.
type sshDialer struct {
	program string
	options []string // and the host
	script  string   // connects to libvirtd
}

func newSSHDialer(uri *url.URL) (dialer, error) {
	if _, given := uri.User.Password(); given {
		return nil, errors.New("ssh takes no password from a URI; use a key or an agent, or the transport libssh")
	}
	if strings.HasPrefix(uri.Hostname(), "-") || strings.HasPrefix(uri.User.Username(), "-") {
		return nil, errors.New("the host or the user begins with \"-\", so ssh would read it as an option")
	}
	script, err := sshScript(uri)
	if err != nil {
		return nil, err
	}
	query := uri.Query()
	// No one can answer a prompt.
	options := []string{"-T", "-e", "none", "-o", "BatchMode=yes"}
	for _, option := range []struct{ name, value string }{{"-p", uri.Port()}, {"-l", uri.User.Username()}, {"-i", query.Get("keyfile")}} {
		if option.value != "" {
			options = append(options, option.name, option.value)
		}
	}
	if file := query.Get("known_hosts"); file != "" {
		options = append(options, "-o", fmt.Sprintf("UserKnownHostsFile=%q", file))
	}
	checking, err := hostKeyChecking(query)
	if err != nil {
		return nil, err
	}
	options = append(options, checking...)
	options = append(options, "--", uri.Hostname())
	return sshDialer{cmp.Or(query.Get("command"), "ssh"), options, script}, nil
}

// hostKeyChecking returns ssh's options for libvirt's two parameters about host keys.
func hostKeyChecking(query url.Values) ([]string, error) {
	verify := query.Get("known_hosts_verify")
	if query.Get("no_verify") == "1" {
		verify = "ignore"
	}
	switch verify {
	case "", "normal":
		return nil, nil // what the user's configuration says
	case "auto":
		return []string{"-o", "StrictHostKeyChecking=accept-new"}, nil
	case "ignore":
		return []string{"-o", "StrictHostKeyChecking=no"}, nil
	default:
		return nil, fmt.Errorf("known_hosts_verify %q is not known; use normal, auto or ignore", verify)
	}
}

// sshScript connects standard input and output to libvirtd's socket on the remote host. It uses libvirt's own
// program, which knows where the socket is, or netcat. Versions of netcat differ in whether they end with their
// input. libvirt src/rpc/virnetclient.c, virNetClientSSHHelperCommand.
func sshScript(uri *url.URL) (string, error) {
	query := uri.Query()
	socket, nc := query.Get("socket"), quoted(cmp.Or(query.Get("netcat"), "nc"))
	helper := "exec virt-ssh-helper " + quoted(string(libvirt.RemoteURI(uri)))
	netcat := fmt.Sprintf(`if %[1]s -q 2>&1 | grep "requires an argument" >/dev/null 2>&1; then ARG=-q0; else ARG=; fi; exec %[1]s $ARG -U %[2]s`,
		nc, quoted(cmp.Or(socket, "/var/run/libvirt/libvirt-sock")))
	switch proxy := query.Get("proxy"); {
	case proxy == "native":
		return helper, nil
	case proxy == "netcat", proxy == "" && socket+query.Get("netcat") != "":
		return netcat, nil
	case proxy == "", proxy == "auto":
		return "if command -v virt-ssh-helper >/dev/null 2>&1; then " + helper + "; fi; " + netcat, nil
	default:
		return "", fmt.Errorf("proxy %q is not known; use auto, netcat or native", proxy)
	}
}

// quoted quotes a word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func (d sshDialer) dial(context.Context) (net.Conn, error) {
	conn, err := d.start(d.script)
	if err != nil {
		return nil, checking(checkSSHProgram, err)
	}
	return conn, nil
}

// start runs a script on the host.
func (d sshDialer) start(script string) (*process, error) {
	return startProcess(d.program, append(slices.Clone(d.options), "sh -c "+quoted(script))...)
}
