package provider

import (
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/grubconfigs"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/hosts"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/images"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/networks"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/pxelinuxconfigs"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/tftproots"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/volumes"
)

// host has all methods of a libvirt host that the resources need. virt.Host implements it; virttest has an implementation in
// memory.
type host interface {
	tftproots.Host
	images.Host
	grubconfigs.Host
	pxelinuxconfigs.Host
	networks.Host
	volumes.Host
	domains.Host
	hosts.Host
}
