package virt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// Numbers of libvirt's src/remote/remote_protocol.x.
const (
	procNetworkDefineXML     = 41
	procNetworkGetBridgeName = 45
	procNetworkGetXMLDesc    = 43
	procListAllNetworks      = 283
)

// givenSharedBridge returns a host that gives every network the bridge of another network.
func givenSharedBridge(t *testing.T, define fakeAnswer) (*Host, *fakeLibvirtd) {
	t.Helper()
	return openFake(t, func(procedure uint32) (xdr, fakeAnswer) {
		switch procedure {
		case procNetworkGetBridgeName:
			return xdr{}.string("virbr0"), replies
		case procNetworkGetXMLDesc:
			return xdr{}.string("<network><name>one</name><bridge name='virbr0'/></network>"), replies
		case procListAllNetworks:
			return xdr{}.uint32(1).string("other").opaque([]byte("0123456789abcdef")).uint32(1), replies
		case procNetworkDefineXML:
			return xdr{}.string("one").opaque(make([]byte, 16)), define
		default:
			return nil, replies
		}
	})
}

// TestBridgeIsAlwaysShared checks that libvirt is not asked endlessly for a bridge that only this network has.
func TestBridgeIsAlwaysShared(t *testing.T) {
	h, fake := givenSharedBridge(t, replies)
	err := h.ownBridge(t.Context(), libvirt.Network{Name: "one"})
	if err == nil || !strings.Contains(err.Error(), "set the bridge's name in the configuration") {
		t.Errorf("ownBridge returned %v", err)
	}
	if asked := fake.calls(procNetworkDefineXML); asked != maxBridgeChoices-1 {
		t.Errorf("libvirt was asked to choose again %d times, want %d", asked, maxBridgeChoices-1)
	}
}

// TestSharedBridgeObeysItsContext ends the context while libvirt does not answer.
func TestSharedBridgeObeysItsContext(t *testing.T) {
	h, _ := givenSharedBridge(t, isSilent)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := h.ownBridge(ctx, libvirt.Network{Name: "one"})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > replyGrace+time.Second {
		t.Errorf("ownBridge returned %v after %v", err, time.Since(began))
	}
}
