package image

import (
	"bufio"
	"cmp"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
	"github.com/pierrec/lz4/v4"
)

// How much of what was unpacked last a decoder keeps, whatever a file asks for. It is nearly all the
// memory that unpacking takes.
const (
	// "xz -9", by which Fedora CoreOS packs its images for s390x, asks for 64 MiB; the default, "xz -6",
	// for 8. https://github.com/coreos/coreos-assembler/blob/main/src/cmd-compress
	maxXZDictionary = 64 << 20

	// RFC 8878 3.1.1.1.2: "it's recommended for decoders to support values of Window_Size up to 8 MB and
	// for encoders not to generate frames requiring a Window_Size larger than 8 MB".
	maxZstdWindow = 8 << 20
)

// packing is a format that Decompress unpacks.
type packing struct {
	kind   string
	magics []string
	open   func(context.Context, io.Reader) (io.ReadCloser, error)
}

var packings = []packing{
	{"gzip", []string{"\x1f\x8b"}, openGzip},
	{"xz", []string{"\xfd7zXZ\x00"}, openXZ},
	// pzstd begins with a frame that is to be skipped, and that says how long the next one is.
	{"zstd", []string{"\x28\xb5\x2f\xfd", "\x50\x2a\x4d\x18"}, openZstd},
	{"bzip2", bzip2Magics(), openBzip2},
	{"lz4", []string{"\x04\x22\x4d\x18"}, openLZ4},
}

// bzip2Magics are the beginnings of a file of any size of blocks, with a block and without. Three letters would be
// little to know a file by.
func bzip2Magics() (magics []string) {
	for size := '1'; size <= '9'; size++ {
		magics = append(magics, "BZh"+string(size)+"1AY&SY", "BZh"+string(size)+"\x17rE8P\x90")
	}
	return magics
}

// openBzip2 keeps a block of at most 900 kB, which takes four times that.
func openBzip2(_ context.Context, r io.Reader) (io.ReadCloser, error) {
	return io.NopCloser(bzip2.NewReader(r)), nil
}

// openLZ4 keeps two blocks of at most 4 MiB: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md, "Block Maximum Size".
func openLZ4(_ context.Context, r io.Reader) (io.ReadCloser, error) {
	return io.NopCloser(lz4.NewReader(r)), nil
}

func openGzip(_ context.Context, r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

// xzSlot holds who unpacks an xz file: one at a time, so that there is one dictionary, however many
// volumes are made side by side.
var xzSlot = make(chan struct{}, 1)

func openXZ(ctx context.Context, r io.Reader) (io.ReadCloser, error) {
	select {
	case xzSlot <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	decoder, err := xz.NewReader(r, maxXZDictionary)
	if err != nil {
		<-xzSlot
		return nil, err
	}
	return &xzReader{decoder}, nil
}

// xzReader unpacks an xz file until it is closed, once, which ends its turn.
type xzReader struct{ *xz.Reader }

// Close implements io.Closer.
func (r *xzReader) Close() error {
	r.Reader = nil
	runtime.GC() // else the next dictionary would be made beside this one
	<-xzSlot
	return nil
}

func openZstd(_ context.Context, r io.Reader) (io.ReadCloser, error) {
	// With one goroutine it decodes as it is read, and keeps nothing beyond the window.
	decoder, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	return decoder.IOReadCloser(), nil
}

// Decompress returns a reader of the content of a gzip, xz, zstd, bzip2 or lz4 file, which it knows by its first
// bytes, and the kind of the file. Anything else is passed on as it is, with "" for the kind.
//
// The reader fails when the content has more than limit bytes, and when the file is damaged, cut off or
// has more after its end. It reads packed to the end, so that a Verify below it has its say. Close
// does not close packed.
//
// Where another xz file is being unpacked, it waits for the end of that, or for ctx to be done.
func Decompress(ctx context.Context, packed io.Reader, limit int64) (content io.ReadCloser, kind string, err error) {
	source := &rememberingReader{Reader: packed}
	buffered := bufio.NewReaderSize(source, 64<<10)
	head, err := buffered.Peek(10)
	if err != nil && err != io.EOF {
		return nil, "", err
	}
	format := identifyPacking(string(head))
	if format == nil {
		return io.NopCloser(buffered), "", nil
	}
	u := &unpacker{kind: format.kind, source: source, limit: limit, left: limit}
	u.content, err = format.open(ctx, buffered)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, "", context.Cause(ctx)
	case err != nil:
		return nil, "", u.failure(err)
	}
	return u, format.kind, nil
}

func identifyPacking(head string) *packing {
	for i, format := range packings {
		for _, magic := range format.magics {
			if strings.HasPrefix(head, magic) {
				return &packings[i]
			}
		}
	}
	return nil
}

// rememberingReader keeps the error of what it reads, which a decoder may take for its own.
type rememberingReader struct {
	io.Reader
	err error
}

func (r *rememberingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// unpacker bounds what a decoder gives, and says in words what is wrong with the file.
type unpacker struct {
	kind    string
	source  *rememberingReader
	content io.ReadCloser // until it has ended
	limit   int64
	left    int64
	end     error // what the content ended with
}

// Read implements io.Reader.
func (u *unpacker) Read(p []byte) (int, error) {
	if u.end != nil {
		return 0, u.end
	}
	if int64(len(p)) > u.left {
		p = p[:u.left+1] // one byte more tells that there is more
	}
	n, err := u.content.Read(p)
	switch {
	case int64(n) > u.left:
		n = int(u.left)
		u.end = fmt.Errorf("the %s file unpacks to more than the %d bytes that there is room for", u.kind, u.limit)
	case err == io.EOF:
		u.end = err
	case err != nil:
		u.end = u.failure(err)
	}
	u.left -= int64(n)
	if u.end != nil {
		_ = u.Close() // so that it keeps no memory while the host works on
	}
	return n, u.end
}

// Close implements io.Closer.
func (u *unpacker) Close() error {
	content := u.content
	if content == nil {
		return nil
	}
	u.content = nil
	u.end = cmp.Or(u.end, os.ErrClosed)
	return content.Close()
}

func (u *unpacker) failure(err error) error {
	const remedy = "unpack it, and give the unpacked file"
	switch {
	case u.source.err != nil:
		return u.source.err
	case errors.Is(err, xz.ErrMemlimit):
		return fmt.Errorf("the xz file needs a dictionary of more than %d MiB, more than \"xz -9\" makes: %s", maxXZDictionary>>20, remedy)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrWindowSizeTooSmall):
		return fmt.Errorf("the zstd file needs a window of more than %d MiB, as \"zstd --long\" and \"zstd --ultra\" make: %s", maxZstdWindow>>20, remedy)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		return fmt.Errorf("the %s file is cut off or damaged: check that the source is complete", u.kind)
	}
	return fmt.Errorf("the %s file is damaged, or has more after its end: %w", u.kind, err)
}
