package image

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestClientTrust fetches from a server whose certificate this machine does not trust.
func TestClientTrust(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(serveBoot))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()

	_, err := fetch(t.Context(), quick, server.URL)
	expectError(t, err, "certificate signed by unknown authority: give the certificate of the server's CA")
	if strings.Contains(err.Error(), "retries") {
		t.Errorf("a request with a wrong certificate is repeated: %v", err)
	}

	insecure := quick
	insecure.Insecure = true
	content, err := fetch(t.Context(), insecure, server.URL)
	expectBoot(t, content, err)

	trusting := quick
	trusting.CAs, err = ParseCAs(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	if err != nil {
		t.Fatal(err)
	}
	content, err = fetch(t.Context(), trusting, server.URL)
	expectBoot(t, content, err)
}

func TestParseCAsErrors(t *testing.T) {
	_, err := ParseCAs([]byte("no certificate"))
	expectError(t, err, "it has no certificate")
}
