package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
)

// counter stands before libvirtd and counts the calls that go through it.
type counter struct {
	calls    atomic.Int64
	listener net.Listener
	target   string
}

// newCounter listens at one path and passes on to the other.
func newCounter(socket, target string) (*counter, error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	c := &counter{listener: listener, target: target}
	go c.serve()
	return c, nil
}

func (c *counter) close() { _ = c.listener.Close() }

func (c *counter) serve() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		go c.pass(client)
	}
}

// pass ends both connections when either does.
func (c *counter) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("unix", c.target)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	_ = c.count(server, client)
	_ = server.Close()
}

// count copies packets and counts the calls among them. A packet begins with its own length, the
// program, its version, the procedure and the type: libvirt src/rpc/virnetprotocol.x.
func (c *counter) count(to io.Writer, from io.Reader) error {
	const remoteProgram, typeCall = 0x20008086, 0
	head := make([]byte, 20)
	for {
		if _, err := io.ReadFull(from, head); err != nil {
			return err
		}
		length, program, kind := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[16:])
		if program == remoteProgram && kind == typeCall {
			c.calls.Add(1)
		}
		if _, err := to.Write(head); err != nil {
			return err
		}
		if _, err := io.CopyN(to, from, int64(length)-int64(len(head))); err != nil {
			return err
		}
	}
}
