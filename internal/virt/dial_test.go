package virt

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestOpenChoosesTheTransport(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	for uri, want := range map[string]dialer{
		"qemu:///system":                                unixDialer{"/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"},
		"qemu:///system?mode=legacy":                    unixDialer{"/run/libvirt/libvirt-sock"},
		"qemu:///system?mode=direct":                    unixDialer{"/run/libvirt/virtqemud-sock"},
		"qemu:///session":                               unixDialer{"/run/user/7/libvirt/libvirt-sock", "/run/user/7/libvirt/virtqemud-sock"},
		"qemu+unix:///system?socket=/run/sock":          unixDialer{"/run/sock"},
		"qemu+tcp://host/system":                        tcpDialer("host:16509"),
		"qemu+tcp://[fe80::1]:1234/system":              tcpDialer("[fe80::1]:1234"),
		"qemu://host/system?pkipath=/pki":               tlsDialer{address: "host:16514", host: "host", places: []certificates{certificatesIn("/pki")}},
		"qemu+tls://host/system?no_verify=1&pkipath=/p": tlsDialer{address: "host:16514", host: "host", places: []certificates{certificatesIn("/p")}, unverified: true},
	} {
		if got := mustOpen(t, uri).dialer; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is dialled by %#v, want %#v", uri, got, want)
		}
	}
}

func TestOpenChoosesSSH(t *testing.T) {
	for uri, want := range map[string]string{
		"qemu+ssh://me@host:2222/system?keyfile=/k":                     "ssh -T -e none -o BatchMode=yes -p 2222 -l me -i /k -- host",
		"qemu+ssh://host/system?command=/bin/s&no_verify=1":             "/bin/s -T -e none -o BatchMode=yes -o StrictHostKeyChecking=no -- host",
		"qemu+ssh://host/system?known_hosts=/k&known_hosts_verify=auto": `ssh -T -e none -o BatchMode=yes -o UserKnownHostsFile="/k" -o StrictHostKeyChecking=accept-new -- host`,
	} {
		d, isSSH := mustOpen(t, uri).dialer.(sshDialer)
		if !isSSH {
			t.Errorf("%s is not dialled by ssh", uri)
			continue
		}
		if got := strings.Join(slices.Concat([]string{d.program}, d.options), " "); got != want {
			t.Errorf("%s runs %s, want %s", uri, got, want)
		}
	}
	if _, isLibSSH := mustOpen(t, "qemu+libssh2://me@host/system").dialer.(libSSHDialer); !isLibSSH {
		t.Error("libssh2 is not dialled by libssh")
	}
}

// TestSSHScript checks what runs on the remote host: the shell there interprets nothing from a URI.
func TestSSHScript(t *testing.T) {
	for query, want := range map[string][2]string{
		"":                           {"exec virt-ssh-helper 'qemu:///system'", "exec 'nc' $ARG -U '/var/run/libvirt/libvirt-sock'"},
		"proxy=native":               {"exec virt-ssh-helper 'qemu:///system'", ""},
		"proxy=netcat":               {"", "exec 'nc' $ARG -U '/var/run/libvirt/libvirt-sock'"},
		"socket=/s":                  {"", "exec 'nc' $ARG -U '/s'"},
		"netcat=/n;reboot&socket='s": {"", `exec '/n;reboot' $ARG -U ''\''s'`},
	} {
		query = strings.ReplaceAll(query, ";", "%3B")
		script, err := sshScript(mustOpen(t, "qemu+ssh://host/system?"+query).uri)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		for i, program := range []string{"virt-ssh-helper", "-U"} {
			if !strings.Contains(script, want[i]) || strings.Contains(script, program) != (want[i] != "") {
				t.Errorf("%s runs %s, want %q", query, script, want[i])
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for uri, why := range map[string]string{
		"":                                        "no driver",
		"/run/libvirt/sock":                       "no driver",
		"xen:///system":                           `driver "xen"`,
		"qemu://system":                           "three slashes, qemu:///system",
		"qemu+ssh://session":                      "three slashes",
		"qemu+ssh://host":                         `path "" is not a path`,
		"qemu:///":                                `path "/" is not a path`,
		"qemu+pigeon:///system":                   `"pigeon" is not known`,
		"qemu://me:secret@%zz/":                   "as % and two hexadecimal digits",
		"qemu://%zz/":                             "invalid URL",
		"qemu+tcp:///system":                      "needs a host",
		"qemu:///system?sock=/run/sock":           `parameter "sock" is not known`,
		"qemu:///system?mode=modular":             "modular",
		"qemu+ssh://me:secret@host/system":        "takes no password",
		"qemu+ssh://-oProxyCommand=reboot/system": "as an option",
		"qemu+ssh://-oProxyCommand=reboot@host/system":    "as an option",
		"qemu+ssh://host/system?proxy=socks":              "socks",
		"qemu+ssh://host/system?known_hosts_verify=never": "never",
	} {
		if _, err := Open(uri); err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q): %v, want an error about %q without the password", uri, err, why)
		}
	}
}

func TestURIKeepsThePassword(t *testing.T) {
	h := mustOpen(t, "qemu+libssh://user:secret@host/system")
	if strings.Contains(h.URI(), "secret") || !strings.Contains(h.URI(), "user") {
		t.Errorf("URI returned %q", h.URI())
	}
}

func mustOpen(t *testing.T, uri string) *Host {
	t.Helper()
	h, err := Open(uri)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
