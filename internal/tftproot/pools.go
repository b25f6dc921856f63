package tftproot

// ConfigDir is the directory below a TFTP root that holds the pxelinux configurations.
const ConfigDir = "pxelinux.cfg"

// ConfigPool is the storage pool of a TFTP root's pxelinux configurations, by the name of the root, which is that of its
// own pool: a volume's name cannot hold a slash.
func ConfigPool(root string) string { return root + "-" + ConfigDir }
