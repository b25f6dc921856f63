package image

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

var errChanged = errors.New("the file changed while it was read: try again")

func (d *download) wantsRange() bool { return d.section || d.offset > 0 }

// rangeHeader requests what is still to be read: https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
func (d *download) rangeHeader() string {
	if d.end < 0 {
		return fmt.Sprintf("bytes=%d-", d.offset)
	}
	return fmt.Sprintf("bytes=%d-%d", d.offset, d.end-1)
}

// acceptRange compares the answer to a range request with what is wanted.
func (d *download) acceptRange(resp *http.Response) error {
	if d.version.differs(resp.Header) {
		return errChanged
	}
	text := resp.Header.Get("Content-Range")
	got, ok := parseContentRange(text)
	if !ok || !d.matches(got) {
		return fmt.Errorf("the server answered a request for the range %q with Content-Range %q: download the file and give its local path", d.rangeHeader(), text)
	}
	if d.section && d.version.size < 0 {
		d.learn(resp, got.size)
	}
	d.end = got.end
	return nil
}

// matches says whether a range is everything that is wanted and that the file has. A file that is read
// in sections must have a size, so that a changed file can be noticed.
func (d *download) matches(got contentRange) bool {
	switch {
	case got.first != d.offset:
		return false
	case got.size < 0:
		return !d.section && (d.end < 0 || got.end == d.end)
	case d.version.size >= 0 && got.size != d.version.size:
		return false
	case d.end < 0:
		return got.end == got.size
	default:
		return got.end == min(d.end, got.size)
	}
}

// contentRange is the range of bytes of a file that an answer has, from first to before end; size is -1 if unknown.
type contentRange struct{ first, end, size int64 }

// parseContentRange reads "bytes <first>-<last>/<size or *>",
// https://www.rfc-editor.org/rfc/rfc9110#section-14.4
func parseContentRange(text string) (r contentRange, ok bool) {
	var last int64
	var size string
	if n, _ := fmt.Sscanf(text, "bytes %d-%d/%s", &r.first, &last, &size); n != 3 {
		return r, false
	}
	if r.end, r.size = last+1, -1; r.first < 0 || r.end <= r.first {
		return r, false
	}
	if size == "*" {
		return r, true
	}
	var err error
	r.size, err = strconv.ParseInt(size, 10, 64)
	return r, err == nil && r.size >= r.end
}

// version identifies a state of a file. Everything except the size is empty if the server did not send it.
type version struct {
	size      int64 // of the whole file, -1 if unknown
	tag       string
	modified  string
	validator string // for If-Range: only a strong one
	ranges    bool   // the server says that it sends ranges
}

// resumable tells whether a reader can request the rest of the file from any offset.
func (v version) resumable() bool { return v.validator != "" && v.ranges }

// differs compares only what both sides have, because an answer to If-Range may omit what is already known.
func (v version) differs(header http.Header) bool {
	differ := func(known, got string) bool { return known != "" && got != "" && known != got }
	return differ(v.tag, header.Get("ETag")) || differ(v.modified, header.Get("Last-Modified"))
}

// validator returns the value for If-Range that ensures that the rest is of the same file: an ETag that is
// not weak, or a date that is old enough to exclude a change within the same second.
// https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
func validator(header http.Header) string {
	if tag := header.Get("ETag"); tag != "" {
		if strings.HasPrefix(tag, "W/") {
			return ""
		}
		return tag
	}
	modified, err := http.ParseTime(header.Get("Last-Modified"))
	if err != nil {
		return ""
	}
	if date, err := http.ParseTime(header.Get("Date")); err != nil || date.Sub(modified) < time.Second {
		return ""
	}
	return header.Get("Last-Modified")
}
