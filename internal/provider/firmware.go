package provider

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// archS390X is the architecture whose firmware all of this is about.
const archS390X = "s390x"

// firmware is the generation of the network firmware that s390x guests of the host have. It is
// unknown where the host does not show it; what only some firmware takes is a warning then.
func (c *configured) firmware(ctx context.Context) pxelinux.Firmware {
	content, err := c.host.Firmware(ctx)
	if err != nil {
		return pxelinux.UnknownFirmware
	}
	firmware, err := pxelinux.IdentifyFirmware(content)
	if err != nil {
		return pxelinux.UnknownFirmware
	}
	return firmware
}
