package virt

import (
	"encoding/binary"
	"fmt"
)

// xdr writes the few arguments that this package sends by itself, in XDR (RFC 4506): everything in big-endian units
// of four bytes.
type xdr []byte

func (x xdr) uint32(v uint32) xdr { return binary.BigEndian.AppendUint32(x, v) }

func (x xdr) uint64(v uint64) xdr { return binary.BigEndian.AppendUint64(x, v) }

func (x xdr) opaque(b []byte) xdr {
	x = append(x, b...)
	for len(x)%4 != 0 {
		x = append(x, 0)
	}
	return x
}

func (x xdr) string(s string) xdr { return x.uint32(uint32(len(s))).opaque([]byte(s)) }

// optional writes an optional string. "" is written as no string.
func (x xdr) optional(s string) xdr {
	if s == "" {
		return x.uint32(0)
	}
	return x.uint32(1).string(s)
}

// xdrReader reads libvirtd's answers. After a read past the end, every value is zero and err says so.
type xdrReader struct {
	rest []byte
	err  error
}

func (r *xdrReader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.rest) {
		r.err = fmt.Errorf("libvirtd's answer is truncated: want %d bytes, have %d", n, len(r.rest))
		r.rest = nil
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *xdrReader) uint32() uint32 {
	b := r.take(4)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func (r *xdrReader) uint64() uint64 { return uint64(r.uint32())<<32 | uint64(r.uint32()) }

func (r *xdrReader) string() string {
	n := int(r.uint32())
	s := string(r.take(n))
	r.take((4 - n%4) % 4)
	return s
}

func (r *xdrReader) optional() string {
	if r.uint32() == 0 {
		return ""
	}
	return r.string()
}
