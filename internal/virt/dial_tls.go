package virt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
)

// tlsDialer connects by TLS, with certificates on both sides.
type tlsDialer struct {
	address, host string
	places        []certificates
	unverified    bool
}

// certificates are libvirt's files that say which authority is trusted and who this client is.
type certificates struct{ authority, certificate, key string }

// newTLSDialer uses the places where libvirt looks for certificates: https://libvirt.org/kbase/tlscerts.html.
func newTLSDialer(uri *url.URL) tlsDialer {
	d := tlsDialer{address: address(uri, "16514"), host: uri.Hostname(), unverified: uri.Query().Get("no_verify") == "1"}
	if dir := uri.Query().Get("pkipath"); dir != "" {
		d.places = []certificates{certificatesIn(dir)}
		return d
	}
	if home, err := os.UserHomeDir(); err == nil && os.Getuid() != 0 {
		d.places = append(d.places, certificatesIn(filepath.Join(home, ".pki/libvirt")))
	}
	d.places = append(d.places, certificates{"/etc/pki/CA/cacert.pem", "/etc/pki/libvirt/clientcert.pem", "/etc/pki/libvirt/private/clientkey.pem"})
	return d
}

func certificatesIn(dir string) certificates {
	return certificates{filepath.Join(dir, "cacert.pem"), filepath.Join(dir, "clientcert.pem"), filepath.Join(dir, "clientkey.pem")}
}

func (d tlsDialer) dial(ctx context.Context) (net.Conn, error) {
	config, err := d.config()
	if err != nil {
		return nil, checking(checkCertificates, err)
	}
	plain, err := tcpDialer(d.address).dial(ctx)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(plain, config)
	defer context.AfterFunc(ctx, func() { _ = plain.Close() })()
	if err := awaitAcceptance(ctx, conn); err != nil {
		_ = plain.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, checking(checkTLS, err)
	}
	return conn, nil
}

// awaitAcceptance waits for a byte of value 1, with which libvirtd accepts the client's certificate: libvirt
// src/rpc/virnetclient.c, virNetClientSetTLSSession.
func awaitAcceptance(ctx context.Context, conn *tls.Conn) error {
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	word := make([]byte, 1)
	if _, err := conn.Read(word); err != nil {
		return fmt.Errorf("libvirtd does not take this client's certificate: %w", err)
	}
	if word[0] != 1 {
		return errors.New("libvirtd does not take this client's certificate")
	}
	return nil
}

// config reads the certificates in the first place that has an authority's certificate. A client needs a certificate
// of its own only if the host asks for one.
func (d tlsDialer) config() (*tls.Config, error) {
	config := &tls.Config{ServerName: d.host, InsecureSkipVerify: d.unverified, MinVersion: tls.VersionTLS12} //nolint:gosec // only where the URI says no_verify
	var failures []error
	for _, place := range d.places {
		err := place.load(config)
		if err == nil {
			return config, nil
		}
		failures = append(failures, err)
	}
	if d.unverified {
		return config, nil
	}
	return nil, errors.Join(failures...)
}

func (c certificates) load(config *tls.Config) error {
	authority, err := os.ReadFile(c.authority)
	if err != nil {
		return err
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(authority) {
		return fmt.Errorf("%s contains no certificate", c.authority)
	}
	if _, err := os.Stat(c.certificate); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	own, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		return err
	}
	config.Certificates = []tls.Certificate{own}
	return nil
}
