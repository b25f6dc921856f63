package image

import (
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

var (
	sum256 = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("content")))
	sum512 = fmt.Sprintf("sha512:%x", sha512.Sum512([]byte("content")))
)

func TestParseChecksum(t *testing.T) {
	for _, text := range []string{sum256, sum512} {
		for _, given := range []string{text, text[:7] + strings.ToUpper(text[7:])} {
			sum, err := ParseChecksum(given)
			if err != nil || sum.String() != text {
				t.Errorf("%s: got %v, %v", given, sum, err)
			}
		}
	}
	if text := (Checksum{}).String(); text != "" {
		t.Errorf("the zero checksum is %q", text)
	}
}

func TestParseChecksumErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "write sha256:<64 hex digits> or sha512:<128 hex digits>",
		strings.TrimPrefix(sum256, "sha256:"):  "write sha256:<64 hex digits>",
		"md5:d41d8cd98f00b204e9800998ecf8427e": "write sha256:<64 hex digits>",
		sum256[:len(sum256)-1]:                 "has 63 digits after sha256:, but needs 64",
		"sha512:" + sum256[7:]:                 "has 64 digits after sha512:, but needs 128",
		sum256[:len(sum256)-1] + "g":           "needs hexadecimal digits",
	} {
		_, err := ParseChecksum(text)
		expectError(t, err, want)
	}
}

func FuzzParseChecksum(f *testing.F) {
	f.Add(sum256)
	f.Add(sum512)
	f.Add("sha256:")
	f.Fuzz(func(t *testing.T, text string) {
		sum, err := ParseChecksum(text)
		if err != nil {
			return
		}
		if again, err := ParseChecksum(sum.String()); err != nil || again != sum {
			t.Errorf("%q: %v reads back as %v, %v", text, sum, again, err)
		}
		if !strings.EqualFold(sum.String(), text) {
			t.Errorf("%q became %q", text, sum)
		}
	})
}

func TestVerify(t *testing.T) {
	for _, text := range []string{"", sum256, sum512} {
		var want Checksum
		if text != "" {
			want, _ = ParseChecksum(text)
		}
		digest := Verify(iotest.OneByteReader(strings.NewReader("content")), want, "kernel")
		if content, err := io.ReadAll(digest); err != nil || string(content) != "content" {
			t.Errorf("%s: read %q, %v", text, content, err)
		}
		if "sha256:"+digest.SHA256() != sum256 {
			t.Errorf("%s: got %s", text, digest.SHA256())
		}
	}
}

func TestVerifyMismatch(t *testing.T) {
	for _, text := range []string{sum256, sum512} {
		want, _ := ParseChecksum(text)
		for _, content := range []string{"", "conten", "contents", "Content"} {
			_, err := io.ReadAll(Verify(iotest.DataErrReader(strings.NewReader(content)), want, "http://server/kernel"))
			expectError(t, err, "http://server/kernel has the checksum "+text[:7])
			expectError(t, err, "not "+text)
		}
	}
}

func TestVerifyPassesErrorsOn(t *testing.T) {
	want, _ := ParseChecksum(sum256)
	broken := errors.New("broken")
	content := io.MultiReader(strings.NewReader("content"), iotest.ErrReader(broken))
	if _, err := io.ReadAll(Verify(content, want, "kernel")); err != broken {
		t.Errorf("got %v", err)
	}
}
