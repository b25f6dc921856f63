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

// How much of the last unpacked content a decoder keeps, regardless of what a file asks for. This is
// nearly all the memory that unpacking needs.
const (
	// "xz -9", with which Fedora CoreOS packs its images for s390x, asks for 64 MiB. The default, "xz -6",
	// asks for 8 MiB. https://github.com/coreos/coreos-assembler/blob/main/src/cmd-compress
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
	// pzstd begins with a skippable frame, which says how long the next frame is.
	{"zstd", []string{"\x28\xb5\x2f\xfd", "\x50\x2a\x4d\x18"}, openZstd},
	{"bzip2", bzip2Magics(), openBzip2},
	{"lz4", []string{"\x04\x22\x4d\x18"}, openLZ4},
}

// bzip2Magics are the beginnings of files with any block size, with and without a block. The first three letters alone
// would not identify a file reliably.
func bzip2Magics() (magics []string) {
	for size := '1'; size <= '9'; size++ {
		magics = append(magics, "BZh"+string(size)+"1AY&SY", "BZh"+string(size)+"\x17rE8P\x90")
	}
	return magics
}

// openBzip2 keeps a block of at most 900 kB, and needs four times as much memory.
func openBzip2(_ context.Context, r io.Reader) (io.ReadCloser, error) {
	return io.NopCloser(bzip2.NewReader(r)), nil
}

// openLZ4 keeps two blocks of at most 4 MiB: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md, "Block Maximum Size".
func openLZ4(_ context.Context, r io.Reader) (io.ReadCloser, error) {
	return io.NopCloser(lz4.NewReader(r)), nil
}

func openGzip(_ context.Context, r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

// xzSlot allows only one xz file to be unpacked at a time, so that there is only one dictionary, however
// many volumes are created at the same time.
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

// xzReader unpacks an xz file. Close frees xzSlot, and must be called exactly once.
type xzReader struct{ *xz.Reader }

// Close implements io.Closer.
func (r *xzReader) Close() error {
	r.Reader = nil
	runtime.GC() // otherwise the next dictionary would be allocated in addition to this one
	<-xzSlot
	return nil
}

func openZstd(_ context.Context, r io.Reader) (io.ReadCloser, error) {
	// With one goroutine it decodes as it is read, and keeps nothing except the window.
	decoder, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	return decoder.IOReadCloser(), nil
}

// Decompress returns a reader of the content of a gzip, xz, zstd, bzip2 or lz4 file, and the kind of the file,
// which it recognizes by the first bytes. Any other content is passed on unchanged, with "" for the kind.
//
// The reader fails if the content has more than limit bytes, and if the file is damaged, incomplete or has
// more data after its end. It reads packed to the end, so that a Verify below it can report a mismatch.
// Close does not close packed.
//
// If another xz file is being unpacked, it waits until that is finished, or until ctx is done.
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

// rememberingReader keeps the error of its source, which a decoder may report as its own.
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

// unpacker limits the output of a decoder, and says what is wrong with the file.
type unpacker struct {
	kind    string
	source  *rememberingReader
	content io.ReadCloser // until it has ended
	limit   int64
	left    int64
	end     error // the error with which the content ended
}

// Read implements io.Reader.
func (u *unpacker) Read(p []byte) (int, error) {
	if u.end != nil {
		return 0, u.end
	}
	if int64(len(p)) > u.left {
		p = p[:u.left+1] // one more byte shows that there is more
	}
	n, err := u.content.Read(p)
	switch {
	case int64(n) > u.left:
		n = int(u.left)
		u.end = fmt.Errorf("the %s file unpacks to more than %d bytes, which is all the room that there is", u.kind, u.limit)
	case err == io.EOF:
		u.end = err
	case err != nil:
		u.end = u.failure(err)
	}
	u.left -= int64(n)
	if u.end != nil {
		_ = u.Close() // so that it keeps no memory while the host continues
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
	const remedy = "unpack the file, and give the unpacked file"
	switch {
	case u.source.err != nil:
		return u.source.err
	case errors.Is(err, xz.ErrMemlimit):
		return fmt.Errorf("the xz file needs a dictionary of more than %d MiB, which is more than \"xz -9\" uses: %s", maxXZDictionary>>20, remedy)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrWindowSizeTooSmall):
		return fmt.Errorf("the zstd file needs a window of more than %d MiB, as files of \"zstd --long\" and \"zstd --ultra\" do: %s", maxZstdWindow>>20, remedy)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		return fmt.Errorf("the %s file is incomplete or damaged: check that the source is complete", u.kind)
	}
	return fmt.Errorf("the %s file is damaged, or has more data after its end: %w", u.kind, err)
}
