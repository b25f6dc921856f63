package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const noLimit = math.MaxInt64

// lines is the content of lines.xz (several blocks), streams.xz (two streams, with padding between them), lines.bz2,
// streams.bz2 (as pbzip2 makes it) and lines.lz4 in testdata/packed. XZ Utils have made the xz files, because Go has
// nothing here that packs xz: zeros.xz is 40,000,000 zeros, nine.xz asks for a dictionary of 64 MiB and dictionary.xz
// for 65.
var lines = func() []byte {
	var text bytes.Buffer
	for i := range 12000 {
		fmt.Fprintf(&text, "%d is a line\n", i)
	}
	return text.Bytes()
}()

// pack compresses each part to its own member or frame.
func pack(t testing.TB, kind string, parts ...[]byte) []byte {
	t.Helper()
	var packed []byte
	for _, part := range parts {
		packed = append(packed, packTimes(t, kind, part, 1)...)
	}
	return packed
}

// packTimes compresses a part that is repeated.
func packTimes(t testing.TB, kind string, part []byte, times int) []byte {
	t.Helper()
	var packed bytes.Buffer
	writer := packer(t, kind, &packed)
	for range times {
		if _, err := writer.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func packer(t testing.TB, kind string, w io.Writer) io.WriteCloser {
	t.Helper()
	switch kind {
	case "gzip":
		return gzip.NewWriter(w)
	case "lz4":
		return lz4.NewWriter(w)
	}
	window := maxZstdWindow
	if kind == "zstd --long" {
		window *= 2
	}
	writer, err := zstd.NewWriter(w, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return writer
}

func unpack(packed io.Reader, limit int64) (content []byte, kind string, err error) {
	unpacked, kind, err := Decompress(context.Background(), packed, limit)
	if err != nil {
		return nil, kind, err
	}
	defer unpacked.Close()
	content, err = io.ReadAll(unpacked)
	return content, kind, err
}

// packedLines is lines in every packing.
func packedLines(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"gzip":  pack(t, "gzip", lines),
		"xz":    readTestdata(t, "packed/lines.xz"),
		"zstd":  pack(t, "zstd", lines),
		"bzip2": readTestdata(t, "packed/lines.bz2"),
		"lz4":   pack(t, "lz4", lines),
	}
}

func TestDecompress(t *testing.T) {
	half := len(lines) / 2
	skipped := []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00size")
	for name, test := range map[string]struct {
		kind   string
		packed []byte
	}{
		"gzip":           {"gzip", pack(t, "gzip", lines)},
		"gzip members":   {"gzip", pack(t, "gzip", lines[:half], nil, lines[half:])},
		"xz blocks":      {"xz", readTestdata(t, "packed/lines.xz")},
		"xz streams":     {"xz", readTestdata(t, "packed/streams.xz")},
		"zstd":           {"zstd", pack(t, "zstd", lines)},
		"zstd frames":    {"zstd", pack(t, "zstd", lines[:half], lines[half:])},
		"zstd of pzstd":  {"zstd", append(skipped, pack(t, "zstd", lines)...)},
		"bzip2":          {"bzip2", readTestdata(t, "packed/lines.bz2")},
		"bzip2 streams":  {"bzip2", readTestdata(t, "packed/streams.bz2")},
		"lz4":            {"lz4", pack(t, "lz4", lines)},
		"lz4 frames":     {"lz4", pack(t, "lz4", lines[:half], lines[half:])},
		"lz4 of the CLI": {"lz4", readTestdata(t, "packed/lines.lz4")},
		"not compressed": {"", lines},
	} {
		for _, reader := range []io.Reader{bytes.NewReader(test.packed), iotest.DataErrReader(bytes.NewReader(test.packed)), iotest.OneByteReader(bytes.NewReader(test.packed))} {
			content, kind, err := unpack(reader, int64(len(lines)))
			if err != nil || kind != test.kind || !bytes.Equal(content, lines) {
				t.Errorf("%s: got %d bytes of kind %q, %v", name, len(content), kind, err)
			}
		}
	}
}

func TestDecompressSmall(t *testing.T) {
	for _, text := range []string{"", "x", "\x1f", "\xfd7zXZ", "(\xb5/", "BZh91AY"} {
		content, kind, err := unpack(strings.NewReader(text), noLimit)
		if err != nil || kind != "" || string(content) != text {
			t.Errorf("%q: got %q of kind %q, %v", text, content, kind, err)
		}
	}
	for kind, packed := range map[string][]byte{
		"gzip": pack(t, "gzip", nil), "zstd": pack(t, "zstd", []byte("x")), "bzip2": []byte("BZh9\x17rE8P\x90\x00\x00\x00\x00"), "lz4": pack(t, "lz4", nil),
	} {
		if content, got, err := unpack(bytes.NewReader(packed), 1); err != nil || got != kind {
			t.Errorf("%s: got %q of kind %q, %v", kind, content, got, err)
		}
	}
}

// TestDecompressCutOff cuts files at every tenth, and before their last byte.
func TestDecompressCutOff(t *testing.T) {
	for kind, packed := range packedLines(t) {
		for tenth := 1; tenth <= 10; tenth++ {
			size := min(len(packed)*tenth/10, len(packed)-1)
			content, _, err := unpack(bytes.NewReader(packed[:size]), noLimit)
			expectError(t, err, "the "+kind+" file is incomplete or damaged")
			if !bytes.HasPrefix(lines, content) {
				t.Errorf("%s: the first %d bytes unpack to something else", kind, size)
			}
		}
	}
}

// TestDecompressDamaged changes a byte at every tenth.
func TestDecompressDamaged(t *testing.T) {
	for kind, packed := range packedLines(t) {
		for tenth := range 10 {
			damaged := bytes.Clone(packed)
			damaged[max(len(packed)*tenth/10, 10)] ^= 0x55
			if content, _, err := unpack(bytes.NewReader(damaged), noLimit); err == nil && !bytes.Equal(content, lines) {
				t.Errorf("%s: a byte changed at %d of 10 is not noticed", kind, tenth)
			}
		}
	}
}

func TestDecompressGoesOn(t *testing.T) {
	for kind, packed := range packedLines(t) {
		for _, rest := range []string{"\x01", "\x01\x02\x03", "more of it", "\x00\x00\x00\x00x", strings.Repeat("x", 1<<20)} {
			_, _, err := unpack(strings.NewReader(string(packed)+rest), noLimit)
			expectError(t, err, "the "+kind+" file is ")
		}
	}
}

func TestDecompressLimit(t *testing.T) {
	for kind, packed := range packedLines(t) {
		for _, limit := range []int64{0, 1, int64(len(lines)) - 1} {
			unpacked, _, err := Decompress(t.Context(), bytes.NewReader(packed), limit)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // it stays an error
				_, err = io.Copy(io.Discard, unpacked)
				expectError(t, err, fmt.Sprintf("the %s file unpacks to more than %d bytes", kind, limit))
			}
			if err := unpacked.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestDecompressPassesErrorsOn checks that an error of the source is not reported as damage.
func TestDecompressPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	for kind, packed := range packedLines(t) {
		for _, size := range []int{3, 9, len(packed) / 2, len(packed)} {
			source := io.MultiReader(bytes.NewReader(packed[:size]), iotest.ErrReader(broken))
			if _, _, err := unpack(source, noLimit); err != broken {
				t.Errorf("%s, %d bytes: got %v", kind, size, err)
			}
		}
		want, err := ParseChecksum(sum256)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = unpack(Verify(bytes.NewReader(packed), want, "image"), noLimit)
		expectError(t, err, "image has the checksum sha256:")
	}
}

// TestDecompressMemory unpacks far more zeros than it may use memory.
func TestDecompressMemory(t *testing.T) {
	const size, parts = 40_000_000, 40
	zeros := make([]byte, size/parts)
	for kind, packed := range map[string][]byte{
		"gzip":  packTimes(t, "gzip", zeros, parts),
		"xz":    readTestdata(t, "packed/zeros.xz"),
		"zstd":  packTimes(t, "zstd", zeros, parts),
		"bzip2": readTestdata(t, "packed/zeros.bz2"),
		"lz4":   packTimes(t, "lz4", zeros, parts),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		unpacked, _, err := Decompress(t.Context(), bytes.NewReader(packed), size)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, unpacked)
		runtime.ReadMemStats(&after)
		if err := unpacked.Close(); err != nil {
			t.Error(err)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; n != size || err != nil || taken > 16<<20 {
			t.Errorf("%s: got %d bytes, %v, for %d MiB of memory", kind, n, err, taken>>20)
		}
	}
}

func TestDecompressWindow(t *testing.T) {
	if content, _, err := unpack(bytes.NewReader(readTestdata(t, "packed/nine.xz")), noLimit); err != nil || string(content) != string(lines[:100]) {
		t.Errorf("a dictionary of 64 MiB: got %q, %v", content, err)
	}
	_, _, err := unpack(bytes.NewReader(readTestdata(t, "packed/dictionary.xz")), noLimit)
	expectError(t, err, "the xz file needs a dictionary of more than 64 MiB")

	_, _, err = unpack(bytes.NewReader(packTimes(t, "zstd --long", lines, 3*maxZstdWindow/len(lines))), noLimit)
	expectError(t, err, "the zstd file needs a window of more than 8 MiB")
}

// TestDecompressInTurn checks that only one xz file is unpacked at a time, however the previous one ended.
func TestDecompressInTurn(t *testing.T) {
	packed := readTestdata(t, "packed/nine.xz")
	open := func(ctx context.Context) (io.ReadCloser, error) {
		content, _, err := Decompress(ctx, bytes.NewReader(packed), noLimit)
		return content, err
	}
	for name, end := range map[string]func(io.ReadCloser) error{
		"closed":          func(c io.ReadCloser) error { return errors.Join(c.Close(), c.Close()) },
		"read":            func(c io.ReadCloser) error { _, err := io.Copy(io.Discard, c); return err },
		"read and closed": func(c io.ReadCloser) error { _, err := io.Copy(io.Discard, c); return errors.Join(err, c.Close()) },
	} {
		first, err := open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		why := errors.New("no patience")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if _, err := open(ctx); err != why {
			t.Errorf("%s: a second one at the same time: %v", name, err)
		}
		second := make(chan error)
		go func() {
			content, err := open(t.Context())
			if err == nil {
				err = content.Close()
			}
			second <- err
		}()
		if err := end(first); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := <-second; err != nil {
			t.Errorf("%s: the second one: %v", name, err)
		}
		if len(xzSlot) != 0 {
			t.Errorf("%s: the slot is still taken", name)
		}
	}
	for _, bad := range [][]byte{packed[:8], packed[:40], readTestdata(t, "packed/dictionary.xz")} {
		if _, _, err := unpack(bytes.NewReader(bad), noLimit); err == nil || len(xzSlot) != 0 {
			t.Errorf("%d bytes: %v, and the slot is still taken: %t", len(bad), err, len(xzSlot) != 0)
		}
	}
}

// FuzzDecompress checks that nothing gives more than the limit, and that the result is always the same.
func FuzzDecompress(f *testing.F) {
	f.Add(readTestdata(f, "packed/small.xz"))
	f.Add(readTestdata(f, "packed/dictionary.xz"))
	f.Add(pack(f, "gzip", []byte("a"), lines[:100]))
	f.Add(pack(f, "zstd", []byte("a"), lines[:100]))
	f.Add(pack(f, "lz4", []byte("a"), lines[:100]))
	f.Add(readTestdata(f, "packed/small.bz2"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		const limit = 1 << 20
		content, kind, err := unpack(bytes.NewReader(packed), limit)
		if kind != "" && len(content) > limit {
			t.Errorf("got %d bytes", len(content))
		}
		again, _, errAgain := unpack(iotest.OneByteReader(bytes.NewReader(packed)), limit)
		if !bytes.Equal(content, again) && err == nil || (err == nil) != (errAgain == nil) {
			t.Errorf("got %d bytes, %v, and then %d bytes, %v", len(content), err, len(again), errAgain)
		}
	})
}
