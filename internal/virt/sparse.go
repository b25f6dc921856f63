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
// together with an error, of which io.EOF is the end; a block is good until the next one. Their bytes fit into a
// packet.
type blocks func(ctx context.Context) (block, error)

// dense are the blocks of content without holes.
func dense(content io.Reader, packet int) blocks {
	chunk := make([]byte, packet)
	return func(context.Context) (block, error) {
		n, err := fill(content, chunk)
		return block{bytes: chunk[:n]}, err
	}
}

// maxHole bounds a hole, so that content of zeros without an end soon finds that nobody listens.
const maxHole = 1 << 30

// sparse are the blocks of content in which a piece of zeros is a hole.
func sparse(content io.Reader, packet int) blocks {
	const piece = 256 << 10
	chunk := make([]byte, packet)
	var behind uint64 // zeros behind the last block's bytes
	var end error     // of content, behind those
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

// holeOrBytes passes over zeros that content knows of, or reads what comes next, of which zeros alone are a
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
