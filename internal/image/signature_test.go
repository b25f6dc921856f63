package image

import (
	"bytes"
	"crypto"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

var signedList = []byte(strings.Repeat("a", 64) + "  kernel\n- " + "dash\n")

// signer makes a key with this date.
func signer(t testing.TB, name string, config packet.Config) *openpgp.Entity {
	t.Helper()
	config.Algorithm = packet.PubKeyAlgoEdDSA
	key, err := openpgp.NewEntity(name, "", name+"@example.org", &config)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// ring is the public part of the keys, binary.
func ring(t testing.TB, keys ...*openpgp.Entity) []byte {
	t.Helper()
	var public bytes.Buffer
	for _, key := range keys {
		if err := key.Serialize(&public); err != nil {
			t.Fatal(err)
		}
	}
	return public.Bytes()
}

func parseRing(t testing.TB, keys ...*openpgp.Entity) KeyRing {
	t.Helper()
	parsed, err := ParseKeyRing(ring(t, keys...))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// sign makes a detached signature on signedList.
func sign(t testing.TB, key *openpgp.Entity, config *packet.Config) []byte {
	t.Helper()
	var signature bytes.Buffer
	if err := openpgp.DetachSign(&signature, key, bytes.NewReader(signedList), config); err != nil {
		t.Fatal(err)
	}
	return signature.Bytes()
}

// clearsigned is signedList with a signature in the text.
func clearsigned(t testing.TB, keys ...*openpgp.Entity) []byte {
	t.Helper()
	var private []*packet.PrivateKey
	for _, key := range keys {
		private = append(private, key.PrivateKey)
	}
	var text bytes.Buffer
	plain, err := clearsign.EncodeMulti(&text, private, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Write(signedList); err != nil {
		t.Fatal(err)
	}
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// armored is binary content in armor of the given type.
func armored(t testing.TB, kind string, binary []byte) []byte {
	t.Helper()
	var text bytes.Buffer
	body, err := armor.Encode(&text, kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := body.Write(binary); err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	return append(text.Bytes(), '\n')
}

// sameText compares texts without the newlines at the end, which a signature in the text does not cover.
func sameText(one, two []byte) bool {
	return bytes.Equal(bytes.TrimRight(one, "\n"), bytes.TrimRight(two, "\n"))
}

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestVerifyListOfGnuPG reads signatures of GnuPG 2.2.
func TestVerifyListOfGnuPG(t *testing.T) {
	keys, err := ParseKeyRing(readTestdata(t, "signatures/key.asc"))
	if err != nil {
		t.Fatal(err)
	}
	list := readTestdata(t, "signatures/SHA256SUMS")
	for _, name := range []string{"gpg", "asc"} {
		text, err := keys.VerifyList(list, readTestdata(t, "signatures/SHA256SUMS."+name))
		if err != nil || !bytes.Equal(text, list) {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
	text, err := keys.VerifyList(readTestdata(t, "signatures/CHECKSUM"), nil)
	if err != nil || !sameText(text, readTestdata(t, "lists/fedora")) {
		t.Errorf("got %q, %v", text, err)
	}
	for name, want := range map[string]string{
		"sha1": "uses SHA-1, which can be forged",
		"md5":  "is of a kind that is not accepted, such as a signature with MD5",
	} {
		_, err := keys.VerifyList(list, readTestdata(t, "signatures/SHA256SUMS."+name))
		expectError(t, err, want)
	}
}

func TestVerifyList(t *testing.T) {
	one, two := signer(t, "one", packet.Config{}), signer(t, "two", packet.Config{})
	keys := parseRing(t, one)
	good, foreign := sign(t, one, nil), sign(t, two, nil)
	bad := slices.Clone(good)
	bad[len(bad)-1] ^= 1
	for name, signature := range map[string][]byte{
		"binary":                      good,
		"armored":                     armored(t, openpgp.SignatureType, good),
		"after that of another":       slices.Concat(foreign, good),
		"before that of another":      slices.Concat(good, foreign),
		"after a bad one":             slices.Concat(bad, good),
		"several in armor":            armored(t, openpgp.SignatureType, slices.Concat(foreign, bad, good)),
		"of SHA-512":                  sign(t, one, &packet.Config{DefaultHash: crypto.SHA512}),
		"before something unreadable": slices.Concat(good, []byte("rest")),
	} {
		if text, err := keys.VerifyList(signedList, signature); err != nil || !bytes.Equal(text, signedList) {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
	for name, list := range map[string][]byte{
		"one":       clearsigned(t, one),
		"several":   clearsigned(t, two, one),
		"line ends": bytes.ReplaceAll(clearsigned(t, one), []byte("\n"), []byte("\r\n")),
	} {
		text, err := keys.VerifyList(list, nil)
		if err != nil || !sameText(text, signedList) {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
}

func TestVerifyListErrors(t *testing.T) {
	now := time.Now()
	lastWeek := func() time.Time { return now.Add(-7 * 24 * time.Hour) }
	nextWeek := func() time.Time { return now.Add(7 * 24 * time.Hour) }
	key, other := signer(t, "one", packet.Config{Time: lastWeek}), signer(t, "two", packet.Config{})
	expired := signer(t, "old", packet.Config{Time: lastWeek, KeyLifetimeSecs: 3600})
	revoked := signer(t, "lost", packet.Config{Time: lastWeek})
	fromRevoked := sign(t, revoked, nil)
	if err := revoked.RevokeKey(packet.KeyCompromised, "", nil); err != nil {
		t.Fatal(err)
	}
	keys := parseRing(t, key)
	good := sign(t, key, nil)
	bad := slices.Clone(good)
	bad[len(bad)-1] ^= 1
	for _, test := range []struct {
		name            string
		keys            KeyRing
		list, signature []byte
		want            []string
	}{
		{"another key", keys, signedList, sign(t, other, nil), []string{
			fmt.Sprintf("signed by the key %016X, but the given keys are %016X (one <one@example.org>)", other.PrimaryKey.KeyId, key.PrimaryKey.KeyId)}},
		{"changed list", keys, append(slices.Clone(signedList), 'x'), good, []string{"the list was changed after it was signed, or the signature is for another file"}},
		{"changed signature", keys, signedList, bad, []string{fmt.Sprintf("the signature by the key %016X is not valid", key.PrimaryKey.KeyId)}},
		{"changed signature among others", keys, signedList, slices.Concat(sign(t, other, nil), bad), []string{"is not valid: the list was changed"}},
		{"expired key", parseRing(t, expired), signedList, sign(t, expired, &packet.Config{Time: lastWeek}), []string{"the key has expired: get the key again"}},
		{"revoked key", parseRing(t, revoked), signedList, fromRevoked, []string{"the key was revoked by its owner: get the owner's new key"}},
		{"expired signature", keys, signedList, sign(t, key, &packet.Config{Time: lastWeek, SigLifetimeSecs: 3600}), []string{"the signature has expired"}},
		{"signature from the future", keys, signedList, sign(t, key, &packet.Config{Time: nextWeek}), []string{"in the future: check this machine's clock"}},
		{"key as signature", keys, signedList, ring(t, key), []string{"it is not a signature"}},
		{"armored key as signature", keys, signedList, armored(t, openpgp.PublicKeyType, ring(t, key)), []string{`the signature file has a "PGP PUBLIC KEY BLOCK" instead of a signature`}},
		{"list as signature", keys, signedList, signedList, []string{"the signature is damaged"}},
		{"damaged armor", keys, signedList, []byte("-----BEGIN PGP SIGNATURE-----\n"), []string{"the signature cannot be read"}},
		{"damaged base64", keys, signedList, []byte("-----BEGIN PGP SIGNATURE-----\n\nAAA$\n-----END PGP SIGNATURE-----\n"), []string{"the signature is damaged"}},
		{"empty armor", keys, signedList, armored(t, openpgp.SignatureType, nil), []string{"the signature is empty"}},
		{"large signature", keys, signedList, make([]byte, maxSignature+1), []string{"more than 128 KiB"}},
		{"no signature", keys, signedList, nil, []string{"it does not contain a signature", ".gpg"}},
		{"text before a signed one", keys, append([]byte("x\n"), clearsigned(t, key)...), nil, []string{"it does not contain a signature"}},
		{"text after a signed one", keys, append(clearsigned(t, key), signedList...), nil, []string{"which is not signed"}},
		{"changed text", keys, bytes.Replace(clearsigned(t, key), []byte("kernel"), []byte("Kernel"), 1), nil, []string{"the list was changed"}},
		{"cut off", keys, clearsigned(t, key)[:200], nil, []string{"damaged or incomplete"}},
		{"clearsigned by another key", keys, clearsigned(t, other), nil, []string{"is signed by the key"}},
		{"no keys", KeyRing{}, signedList, good, []string{"is signed by the key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := test.keys.VerifyList(test.list, test.signature)
			for _, want := range test.want {
				expectError(t, err, want)
			}
			if text != nil {
				t.Errorf("got %q in addition to the error", text)
			}
		})
	}
}

func TestParseKeyRing(t *testing.T) {
	one, two := signer(t, "one", packet.Config{}), signer(t, "two", packet.Config{})
	first, second := armored(t, openpgp.PublicKeyType, ring(t, one)), armored(t, openpgp.PublicKeyType, ring(t, two))
	for name, data := range map[string][]byte{
		"binary":         ring(t, one, two),
		"armored":        armored(t, openpgp.PublicKeyType, ring(t, one, two)),
		"several blocks": slices.Concat([]byte("Keys of the distribution:\n\n"), first, []byte("\nand\n\n"), second, []byte("\n")),
	} {
		keys, err := ParseKeyRing(data)
		if want := parseRing(t, one, two).String(); err != nil || keys.String() != want {
			t.Errorf("%s: got %s, %v; want %s", name, keys, err, want)
		}
	}
}

func TestParseKeyRingErrors(t *testing.T) {
	key := signer(t, "one", packet.Config{})
	var private bytes.Buffer
	if err := key.SerializePrivate(&private, nil); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":          {nil, "it has no public OpenPGP key"},
		"text":             {[]byte("http://server/key\n"), "the key cannot be read"},
		"private":          {private.Bytes(), "this is a private key"},
		"private in armor": {armored(t, openpgp.PrivateKeyType, private.Bytes()), "this is a private key"},
		"signature":        {armored(t, openpgp.SignatureType, sign(t, key, nil)), "the key cannot be read"},
		"damaged armor":    {[]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), "it has no public OpenPGP key"},
		"cut off":          {ring(t, key)[:60], "the key cannot be read"},
		"very large":       {make([]byte, maxKeys+1), "more than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseKeyRing(test.data)
			expectError(t, err, test.want)
		})
	}
}

// FuzzVerifyList checks that a changed list or signature gives an error, and nothing worse.
func FuzzVerifyList(f *testing.F) {
	key := signer(f, "one", packet.Config{})
	keys := parseRing(f, key)
	f.Add(signedList, sign(f, key, nil))
	f.Add(signedList, armored(f, openpgp.SignatureType, sign(f, key, nil)))
	f.Add(clearsigned(f, key), []byte(nil))
	f.Add(readTestdata(f, "signatures/CHECKSUM"), []byte(nil))
	f.Fuzz(func(t *testing.T, list, signature []byte) {
		text, err := keys.VerifyList(list, signature)
		if err == nil && !sameText(text, signedList) && !sameText(text, readTestdata(t, "lists/fedora")) {
			t.Errorf("%q was never signed", text)
		}
	})
}

// FuzzParseKeyRing checks that any keys, and what they verify, give an error at worst.
func FuzzParseKeyRing(f *testing.F) {
	key := signer(f, "one", packet.Config{})
	signature := sign(f, key, nil)
	f.Add(ring(f, key))
	f.Add(armored(f, openpgp.PublicKeyType, ring(f, key)))
	f.Add(readTestdata(f, "signatures/key.asc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ParseKeyRing(data)
		if err != nil {
			return
		}
		if text, err := keys.VerifyList(signedList, signature); err == nil && !bytes.Equal(text, signedList) {
			t.Errorf("got %q", text)
		}
	})
}
