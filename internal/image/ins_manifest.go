package image

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// parseManifest reads a manifest for the files that it names. The firmware does not read this manifest, so it may have any
// form that is found on media or written by users: with a byte order mark, comments and blank lines anywhere, tabs, blanks in
// and around paths, numbers in other forms, and any size.
func parseManifest(text string) (INS, error) {
	if err := checkContent([]byte(text)); err != nil {
		return INS{}, err
	}
	if strings.Contains(text, "\x00") {
		return INS{}, errors.New("it has a NUL byte; is it a text file?")
	}
	var ins INS
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "*") || strings.HasPrefix(line, "#") {
			if i == 0 {
				ins.Title = strings.TrimSpace(strings.TrimLeft(line, "*#"))
			}
			continue
		}
		file, err := parseManifestLine(line)
		if err == nil {
			err = ins.checkRole(file)
		}
		if err != nil {
			return INS{}, fmt.Errorf("line %d: %w", i+1, err)
		}
		ins.Files = append(ins.Files, file)
	}
	return ins, nil
}

// parseManifestLine reads a path and the address after it. What follows is not read.
func parseManifestLine(line string) (INSFile, error) {
	for at, r := range line {
		if !unicode.IsSpace(r) {
			continue
		}
		rest := strings.Fields(line[at:])
		if address, isNumber := manifestAddress(rest[0]); isNumber {
			return newManifestFile(line[:at], address)
		}
	}
	return INSFile{}, fmt.Errorf("%.60q is not a path and an address; write one such as \"kernel.img 0x00000000\"", line)
}

func newManifestFile(path string, address uint64) (INSFile, error) {
	if path = strings.TrimSpace(path); strings.ContainsFunc(path, unicode.IsControl) {
		return INSFile{}, fmt.Errorf("the path %q has a control character", path)
	}
	return INSFile{path, address}, nil
}

// manifestAddress reads a number. It is of base 16 after 0x, or if it begins with a digit and has letters, else of base 10.
func manifestAddress(text string) (address uint64, isNumber bool) {
	digits, hex := strings.CutPrefix(strings.ToLower(text), "0x")
	base := 10
	if hex || strings.ContainsAny(digits, "abcdef") && unicode.IsDigit(rune(digits[0])) {
		base = 16
	}
	address, err := strconv.ParseUint(digits, base, 64)
	return address, err == nil
}

// checkRole refuses a second kernel and a second parameter file, because nothing says which one to use.
func (i INS) checkRole(file INSFile) error {
	before := i.at(file.Address)
	if before == "" || before == file.Path || file.Address != kernelAddress && file.Address != parametersAddress {
		return nil
	}
	return fmt.Errorf("%q and %q have the same address %#x", before, file.Path, file.Address)
}
