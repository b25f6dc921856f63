package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
)

const (
	// rangeBlock is how many bytes are read at once. The first block of an ISO 9660 image has its volume
	// descriptors and usually all directories on the way to a boot file.
	rangeBlock = 128 << 10
	maxBlocks  = 32
)

// remoteFile reads parts of a file on a server, in blocks, and keeps some of the blocks. If the server
// does not support ranges, it can only read forward, through everything in between.
type remoteFile struct {
	client  Client
	ctx     context.Context // of openRemote, because Read has no context
	url     *url.URL        // after all redirects, so that all blocks come from one server
	source  string
	version version

	blocks map[int64][]byte
	whole  *Stream // from a server that does not support ranges, else nil
	next   int64   // the next block of whole to read
}

// openRemote requests the first block.
func (c Client) openRemote(ctx context.Context, u *url.URL) (*remoteFile, error) {
	d := c.download(ctx, u)
	d.section, d.end = true, rangeBlock
	if err := d.connect(nil); err != nil {
		return nil, d.failed(err)
	}
	f := &remoteFile{client: c, ctx: ctx, url: d.finalURL(), source: d.source, version: d.version, blocks: map[int64][]byte{}}
	var err error
	switch {
	case !d.section:
		f.whole, err = d.stream()
	case d.encoding != "" && d.encoding != "identity":
		err = errors.Join(d.failed(d.encodingError()), d.Close())
	default:
		f.blocks[0], err = readBlock(d)
		err = errors.Join(err, d.Close())
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// finalURL is the URL that the request was redirected to. The credentials are sent only to the same
// server, and never from https to http.
func (d *download) finalURL() *url.URL {
	final := *d.answered
	if final.User == nil && final.Host == d.url.Host && final.Scheme == d.url.Scheme {
		final.User = d.url.User
	}
	return &final
}

// size is the size of the whole file, or -1 if the server did not send it.
func (f *remoteFile) size() int64 {
	if f.whole != nil {
		return f.whole.Size
	}
	return f.version.size
}

// ReadAt implements io.ReaderAt, except that a file that is too short is always an error.
func (f *remoteFile) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		block, err := f.block((at + int64(n)) / rangeBlock)
		if err != nil {
			return n, err
		}
		skip := int((at + int64(n)) % rangeBlock)
		if skip >= len(block) {
			return n, io.ErrUnexpectedEOF
		}
		n += copy(p[n:], block[skip:])
	}
	return n, nil
}

func (f *remoteFile) block(number int64) ([]byte, error) {
	if block, held := f.blocks[number]; held {
		return block, nil
	}
	if f.whole == nil {
		return f.fetch(number)
	}
	if number < f.next {
		return nil, fmt.Errorf("%s: the server does not support range requests, and the next part to read is before the part that it has already sent: download the image and give its local path", f.source)
	}
	return f.passTo(number)
}

// fetch requests a block.
func (f *remoteFile) fetch(number int64) ([]byte, error) {
	start := number * rangeBlock
	if start >= f.version.size {
		return nil, io.ErrUnexpectedEOF
	}
	d, err := f.download(start, min(rangeBlock, f.version.size-start))
	if err != nil {
		return nil, err
	}
	block, err := readBlock(d)
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, err
	}
	f.keep(number, block)
	return block, nil
}

// passTo reads the whole file up to the end of a block, and keeps the last blocks.
func (f *remoteFile) passTo(number int64) (block []byte, err error) {
	for ; f.next <= number; f.next++ {
		if block, err = readBlock(f.whole); err != nil {
			return nil, err
		}
		if len(block) < rangeBlock && f.next < number {
			return nil, io.ErrUnexpectedEOF
		}
		f.keep(f.next, block)
	}
	return block, nil
}

func (f *remoteFile) keep(number int64, block []byte) {
	if len(f.blocks) == maxBlocks {
		clear(f.blocks)
	}
	f.blocks[number] = block
}

// readBlock reads a block. The last block of a file can be shorter.
func readBlock(r io.Reader) ([]byte, error) {
	block := make([]byte, rangeBlock)
	n, err := io.ReadFull(r, block)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return block[:n], err
}

// download requests a section in one request.
func (f *remoteFile) download(offset, size int64) (*download, error) {
	d := f.client.download(f.ctx, f.url)
	d.source, d.version = f.source, f.version
	d.section, d.start, d.offset, d.end = true, offset, offset, offset+size
	if err := d.connect(nil); err != nil {
		return nil, d.failed(err)
	}
	return d, nil
}

// open returns the content of a section. Closing it closes the file.
func (f *remoteFile) open(offset, size int64) (io.ReadCloser, error) {
	if f.whole != nil || size <= rangeBlock {
		return &decoded{io.NewSectionReader(f, offset, size), f}, nil
	}
	return f.download(offset, size)
}

// Close implements io.Closer.
func (f *remoteFile) Close() error {
	if f.whole != nil {
		return f.whole.Close()
	}
	return nil
}
