package virt

import (
	"fmt"
	"strings"
	"testing"
)

func TestOpenChoosesTheTransport(t *testing.T) {
	for uri, want := range map[string]string{
		"qemu:///system":                            "*dialers.Local",
		"qemu+unix:///system?socket=/run/sock":      "*dialers.Local",
		"qemu+tcp://host:1234/system":               "*dialers.Remote",
		"qemu://host/system":                        "*dialers.TLS",
		"qemu+tls://host/system?no_verify=1":        "*dialers.TLS",
		"qemu+ssh://user@host:22/system?keyfile=/k": "*dialers.SSH",
	} {
		h, err := Open(uri)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if got := fmt.Sprintf("%T", h.dialer); got != want {
			t.Errorf("%s is dialled by %s, want %s", uri, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for uri, why := range map[string]string{
		"":                      "no driver",
		"/run/libvirt/sock":     "no driver",
		"qemu+pigeon:///system": "pigeon",
		"qemu://%zz/":           "invalid URL",
	} {
		if _, err := Open(uri); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("Open(%q): %v, want an error about %q", uri, err, why)
		}
	}
}

func TestURIKeepsThePassword(t *testing.T) {
	h, err := Open("qemu+ssh://user:secret@host/system")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(h.URI(), "secret") || !strings.Contains(h.URI(), "user") {
		t.Errorf("URI returned %q", h.URI())
	}
}
