package initrd

import (
	"fmt"
	"slices"
	"strings"
)

// entry is what an archive has for a file, for a directory, or for its own end.
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

// entries are those of an archive with these files: in the order of their paths, each directory once
// and before what is in it. Without its directory, the kernel drops a file in silence.
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

// permissions are those of a directory that is made for what is in it. As nobody can see into the
// initrd without unpacking it, the directory may be there already, and an entry acts on that one too.
// In Linux init/initramfs.c, do_name():
//
//   - does "init_mkdir, init_chown, init_chmod" on it, so that the entry has to say what the directory
//     has everywhere: 0755, but for the three below that every system has, and whose modes matter;
//   - begins with clean_path(), which removes what is there with another type. On a /lib that links to
//     usr/lib, an entry "lib" would leave an empty directory. With "lib/", as directories are named here,
//     the kernel looks at what is behind the link, finds a directory, and keeps the link.
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

// header is what precedes an entry's content: fields of eight hexadecimal digits, and the name. Links
// are told by inode numbers that are the same, so each entry has its own.
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

// padding is what aligns the end of so many bytes to four.
func padding(size int64) string { return "\x00\x00\x00"[:(4-size%4)%4] }

// gap is what separates an archive from an initrd of so many bytes before it. More than an alignment
// is needed for lz4: the format has no end, and the kernel takes four zeros for one. Everywhere else it
// passes over any number of zeros.
//
// Linux lib/decompress_unlz4.c unlz4(): "if (!fill && chunksize == 0)", since commit 2c484419efc0 of
// 2021; init/initramfs.c unpack_to_rootfs(): "if (!*buf)".
func gap(size int64) string { return "\x00\x00\x00\x00" + padding(size) }
