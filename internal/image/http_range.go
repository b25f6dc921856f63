package image

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

var errChanged = errors.New("the file has changed while it was read: try again")

func (d *download) wantsRange() bool { return d.section || d.offset > 0 }

// rangeHeader asks for what is still to be read: https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
func (d *download) rangeHeader() string {
	if d.end < 0 {
		return fmt.Sprintf("bytes=%d-", d.offset)
	}
	return fmt.Sprintf("bytes=%d-%d", d.offset, d.end-1)
}

// acceptRange holds the answer to a range request against what is wanted.
func (d *download) acceptRange(resp *http.Response) error {
	if d.version.differs(resp.Header) {
		return errChanged
	}
	text := resp.Header.Get("Content-Range")
	got, ok := parseContentRange(text)
	if !ok || !d.matches(got) {
		return fmt.Errorf("the server answers a request for the range %q with Content-Range %q", d.rangeHeader(), text)
	}
	if d.section && d.version.size < 0 {
		d.learn(resp, got.size)
	}
	d.end = got.end
	return nil
}

// matches says whether a range is all that is wanted and the file has. What is read in sections has to
// have a size, so that one state of it can be told from another.
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

// contentRange is what bytes of a file an answer has, up to end; size is -1 when unknown.
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

// version tells one state of a file from another. All but the size is empty when the server did not say.
type version struct {
	size      int64 // of the whole file, -1 when unknown
	tag       string
	modified  string
	validator string // for If-Range: a strong one only
}

// differs compares what both sides say, for an answer to If-Range may leave out what is known already.
func (v version) differs(header http.Header) bool {
	differ := func(known, got string) bool { return known != "" && got != "" && known != got }
	return differ(v.tag, header.Get("ETag")) || differ(v.modified, header.Get("Last-Modified"))
}

// validator returns what makes sure, in If-Range, that the rest is of the same file: an ETag that is
// not weak, or a date old enough that the file did not change within its second.
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
