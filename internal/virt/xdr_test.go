package virt

import (
	"bytes"
	"testing"
)

func TestXDR(t *testing.T) {
	got := xdr{}.uint32(1).uint64(2).string("abcde").optional("").optional("x").opaque([]byte{1, 2})
	want := "\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x02" + "\x00\x00\x00\x05abcde\x00\x00\x00" +
		"\x00\x00\x00\x00" + "\x00\x00\x00\x01\x00\x00\x00\x01x\x00\x00\x00" + "\x01\x02\x00\x00"
	if string(got) != want {
		t.Errorf("written as %q, want %q", got, want)
	}
	r := xdrReader{rest: got}
	r.uint32()
	r.take(8)
	if s, none, x := r.string(), r.optional(), r.optional(); s != "abcde" || none != "" || x != "x" || r.err != nil {
		t.Errorf("read as %q, %q, %q, %v", s, none, x, r.err)
	}
	r.take(4)
	if v := r.uint32(); v != 0 || r.err == nil {
		t.Errorf("past the end: %d, %v", v, r.err)
	}
}

// FuzzXDRReader: for any answer of libvirtd, the reader ends, and reads only bytes that exist.
func FuzzXDRReader(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte(xdr{}.uint32(42).optional("message").string("more")))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, answer []byte) {
		r := xdrReader{rest: answer}
		r.uint32()
		for _, s := range []string{r.optional(), r.string()} {
			if !bytes.Contains(answer, []byte(s)) {
				t.Errorf("%q is not in the answer", s)
			}
		}
		if r.err != nil && (r.uint32() != 0 || r.string() != "" || r.optional() != "") {
			t.Error("after an error there is more")
		}
	})
}
