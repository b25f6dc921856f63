package iso9660

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

const (
	// MaxContent is the largest total size, in bytes, of the files in an image that Write makes.
	MaxContent = 4 << 20

	maxVolumeID  = 32  // ECMA-119 8.4.7
	maxWritten   = 128 // bytes of a name: it fits into a record without a continuation area
	maxWrittenID = 8   // digits of an identifier
)

// File is a file in the root directory of an image that Write makes.
type File struct {
	Name    string
	Content []byte
}

// The positions, in sectors, of what Write writes.
const (
	primaryAt    = firstDescriptor
	terminatorAt = primaryAt + 1
	pathTableLAt = terminatorAt + 1
	pathTableMAt = pathTableLAt + 1
	rootAt       = pathTableMAt + 1
)

// pathTableSize is the size of a path table with only the root directory, ECMA-119 9.4.
const pathTableSize = 10

// Modes of stat(2). A file may contain secrets, so only root may read it.
const (
	modeDirectory = 0o040500
	modeFile      = 0o100400
)

// Write writes an image with these files. Linux shows them under their names, and only root may read them.
// The same files make the same image: its only date is the first day of 1980.
//
// cloud-init and other programs look for the volume ID cidata in lower case, although ECMA-119 allows only
// upper case.
func Write(w io.Writer, volumeID string, files []File) error {
	if err := check(volumeID, files); err != nil {
		return err
	}
	rootSize := len(rootDirectory(files, 0))
	root := rootDirectory(files, rootSize)
	contentAt := rootAt + rootSize/sectorSize
	var image bytes.Buffer
	image.Write(make([]byte, firstDescriptor*sectorSize))
	image.Write(primaryDescriptor(volumeID, contentAt+contentSectors(files), rootSize))
	image.Write(padded([]byte{typeTerminator, 'C', 'D', '0', '0', '1', 1}))
	image.Write(padded(pathTable(binary.LittleEndian)))
	image.Write(padded(pathTable(binary.BigEndian)))
	image.Write(root)
	for _, file := range files {
		image.Write(padded(file.Content))
	}
	_, err := image.WriteTo(w)
	return err
}

// check refuses what an image cannot contain, and names that Linux would not show unchanged.
func check(volumeID string, files []File) error {
	if len(volumeID) < 1 || len(volumeID) > maxVolumeID || strings.ContainsFunc(volumeID, isNotASCII) {
		return fmt.Errorf("the volume ID %q must be 1 to %d printable ASCII characters", volumeID, maxVolumeID)
	}
	left := MaxContent
	seen := map[string]bool{}
	for _, file := range files {
		if err := checkName(file.Name); err != nil {
			return err
		}
		if seen[file.Name] {
			return fmt.Errorf("there are two files named %q", file.Name)
		}
		seen[file.Name] = true
		if left -= len(file.Content); left < 0 {
			return fmt.Errorf("the files have more than %d MiB together", MaxContent>>20)
		}
	}
	return nil
}

func isNotASCII(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("a file has no name")
	case name == "." || name == "..", strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("%q cannot be the name of a file", name)
	case len(name) > maxWritten:
		return fmt.Errorf("the name %q has %d bytes, but at most %d are supported", name, len(name), maxWritten)
	}
	return nil
}

// primaryDescriptor: ECMA-119 8.4.
func primaryDescriptor(volumeID string, sectors, rootSize int) []byte {
	d := make([]byte, sectorSize)
	copy(d, "\x01"+standardIdentifier+"\x01")
	fill(d[8:72], ' ')
	copy(d[40:], volumeID)
	copy(d[80:], both32(sectors))
	copy(d[120:], both16(1)) // volumes
	copy(d[124:], both16(1)) // number of this one
	copy(d[128:], both16(sectorSize))
	copy(d[132:], both32(pathTableSize))
	binary.LittleEndian.PutUint32(d[140:], pathTableLAt)
	binary.BigEndian.PutUint32(d[148:], pathTableMAt)
	copy(d[156:], directoryRecord("\x00", rootAt, rootSize, flagDirectory, nil))
	fill(d[190:813], ' ') // who made it
	for at := 813; at < 881; at += 17 {
		fill(d[at:at+16], '0') // 8.4.26.1: a date that is not specified
	}
	d[881] = 1 // version of the directory records and path tables
	return d
}

func fill(b []byte, with byte) {
	for i := range b {
		b[i] = with
	}
}

// pathTable has the root directory: ECMA-119 9.4.
func pathTable(order binary.AppendByteOrder) []byte {
	table := []byte{1, 0} // lengths of the identifier and of an extended attribute record
	table = order.AppendUint32(table, rootAt)
	table = order.AppendUint16(table, 1) // the parent
	return append(table, 0, 0)           // the identifier, and a padding field
}

// rootDirectory has its own records and the records of the files. The contents of the files follow it.
func rootDirectory(files []File, size int) []byte {
	self := directoryRecord("\x00", rootAt, size, flagDirectory, append(rockRidgeMark(), posixAttributes(modeDirectory, 2)...))
	parent := directoryRecord("\x01", rootAt, size, flagDirectory, posixAttributes(modeDirectory, 2))
	directory := append(self, parent...)
	at := rootAt + size/sectorSize
	for i, file := range files {
		// Only a reader without Rock Ridge shows the identifier. Records are sorted by it: ECMA-119 9.3.
		identifier := fmt.Sprintf("%0*d.;1", maxWrittenID, i)
		systemUse := append(posixAttributes(modeFile, 1), alternateName(file.Name)...)
		record := directoryRecord(identifier, at, len(file.Content), 0, systemUse)
		if free := -len(directory) & (sectorSize - 1); free < len(record) { // 6.8.1.1
			directory = append(directory, make([]byte, free)...)
		}
		directory = append(directory, record...)
		at += sectorsOf(len(file.Content))
	}
	return padded(directory)
}

// recordingDate is ECMA-119 9.1.5: years since 1900, month, day, time.
const recordingDate = "\x50\x01\x01\x00\x00\x00\x00"

// directoryRecord: ECMA-119 9.1.
func directoryRecord(identifier string, block, size int, flags byte, systemUse []byte) []byte {
	r := make([]byte, fixedRecord, 256)
	copy(r[2:], both32(block))
	copy(r[10:], both32(size))
	copy(r[18:], recordingDate)
	r[25] = flags
	copy(r[28:], both16(1)) // volume
	r[32] = byte(len(identifier))
	r = append(r, identifier...)
	r = append(r, make([]byte, len(r)%2)...)
	r = append(r, systemUse...)
	r = append(r, make([]byte, len(r)%2)...)
	r[0] = byte(len(r))
	return r
}

// rockRidgeMark says that system use entries begin at the first byte of their field, SUSP 5.3, and that they
// are Rock Ridge entries, SUSP 5.5, without a description.
func rockRidgeMark() []byte {
	const identifier = "RRIP_1991A"
	return append([]byte("SP\x07\x01\xbe\xef\x00"), "ER\x12\x01\x0a\x00\x00\x01"+identifier...)
}

// posixAttributes: RRIP 4.1.1. The owner is root.
func posixAttributes(mode, links int) []byte {
	px := []byte("PX\x24\x01")
	for _, field := range []int{mode, links, 0 /* uid */, 0 /* gid */} {
		px = append(px, both32(field)...)
	}
	return px
}

// alternateName: RRIP 4.1.4.
func alternateName(name string) []byte {
	return append([]byte{'N', 'M', byte(5 + len(name)), 1, 0}, name...)
}

// both32 is a number in both byte orders, ECMA-119 7.3.3.
func both32(n int) []byte {
	return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(n)), uint32(n))
}

// both16: ECMA-119 7.2.3.
func both16(n int) []byte {
	return binary.BigEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, uint16(n)), uint16(n))
}

func sectorsOf(size int) int { return (size + sectorSize - 1) / sectorSize }

func contentSectors(files []File) (sectors int) {
	for _, file := range files {
		sectors += sectorsOf(len(file.Content))
	}
	return sectors
}

// padded fills the last sector with zeros.
func padded(b []byte) []byte {
	return append(slices.Clip(b), make([]byte, sectorsOf(len(b))*sectorSize-len(b))...)
}
