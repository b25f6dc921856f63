package virt

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// FuzzSparse checks that the blocks together are the content, wherever it has zeros, and that no hole is within the
// bytes that are sent for one chunk.
func FuzzSparse(f *testing.F) {
	f.Add([]byte{1, 0, 0, 2}, []byte("x"), true)
	f.Add([]byte{0, 0, 3}, []byte{0}, false)
	f.Add([]byte{}, []byte{}, true)
	broken := errors.New("broken")
	f.Fuzz(func(t *testing.T, pieces, tail []byte, whole bool) {
		var content []byte
		for _, piece := range pieces[:min(len(pieces), 8)] { // this many bytes of that value
			content = append(content, bytes.Repeat([]byte{piece % 3}, int(piece)*packetSize/64)...)
		}
		content = append(content, tail...)
		end, source := io.EOF, io.Reader(bytes.NewReader(content))
		if !whole {
			end, source = broken, io.MultiReader(source, iotest.ErrReader(broken))
		}
		packet := []int{packetSize, oneByOneSize}[len(tail)%2]
		next := sparse(iotest.HalfReader(source), packet)
		var got []byte
		for {
			b, err := next(t.Context())
			if len(b.bytes) > packet || len(b.bytes) > 0 && isZero(b.bytes) {
				t.Fatalf("a block has %d bytes, all zero: %t", len(b.bytes), isZero(b.bytes))
			}
			got = append(append(got, make([]byte, b.hole)...), b.bytes...)
			if err != nil {
				if err != end || !bytes.Equal(got, content) {
					t.Errorf("got %d bytes and %v, want %d and %v", len(got), err, len(content), end)
				}
				return
			}
		}
	})
}
