package image

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	sharedWindow = 4 << 20     // bytes that are kept for readers that are slower, or join later
	stallTimeout = time.Second // for a reader that reads nothing while others wait
)

// Downloads makes one download of several that are requested for the same file at about the same time, for
// example for an image that is published on many hosts. Its zero value is ready for use.
type Downloads struct {
	mu      sync.Mutex
	current []*sharedDownload
}

// open joins a download of which everything is still available, or begins a new download.
func (all *Downloads) open(ctx context.Context, c Client, u *url.URL) (*Stream, error) {
	r := all.join(ctx, c, u)
	select {
	case <-r.from.opened:
	case <-ctx.Done():
		r.Close()
		return nil, context.Cause(ctx)
	}
	if !r.began && r.from.stream != nil && !r.from.shareable {
		_ = r.Close() // it has nothing to close yet
		return c.openHTTP(ctx, u)
	}
	if stream := r.from.stream; stream != nil {
		return &Stream{ReadCloser: r, Source: stream.Source, Size: stream.Size}, nil
	}
	return nil, errors.Join(r.from.err, r.Close())
}

func (all *Downloads) join(ctx context.Context, c Client, u *url.URL) *sharedReader {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, s := range all.current {
		if r := s.join(ctx, c, u); r != nil {
			return r
		}
	}
	s := &sharedDownload{client: c, url: u, opened: make(chan struct{}), moved: sync.NewCond(&sync.Mutex{})}
	r := s.join(ctx, c, u)
	r.began = true
	all.current = append(all.current, s)
	// The reader that began it may give up before the others do.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	go func() {
		defer all.remove(s)
		defer cancel()
		s.run(own)
	}()
	return r
}

func (all *Downloads) remove(s *sharedDownload) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.current = slices.DeleteFunc(all.current, func(other *sharedDownload) bool { return other == s })
}

// sharedDownload is a download with several readers. It is as fast as the slowest reader. But a reader that
// stops reading while another reader waits continues with its own download.
type sharedDownload struct {
	client Client
	url    *url.URL
	cancel context.CancelFunc
	opened chan struct{} // closed when stream or err is set
	stream *Stream
	source *download // the source of stream, if stream does not unpack it; only run uses it

	// shareable says that a reader that stands still, for example because it waits until another reader has unpacked its file, cannot stop
	// the others: everything is kept for it, or it can download the rest by itself. It is set before opened is closed.
	shareable bool
	joined    atomic.Int32

	moved   *sync.Cond // signals that bytes arrived, were read, or the download ended; its lock is for the fields below
	window  []byte     // the last bytes that arrived, each at its offset modulo the length
	end     int64      // of the bytes that arrived
	err     error      // why no more bytes arrive
	readers []*sharedReader
}

// join returns nil if the download is of something else, has advanced too far, or has ended.
func (s *sharedDownload) join(ctx context.Context, c Client, u *url.URL) *sharedReader {
	if s.url.String() != u.String() || s.client.Insecure != c.Insecure || !s.client.CAs.Equal(c.CAs) || s.client.HTTP != c.HTTP {
		return nil
	}
	s.moved.L.Lock()
	defer s.moved.L.Unlock()
	if s.end > int64(len(s.window)) || s.err != nil {
		return nil
	}
	s.joined.Add(1)
	r := &sharedReader{from: s, ctx: ctx}
	r.stop = context.AfterFunc(ctx, s.wake)
	s.readers = append(s.readers, r)
	return r
}

func (s *sharedDownload) wake() {
	s.moved.L.Lock()
	defer s.moved.L.Unlock()
	s.moved.Broadcast()
}

// run downloads until the end, or until there are no readers left.
func (s *sharedDownload) run(ctx context.Context) {
	err := s.begin(ctx)
	close(s.opened)
	if err != nil {
		return
	}
	defer s.stream.Close()
	chunk := make([]byte, 64<<10)
	for err == nil {
		var n int
		n, err = s.stream.Read(chunk)
		s.put(chunk[:n], err)
	}
}

// begin opens the source, and makes a window that is not larger than the source.
func (s *sharedDownload) begin(ctx context.Context) error {
	source := s.client.download(ctx, s.url)
	source.observed.share(&s.joined)
	err := source.connect(nil)
	if err != nil {
		err = source.failed(err)
	} else {
		s.stream, err = source.stream()
	}
	s.moved.L.Lock()
	defer s.moved.L.Unlock()
	if err != nil {
		s.err = err
		return err
	}
	if s.stream.ReadCloser == source {
		s.source = source
	}
	size := int64(sharedWindow)
	if s.stream.Size > 0 {
		size = min(size, s.stream.Size)
	}
	s.shareable = s.stream.Size == size || s.source != nil && s.source.version.resumable()
	s.window = make([]byte, size)
	return nil
}

// put stores the bytes that arrived, as soon as there is room for them.
func (s *sharedDownload) put(p []byte, err error) {
	timer := time.AfterFunc(stallTimeout, s.wake)
	defer timer.Stop()
	s.moved.L.Lock()
	defer s.moved.L.Unlock()
	for began := time.Now(); s.end+int64(len(p))-s.slowest() > int64(len(s.window)); {
		if time.Since(began) < stallTimeout || !s.detachSlowest() {
			s.moved.Wait()
		}
	}
	for len(p) > 0 {
		n := copy(s.window[s.end%int64(len(s.window)):], p)
		s.end += int64(n)
		p = p[n:]
	}
	if s.err == nil { // otherwise the last reader has left, and no reader may join
		s.err = err
	}
	s.moved.Broadcast()
}

// slowest is how far all readers have read.
func (s *sharedDownload) slowest() int64 {
	read := s.end
	for _, r := range s.readers {
		read = min(read, r.offset)
	}
	return read
}

// detachSlowest detaches the slowest reader, if it can continue by itself and another reader waits.
func (s *sharedDownload) detachSlowest() bool {
	slowest, before := s.slowest(), len(s.readers)
	waits := slices.ContainsFunc(s.readers, func(r *sharedReader) bool { return r.offset == s.end })
	s.readers = slices.DeleteFunc(s.readers, func(r *sharedReader) bool {
		return waits && r.offset == slowest && r.offset < s.end && r.detach()
	})
	return len(s.readers) < before
}

// sharedReader is one of the readers of a download.
type sharedReader struct {
	from   *sharedDownload
	ctx    context.Context // of Open, because Read has no context
	began  bool            // it began the download
	stop   func() bool     // stops waking the reader when ctx is done
	offset int64
	own    *download // what it reads since it was detached
}

// detach prepares a download of the rest, if the server can send only the rest.
func (r *sharedReader) detach() bool {
	s := r.from
	if s.source == nil || r.offset > 0 && s.source.version.validator == "" {
		return false
	}
	own := s.client.download(r.ctx, s.url)
	own.offset, own.end, own.version = r.offset, s.source.end, s.source.version
	r.own = own
	return true
}

// Read implements io.Reader.
func (r *sharedReader) Read(p []byte) (int, error) {
	n, own, err := r.readShared(p)
	if own == nil {
		return n, err
	}
	if own.body == nil {
		if err := own.connect(nil); err != nil {
			return 0, own.failed(err)
		}
	}
	return own.Read(p)
}

// readShared reads bytes that arrived, or returns the reader's own download instead.
func (r *sharedReader) readShared(p []byte) (n int, own *download, err error) {
	s := r.from
	s.moved.L.Lock()
	defer s.moved.L.Unlock()
	for {
		switch {
		case r.own != nil:
			return 0, r.own, nil
		case r.ctx.Err() != nil:
			return 0, nil, context.Cause(r.ctx)
		case r.offset < s.end:
			at := r.offset % int64(len(s.window))
			n := copy(p, s.window[at:min(at+s.end-r.offset, int64(len(s.window)))])
			r.offset += int64(n)
			s.moved.Broadcast()
			return n, nil, nil
		case s.err != nil:
			return 0, nil, s.err
		}
		s.moved.Wait()
	}
}

// Close implements io.Closer. The last reader ends the download.
func (r *sharedReader) Close() error {
	r.stop()
	if own := r.leave(); own != nil && own.body != nil {
		return own.Close()
	}
	return nil
}

// leave removes the reader from the download, and returns its own download, if any.
func (r *sharedReader) leave() (own *download) {
	s := r.from
	s.moved.L.Lock()
	defer s.moved.L.Unlock()
	s.readers = slices.DeleteFunc(s.readers, func(other *sharedReader) bool { return other == r })
	if len(s.readers) == 0 {
		s.cancel()
		if s.err == nil {
			s.err = context.Canceled // so that no reader joins
		}
	}
	s.moved.Broadcast()
	return r.own
}
