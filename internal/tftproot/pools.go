package tftproot

import (
	"path"
	"slices"
	"strings"
)

// ConfigDir is the directory below a TFTP root that holds the pxelinux configurations.
const ConfigDir = "pxelinux.cfg"

// DirPool is the name of the storage pool of a directory below a TFTP root: srv-tftp-grub for grub. root is the name of the TFTP
// root's own pool, which is the pool of the directory "". A directory needs a pool of its own because a volume's name cannot contain
// a slash.
func DirPool(root, dir string) string {
	if dir == "" {
		return root
	}
	return root + "-" + strings.ReplaceAll(dir, "/", "-")
}

// ConfigPool is the name of the storage pool with a TFTP root's pxelinux configurations.
func ConfigPool(root string) string { return DirPool(root, ConfigDir) }

// Roots returns the pools of a host that are TFTP roots: those for which the pool for configurations exists as well.
func Roots(pools []string) []string {
	return slices.DeleteFunc(slices.Clone(pools), func(name string) bool { return !slices.Contains(pools, ConfigPool(name)) })
}

// Split returns the directory of a file below a TFTP root, "" for the root itself, and the name of the file.
func Split(file string) (dir, name string) {
	dir, name = path.Split(file)
	return strings.TrimSuffix(dir, "/"), name
}

// DirOf returns the directory of a file below a TFTP root, "" for the root itself.
func DirOf(file string) string {
	dir, _ := Split(file)
	return dir
}

// Parents returns a directory below a TFTP root and the directories that it is in, the outermost first: a and a/b for a/b. The
// root itself is not among them.
func Parents(dir string) (parents []string) {
	for ; dir != "" && dir != "." && dir != "/"; dir = path.Dir(dir) {
		parents = append(parents, dir)
	}
	slices.Reverse(parents)
	return parents
}
