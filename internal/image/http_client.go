package image

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

const (
	maxRedirects = 10
	maxHeader    = 1 << 20 // bytes of a response header
)

var defaultHTTP = newHTTPClient(nil)

// newHTTPClient returns a client for HTTP/1.1 requests, each on a separate connection: what a server sends
// after the announced Content-Length is then dropped with the connection. Otherwise net/http would write
// the beginning of it to the log. HTTP/2 has no advantage if one file is read at a time.
//
// A body that is longer than announced counts as complete, as with curl. Python's http.server sends such a
// body if a file grows during the download. Other servers cut the body themselves, and the client cannot
// know. A checksum shows both.
func newHTTPClient(config *tls.Config) *http.Client {
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	transport := &http.Transport{
		Proxy:                  proxyFromEnvironment,
		TLSClientConfig:        config,
		Protocols:              http1,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
	}
	transport.RegisterProtocol("ftp", ftpTransport{})
	return &http.Client{Transport: redirectChecker{transport}, CheckRedirect: checkRedirect}
}

// proxyFromEnvironment is like that of net/http, but its error does not contain the URL, which may have a
// password.
func proxyFromEnvironment(req *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("HTTP_PROXY or HTTPS_PROXY is not a valid URL")
	}
	return proxy, nil
}

// redirectChecker refuses a redirect to an invalid URL. net/http would quote that URL, with a token in it.
type redirectChecker struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (c redirectChecker) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if _, err := url.Parse(resp.Header.Get("Location")); err != nil {
		resp.Body.Close()
		return nil, errors.New("the server redirects to an invalid URL")
	}
	return resp, nil
}

// checkRedirect says whether a redirect is followed.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("stopped after %d redirects: the server redirects in a loop", maxRedirects)
	}
	if scheme := req.URL.Scheme; scheme != "http" && scheme != "https" {
		return fmt.Errorf("a redirect leads to the scheme %q: only http and https are followed", scheme)
	}
	return nil
}
