package virt_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestTransports reaches a real libvirtd with each transport that crosses a network, for calls on the control
// connection and for streams, which have connections of their own. It also fails to connect in all the ways that
// occur in practice. Each error says what to check.
func TestTransports(t *testing.T) {
	host, remote := startRemote(t)
	ssh := "qemu+ssh://root@" + remote.SSH + "/system?known_hosts=" + remote.KnownHosts
	tls := "qemu+tls://" + remote.TLS + "/system?pkipath="

	t.Run("reach", func(t *testing.T) {
		for name, uri := range map[string]string{
			"tcp":              "qemu+tcp://" + remote.TCP + "/system",
			"tls":              tls + remote.PKI,
			"tls-unverified":   tls + pki(t, remote.PKI, newPKI(t)) + "&no_verify=1",
			"ssh":              ssh + "&keyfile=" + remote.Identity,
			"ssh-netcat":       ssh + "&proxy=netcat&keyfile=" + remote.Identity,
			"ssh-native":       ssh + "&proxy=native&keyfile=" + remote.Identity,
			"ssh-jump":         "qemu+ssh://far/system?command=" + configuredSSH(t, remote),
			"ssh-first-visit":  "qemu+ssh://root@" + remote.SSH + "/system?known_hosts_verify=auto&keyfile=" + remote.Identity + "&known_hosts=" + newFile(t, ""),
			"libssh":           "qemu+libssh://root@" + remote.SSH + "/system?keyfile=" + remote.Identity + "&known_hosts=" + remote.KnownHosts,
			"libssh-unchecked": "qemu+libssh2://root@" + remote.SSH + "/system?no_verify=1&keyfile=" + remote.Identity,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				useRemotely(t, open(t, uri), name)
			})
		}
	})

	// An authority on this side that did not sign the server's certificate, and a client's authority that did not
	// sign the client's certificate for the server.
	stranger, unknown := pki(t, remote.PKI, newPKI(t)), pki(t, newPKI(t), remote.PKI)
	for name, c := range map[string]struct {
		uri  string
		says []string // the last text is what to check
	}{
		"tcp, nobody listens":               {"qemu+tcp://" + unusedAddress(t) + "/system", []string{"connection refused", "libvirtd listens on that port"}},
		"tls, nobody listens":               {"qemu+tls://" + unusedAddress(t) + "/system?pkipath=" + remote.PKI, []string{"connection refused", "libvirtd listens on that port"}},
		"tls, no certificates":              {tls + t.TempDir(), []string{"cacert.pem", "pkipath"}},
		"tls, another authority":            {tls + stranger, []string{"unknown authority", "signed by the authority in cacert.pem on this machine"}},
		"tls, another name":                 {strings.Replace(tls, "127.0.0.1", "localhost", 1) + remote.PKI, []string{"localhost", "has the same name as the URI"}},
		"tls, a client that is not trusted": {tls + unknown, []string{"does not take this client's certificate", "trusts the authority that signed clientcert.pem on this machine"}},
		"ssh, nobody listens":               {"qemu+ssh://" + unusedAddress(t) + "/system", []string{"Connection refused", "ssh to that host works from this machine without a prompt"}},
		"ssh, no key":                       {ssh, []string{"Permission denied (publickey", "without a prompt"}},
		"ssh, a host that is not known":     {"qemu+ssh://" + remote.SSH + "/system?known_hosts=" + newFile(t, ""), []string{"Host key verification failed", "known_hosts"}},
		"ssh, no program":                   {"qemu+ssh://" + remote.SSH + "/system?command=/nonexistent/ssh", []string{"/nonexistent/ssh", "the ssh program is installed on this machine"}},
		"ssh, no netcat":                    {ssh + "&proxy=netcat&netcat=/nonexistent/nc&keyfile=" + remote.Identity, []string{"/nonexistent/nc", "virt-ssh-helper or nc"}},
		"ssh, no libvirtd":                  {ssh + "&socket=/nonexistent/sock&keyfile=" + remote.Identity, []string{"/nonexistent/sock", "libvirtd's socket"}},
		"libssh, a host that is not known":  {"qemu+libssh://" + remote.SSH + "/system?keyfile=" + remote.Identity + "&known_hosts=" + newFile(t, ""), []string{"knownhosts", "known_hosts"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, c.uri).Info(t.Context())
			if err == nil || !errors.As(err, new(*virt.ConnectError)) {
				t.Fatalf("error %v, want one of the connection", err)
			}
			for _, text := range append(c.says, "unable to connect to libvirt at "+c.uri) {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q does not say %q", err, text)
				}
			}
		})
	}
	t.Run("SASL", func(t *testing.T) {
		if err := host.Reconfigure(t.Context(), `listen_tls = 0`+"\n"+`listen_tcp = 1`+"\n"+`auth_tcp = "sasl"`+"\n"+`auth_unix_rw = "none"`+"\n", "--listen"); err != nil {
			t.Fatal(err)
		}
		_, err := open(t, "qemu+tcp://"+remote.TCP+"/system").Info(t.Context())
		if err == nil || !strings.Contains(err.Error(), "(SASL), which this provider cannot give") {
			t.Errorf("error %v, want one that says that SASL is asked for", err)
		}
	})
	if left := children(t); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// TestConnectingObeysItsContext has hosts that accept a connection and never answer.
func TestConnectingObeysItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	enough := errors.New("enough")
	for transport, query := range map[string]string{"tcp": "", "tls": "?pkipath=" + newPKI(t), "ssh": "", "libssh": "?no_verify=1"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(200*time.Millisecond, func() { cancel(enough) })
			began := time.Now()
			_, err := open(t, "qemu+"+transport+"://root@"+listener.Addr().String()+"/system"+query).Info(ctx)
			if took := time.Since(began); !errors.Is(err, enough) || took > 2*time.Second {
				t.Errorf("after %v: %v, want the context's cause within 2 s", took, err)
			}
		})
	}
}

// useRemotely makes calls and streams in both directions.
func useRemotely(t *testing.T, h *virt.Host, pool string) {
	t.Helper()
	if _, _, err := h.CreatePool(t.Context(), pool, "/srv/"+pool); err != nil {
		t.Fatal(err)
	}
	if err := h.CreateVolume(t.Context(), virt.Volume{Pool: pool, Name: "file", Format: "raw"}); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 3<<20)
	_, _ = rand.Read(content)
	if err := h.Upload(t.Context(), pool, "file", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := h.Download(t.Context(), pool, "file", &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), content) {
		t.Errorf("%d bytes came back, not the %d that were sent", got.Len(), len(content))
	}
	if err := errors.Join(h.DeleteVolume(t.Context(), pool, "file"), h.DeletePool(t.Context(), pool, true)); err != nil {
		t.Error(err)
	}
	awaitsPort(t, h)
}

// awaitsPort waits for a port that answers, and for one that does not. ssh tries them from the host, whose own sshd is at port 22.
func awaitsPort(t *testing.T, h *virt.Host) {
	t.Helper()
	answers, silent := netip.MustParseAddrPort("127.0.0.1:22"), netip.MustParseAddrPort("127.0.0.1:1")
	if !strings.HasPrefix(h.URI(), "qemu+ssh:") {
		answers = opensSoon(t)
	}
	if err := h.AwaitPort(t.Context(), answers); err != nil {
		t.Errorf("a port that answers: %v", err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
	defer cancel()
	if err := h.AwaitPort(ctx, silent); !errors.Is(err, enough) {
		t.Errorf("a port that does not answer: %v", err)
	}
}

// opensSoon is a port that answers after a second.
func opensSoon(t *testing.T) netip.AddrPort {
	t.Helper()
	at := unusedAddress(t)
	listening := make(chan error, 1)
	t.Cleanup(func() {
		if err := <-listening; err != nil {
			t.Error(err)
		}
	})
	time.AfterFunc(time.Second, func() {
		listener, err := net.Listen("tcp", at)
		if err == nil {
			t.Cleanup(func() { _ = listener.Close() })
		}
		listening <- err
	})
	return netip.MustParseAddrPort(at)
}

func startRemote(t *testing.T) (*lab.Host, *lab.Remote) {
	t.Helper()
	lab.Need(t)
	host, remote, err := lab.StartRemote(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(remote.Close(), host.Stop()); err != nil {
			t.Error(err)
		}
	})
	return host, remote
}

func newPKI(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pki")
	if err := lab.NewPKI(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// pki makes a directory with a client's certificate from one place and an authority from another.
func pki(t *testing.T, client, authority string) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{client + "/clientcert.pem", client + "/clientkey.pem", authority + "/cacert.pem"} {
		if err := os.Symlink(file, filepath.Join(dir, filepath.Base(file))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// configuredSSH returns an ssh with a configuration as in ~/.ssh/config, which a test cannot have because ssh does
// not look at HOME.
func configuredSSH(t *testing.T, remote *lab.Remote) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(remote.SSH)
	config := newFile(t, fmt.Sprintf("Host far\n ProxyJump near\n Port 22\nHost near\n Port %[1]s\nHost far near\n HostName 127.0.0.1\n"+
		" HostKeyAlias [127.0.0.1]:%[1]s\n User root\n IdentityFile %[2]s\n UserKnownHostsFile %[3]s\n", port, remote.Identity, remote.KnownHosts))
	program := newFile(t, "#!/bin/sh\nexec ssh -F "+config+` "$@"`+"\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

func newFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unusedAddress returns an address at which nothing listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// children returns the names of this process's child programs, except those of a lab.
func children(t *testing.T) []string {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, list := range lists {
		pids, _ := os.ReadFile(list)
		for _, pid := range strings.Fields(string(pids)) {
			name, _ := os.ReadFile("/proc/" + pid + "/comm")
			if name := strings.TrimSpace(string(name)); name != "sh" {
				names = append(names, name)
			}
		}
	}
	return names
}
