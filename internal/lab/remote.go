package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Remote is how other machines reach a host: at ports on this machine's loopback interface, which are
// forwarded to ports inside the host's namespaces.
type Remote struct {
	TCP, TLS, SSH string // host:port

	PKI        string // directory of cacert.pem, clientcert.pem and clientkey.pem
	Identity   string // private key that sshd accepts for root
	KnownHosts string // with the key of sshd

	listeners []net.Listener
}

// remoteConfig makes libvirtd listen. %[1]s is the directory of its certificates.
const remoteConfig = `auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
listen_tcp = 1
auth_tcp = "none"
listen_tls = 1
ca_file = "%[1]s/cacert.pem"
cert_file = "%[1]s/servercert.pem"
key_file = "%[1]s/serverkey.pem"
`

// StartRemote starts a host that other machines reach by TCP, by TLS and by ssh.
func StartRemote(ctx context.Context) (*Host, *Remote, error) {
	h, err := Start(ctx)
	if err != nil {
		return nil, nil, err
	}
	r, err := h.listenRemotely(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, h.Stop())
	}
	return h, r, nil
}

func (h *Host) listenRemotely(ctx context.Context) (*Remote, error) {
	r := &Remote{PKI: filepath.Join(h.Dir, "etc/pki"), Identity: filepath.Join(h.Dir, "etc/ssh/identity"), KnownHosts: filepath.Join(h.Dir, "etc/ssh/known_hosts")}
	if err := NewPKI(r.PKI); err != nil {
		return nil, err
	}
	if err := h.Reconfigure(ctx, fmt.Sprintf(remoteConfig, "/etc/libvirt/pki"), "--listen"); err != nil {
		return nil, err
	}
	if err := h.startSSHD(ctx, r); err != nil {
		return nil, fmt.Errorf("unable to start sshd: %w", err)
	}
	for port, address := range map[string]*string{"16509": &r.TCP, "16514": &r.TLS, "22": &r.SSH} {
		if err := r.forward(h, port, address); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, r.meetSSHD()
}

// Reconfigure restarts libvirtd with another libvirtd.conf.
func (h *Host) Reconfigure(ctx context.Context, config string, arguments ...string) error {
	if err := os.WriteFile(filepath.Join(h.Dir, "etc/libvirtd.conf"), []byte(config), 0o644); err != nil {
		return err
	}
	if err := h.Quit(ctx); err != nil {
		return err
	}
	h.arguments = arguments
	return h.Restart(ctx)
}

// sshdConfig is for a server that accepts only root's own key. %[1]s is the directory of its keys.
const sshdConfig = `ListenAddress 127.0.0.1
HostKey %[1]s/host
AuthorizedKeysFile %[1]s/identity.pub
StrictModes no
PasswordAuthentication no
PermitRootLogin yes
PidFile none
`

func (h *Host) startSSHD(ctx context.Context, r *Remote) error {
	program, libraries, err := h.sshd(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Dir(r.Identity)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "sshd_config"), fmt.Appendf(nil, sshdConfig, "/etc/libvirt/ssh"), 0o644); err != nil {
		return err
	}
	for _, key := range []string{filepath.Join(dir, "host"), r.Identity} {
		if _, err := output(exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)); err != nil {
			return err
		}
	}
	// sshd needs its own user, in a password file that only sshd and its child processes see.
	_, err = h.Exec(ctx, "unshare", "--mount", "sh", "-ec", `
		mkdir -p /run/sshd
		{ cat /etc/passwd; echo "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin"; } >/etc/libvirt/ssh/passwd
		mount --bind /etc/libvirt/ssh/passwd /etc/passwd
		LD_LIBRARY_PATH=$1 exec "$0" -f /etc/libvirt/ssh/sshd_config -E /var/log/libvirt/sshd.log`,
		program, libraries)
	if err != nil {
		return err
	}
	for { // it listens shortly after it has gone into the background
		conn, err := h.dial("127.0.0.1:22")
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sshd returns the path of the program and of its libraries. If the host uses the machine's own programs, sshd
// is not installed on the machine, because others could then log in to it.
func (h *Host) sshd(ctx context.Context) (program, libraries string, err error) {
	if h.Generation != Bookworm {
		return "/usr/sbin/sshd", "", nil
	}
	root, err := cachedDir(ctx, "sshd", downloadSSHD)
	if err != nil {
		return "", "", err
	}
	dirs, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*"))
	return filepath.Join(root, "usr/sbin/sshd"), strings.Join(dirs, ":"), err
}

// downloadSSHD unpacks sshd, and a library that machines without sshd do not have.
func downloadSSHD(ctx context.Context, dir string) error {
	apt, err := newPrivateApt()
	if err != nil {
		return err
	}
	defer apt.remove()
	announce("Downloading sshd")
	return apt.unpack(ctx, dir, "openssh-server", "libwrap0")
}

// meetSSHD writes the server's key to KnownHosts, as after an earlier connection.
func (r *Remote) meetSSHD() error {
	key, err := os.ReadFile(filepath.Join(filepath.Dir(r.Identity), "host.pub"))
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(r.SSH)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("[%s]:%s %s", host, port, key)
	return os.WriteFile(r.KnownHosts, []byte(line), 0o644)
}

// forward listens on this machine for connections to a port on the host's loopback interface.
func (r *Remote) forward(h *Host, port string, address *string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.listeners = append(r.listeners, listener)
	*address = listener.Addr().String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go h.join(client, "127.0.0.1:"+port)
		}
	}()
	return nil
}

// join passes bytes between a client and an address inside the host's namespaces until either ends.
func (h *Host) join(client net.Conn, address string) {
	server, err := h.dial(address)
	if err != nil {
		_ = client.Close()
		return
	}
	pass := func(from, to net.Conn) {
		_, _ = io.Copy(to, from)
		_, _ = from.Close(), to.Close()
	}
	go pass(client, server)
	pass(server, client)
}

// dial connects to an address inside the host's namespaces.
func (h *Host) dial(address string) (conn net.Conn, err error) {
	err = h.inNetwork(func() (err error) {
		conn, err = net.DialTimeout("tcp", address, 10*time.Second)
		return err
	})
	return conn, err
}

// Close stops accepting connections.
func (r *Remote) Close() error {
	var failures []error
	for _, listener := range r.listeners {
		failures = append(failures, listener.Close())
	}
	return errors.Join(failures...)
}
