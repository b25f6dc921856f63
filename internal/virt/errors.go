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

// ErrNotFound says that the host answered, and has no such domain, network, pool or volume. It is
// made from libvirt's error code alone, so that a lost connection is never taken for it.
var ErrNotFound = fmt.Errorf("not found on the libvirt host: %w", fs.ErrNotExist)

// ErrExists says that the name is taken.
var ErrExists = fmt.Errorf("already exists on the libvirt host: %w", fs.ErrExist)

// ErrTFTPRoot says that dnsmasq, which has few rights, could not list a TFTP root when it started.
var ErrTFTPRoot = errors.New("dnsmasq cannot read the TFTP root")

// ErrNoMemory says that the host does not have the memory that a guest is to start with.
var ErrNoMemory = errors.New("not enough memory on the libvirt host")

// ErrXML says that libvirt refuses a definition for what stands in it.
var ErrXML = errors.New("libvirt refuses the definition")

// ConnectError says that a host could not be reached.
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

// What to check when a step towards a host fails, behind "and that".
const (
	checkSocket       = "libvirtd runs on this machine (systemctl status libvirtd) and this user may open its socket (for qemu:///system: root or a member of the group libvirt; for qemu:///session: virsh -c qemu:///session list starts the libvirtd of the session)"
	checkTCP          = "libvirtd listens on that port (systemctl status libvirtd-tcp.socket or libvirtd-tls.socket on that host) and no firewall blocks it"
	checkTLS          = "the host's certificate has the same name as the URI and is signed by the authority in cacert.pem on this machine, and that the host trusts the authority that signed clientcert.pem on this machine (virt-pki-validate checks each side)"
	checkCertificates = "the certificates are where libvirt looks for them, or that pkipath names their directory (virt-pki-validate checks them)"
	checkSSH          = "ssh to that host works from this machine without a prompt (a key without a passphrase or an agent; the host's key in known_hosts), that the host has virt-ssh-helper or nc, and that the user on that host may open libvirtd's socket (root or a member of the group libvirt)"
	checkSSHProgram   = "the ssh program is installed on this machine, or use the transport libssh, which does not need it"
	checkSASL         = "libvirtd accepts this client without a password. This provider cannot give a password (SASL): use ssh or TLS, or, if everyone who can connect there may do everything, set auth_tcp or auth_unix_rw to \"none\" in its libvirtd.conf"
)

// stepError is the failure of a step towards a host. It unwraps to nothing: a socket that does not exist is
// not a file that the host does not have.
type stepError struct {
	check string
	error
}

// checking adds what to check.
func checking(check string, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{check, err}
}

// connectError says where the connection failed.
func (h *Host) connectError(err error) error {
	if err == nil {
		return nil
	}
	// libvirt src/rpc/virnetserverprogram.c, virNetServerProgramDispatchCall: "authentication required". Neither
	// go-libvirt nor our streams know SASL; they pass over it.
	if isCode(err, libvirt.ErrRPC) {
		err = checking(checkSASL, err)
	}
	return &ConnectError{URI: h.URI(), Err: err}
}

// callError turns an error of a call into one of this package's: libvirt's answer into a refusal,
// the end of the connection into its loss.
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

// isLost tells whether a call failed with its connection. go-libvirt says ErrInterrupted when the
// connection ends before the answer comes, and EINVAL when it had ended before the call.
func isLost(err error) bool {
	var transport *net.OpError
	return errors.Is(err, libvirt.ErrInterrupted) || errors.Is(err, syscall.EINVAL) ||
		errors.Is(err, io.EOF) || errors.As(err, &transport)
}

// wasLost tells whether a connection ended before the answer came, and a new one may bring it.
func wasLost(err error) bool {
	return isLost(err) && !errors.As(err, new(*ConnectError)) && !errors.Is(err, errSilent)
}

// lostError is the error for a connection that ended before the answer came.
func (h *Host) lostError(err error) error {
	return fmt.Errorf("connection to libvirt at %s was lost, so it is not known whether the host carried out the request: %w", h.URI(), err)
}

// refusal is libvirt's answer that it did not do what was asked.
// Codes: libvirt include/libvirt/virterror.h, virErrorNumber.
type refusal struct {
	code    libvirt.ErrorNumber
	message string
}

func (r *refusal) Error() string { return r.message }

// Is makes the refusals that callers act on match their sentinels.
func (r *refusal) Is(target error) bool {
	// dnsmasq src/dnsmasq.c: "TFTP directory %s inaccessible: %s". libvirt has no code for it.
	if target == ErrTFTPRoot {
		return strings.Contains(r.message, "TFTP directory")
	}
	// QEMU softmmu/physmem.c (7.2), ram_block_add: "cannot set up guest memory '%s'". libvirt passes it on with
	// the code of any internal error.
	if target == ErrNoMemory {
		return strings.Contains(r.message, "cannot set up guest memory")
	}
	switch r.code {
	case libvirt.ErrXMLError, libvirt.ErrXMLInvalidSchema, libvirt.ErrConfigUnsupported:
		return target == ErrXML
	case libvirt.ErrNoDomain, libvirt.ErrNoNetwork, libvirt.ErrNoStoragePool, libvirt.ErrNoStorageVol:
		return target == ErrNotFound || target == fs.ErrNotExist
	case libvirt.ErrStorageVolExist, libvirt.ErrDomExist, libvirt.ErrNetworkExist:
		return target == ErrExists || target == fs.ErrExist
	default:
		return false
	}
}

// existsIfFound is the error for a refusal to make something: ErrExists where lookup then finds the name in
// use, which libvirt says with a code of its own in few cases only.
func existsIfFound(err error, lookup func() error) error {
	if lookup() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrExists, err)
}

// isCode tells whether an error of go-libvirt's is libvirt's answer with this code.
func isCode(err error, code libvirt.ErrorNumber) bool {
	var answer libvirt.Error
	return errors.As(err, &answer) && libvirt.ErrorNumber(answer.Code) == code
}

// isRefused tells whether err is an answer of libvirt's, so that nothing was done.
func isRefused(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}

// refusedWith tells whether err is libvirt's answer with this code.
func refusedWith(err error, code libvirt.ErrorNumber) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == code
}
