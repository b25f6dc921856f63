package iso9660

import (
	"encoding/binary"
	"errors"
	"iter"
	"strings"
)

const (
	maxName   = 255  // NAME_MAX of Linux
	maxTarget = 4096 // PATH_MAX of Linux
	maxAreas  = 32   // continuation areas of one record; a long name and a long target need four
)

// Flags of RRIP: of NM in 4.1.4, of SL and of its components in 4.1.3.1.
const (
	flagContinue = 0x01
	flagCurrent  = 0x02
	flagParent   = 0x04
	flagRoot     = 0x08
)

var errSystemUse = errors.New("it has a system use field that is damaged")

// entry is a system use entry, SUSP 4: signature, length, version, data.
type entry struct {
	signature string
	data      []byte
}

// detectRockRidge looks for the entry SP, which is at the beginning of the root directory by SUSP 5.3, and
// uses its values.
func (s *search) detectRockRidge() (bool, error) {
	sector, err := s.sector(s.root.block)
	if err != nil {
		return false, err
	}
	_, systemUse, err := parseRecord(sector)
	if err != nil {
		return false, err
	}
	const check = "SP\x07\x01\xbe\xef"
	if len(systemUse) < 7 || string(systemUse[:6]) != check {
		return false, nil
	}
	s.names, s.skip = rockRidge, int(systemUse[6])
	return true, nil
}

// entries yields the entries of a system use field and of its continuation areas. It ends at an error.
func (s *search) entries(systemUse []byte) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for range maxAreas {
			continuation, goOn := entriesOf(systemUse, yield)
			if !goOn || continuation == nil {
				return
			}
			var err error
			if systemUse, err = s.continuation(continuation); err != nil {
				yield(entry{}, err)
				return
			}
		}
		yield(entry{}, errSystemUse)
	}
}

// entriesOf yields those of one area, and returns the data of its entry CE.
func entriesOf(area []byte, yield func(entry, error) bool) (continuation []byte, goOn bool) {
	// SUSP 4: data that is too short for a header is not an entry. After the last entry there may be zeros.
	for len(area) >= 4 && area[2] >= 4 {
		end := int(area[2])
		if end > len(area) {
			return nil, yield(entry{}, errSystemUse)
		}
		e := entry{string(area[:2]), area[4:end]}
		area = area[end:]
		switch {
		case e.signature == "CE": // it applies after all other entries, wherever it is
			continuation = e.data
		case e.signature == "ST": // SUSP 5.4: the entries end here
			return nil, false
		case !yield(e, nil):
			return nil, false
		}
	}
	return continuation, true
}

// continuation reads the area that an entry CE points to, SUSP 5.1: block, offset, length. As in Linux, it
// must be within its block: fs/isofs/rock.c rock_continue().
func (s *search) continuation(data []byte) ([]byte, error) {
	if len(data) < 24 {
		return nil, errSystemUse
	}
	block := int64(binary.LittleEndian.Uint32(data))
	offset := int64(binary.LittleEndian.Uint32(data[8:]))
	length := int64(binary.LittleEndian.Uint32(data[16:]))
	if offset+length > sectorSize {
		return nil, errSystemUse
	}
	sector, err := s.sector(block)
	if err != nil {
		return nil, err
	}
	return sector[offset : offset+length], nil
}

// readRockRidge reads what a system use field says about a record, up to any damage. genisoimage 1.1.11
// damages the field of a symbolic link with a long target, and this must not hide other files.
func (s *search) readRockRidge(r *record, systemUse []byte) error {
	var alternate string
	for e, err := range s.entries(systemUse[min(s.skip, len(systemUse)):]) {
		if err != nil {
			return err
		}
		switch e.signature {
		case "NM": // RRIP 4.1.4
			if len(e.data) < 1 || len(alternate)+len(e.data) > 1+maxName {
				return errSystemUse
			}
			alternate += string(e.data[1:])
			r.name = alternate
		case "SL":
			if err := r.link.add(e.data); err != nil {
				return err
			}
		case "CL":
			if len(e.data) < 8 {
				return errSystemUse
			}
			r.child = int64(binary.LittleEndian.Uint32(e.data))
		case "RE":
			r.relocated = true
		case "ZF": // zisofs, a block-wise compression that Linux undoes
			r.compressed = true
		}
	}
	return nil
}

// symlink is the target of a symbolic link, and whether its last component continues in the next one.
type symlink struct {
	target string
	open   bool
}

// add appends the components of an entry SL, RRIP 4.1.3.1: flags, length, content.
func (l *symlink) add(data []byte) error {
	if len(data) < 1 {
		return errSystemUse
	}
	for data = data[1:]; len(data) >= 2; {
		flags, end := data[0], 2+int(data[1])
		if end > len(data) || len(l.target) > maxTarget {
			return errSystemUse
		}
		if l.target != "" && !l.open && !strings.HasSuffix(l.target, "/") {
			l.target += "/"
		}
		l.target += component(flags, data[2:end])
		l.open = flags&flagContinue != 0
		data = data[end:]
	}
	return nil
}

func component(flags byte, content []byte) string {
	switch {
	case flags&flagRoot != 0:
		return "/"
	case flags&flagParent != 0:
		return ".."
	case flags&flagCurrent != 0:
		return "."
	}
	return string(content)
}
