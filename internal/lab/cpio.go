package lab

import (
	"fmt"
	"io"
)

// cpioFile is a regular file or an empty directory of an archive.
type cpioFile struct {
	name    string // without a leading slash
	mode    uint32 // with the type, as in stat(2)
	content []byte
}

const (
	cpioDirectory  = 0o040755
	cpioExecutable = 0o100755
	cpioPlain      = 0o100644
	cpioLink       = 0o120777 // its content is the name of another file
)

// writeCPIO writes an archive in "newc", the format in which the kernel reads an initrd.
//
// https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
func writeCPIO(w io.Writer, files []cpioFile) error {
	for i, file := range files {
		if err := writeCPIOFile(w, i+1, file); err != nil {
			return err
		}
	}
	return writeCPIOFile(w, 0, cpioFile{name: "TRAILER!!!"})
}

// Every field of the header has eight hexadecimal digits. The name and the content are padded with
// NULs to a multiple of 4 bytes, the name together with the 110 bytes of the header.
func writeCPIOFile(w io.Writer, inode int, file cpioFile) error {
	const headerLength = 110
	name := file.name + "\x00"
	fields := []int{
		inode, int(file.mode), 0 /* uid */, 0 /* gid */, 1 /* nlink */, 0, /* mtime */
		len(file.content), 0, 0, 0, 0 /* devices */, len(name), 0, /* check */
	}
	header := "070701"
	for _, field := range fields {
		header += fmt.Sprintf("%08X", field)
	}
	parts := []string{
		header, name, padding(headerLength + len(name)),
		string(file.content), padding(len(file.content)),
	}
	for _, part := range parts {
		if _, err := io.WriteString(w, part); err != nil {
			return err
		}
	}
	return nil
}

func padding(length int) string { return "\x00\x00\x00"[:(4-length%4)%4] }
