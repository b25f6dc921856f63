package image

import "testing"

func TestAccess(t *testing.T) {
	for _, test := range []struct{ source, without string }{
		{"https://user:secret@host/a/kernel?token=secret", "https://host/a/kernel"},
		{"https://host/a/kernel", "https://host/a/kernel"},
		{"/srv/a?b@c", "/srv/a?b@c"},
		{"file:///srv/kernel", "file:///srv/kernel"},
		{"file:https://user:secret@host/SHA256SUMS", "file:https://host/SHA256SUMS"},
		{"file:/srv/SHA256SUMS", "file:/srv/SHA256SUMS"},
	} {
		if got := WithoutAccess(test.source); got != test.without {
			t.Errorf("%s without access is %s, want %s", test.source, got, test.without)
		}
	}
	const like = "https://user:secret@host/b.ins?token=secret"
	for source, want := range map[string]string{
		"https://host/a/kernel":          "https://user:secret@host/a/kernel?token=secret",
		"http://host/a/kernel":           "http://host/a/kernel",
		"https://other/a/kernel":         "https://other/a/kernel",
		"https://me:mine@host/a/kernel":  "https://me:mine@host/a/kernel",
		"https://host/a/kernel?key=mine": "https://host/a/kernel?key=mine",
		"/srv/kernel":                    "/srv/kernel",
	} {
		if got := WithAccess(source, like); got != want {
			t.Errorf("%s with access is %s, want %s", source, got, want)
		}
	}
}
