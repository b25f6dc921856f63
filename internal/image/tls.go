package image

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
)

// ParseCAs reads certificates in PEM. The pool has them in addition to the CAs that this machine trusts.
func ParseCAs(pem []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("it has no certificate: give a file in PEM format, with \"-----BEGIN CERTIFICATE-----\"")
	}
	return pool, nil
}

// client returns the client that makes the requests.
func (c Client) client() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	if c.CAs == nil && !c.Insecure {
		return defaultHTTP
	}
	return newHTTPClient(&tls.Config{RootCAs: c.CAs, InsecureSkipVerify: c.Insecure})
}

// withTrust says what to do about a certificate that is not trusted.
func withTrust(err error) error {
	if untrusted := (*tls.CertificateVerificationError)(nil); errors.As(err, &untrusted) {
		return fmt.Errorf("%w: give the certificate of the server's CA, or use a mirror", err)
	}
	return err
}
