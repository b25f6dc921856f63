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

// newHTTPClient makes HTTP/1.1 requests, each on a connection of its own: what a server sends after the
// promised Content-Length is then dropped with the connection, where net/http would write the
// beginning of it to the log. HTTP/2 brings nothing where one file is read at a time.
//
// A body that is longer than promised passes for whole, as with curl. Python's http.server sends such
// a one of a file that grows meanwhile; other servers cut it themselves, and the client cannot know. A
// checksum tells in both cases.
func newHTTPClient(config *tls.Config) *http.Client {
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Client{
		Transport: redirectChecker{&http.Transport{
			Proxy:                  proxyFromEnvironment,
			TLSClientConfig:        config,
			Protocols:              http1,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeader,
		}},
		CheckRedirect: checkRedirect,
	}
}

// proxyFromEnvironment is net/http's, without its error, which may have a password.
func proxyFromEnvironment(req *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("HTTP_PROXY or HTTPS_PROXY is no valid URL")
	}
	return proxy, nil
}

// redirectChecker refuses a redirect to what is no URL, which net/http would quote, with a token in it.
type redirectChecker struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (c redirectChecker) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if _, err := url.Parse(resp.Header.Get("Location")); err != nil {
		resp.Body.Close()
		return nil, errors.New("the server redirects to what is no URL")
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
