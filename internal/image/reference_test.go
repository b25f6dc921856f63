package image

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func TestCheckReference(t *testing.T) {
	for _, good := range []string{sum256, sum512, "file:SHA256SUMS", "file:/srv/SHA256SUMS", "file:///srv/SHA256SUMS", "file:https://server/SHA256SUMS"} {
		if err := CheckReference(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                          "write sha256:<64 hex digits> or sha512:<128 hex digits>; or write file:<URL or path of a list",
		"https://server/SHA256SUMS": "or write file:<URL",
		"file:":                     "names no list",
	} {
		expectError(t, CheckReference(bad), want)
	}
}

func TestListOf(t *testing.T) {
	for reference, want := range map[string]string{
		"file:SHA256SUMS":                "SHA256SUMS",
		"file:/srv/SHA256SUMS":           "/srv/SHA256SUMS",
		"file:///srv/SHA256SUMS":         "file:///srv/SHA256SUMS",
		"file:file:///srv/SHA256SUMS":    "file:///srv/SHA256SUMS",
		"file:http://server/SHA256SUMS":  "http://server/SHA256SUMS",
		"file:https://server/SHA256SUMS": "https://server/SHA256SUMS",
	} {
		if list, isList := ListOf(reference); list != want || !isList {
			t.Errorf("%s: got %q, %v", reference, list, isList)
		}
	}
	if _, isList := ListOf(sum256); isList {
		t.Errorf("%s is not a list", sum256)
	}
}

// serveFiles serves files by their paths.
func serveFiles(t *testing.T, files map[string][]byte) (root string) {
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		content, found := files[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		send(w, content)
	})
	return strings.TrimSuffix(source, "/kernel")
}

func TestClientChecksum(t *testing.T) {
	key, other := signer(t, "one", packet.Config{}), signer(t, "two", packet.Config{})
	root := serveFiles(t, map[string][]byte{
		"/SHA256SUMS":     signedList,
		"/SHA256SUMS.gpg": sign(t, key, nil),
		"/SHA256SUMS.asc": armored(t, openpgp.SignatureType, sign(t, key, nil)),
		"/other.gpg":      sign(t, other, nil),
		"/empty.gpg":      nil,
		"/CHECKSUM":       clearsigned(t, key),
		"/changed":        []byte(strings.Replace(string(clearsigned(t, key)), "aaa", "bbb", 1)),
		"/page":           []byte("<html>"),
		"/large":          make([]byte, maxList+1),
		"/key":            armored(t, openpgp.PublicKeyType, ring(t, key)),
	})
	keys, err := quick.KeyRing(t.Context(), root+"/key")
	if err != nil {
		t.Fatal(err)
	}
	local := filepath.Join(t.TempDir(), "SHA256SUMS")
	if err := os.WriteFile(local, signedList, 0o600); err != nil {
		t.Fatal(err)
	}
	by := func(name string) *Signing {
		if name != "" {
			name = root + "/" + name
		}
		return &Signing{keys, name}
	}
	for _, test := range []struct {
		reference string
		signing   *Signing
		want      string // an error, if it is not a checksum
	}{
		{sum512, nil, sum512},
		{"md5:x", nil, "write sha256:"},
		{"file:" + local, nil, "sha256:aaa"},
		{"file:" + local, by("SHA256SUMS.gpg"), "sha256:aaa"},
		{"file:" + root + "/SHA256SUMS", nil, "sha256:aaa"},
		{"file:" + root + "/SHA256SUMS", by("SHA256SUMS.gpg"), "sha256:aaa"},
		{"file:" + root + "/SHA256SUMS", by("SHA256SUMS.asc"), "sha256:aaa"},
		{"file:" + root + "/CHECKSUM", by(""), "sha256:aaa"},
		{"file:" + root + "/CHECKSUM", nil, "sha256:aaa"},
		{"file:" + root + "/changed", by(""), "the list was changed"},
		{"file:" + root + "/SHA256SUMS", by(""), "the checksum list " + root + "/SHA256SUMS: it does not contain a signature"},
		{"file:" + root + "/SHA256SUMS", by("other.gpg"), "but the given keys are"},
		{"file:" + root + "/SHA256SUMS", by("empty.gpg"), "the signature is empty"},
		{"file:" + root + "/SHA256SUMS", by("absent.gpg"), "the signature: unable to download " + root + "/absent.gpg"},
		{"file:" + root + "/absent", nil, "the checksum list: unable to download " + root + "/absent"},
		{"file:" + root + "/page", nil, "it has no checksum"},
		{"file:" + root + "/large", nil, "/large has more than 8192 KiB"},
	} {
		sum, err := quick.Checksum(t.Context(), test.reference, root+"/kernel", test.signing)
		if result := fmt.Sprint(sum, err); !strings.HasPrefix(result, test.want) && err == nil || !strings.Contains(result, test.want) {
			t.Errorf("%s: got %v, %v; want %s", test.reference, sum, err, test.want)
		}
	}
}

func TestClientKeyRingErrors(t *testing.T) {
	root := serveFiles(t, map[string][]byte{"/page": []byte("<html>")})
	for name, want := range map[string]string{"/page": root + "/page: the key cannot be read", "/absent": "unable to download"} {
		_, err := quick.KeyRing(t.Context(), root+name)
		expectError(t, err, want)
	}
}
