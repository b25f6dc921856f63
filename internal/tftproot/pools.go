package tftproot

import "slices"

// ConfigDir is the directory below a TFTP root that holds the pxelinux configurations.
const ConfigDir = "pxelinux.cfg"

// ConfigPool is the storage pool of a TFTP root's pxelinux configurations, by the name of the root, which is that of its
// own pool: a volume's name cannot hold a slash.
func ConfigPool(root string) string { return root + "-" + ConfigDir }

// Roots are those pools of a host that are TFTP roots: beside them there is one for the configurations.
func Roots(pools []string) []string {
	return slices.DeleteFunc(slices.Clone(pools), func(name string) bool { return !slices.Contains(pools, ConfigPool(name)) })
}
