package initrd

import (
	"fmt"
	"slices"
	"strings"
)

// entry is an entry of an archive for a file, for a directory, or for the end of the archive.
type entry struct {
	name string // without a leading slash
	mode uint32 // with the type, as in stat(2)
	file File   // of a regular file
}

const (
	regular   = 0o100000
	directory = 0o040000

	trailer = "TRAILER!!!"
)

// entries returns the entries of an archive with these files, in the order of their paths. Each directory
// is in it once, before its content, because the kernel drops a file without its directory and without a
// message.
func entries(files []File) []entry {
	byPath := func(a, b File) int { return strings.Compare(a.Path, b.Path) }
	made := map[string]bool{}
	var all []entry
	for _, file := range slices.SortedFunc(slices.Values(files), byPath) {
		name := file.Path[1:]
		for _, dir := range directories(name) {
			if !made[dir] {
				all = append(all, entry{name: dir, mode: directory | permissions(dir)})
			}
			made[dir] = true
		}
		all = append(all, entry{name, regular | file.Mode, file})
	}
	return append(all, entry{name: trailer})
}

// permissions returns the permissions of a directory that is created for its content. The initrd is not
// unpacked, so the directory may exist in it already. The entry then changes the existing directory. In
// Linux init/initramfs.c, do_name():
//
//   - does "init_mkdir, init_chown, init_chmod" on it, so the entry must have the mode that the directory
//     has on all systems: 0755, except for the three below that every system has, and whose modes matter;
//   - begins with clean_path(), which removes an existing file of another type. If /lib is a link to
//     usr/lib, an entry "lib" would leave an empty directory. With "lib/", the form that is used here, the
//     kernel follows the link, finds a directory, and keeps the link.
func permissions(dir string) uint32 {
	switch dir {
	case "tmp/", "var/tmp/":
		return 0o1777
	case "root/":
		return 0o700
	default:
		return 0o755
	}
}

// header returns what precedes an entry's content: fields of eight hexadecimal digits, and the name. The
// kernel recognizes hard links by equal inode numbers, so each entry has its own.
//
// https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
func (e entry) header(inode int) string {
	name := e.name + "\x00"
	fields := []any{
		inode, e.mode, 0 /* uid */, 0 /* gid */, 1 /* nlink */, 0, /* mtime */
		e.file.Size, 0, 0, 0, 0 /* devices */, len(name), 0, /* check */
	}
	text := "070701" + fmt.Sprintf(strings.Repeat("%08X", len(fields)), fields...) + name
	return text + padding(int64(len(text)))
}

// padding returns the bytes that align the end of this number of bytes to four.
func padding(size int64) string { return "\x00\x00\x00"[:(4-size%4)%4] }

// gap returns the bytes between an initrd with this number of bytes and the archive after it. For lz4 an
// alignment is not enough: the format has no end mark, and the kernel treats four zeros as the end. After
// other formats the kernel skips any number of zeros.
//
// Linux lib/decompress_unlz4.c unlz4(): "if (!fill && chunksize == 0)", since commit 2c484419efc0 of
// 2021; init/initramfs.c unpack_to_rootfs(): "if (!*buf)".
func gap(size int64) string { return "\x00\x00\x00\x00" + padding(size) }
