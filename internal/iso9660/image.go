// Package iso9660 finds a file in an ISO 9660 image by the path under which Linux shows it, and writes small
// images with exact file names.
//
// An image is read in place: only its volume descriptors, and the directories on the way to a file. An image
// may be malicious. So memory is never allocated by a length in the image, and a search reads a limited
// number of sectors, whatever the image contains.
//
// The cited sections are from ECMA-119 (ISO 9660), SUSP (IEEE P1281) for the system use field, RRIP (IEEE
// P1282, "Rock Ridge") for POSIX names in it, and the Joliet Specification of 1995.
package iso9660

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	sectorSize = 2048 // ECMA-119 6.1.2

	// firstDescriptor is the sector after the system area, ECMA-119 6.2.1.
	firstDescriptor = 16
	maxDescriptors  = 32

	// maxSectors is how much Open and each search may read: 32 MiB. A directory with a thousand files has
	// about 100 KiB.
	maxSectors = 16 << 10
)

// The types of volume descriptors, ECMA-119 8.1.1.
const (
	typePrimary       = 1
	typeSupplementary = 2
	typeTerminator    = 255
)

// standardIdentifier is in every volume descriptor, ECMA-119 8.1.2.
const standardIdentifier = "CD001"

// naming is the form of the names in a directory tree.
type naming int

const (
	plain     naming = iota // upper case and digits, with a version: ECMA-119 7.5
	joliet                  // UCS-2
	rockRidge               // as POSIX has them, in the system use field
)

// Image is the file system in an image.
type Image struct {
	content io.ReaderAt
	size    int64 // -1 if unknown
	root    record
	names   naming
	skip    int // bytes before the entries of each system use field, SUSP 5.3
}

// Section is the position of a file's content, in bytes from the beginning of the image. It has been checked
// against the size of the image.
type Section struct{ Offset, Size int64 }

// Open reads the volume descriptors of an image. The size is -1 if it is not known.
func Open(content io.ReaderAt, size int64) (*Image, error) {
	image := &Image{content: content, size: size}
	s := image.search()
	primary, supplementary, err := s.descriptors()
	if err != nil {
		return nil, err
	}
	if err := image.describe(primary, plain); err != nil {
		return nil, err
	}
	posix, err := s.detectRockRidge()
	if err != nil {
		return nil, err
	}
	// Linux also prefers Rock Ridge to Joliet: fs/isofs/inode.c isofs_fill_super().
	if !posix && supplementary != nil {
		err = image.describe(supplementary, joliet)
	}
	return image, err
}

// descriptors returns the primary volume descriptor, and Joliet's descriptor if there is one.
func (s *search) descriptors() (primary, supplementary []byte, err error) {
	for number := int64(firstDescriptor); number < firstDescriptor+maxDescriptors; number++ {
		descriptor, err := s.sector(number)
		if err != nil {
			return nil, nil, fmt.Errorf("unable to read the volume descriptors: %w", err)
		}
		if string(descriptor[1:6]) != standardIdentifier || descriptor[0] == typeTerminator {
			break
		}
		switch {
		case descriptor[0] == typePrimary && primary == nil:
			primary = descriptor
		case descriptor[0] == typeSupplementary && isJoliet(descriptor):
			supplementary = descriptor
		}
	}
	if primary == nil {
		return nil, nil, errors.New("it is not an ISO 9660 image: it has no primary volume descriptor")
	}
	return primary, supplementary, nil
}

// isJoliet looks for the escape sequences of UCS-2 level 1, 2 or 3: ECMA-119 8.5.6, and "SVD Escape
// Sequences Field" of Joliet.
func isJoliet(descriptor []byte) bool {
	return slices.Contains([]string{"%/@", "%/C", "%/E"}, string(descriptor[88:91]))
}

// describe uses what a volume descriptor says about its directory tree.
func (i *Image) describe(descriptor []byte, names naming) error {
	if size := binary.LittleEndian.Uint16(descriptor[128:]); size != sectorSize { // ECMA-119 8.4.12
		return fmt.Errorf("its logical blocks have %d bytes; only images with blocks of %d bytes are supported", size, sectorSize)
	}
	root, _, err := parseRecord(descriptor[156:190]) // ECMA-119 8.4.18
	if err != nil {
		return fmt.Errorf("the root directory: %w", err)
	}
	i.root, i.names = root, names
	return nil
}

// search is one use of an image.
type search struct {
	*Image
	left int // sectors that it may still read
}

func (i *Image) search() *search { return &search{i, maxSectors} }

func (s *search) sector(number int64) ([]byte, error) {
	if s.left--; s.left < 0 {
		return nil, fmt.Errorf("a search in its directories needs to read more than %d MiB, so the image is damaged or malicious", maxSectors*sectorSize>>20)
	}
	sector := make([]byte, sectorSize)
	if err := s.within(Section{number * sectorSize, sectorSize}); err != nil {
		return nil, err
	}
	if n, err := s.content.ReadAt(sector, number*sectorSize); n < sectorSize {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return sector, nil
}

// within checks that the image has the whole section.
func (i *Image) within(s Section) error {
	if i.size >= 0 && s.Offset+s.Size > i.size {
		return fmt.Errorf("the image ends at byte %d, but byte %d is needed: the image is incomplete or damaged", i.size, s.Offset+s.Size)
	}
	return nil
}
