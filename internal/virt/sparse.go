package virt

import (
	"bytes"
	"context"
	"io"
)

// Holes is content that knows where it has nothing but zeros, and passes over them unread.
type Holes interface {
	// SkipHole passes over the hole that begins where the next Read would, and returns how many bytes
	// that were; 0 says that there is none.
	SkipHole() (int64, error)
}

// block is a part of content: a hole, and the bytes that follow it.
type block struct {
	hole  uint64
	bytes []byte
}

func (b block) length() uint64 { return b.hole + uint64(len(b.bytes)) }

// blocks cuts content into pieces that are sent as one. Like an io.Reader it may return a block
// together with an error, of which io.EOF is the end; a block is good until the next one. To read the
// next one while this one is sent gains nothing that could be measured: libvirtd is busy all the time.
type blocks func(ctx context.Context) (block, error)

// dense are the blocks of content without holes.
func dense(content io.Reader) blocks {
	chunk := make([]byte, maxChunk)
	return func(context.Context) (block, error) {
		n, err := fill(content, chunk)
		return block{bytes: chunk[:n]}, err
	}
}

// maxHole bounds a hole, so that content of zeros without an end soon finds that nobody listens.
const maxHole = 1 << 30

// sparse are the blocks of content in which a chunk of zeros is a hole.
func sparse(content io.Reader) blocks {
	chunk := make([]byte, maxChunk)
	return func(ctx context.Context) (b block, err error) {
		for err == nil && b.hole < maxHole {
			if ctx.Err() != nil {
				return b, context.Cause(ctx)
			}
			if b.hole, err = skipHole(content, b.hole); err != nil {
				return b, err
			}
			var n int
			if n, err = fill(content, chunk); !isZero(chunk[:n]) {
				b.bytes = chunk[:n]
				return b, err
			}
			b.hole += uint64(n)
		}
		return b, err
	}
}

// skipHole makes a hole longer by that which content knows of.
func skipHole(content io.Reader, hole uint64) (uint64, error) {
	known, ok := content.(Holes)
	if !ok {
		return hole, nil
	}
	skipped, err := known.SkipHole()
	return hole + uint64(skipped), err
}

// isZero compares bytes with themselves, one further, which needs no zeros to compare them with.
func isZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1])
}

// fill reads until chunk is full or content ends. Unlike io.ReadFull it passes on content's own
// error, so that io.EOF means the end and io.ErrUnexpectedEOF a source that broke.
func fill(content io.Reader, chunk []byte) (n int, err error) {
	for n < len(chunk) && err == nil {
		var m int
		m, err = content.Read(chunk[n:])
		n += m
	}
	return n, err
}
