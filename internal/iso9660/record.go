package iso9660

import (
	"encoding/binary"
	"errors"
	"iter"
	"strings"
	"unicode/utf16"
)

// File flags, ECMA-119 9.1.6.
const (
	flagDirectory   = 0x02
	flagAssociated  = 0x04
	flagMultiExtent = 0x80
)

// fixedRecord is the length of a directory record without identifier and system use field.
const fixedRecord = 33

// record is a directory record, ECMA-119 9.1, with what Rock Ridge adds to it.
type record struct {
	identifier string
	block      int64 // of the content, after any extended attribute record
	size       int64 // in bytes
	flags      byte
	interleave byte // 9.1.7: not 0 if the content has gaps

	name       string // as Linux shows it
	link       symlink
	child      int64 // RRIP 4.1.5.1: block of the directory that this stands for, or 0
	relocated  bool  // RRIP 4.1.5.3: shown elsewhere
	compressed bool  // by zisofs
	damage     error // of the system use field, after the part that was read
}

func (r record) isDirectory() bool { return r.flags&flagDirectory != 0 }

// isSelfOrParent: ECMA-119 7.6.2 gives "." the identifier 00 and ".." 01.
func (r record) isSelfOrParent() bool { return r.identifier == "\x00" || r.identifier == "\x01" }

var errRecord = errors.New("it has a directory record that is damaged")

// parseRecord reads the directory record at the beginning of b, and also returns its system use field.
// Numbers are stored in both byte orders, ECMA-119 7.3.3. Like Linux, it reads the little-endian one.
func parseRecord(b []byte) (r record, systemUse []byte, err error) {
	length := int(b[0])
	if length <= fixedRecord || length > len(b) {
		return record{}, nil, errRecord
	}
	end := fixedRecord + int(b[32])
	if end > length {
		return record{}, nil, errRecord
	}
	r = record{
		identifier: string(b[fixedRecord:end]),
		block:      int64(binary.LittleEndian.Uint32(b[2:])) + int64(b[1]),
		size:       int64(binary.LittleEndian.Uint32(b[10:])),
		flags:      b[25],
		interleave: b[26],
	}
	end += end % 2 // 9.1.12: a padding field, so that the length is even
	return r, b[min(end, length):length], nil
}

// records yields the records that Linux shows in a directory, except "." and "..". It ends at an error.
func (s *search) records(dir record) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		for at := int64(0); at < dir.size; at += sectorSize {
			sector, err := s.sector(dir.block + at/sectorSize)
			if err != nil {
				yield(record{}, err)
				return
			}
			if !s.recordsOf(sector, yield) {
				return
			}
		}
	}
}

// recordsOf yields the records of one sector. Each record is within its sector: ECMA-119 6.8.1.1. After the
// last record there are zeros.
func (s *search) recordsOf(sector []byte, yield func(record, error) bool) bool {
	for len(sector) > 0 && sector[0] > 0 {
		r, systemUse, err := parseRecord(sector)
		if err != nil {
			return yield(record{}, err)
		}
		sector = sector[sector[0]:]
		if r.isSelfOrParent() || r.flags&flagAssociated != 0 { // an associated file is another fork of a file
			continue
		}
		s.giveName(&r, systemUse)
		if !r.relocated && !yield(r, nil) {
			return false
		}
	}
	return true
}

// giveName sets the name that Linux shows, and the other values of the system use field.
func (s *search) giveName(r *record, systemUse []byte) {
	switch s.names {
	case plain:
		r.name = plainName(r.identifier)
	case joliet:
		r.name = plainName(decodeUCS2(r.identifier))
	case rockRidge:
		r.name = plainName(r.identifier)
		r.damage = s.readRockRidge(r, systemUse)
	}
}

// plainName removes the version, and the dot of a file without an extension: ECMA-119 7.5.1.
func plainName(identifier string) string {
	name, _, _ := strings.Cut(identifier, ";")
	return strings.TrimSuffix(name, ".")
}

// decodeUCS2 reads big-endian 16-bit characters: "Joliet Character Set" of Joliet.
func decodeUCS2(identifier string) string {
	var units []uint16
	for ; len(identifier) >= 2; identifier = identifier[2:] {
		units = append(units, uint16(identifier[0])<<8|uint16(identifier[1]))
	}
	return string(utf16.Decode(units))
}
