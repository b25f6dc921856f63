package image

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
)

// ParseCAs reads certificates in PEM, to be trusted beside those that this machine trusts.
func ParseCAs(pem []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no certificate in it: give a file in PEM, with \"-----BEGIN CERTIFICATE-----\"")
	}
	return pool, nil
}

// client is what makes the requests.
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
