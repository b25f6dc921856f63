package image

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// INS is a manifest that loads Linux into an LPAR, as installation media have it: for each file the
// address in the guest's memory where it goes.
type INS struct {
	Title string
	Files []INSFile
}

// INSFile is one line of a manifest. The path is relative to the TFTP root, never to the manifest.
type INSFile struct {
	Path    string
	Address uint64
}

// The addresses that tell what a file is.
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
	// insMinSize and insMaxSize are the sizes of a file that the firmware takes for a manifest.
	//
	// QEMU pc-bios/s390-ccw/netmain.c net_try_direct_tftp_load(): "if (rc < sizeof(cfgbuf) - 1)",
	// with a cfgbuf of 2048 bytes; before that "rc < 8" is too small for anything.
	insMinSize = 8
	insMaxSize = 2046

	// insMaxPath is the most bytes of a file's path; a longer one overwrites firmware memory.
	//
	// SLOF lib/libnet/tftp.c send_rrq() builds its request in "packet[BUFFER_LEN]" of 256 bytes.
	insMaxPath = 206

	// insMaxAddress is the last address that any firmware can load a byte to: it is itself behind.
	//
	// QEMU hw/s390x/ipl.c s390_ipl_realize(): "(MIN(ms->ram_size, 0x80000000UL) - BIOS_MAX_SIZE)",
	// of 0x300000.
	insMaxAddress = 0x80000000 - 0x300000 - 1
)

// ParseINS reads a manifest as the firmware does, and refuses what that would not read, or read
// otherwise than it is written. The error joins one for each line.
//
// QEMU pc-bios/s390-ccw/netmain.c handle_ins_cfg(), for a bootfile that begins with "* ".
func ParseINS(text string) (INS, error) {
	if err := checkINS(text); err != nil {
		return INS{}, err
	}
	title, body, found := strings.Cut(text, "\n")
	if !found {
		return INS{}, errors.New(`the file has one line, and no file to load; the firmware says "Does not seem to be a valid .INS file"`)
	}
	ins := INS{Title: strings.TrimSpace(strings.TrimPrefix(title, "* "))}
	lines := map[uint64]int{}
	var errs []error
	for i, line := range strings.Split(body, "\n") {
		number := i + 2
		// "llen = strlen(insbuf); if (!llen)" is the only blank line; a carriage return is none.
		if line == "" {
			continue
		}
		file, err := parseINSLine(line)
		if err == nil && lines[file.Address] > 0 {
			err = fmt.Errorf("%q overwrites the file of line %d, which has the same address %#x", file.Path, lines[file.Address], file.Address)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		lines[file.Address] = number
		ins.Files = append(ins.Files, file)
	}
	if len(errs) == 0 && len(ins.Files) == 0 {
		return INS{}, errors.New("the file names nothing to load; write a line with path and address for each file, such as \"kernel.img 0x00000000\"")
	}
	if len(errs) > 0 {
		return INS{}, errors.Join(errs...)
	}
	return ins, nil
}

// checkINS asks whether the firmware takes the text for a manifest, and reads it to its end.
func checkINS(text string) error {
	first, _, _ := strings.Cut(text, "\n")
	switch {
	case len(text) > insMaxSize:
		return fmt.Errorf("the file has %d bytes; the firmware takes one of more than %d for a kernel, and jumps into it", len(text), insMaxSize)
	case !strings.HasPrefix(text, "* "):
		return fmt.Errorf("line 1: %.60q does not begin with \"* \", an asterisk and a space, so that the firmware takes the file for a kernel; put a line such as \"* Linux\" before it", first)
	case len(text) < insMinSize:
		return fmt.Errorf("the file has %d bytes; the firmware passes over one of less than %d", len(text), insMinSize)
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
		return INSFile{}, errors.New("the line has only blanks or a carriage return, at which the firmware gives up; it allows only lines with nothing at all")
	case path == "*" || path == "#":
		return INSFile{}, fmt.Errorf("the firmware knows a comment in the first line only, and asks the server for a file named %q; remove the line", path)
	case path == "":
		return INSFile{}, errors.New("the line begins with a space, so that the path before it is empty; begin with the path")
	case strings.Contains(path, "\t"):
		return INSFile{}, fmt.Errorf("there is a tab in or around the path %q; the firmware knows only a space between path and address", path)
	case !found:
		return INSFile{}, fmt.Errorf("there is no space in %q; write a path, a space, and an address", line)
	}
	if err := checkINSPath(path); err != nil {
		return INSFile{}, err
	}
	address, err := parseINSAddress(rest)
	return INSFile{path, address}, err
}

// checkINSPath asks whether the firmware can load from a path.
func checkINSPath(path string) error {
	switch {
	case strings.ContainsFunc(path, unicode.IsControl):
		return fmt.Errorf("the path %q has a control character; remove it", path)
	case len(path) > insMaxPath:
		return fmt.Errorf("the path %q has %d bytes; the firmware overwrites its own memory above %d", path, len(path), insMaxPath)
	case strings.Contains("/"+path+"/", "/../"):
		return fmt.Errorf("the path %q leads upwards with \"..\", which the TFTP server refuses; write the path below the TFTP root", path)
	default:
		return nil
	}
}

// parseINSAddress reads a number like SLOF lib/libc/stdlib/strtol.c: blanks, then digits, of base 16
// behind "0x" in lower case, else of base 10, up to what is none. What follows behind a blank is
// not read.
func parseINSAddress(text string) (uint64, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r", r) })
	if len(words) == 0 {
		return 0, errors.New("there is no address behind the path; write one such as 0x00010480")
	}
	digits, base := words[0], 10
	if hex, found := strings.CutPrefix(digits, "0x"); found {
		digits, base = hex, 16
	}
	address, err := strconv.ParseUint(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && address > insMaxAddress:
		return 0, fmt.Errorf("the address %s is behind all memory that a firmware loads to, which ends at %#x", words[0], insMaxAddress)
	case err != nil:
		return 0, fmt.Errorf("the address %q is no number to the firmware, which reads it up to the first character that does not fit; write one such as 0x00010480, with a small x, or 66688", words[0])
	default:
		return address, nil
	}
}

// Kernel is the path of the kernel, or "".
func (i INS) Kernel() string { return i.at(kernelAddress) }

// Parameters is the path of the file with the kernel's arguments, or "".
func (i INS) Parameters() string { return i.at(parametersAddress) }

// Initrd is the path of the one file that is nothing else, or "". A manifest says nowhere what the
// initrd is: other files (.off, .siz, .addrsize) have its address and size.
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
