package lab

import (
	"bytes"
	"encoding/binary"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRelay(t *testing.T) {
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
	var calls, delay atomic.Int64
	delay.Store(int64(50 * time.Millisecond))
	var passed strings.Builder
	begin := time.Now()
	_ = relay(&passed, &sent, &delay, &calls) // it ends when everything was passed
	if calls.Load() != 2 || passed.String() != want {
		t.Errorf("got %d calls and %q, want 2 and %q", calls.Load(), passed.String(), want)
	}
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}
