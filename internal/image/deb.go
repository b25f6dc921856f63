package image

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The ar archive that a Debian package is: deb(5), "FORMAT". Each member follows a header, and begins at an even offset.
const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
	arNameEnd    = 16
	arSizeStart  = 48
	arSizeEnd    = 58
	arEnd        = "`\n" // of each header
)

// debData returns the archive with the files of a Debian package: its member data.tar, which may be packed.
func debData(deb io.Reader) (io.Reader, error) {
	if _, err := io.CopyN(io.Discard, deb, int64(len(arMagic))); err != nil {
		return nil, debError(err)
	}
	for {
		name, size, err := nextInDeb(deb)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, "data.tar") {
			return &debMember{io.LimitedReader{R: deb, N: size}}, nil
		}
		if _, err := io.CopyN(io.Discard, deb, size+size%2); err != nil {
			return nil, debError(err)
		}
	}
}

// nextInDeb reads the header of the next member.
func nextInDeb(deb io.Reader) (name string, size int64, err error) {
	header := make([]byte, arHeaderSize)
	if _, err := io.ReadFull(deb, header); err != nil {
		return "", 0, debError(err)
	}
	size, err = strconv.ParseInt(strings.TrimSpace(string(header[arSizeStart:arSizeEnd])), 10, 64)
	if err != nil || size < 0 || string(header[arSizeEnd:]) != arEnd {
		return "", 0, errors.New("the Debian package is damaged: check that the source is complete")
	}
	return strings.TrimRight(string(header[:arNameEnd]), " /"), size, nil
}

// debError says what is wrong with a package that ends too early. It returns errors of the source unchanged.
func debError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("it has no member data.tar, so it is no complete Debian package: check the source")
	}
	return err
}

// debMember reads a member, and then the package to its end, so that its checksum can be verified.
type debMember struct{ io.LimitedReader }

// Read implements io.Reader.
func (m *debMember) Read(p []byte) (int, error) {
	n, err := m.LimitedReader.Read(p)
	if err != io.EOF {
		return n, err
	}
	if m.N > 0 {
		return n, errors.New("the Debian package is incomplete: check that the source is complete")
	}
	if _, err := io.Copy(io.Discard, m.R); err != nil {
		return n, fmt.Errorf("the end of the Debian package: %w", err)
	}
	return n, io.EOF
}
