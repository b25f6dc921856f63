package virt

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/digitalocean/go-libvirt"
)

// fakeLibvirtd answers calls within the test, for cases that a real libvirtd cannot be brought into. If answer
// returns no reply, it replies with zeros, which read as nothing for any call.
type fakeLibvirtd struct {
	answer func(procedure uint32) (xdr, fakeAnswer)

	mu     sync.Mutex
	called map[uint32]int
}

// fakeAnswer is how a fake libvirtd handles a call.
type fakeAnswer int

const (
	replies fakeAnswer = iota
	refuses            // with what answer returns, as made by refused
	isSilent
)

// refused returns the reply of a refusal: virNetMessageError with code, domain, message, level and four more fields.
func refused(code libvirt.ErrorNumber, message string) xdr {
	return append(xdr{}.uint32(uint32(code)).uint32(0).optional(message).uint32(2), make(xdr, 64)...)
}

// openFake returns a host with a fake libvirtd.
func openFake(t *testing.T, answer func(procedure uint32) (xdr, fakeAnswer)) (*Host, *fakeLibvirtd) {
	t.Helper()
	h := mustOpen(t, "qemu+tcp://user:secret@fake/system")
	fake := &fakeLibvirtd{answer: answer, called: map[uint32]int{}}
	h.dialer = fake
	t.Cleanup(func() { _ = h.Close() })
	return h, fake
}

func (f *fakeLibvirtd) dial(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	go f.serve(server)
	return client, nil
}

// serve reads messages: libvirt src/rpc/virnetprotocol.x, virNetMessageHeader after the message's length.
func (f *fakeLibvirtd) serve(conn net.Conn) {
	defer conn.Close()
	var length [4]byte
	for {
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		message := make([]byte, binary.BigEndian.Uint32(length[:])-4)
		if _, err := io.ReadFull(conn, message); err != nil {
			return
		}
		if binary.BigEndian.Uint32(message) != remoteProgram {
			continue // a ping
		}
		reply, answer := f.reply(binary.BigEndian.Uint32(message[8:]))
		if answer == isSilent {
			continue
		}
		const typeReply, statusError = 1, 1
		binary.BigEndian.PutUint32(message[12:], typeReply)
		if answer == refuses {
			binary.BigEndian.PutUint32(message[20:], statusError)
		}
		packet := xdr{}.uint32(uint32(28 + len(reply)))
		if _, err := conn.Write(append(append(packet, message[:24]...), reply...)); err != nil {
			return
		}
	}
}

func (f *fakeLibvirtd) reply(procedure uint32) (xdr, fakeAnswer) {
	f.mu.Lock()
	f.called[procedure]++
	f.mu.Unlock()
	reply, answer := f.answer(procedure)
	if reply == nil {
		reply = make(xdr, 64)
	}
	return reply, answer
}

func (f *fakeLibvirtd) calls(procedure uint32) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.called[procedure]
}

// muteDialer makes connections on which nothing is answered.
type muteDialer struct{}

func (muteDialer) dial(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, server) }()
	return client, nil
}
