package image

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

func TestTransportTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(serveBoot))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := quick
	client.HTTP = &http.Client{Transport: &transport{proxy: noProxy, tls: &tls.Config{RootCAs: roots}}}
	content, err := fetch(t.Context(), client, server.URL)
	expectBoot(t, content, err)

	client.HTTP = &http.Client{Transport: &transport{proxy: noProxy}}
	_, err = fetch(t.Context(), client, server.URL)
	expectError(t, err, "certificate signed by unknown authority")
	if strings.Contains(err.Error(), "retries") {
		t.Errorf("a wrong certificate is tried again: %v", err)
	}
}

func TestTransportProxy(t *testing.T) {
	var asked string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		serveBoot(w, r)
	}))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	through := http.ProxyURL(address)
	client := quick
	client.HTTP = &http.Client{Transport: &transport{proxy: through, proxied: &http.Transport{Proxy: through}}}
	content, err := fetch(t.Context(), client, "http://ports.example/kernel")
	expectBoot(t, content, err)
	if asked != "http://ports.example/kernel" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

func TestTransportHugeHeader(t *testing.T) {
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Much", strings.Repeat("x", 2*maxHeader))
	})
	client := quick
	client.HTTP = &http.Client{Transport: &transport{proxy: noProxy}}
	_, err := fetch(t.Context(), client, source)
	expectError(t, err, "unable to download")
}

func TestAddress(t *testing.T) {
	for source, want := range map[string]string{
		"http://server/kernel":         "server:80",
		"http://server:8080/kernel":    "server:8080",
		"http://[fd00::1]/kernel":      "[fd00::1]:80",
		"http://[fd00::1]:8080/kernel": "[fd00::1]:8080",
	} {
		u, err := url.Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		if got := address(u, "80"); got != want {
			t.Errorf("%s: got %s", source, got)
		}
	}
}
