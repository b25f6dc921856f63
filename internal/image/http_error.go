package image

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// statusError is an answer that is not the file.
type statusError struct {
	code       int
	status     string        // "404 Not Found"
	retryAfter time.Duration // 0 if the server does not send it
}

func newStatusError(resp *http.Response) *statusError {
	return &statusError{resp.StatusCode, resp.Status, retryAfter(resp.Header)}
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answered %q: %s", e.status, e.remedy())
}

func (e *statusError) remedy() string {
	switch {
	case e.code == http.StatusNotFound, e.code == http.StatusGone:
		return "check the URL; distributions move files of old releases to an archive server"
	case e.code == http.StatusUnauthorized, e.code == http.StatusForbidden:
		return "the server requires credentials or does not serve this machine; check the access, or give a local path"
	case e.code == http.StatusProxyAuthRequired:
		return "set the credentials in HTTP_PROXY or HTTPS_PROXY"
	case e.code == http.StatusTooManyRequests, e.code >= 500:
		return "try again later, or use a mirror"
	}
	return "the URL must lead to the file itself"
}

// retryAfter reads the header that is either seconds or a date.
func retryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return time.Until(date).Round(time.Second)
	}
	return 0
}

// brokenError says that a body ended too early.
type brokenError struct {
	offset, size int64 // bytes; size is -1 if unknown
	cause        error
}

func (e *brokenError) Error() string {
	if e.size < 0 {
		return fmt.Sprintf("the connection broke after %d bytes: %v", e.offset, e.cause)
	}
	return fmt.Sprintf("the connection broke after %d of %d bytes: %v", e.offset, e.size, e.cause)
}

func (e *brokenError) Unwrap() error { return e.cause }
