package provider

// host is what the resources together ask of a libvirt host: virt.Host is one, virttest has one in memory.
type host interface {
	tftpRootHost
	imageHost
	pxelinuxConfigHost
	networkHost
	volumeHost
	domainHost
	observedHostHost
}
