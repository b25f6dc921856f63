package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	const remote, keepalive, call, stream = 0x20008086, 0x6b656570, 0, 3
	var sent bytes.Buffer
	for _, packet := range [][2]uint32{{remote, call}, {remote, stream}, {keepalive, call}, {remote, call}} {
		payload := "payload"
		for _, field := range []uint32{uint32(28 + len(payload)), packet[0], 1, 66, packet[1], 5, 0} {
			_ = binary.Write(&sent, binary.BigEndian, field)
		}
		sent.WriteString(payload)
	}
	want := sent.String()
	var c counter
	var passed strings.Builder
	_ = c.count(&passed, &sent) // which ends with the end of what was sent
	if c.calls.Load() != 2 || passed.String() != want {
		t.Errorf("got %d calls and %q, want 2 and %q", c.calls.Load(), passed.String(), want)
	}
}

func TestAttachEverywhere(t *testing.T) {
	got, err := attachEverywhere(`{"registry.terraform.io/s390x-netboot/netboot":{"Pid":1}}`)
	const want = `TF_REATTACH_PROVIDERS={"registry.opentofu.org/s390x-netboot/netboot":{"Pid":1},"registry.terraform.io/s390x-netboot/netboot":{"Pid":1}}`
	if got != want || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestPeakMemory(t *testing.T) {
	got, err := peakMemory(os.Getpid())
	if got < 1<<20 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
}
