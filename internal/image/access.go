package image

import (
	"cmp"
	"net/url"
)

// WithoutAccess returns a source, or the reference to a list, without the parts of a URL that give access:
// user, password and query.
func WithoutAccess(source string) string {
	if list, isList := ListOf(source); isList && list != source {
		return "file:" + WithoutAccess(list)
	}
	u, err := url.Parse(source)
	if err != nil || u.Host == "" {
		return source
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

// WithAccess returns a source with user, password and query of another source on the same server, if it
// has none itself.
func WithAccess(source, like string) string {
	u, err := url.Parse(source)
	other, otherErr := url.Parse(like)
	if err := cmp.Or(err, otherErr); err != nil || u.Host == "" || u.Scheme != other.Scheme || u.Host != other.Host {
		return source
	}
	if u.User == nil && u.RawQuery == "" {
		u.User, u.RawQuery = other.User, other.RawQuery
	}
	return u.String()
}
