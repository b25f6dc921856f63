package image

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Checksum is the hash that the content of a file must have. The zero value accepts any content.
type Checksum struct {
	Algorithm string // "sha256" or "sha512"
	Hex       string // lower case
}

// digits is the length of a checksum in hexadecimal digits.
var digits = map[string]int{"sha256": 2 * sha256.Size, "sha512": 2 * sha512.Size}

// ParseChecksum reads "sha256:" with 64 or "sha512:" with 128 hexadecimal digits, of either case.
func ParseChecksum(text string) (Checksum, error) {
	algorithm, sum, _ := strings.Cut(text, ":")
	want, known := digits[algorithm]
	if !known {
		return Checksum{}, fmt.Errorf("checksum %q is not valid: write sha256:<64 hex digits> or sha512:<128 hex digits>", text)
	}
	if len(sum) != want {
		return Checksum{}, fmt.Errorf("checksum %q has %d digits after %s:, but needs %d", text, len(sum), algorithm, want)
	}
	if _, err := hex.DecodeString(sum); err != nil {
		return Checksum{}, fmt.Errorf("checksum %q needs hexadecimal digits after the colon of %s", text, algorithm)
	}
	return Checksum{algorithm, strings.ToLower(sum)}, nil
}

// String returns the form that ParseChecksum reads, empty for the zero value.
func (c Checksum) String() string {
	if c == (Checksum{}) {
		return ""
	}
	return c.Algorithm + ":" + c.Hex
}

// Digest is a reader that hashes what passes through it.
type Digest struct {
	content io.Reader
	sha256  hash.Hash
	asked   hash.Hash // of the algorithm of want: the same hash as sha256, except for sha512
	want    Checksum
	source  string
}

// Verify returns a reader of content that ends with an error instead of io.EOF if the content does not have
// the checksum want. The zero Checksum accepts everything. The source is for the message.
func Verify(content io.Reader, want Checksum, source string) *Digest {
	d := &Digest{content: content, sha256: sha256.New(), want: want, source: source}
	d.asked = d.sha256
	if want.Algorithm == "sha512" {
		d.asked = sha512.New()
	}
	return d
}

// Read implements io.Reader.
func (d *Digest) Read(p []byte) (int, error) {
	n, err := d.content.Read(p)
	d.sha256.Write(p[:n])
	if d.asked != d.sha256 {
		d.asked.Write(p[:n])
	}
	if err == io.EOF {
		if mismatch := d.mismatch(); mismatch != nil {
			return n, mismatch
		}
	}
	return n, err
}

// SHA256 returns the hash of what was read so far, in lower-case hexadecimal digits.
func (d *Digest) SHA256() string { return hex.EncodeToString(d.sha256.Sum(nil)) }

func (d *Digest) mismatch() error {
	got := Checksum{d.want.Algorithm, hex.EncodeToString(d.asked.Sum(nil))}
	if d.want == (Checksum{}) || got == d.want {
		return nil
	}
	return fmt.Errorf("%s has the checksum %s, not %s: the file was changed or damaged, or the checksum is of another file", d.source, got, d.want)
}
