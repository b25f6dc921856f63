package tftproot

import (
	"slices"
	"strings"
)

// ConfigDir is the directory below a TFTP root that holds the pxelinux configurations.
const ConfigDir = "pxelinux.cfg"

// ConfigPool is the name of the storage pool with a TFTP root's pxelinux configurations. root is the name of the TFTP root's
// own pool. The configurations need a separate pool because a volume's name cannot contain a slash.
func ConfigPool(root string) string { return root + "-" + ConfigDir }

// DirPool is the name of the storage pool with a directory below a TFTP root. root is the name of the TFTP root's own pool.
func DirPool(root, dir string) string { return root + "-" + strings.ReplaceAll(dir, "/", "-") }

// Roots returns the pools of a host that are TFTP roots: those for which the pool for configurations exists as well.
func Roots(pools []string) []string {
	return slices.DeleteFunc(slices.Clone(pools), func(name string) bool { return !slices.Contains(pools, ConfigPool(name)) })
}
