package image

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const (
	maxKeys      = 1 << 20   // bytes; all of Debian's archive keys have about 60 KiB
	maxSignature = 128 << 10 // bytes; each signature in the file costs one hash of the list

	armorBegin     = "-----BEGIN PGP "
	keyEnd         = "-----END PGP PUBLIC KEY BLOCK-----"
	clearsignBegin = "-----BEGIN PGP SIGNED MESSAGE-----"
)

// trustedHashes are the hashes for which no one can make a second text with the same signature.
var trustedHashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512}

// KeyRing is a set of public OpenPGP keys. A signature by any of them is accepted.
type KeyRing struct{ keys openpgp.EntityList }

// ParseKeyRing reads public keys, binary or armored. Armored keys may be in several blocks.
func ParseKeyRing(data []byte) (KeyRing, error) {
	if len(data) > maxKeys {
		return KeyRing{}, fmt.Errorf("the key has more than %d MiB: give only the public key of the signer", maxKeys>>20)
	}
	var ring KeyRing
	for _, block := range keyBlocks(data) {
		keys, err := openpgp.ReadKeyRing(block)
		if err != nil {
			return KeyRing{}, fmt.Errorf("the key cannot be read: %w", err)
		}
		ring.keys = append(ring.keys, keys...)
	}
	if slices.ContainsFunc(ring.keys, func(key *openpgp.Entity) bool { return key.PrivateKey != nil }) {
		return KeyRing{}, errors.New("this is a private key, which only its owner may have: give the public key")
	}
	// A key without a self-signature has no expiry date and no usage.
	ring.keys = slices.DeleteFunc(ring.keys, func(key *openpgp.Entity) bool {
		confirmed, _ := key.PrimarySelfSignature()
		return confirmed == nil
	})
	if len(ring.keys) == 0 {
		return KeyRing{}, errors.New("it has no public OpenPGP key: give the output of \"gpg --export --armor\", or the file that the distribution publishes")
	}
	return ring, nil
}

// keyBlocks returns the binary content of each block of keys.
func keyBlocks(data []byte) []io.Reader {
	if !bytes.Contains(data, []byte(armorBegin)) {
		return []io.Reader{bytes.NewReader(data)}
	}
	var blocks []io.Reader
	for _, text := range bytes.SplitAfter(data, []byte(keyEnd)) {
		if block, err := armor.Decode(bytes.NewReader(text)); err == nil {
			blocks = append(blocks, block.Body)
		}
	}
	return blocks
}

// String names the keys.
func (k KeyRing) String() string {
	var names []string
	for _, key := range k.keys {
		name := fmt.Sprintf("%016X", key.PrimaryKey.KeyId)
		if identity := key.PrimaryIdentity(); identity != nil {
			name += fmt.Sprintf(" (%s)", identity.Name)
		}
		names = append(names, name)
	}
	return someOf(names)
}

// VerifyList returns the text of a list that one of the keys has signed, and nothing else. A signature,
// binary or armored, must be for the whole list. Without a signature, the list must contain its signature.
func (k KeyRing) VerifyList(list, signature []byte) ([]byte, error) {
	if len(signature) > 0 {
		return k.verifyDetached(list, signature)
	}
	if !isClearsigned(list) {
		return nil, errors.New("it does not contain a signature: say where its signature is, often a file in the same directory with a name that ends with .gpg, .asc, .sig or .sign")
	}
	block, err := decodeClearsigned(list)
	if err != nil {
		return nil, err
	}
	// Bytes is the signed text, and Plaintext is the same text without carriage returns.
	if err := k.verify(block.Bytes, block.ArmoredSignature.Body); err != nil {
		return nil, err
	}
	return block.Plaintext, nil
}

func (k KeyRing) verifyDetached(list, signature []byte) ([]byte, error) {
	packets, err := unarmored(signature)
	if err != nil {
		return nil, err
	}
	if err := k.verify(list, packets); err != nil {
		return nil, err
	}
	return list, nil
}

func isClearsigned(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, "\r\n"), []byte(clearsignBegin))
}

// decodeClearsigned splits the message, and refuses a list with text after its signature.
func decodeClearsigned(text []byte) (*clearsign.Block, error) {
	block, rest := clearsign.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("it begins like a signed text, but it is damaged or incomplete: download it again")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("it has text after its signature, which is not signed: download it again")
	}
	return block, nil
}

// unarmored returns the packets of a signature.
func unarmored(signature []byte) (io.Reader, error) {
	if !bytes.Contains(signature, []byte(armorBegin)) {
		return bytes.NewReader(signature), nil
	}
	block, err := armor.Decode(bytes.NewReader(signature))
	if err != nil {
		return nil, fmt.Errorf("the signature cannot be read: %w", err)
	}
	if block.Type != openpgp.SignatureType {
		return nil, fmt.Errorf("the signature file has a %q instead of a signature: give the file with the signature", block.Type)
	}
	return block.Body, nil
}

// verify requires one good signature of several, because for some time a list is signed by an old key and
// by its successor.
func (k KeyRing) verify(text []byte, signatures io.Reader) error {
	content, err := io.ReadAll(io.LimitReader(signatures, maxSignature+1))
	if err != nil {
		return fmt.Errorf("the signature is damaged: %w", err)
	}
	if len(content) > maxSignature {
		return fmt.Errorf("the signature has more than %d KiB, which is too large for a signature: check where it comes from", maxSignature>>10)
	}
	var failures []error
	packets := packet.NewOpaqueReader(bytes.NewReader(content))
	for {
		next, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("the signature is damaged: %w", err))
			break
		}
		if err = k.verifyPacket(text, next); err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 {
		return errors.New("the signature is empty: check where it comes from")
	}
	return k.explain(failures)
}

// verifyPacket checks a single signature, because the library stops at the first signature whose key it
// knows.
func (k KeyRing) verifyPacket(text []byte, raw *packet.OpaquePacket) error {
	parsed, err := raw.Parse()
	if unsupported := pgperrors.UnsupportedError(""); errors.As(err, &unsupported) {
		return fmt.Errorf("the signature is of a kind that is not accepted, such as a signature with MD5: ask the distributor for a newer signature: %w", err)
	}
	if err != nil {
		return fmt.Errorf("the signature cannot be read: %w", err)
	}
	signature, ok := parsed.(*packet.Signature)
	if !ok || signature.IssuerKeyId == nil {
		return errors.New("it is not a signature, or it does not say which key made it: check where it comes from")
	}
	signer := *signature.IssuerKeyId
	if len(k.keys.KeysById(signer)) == 0 {
		return &foreignSignerError{signer}
	}
	if !slices.Contains(trustedHashes, signature.Hash) {
		return fmt.Errorf("the signature by the key %016X uses %s, which can be forged: ask the distributor for a newer signature", signer, signature.Hash)
	}
	var packet bytes.Buffer
	if err := raw.Serialize(&packet); err != nil {
		return err
	}
	_, err = openpgp.CheckDetachedSignature(k.keys, bytes.NewReader(text), &packet, nil)
	if err != nil {
		return fmt.Errorf("the signature by the key %016X is not valid: %w", signer, signatureCause(err))
	}
	return nil
}

// foreignSignerError is the error of a signature by a key that is not in the KeyRing.
type foreignSignerError struct{ signer uint64 }

func (e *foreignSignerError) Error() string {
	return fmt.Sprintf("it is signed by the key %016X", e.signer)
}

// explain makes one error from the errors of all signatures. Other signers do not matter if one of the
// keys has signed as well.
func (k KeyRing) explain(failures []error) error {
	isForeign := func(err error) bool { return errors.As(err, new(*foreignSignerError)) }
	if known := slices.DeleteFunc(slices.Clone(failures), isForeign); len(known) > 0 {
		return errors.Join(known[:min(len(known), maxShown)]...)
	}
	var signers []string
	for _, failure := range failures {
		signers = append(signers, failure.Error())
	}
	return fmt.Errorf("%s, but the given keys are %s: give the key that signed the list, after you have checked that it is the distributor's key", someOf(slices.Compact(signers)), k)
}

// signatureCause adds what to do to a cause that the library reports.
func signatureCause(err error) error {
	var invalid pgperrors.SignatureError
	switch {
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return errors.New("the key has expired: get the key again from the distributor, who may have extended it, or get the distributor's new key")
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return errors.New("the key was revoked by its owner: get the owner's new key")
	case errors.Is(err, pgperrors.ErrSignatureExpired):
		return errors.New("the signature has expired, or its date is in the future: check this machine's clock, and download the list and its signature again")
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return errors.New("this key is not for signatures: get the owner's key for signatures")
	case errors.As(err, &invalid):
		return errors.New("the list was changed after it was signed, or the signature is for another file")
	}
	return err
}
