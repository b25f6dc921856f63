package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// FTPServer starts a real FTP server, vsftpd, on the loopback interface, which serves a directory to anonymous users. It returns the
// URL of the directory. The server ends with the test.
func FTPServer(t testing.TB, dir string) (url string) {
	t.Helper()
	Need(t)
	root, err := vsftpd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	config := filepath.Join(t.TempDir(), "vsftpd.conf")
	text := fmt.Sprintf("listen=YES\nlisten_address=127.0.0.1\nlisten_port=%s\nbackground=NO\nrun_as_launching_user=YES\nseccomp_sandbox=NO\nanonymous_enable=YES\nftp_username=nobody\nanon_root=%s\nsecure_chroot_dir=%s\n", port, dir, t.TempDir())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), filepath.Join(root, "usr/sbin/vsftpd"), config)
	server.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries(root))
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	if err := awaitPort(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	return "ftp://" + address
}

// vsftpd returns a directory with Debian's vsftpd and the libraries that Debian does not install with the lab's packages.
func vsftpd(ctx context.Context) (string, error) {
	dir, err := cachedDir(ctx, "vsftpd-"+runtime.GOARCH, func(ctx context.Context, dir string) error {
		apt, err := newPrivateApt()
		if err != nil {
			return err
		}
		defer apt.remove()
		return apt.unpack(ctx, dir, "vsftpd", "libwrap0", "libnsl2", "libtirpc3")
	})
	if err != nil {
		return "", fmt.Errorf("unable to get vsftpd: %w", err)
	}
	return dir, nil
}

// libraries are the directories with the libraries of unpacked packages.
func libraries(root string) string {
	var found []string
	for _, pattern := range []string{"lib/*-linux-gnu*", "usr/lib/*-linux-gnu*"} {
		more, _ := filepath.Glob(filepath.Join(root, pattern)) // the pattern is valid
		found = append(found, more...)
	}
	return strings.Join(found, ":")
}

// freeAddress is an address of the loopback interface with a TCP port that nothing uses now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// awaitPort waits until a server listens at an address.
func awaitPort(ctx context.Context, address string) error {
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}
