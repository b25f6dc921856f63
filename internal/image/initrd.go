package image

import "strings"

// EmptyInitrd is an initrd without files: an archive with nothing but its end. A kernel with this initrd
// behaves as it does without an initrd.
//
// https://docs.kernel.org/driver-api/early-userspace/buffer-format.html: the magic of "newc", thirteen fields of
// eight digits (among them the number of links, and the length of the name with its NUL), and the name
// of the last entry, padded to a multiple of four bytes.
var EmptyInitrd = "070701" +
	strings.Repeat("0", 4*8) + "00000001" + strings.Repeat("0", 6*8) + "0000000B" + strings.Repeat("0", 8) +
	"TRAILER!!!\x00" + "\x00\x00\x00"
