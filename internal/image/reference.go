package image

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Signing says how to check that a list of checksums is from the distributor.
type Signing struct {
	Keys      KeyRing
	Signature string // source of the signature; empty for a list that contains its signature
}

// CheckReference refuses a reference that is neither "sha256:" or "sha512:" with a digest nor "file:" with
// the source of a list.
func CheckReference(reference string) error {
	list, isList := ListOf(reference)
	switch {
	case isList && list == "":
		return fmt.Errorf("checksum %q names no list: write file: and then a URL or a local path", reference)
	case isList:
		return nil
	}
	if _, err := ParseChecksum(reference); err != nil {
		return fmt.Errorf("%w; or write file:<URL or path of a list such as SHA256SUMS>", err)
	}
	return nil
}

// ListOf returns the source of the list that a reference names.
func ListOf(reference string) (list string, isList bool) {
	if strings.HasPrefix(reference, "file:///") {
		return reference, true // a file URL: a list on this machine, with or without another "file:"
	}
	return strings.CutPrefix(reference, "file:")
}

// Checksum returns the checksum that a reference has for the source: its digest, or else the entry in the
// list that it names. With signing, the list must be signed.
func (c Client) Checksum(ctx context.Context, reference, source string, signing *Signing) (Checksum, error) {
	list, isList := ListOf(reference)
	if !isList {
		return ParseChecksum(reference)
	}
	text, err := c.read(ctx, Location{Source: list}, maxList)
	if err != nil {
		return Checksum{}, fmt.Errorf("the checksum list: %w", err)
	}
	if signing != nil {
		if text, err = c.verifyList(ctx, text, *signing); err != nil {
			return Checksum{}, fmt.Errorf("the checksum list %s: %w", redacted(list), err)
		}
	}
	entries, err := ParseList(text)
	if err != nil {
		return Checksum{}, fmt.Errorf("the checksum list %s: %w", redacted(list), err)
	}
	return entries.Find(list, source)
}

func (c Client) verifyList(ctx context.Context, text []byte, signing Signing) ([]byte, error) {
	if signing.Signature == "" {
		return signing.Keys.VerifyList(text, nil)
	}
	signature, err := c.read(ctx, Location{Source: signing.Signature}, maxSignature)
	if err != nil {
		return nil, fmt.Errorf("the signature: %w", err)
	}
	if len(signature) == 0 {
		return nil, errors.New("the signature is empty: check where it comes from")
	}
	return signing.Keys.VerifyList(text, signature)
}

// KeyRing reads public keys from a source.
func (c Client) KeyRing(ctx context.Context, source string) (KeyRing, error) {
	data, err := c.read(ctx, Location{Source: source}, maxKeys)
	if err != nil {
		return KeyRing{}, err
	}
	ring, err := ParseKeyRing(data)
	if err != nil {
		return KeyRing{}, fmt.Errorf("%s: %w", redacted(source), err)
	}
	return ring, nil
}
