package virt

import (
	"bytes"
	"context"
	"io"
)

// Holes is content that knows where it has only zeros, and can skip them without reading.
type Holes interface {
	// SkipHole skips the hole that begins where the next Read would begin, and returns its length in bytes. 0 means
	// that there is no hole.
	SkipHole() (int64, error)
}

// block is a part of content: a hole and the bytes after it.
type block struct {
	hole  uint64
	bytes []byte
}

func (b block) length() uint64 { return b.hole + uint64(len(b.bytes)) }

// blocks divides content into pieces that are sent as one. Like an io.Reader, it may return a block together with an
// error, and io.EOF is the end. A block is valid until the next one. The bytes of a block fit into a packet.
type blocks func(ctx context.Context) (block, error)

// dense returns the blocks of content without holes.
func dense(content io.Reader, packet int) blocks {
	chunk := make([]byte, packet)
	return func(context.Context) (block, error) {
		n, err := fill(content, chunk)
		return block{bytes: chunk[:n]}, err
	}
}

// maxHole limits a hole, so that an endless content of zeros soon finds out if the receiver has gone.
const maxHole = 1 << 30

// sparse returns the blocks of content. A piece of zeros is a hole.
func sparse(content io.Reader, packet int) blocks {
	const piece = 256 << 10
	chunk := make([]byte, packet)
	var behind uint64 // zeros after the last block's bytes
	var end error     // the error that ends content, after those zeros
	return func(ctx context.Context) (b block, err error) {
		b.hole, behind = behind, 0
		for end == nil && behind == 0 && b.hole < maxHole && len(b.bytes) < packet {
			if ctx.Err() != nil {
				return b, context.Cause(ctx)
			}
			var zeros uint64
			var bytes []byte
			zeros, bytes, end = holeOrBytes(content, chunk[len(b.bytes):][:piece])
			b.bytes = chunk[:len(b.bytes)+len(bytes)]
			if len(b.bytes) == 0 {
				b.hole += zeros
			} else {
				behind = zeros
			}
		}
		if behind > 0 {
			return b, nil
		}
		return b, end
	}
}

// holeOrBytes skips zeros that content knows of, or reads what comes next. If that consists only of zeros, it is a
// hole as well.
func holeOrBytes(content io.Reader, piece []byte) (hole uint64, bytes []byte, err error) {
	if known, ok := content.(Holes); ok {
		if skipped, err := known.SkipHole(); skipped > 0 || err != nil {
			return uint64(skipped), nil, err
		}
	}
	n, err := fill(content, piece)
	if isZero(piece[:n]) {
		return uint64(n), nil, err
	}
	return 0, piece[:n], err
}

// isZero compares the bytes with themselves, shifted by one, which needs no zeros for comparison.
func isZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1])
}

// fill reads until chunk is full or content ends. Unlike io.ReadFull, it returns content's own error: io.EOF is the
// end, and io.ErrUnexpectedEOF is a source that broke off.
func fill(content io.Reader, chunk []byte) (n int, err error) {
	for n < len(chunk) && err == nil {
		var m int
		m, err = content.Read(chunk[n:])
		n += m
	}
	return n, err
}
