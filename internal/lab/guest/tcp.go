//go:build linux

package main

import (
	"fmt"
	"net"
	"time"
)

// count connects to an address and writes a number to it every tenth of a second, beginning with 1, on the
// same connection until it ends.
func count(address string) {
	conn, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		say("unable to connect to %s: %v", address, err)
		return
	}
	say("connected=%s", address)
	for n := 1; ; n++ {
		if _, err := fmt.Fprintln(conn, n); err != nil {
			say("disconnected=%s: %v", address, err)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// listen accepts connections on a port, and closes each connection at once.
func listen(port string, delay time.Duration) {
	time.Sleep(delay)
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		say("unable to listen on port %s: %v", port, err)
		return
	}
	say("listening=%s", port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			say("unable to accept a connection on port %s: %v", port, err)
			return
		}
		_ = conn.Close()
	}
}
