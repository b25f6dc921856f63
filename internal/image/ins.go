package image

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// INS is a manifest that loads Linux into an LPAR, as on installation media. It has the address in the
// guest's memory for each file.
type INS struct {
	Title string
	Files []INSFile
}

// INSFile is one line of a manifest. The path is relative to the TFTP root, never to the manifest.
type INSFile struct {
	Path    string
	Address uint64
}

// The addresses that say what a file is.
//
// Linux arch/s390/boot/head.S: the kernel begins at 0, "parmarea" is at 0x10400 with the initrd's
// address at 8 and its size at 16, 8 bytes each, and the command line is at 0x10480.
const (
	kernelAddress     = 0
	initrdFields      = 0x10408
	initrdFieldsEnd   = 0x10418
	parametersAddress = 0x10480
)

const (
	// insMinSize and insMaxSize are the smallest and largest size of a file that the firmware reads as a manifest.
	//
	// QEMU pc-bios/s390-ccw/netmain.c net_try_direct_tftp_load(): "if (rc < sizeof(cfgbuf) - 1)",
	// with a cfgbuf of 2048 bytes; before that "rc < 8" is too small for anything.
	insMinSize = 8
	insMaxSize = 2046

	// insMaxPath is the largest size of a file's path, in bytes; a longer path overwrites firmware memory.
	//
	// SLOF lib/libnet/tftp.c send_rrq() builds its request in "packet[BUFFER_LEN]" of 256 bytes.
	insMaxPath = 206

	// insMaxAddress is the last address that any firmware can load a byte to. The firmware itself is after it.
	//
	// QEMU hw/s390x/ipl.c s390_ipl_realize(): "(MIN(ms->ram_size, 0x80000000UL) - BIOS_MAX_SIZE)",
	// of 0x300000.
	insMaxAddress = 0x80000000 - 0x300000 - 1
)

// ParseINS reads a manifest as the firmware does. It refuses what the firmware would not read, or would
// read differently from how it is written. The error joins the errors of all lines.
//
// QEMU pc-bios/s390-ccw/netmain.c handle_ins_cfg(), for a bootfile that begins with "* ".
func ParseINS(text string) (INS, error) {
	if err := checkINS(text); err != nil {
		return INS{}, err
	}
	title, body, found := strings.Cut(text, "\n")
	if !found {
		return INS{}, errors.New(`the file has one line, and names no file to load; the firmware reports "Does not seem to be a valid .INS file"`)
	}
	ins := INS{Title: strings.TrimSpace(strings.TrimPrefix(title, "* "))}
	lines := map[uint64]int{}
	var errs []error
	for i, line := range strings.Split(body, "\n") {
		number := i + 2
		// "llen = strlen(insbuf); if (!llen)" is the only blank line; a line with a carriage return is not blank.
		if line == "" {
			continue
		}
		file, err := parseINSLine(line)
		if err == nil && lines[file.Address] > 0 {
			err = fmt.Errorf("%q overwrites the file in line %d, which has the same address %#x", file.Path, lines[file.Address], file.Address)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		lines[file.Address] = number
		ins.Files = append(ins.Files, file)
	}
	if len(errs) == 0 && len(ins.Files) == 0 {
		return INS{}, errors.New("the file names nothing to load; write a line with a path and an address for each file, such as \"kernel.img 0x00000000\"")
	}
	if len(errs) > 0 {
		return INS{}, errors.Join(errs...)
	}
	return ins, nil
}

// checkINS checks whether the firmware accepts the text as a manifest, and reads it to its end.
func checkINS(text string) error {
	first, _, _ := strings.Cut(text, "\n")
	switch {
	case len(text) > insMaxSize:
		return fmt.Errorf("the file has %d bytes; the firmware treats a file of more than %d bytes as a kernel, and jumps into it", len(text), insMaxSize)
	case !strings.HasPrefix(text, "* "):
		return fmt.Errorf("line 1: %.60q does not begin with \"* \", an asterisk and a space, so the firmware treats the file as a kernel; put a line such as \"* Linux\" before it", first)
	case len(text) < insMinSize:
		return fmt.Errorf("the file has %d bytes; the firmware ignores a file of less than %d bytes", len(text), insMinSize)
	case strings.Contains(text, "\x00"):
		return fmt.Errorf("line %d: the firmware stops reading at a NUL byte; is this a text file?", 1+strings.Count(text[:strings.IndexByte(text, 0)], "\n"))
	default:
		return nil
	}
}

// parseINSLine reads the path and the address of a line.
func parseINSLine(line string) (INSFile, error) {
	// "ptr = strchr(insbuf, ' '); if (!ptr)" is "Missing space separator in .INS file".
	path, rest, found := strings.Cut(line, " ")
	switch {
	case strings.TrimSpace(line) == "":
		return INSFile{}, errors.New("the line has only blanks or a carriage return, and the firmware gives up at such a line; make it completely empty, or remove it")
	case path == "*" || path == "#":
		return INSFile{}, fmt.Errorf("the firmware knows a comment only in the first line, and asks the server for a file named %q; remove the line", path)
	case path == "":
		return INSFile{}, errors.New("the line begins with a space, so the path before it is empty; begin the line with the path")
	case strings.Contains(path, "\t"):
		return INSFile{}, fmt.Errorf("there is a tab in or around the path %q; the firmware accepts only a space between path and address", path)
	case !found:
		return INSFile{}, fmt.Errorf("there is no space in %q; write a path, a space, and an address", line)
	}
	if err := checkINSPath(path); err != nil {
		return INSFile{}, err
	}
	address, err := parseINSAddress(rest)
	return INSFile{path, address}, err
}

// checkINSPath checks whether the firmware can load from a path.
func checkINSPath(path string) error {
	switch {
	case strings.ContainsFunc(path, unicode.IsControl):
		return fmt.Errorf("the path %q has a control character; remove it", path)
	case len(path) > insMaxPath:
		return fmt.Errorf("the path %q has %d bytes; the firmware overwrites its own memory if a path has more than %d", path, len(path), insMaxPath)
	case strings.Contains("/"+path+"/", "/../"):
		return fmt.Errorf("the path %q leads upwards with \"..\", which the TFTP server refuses; write the path relative to the TFTP root", path)
	default:
		return nil
	}
}

// parseINSAddress reads a number like SLOF lib/libc/stdlib/strtol.c: blanks, then digits, of base 16 after
// "0x" in lower case, else of base 10, up to the first other character. Text after a blank is not read.
func parseINSAddress(text string) (uint64, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r", r) })
	if len(words) == 0 {
		return 0, errors.New("there is no address after the path; write one such as 0x00010480")
	}
	digits, base := words[0], 10
	if hex, found := strings.CutPrefix(digits, "0x"); found {
		digits, base = hex, 16
	}
	address, err := strconv.ParseUint(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && address > insMaxAddress:
		return 0, fmt.Errorf("the address %s is above the memory that a firmware can load files to, which ends at %#x", words[0], insMaxAddress)
	case err != nil:
		return 0, fmt.Errorf("the address %q is not a number for the firmware, which reads up to the first character that is not a digit; write one such as 0x00010480, with a small x, or 66688", words[0])
	default:
		return address, nil
	}
}

// Kernel is the path of the kernel, or "".
func (i INS) Kernel() string { return i.at(kernelAddress) }

// Parameters is the path of the file with the kernel's arguments, or "".
func (i INS) Parameters() string { return i.at(parametersAddress) }

// Initrd is the path of the initrd, or "". A manifest does not say which file is the initrd, so it is the
// only file with no other purpose. Other files (.off, .siz, .addrsize) have its address and size.
func (i INS) Initrd() string {
	var initrd string
	for _, file := range i.Files {
		if file.Address == kernelAddress || file.Address == parametersAddress || initrdFields <= file.Address && file.Address < initrdFieldsEnd {
			continue
		}
		if initrd != "" {
			return ""
		}
		initrd = file.Path
	}
	return initrd
}

func (i INS) at(address uint64) string {
	for _, file := range i.Files {
		if file.Address == address {
			return file.Path
		}
	}
	return ""
}
