package virt

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/digitalocean/go-libvirt"
)

// ErrNotFound says that the host answered, and that it has no such domain, network, pool or volume. Only libvirt's
// error code leads to it, so a lost connection is never mistaken for it.
var ErrNotFound = fmt.Errorf("not found on the libvirt host: %w", fs.ErrNotExist)

// ErrNoSnapshot says that a domain has no snapshot of a name. Such an error is ErrNotFound as well.
var ErrNoSnapshot = errors.New("no such snapshot on the libvirt host")

// ErrExists says that the name is taken.
var ErrExists = fmt.Errorf("already exists on the libvirt host: %w", fs.ErrExist)

// ErrTFTPRoot says that dnsmasq, which has few rights, could not list a TFTP root when it started.
var ErrTFTPRoot = errors.New("dnsmasq cannot read the TFTP root")

// ErrNoMemory says that the host does not have the memory that a guest needs to start.
var ErrNoMemory = errors.New("not enough memory on the libvirt host")

// ErrXML says that libvirt refuses a definition because of its content.
var ErrXML = errors.New("libvirt refuses the definition")

// ConnectError says that the connection to a host failed.
type ConnectError struct {
	URI string
	Err error
}

func (e *ConnectError) Error() string {
	check := checkSocket
	var step *stepError
	if errors.As(e.Err, &step) {
		check = step.check
	}
	return fmt.Sprintf("unable to connect to libvirt at %s: %v\n\n"+
		"Check that the URI is right (the provider's uri, otherwise the environment variable LIBVIRT_DEFAULT_URI, otherwise qemu:///system). Check also that %s.", e.URI, e.Err, check)
}

func (e *ConnectError) Unwrap() error { return e.Err }

// What to check when a step of connecting to a host fails, as the end of "Check also that …".
const (
	checkSocket       = "libvirtd runs on this machine (systemctl status libvirtd) and this user may open its socket (for qemu:///system: root or a member of the group libvirt; for qemu:///session: virsh -c qemu:///session list starts the libvirtd of the session)"
	checkTCP          = "libvirtd listens on that port (systemctl status libvirtd-tcp.socket or libvirtd-tls.socket on that host) and no firewall blocks it"
	checkTLS          = "the host's certificate has the same name as the URI and is signed by the authority in cacert.pem on this machine, and that the host trusts the authority that signed clientcert.pem on this machine (virt-pki-validate checks each side)"
	checkCertificates = "the certificates are where libvirt looks for them, or that pkipath names their directory (virt-pki-validate checks them)"
	checkSSH          = "ssh to that host works from this machine without a prompt (a key without a passphrase or an agent; the host's key in known_hosts), that the host has virt-ssh-helper or nc, and that the user on that host may open libvirtd's socket (root or a member of the group libvirt)"
	checkSSHProgram   = "the ssh program is installed on this machine, or use the transport libssh, which does not need it"
	checkSASL         = "libvirtd accepts this client without a password (SASL), which this provider cannot give: use ssh or TLS, or, if everyone who can connect there may do everything, set auth_tcp or auth_unix_rw to \"none\" in its libvirtd.conf"
)

// stepError is the failure of a step of connecting to a host. It unwraps to nothing: a socket that does not exist is
// not a file that does not exist on the host.
type stepError struct {
	check string
	error
}

// checking adds to an error what to check.
func checking(check string, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{check, err}
}

// connectError says which connection failed.
func (h *Host) connectError(err error) error {
	if err == nil {
		return nil
	}
	// libvirt src/rpc/virnetserverprogram.c, virNetServerProgramDispatchCall: "authentication required". Neither
	// go-libvirt nor our streams support SASL; they skip it.
	if isCode(err, libvirt.ErrRPC) {
		err = checking(checkSASL, err)
	}
	return &ConnectError{URI: h.URI(), Err: err}
}

// callError converts an error of a call into an error of this package: libvirt's answer into a refusal, the end of
// the connection into its loss.
func (h *Host) callError(err error) error {
	var answer libvirt.Error
	if errors.As(err, &answer) {
		return &refusal{libvirt.ErrorNumber(answer.Code), answer.Message}
	}
	if isLost(err) {
		return h.lostError(err)
	}
	return err
}

// isLost reports whether a call failed because its connection ended. go-libvirt returns ErrInterrupted if the
// connection ends before the answer comes, and EINVAL if it had ended before the call.
func isLost(err error) bool {
	var transport *net.OpError
	return errors.Is(err, libvirt.ErrInterrupted) || errors.Is(err, syscall.EINVAL) ||
		errors.Is(err, io.EOF) || errors.As(err, &transport)
}

// wasLost reports whether a connection ended before the answer came, and a new connection may bring the answer.
func wasLost(err error) bool {
	return isLost(err) && !errors.As(err, new(*ConnectError)) && !errors.Is(err, errSilent)
}

// lostError is the error for a connection that ended before the answer came.
func (h *Host) lostError(err error) error {
	return fmt.Errorf("connection to libvirt at %s was lost, so it is not known whether the host carried out the request: %w", h.URI(), err)
}

// refusal is libvirt's answer that it did not carry out a request. Codes: libvirt include/libvirt/virterror.h,
// virErrorNumber.
type refusal struct {
	code    libvirt.ErrorNumber
	message string
}

func (r *refusal) Error() string { return r.message }

// Is makes the refusals that callers handle match their sentinels.
func (r *refusal) Is(target error) bool {
	// dnsmasq src/dnsmasq.c: "TFTP directory %s inaccessible: %s". libvirt has no code for it.
	if target == ErrTFTPRoot {
		return strings.Contains(r.message, "TFTP directory")
	}
	// QEMU softmmu/physmem.c (7.2), ram_block_add: "cannot set up guest memory '%s'". libvirt passes it on with its
	// general code for internal errors.
	if target == ErrNoMemory {
		return strings.Contains(r.message, "cannot set up guest memory")
	}
	switch r.code {
	case libvirt.ErrXMLError, libvirt.ErrXMLInvalidSchema, libvirt.ErrConfigUnsupported:
		return target == ErrXML
	case libvirt.ErrNoDomainSnapshot:
		return target == ErrNoSnapshot || target == ErrNotFound || target == fs.ErrNotExist
	case libvirt.ErrNoDomain, libvirt.ErrNoNetwork, libvirt.ErrNoStoragePool, libvirt.ErrNoStorageVol:
		return target == ErrNotFound || target == fs.ErrNotExist
	case libvirt.ErrStorageVolExist, libvirt.ErrDomExist, libvirt.ErrNetworkExist:
		return target == ErrExists || target == fs.ErrExist
	default:
		return false
	}
}

// existsIfFound returns the error for a refusal to create something: ErrExists if lookup then finds the name in use.
// libvirt has a code of its own for this only in few cases.
func existsIfFound(err error, lookup func() error) error {
	if lookup() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrExists, err)
}

// isCode reports whether an error of go-libvirt is libvirt's answer with this code.
func isCode(err error, code libvirt.ErrorNumber) bool {
	var answer libvirt.Error
	return errors.As(err, &answer) && libvirt.ErrorNumber(answer.Code) == code
}

// isRefused reports whether err is an answer of libvirt, which means that nothing was done.
func isRefused(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}

// refusedWith reports whether err is libvirt's answer with this code.
func refusedWith(err error, code libvirt.ErrorNumber) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == code
}
