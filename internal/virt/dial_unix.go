package virt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path"
	"strings"
)

// unixDialer connects to the first socket that exists.
type unixDialer []string

// newUnixDialer finds two sockets: that of the libvirtd that serves all drivers, and that of the virtqemud that
// replaces it and contacts the daemons for networks and storage itself. A session has sockets of the user's own:
// libvirt src/rpc/virnetsocket.c and src/remote/remote_sockets.c.
func newUnixDialer(uri *url.URL) (dialer, error) {
	query := uri.Query()
	if socket := query.Get("socket"); socket != "" {
		return unixDialer{socket}, nil
	}
	directory := "/run/libvirt"
	if strings.TrimSuffix(uri.Path, "/") == "/session" {
		directory = path.Join(cmp.Or(os.Getenv("XDG_RUNTIME_DIR"), fmt.Sprintf("/run/user/%d", os.Getuid())), "libvirt")
	}
	driver, _, _ := strings.Cut(uri.Scheme, "+")
	all, direct := path.Join(directory, "libvirt-sock"), path.Join(directory, "virt"+driver+"d-sock")
	switch mode := query.Get("mode"); mode {
	case "", "auto":
		return unixDialer{all, direct}, nil
	case "legacy":
		return unixDialer{all}, nil
	case "direct":
		return unixDialer{direct}, nil
	default:
		return nil, fmt.Errorf("mode %q is not known; use auto, legacy or direct", mode)
	}
}

func (d unixDialer) dial(ctx context.Context) (net.Conn, error) {
	var failures []error
	for _, socket := range d {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, checking(checkSocket, errors.Join(failures...))
}
