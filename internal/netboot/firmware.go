package netboot

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// FirmwareReader shows the firmware image that s390x guests of a host start with.
type FirmwareReader interface {
	Firmware(ctx context.Context) ([]byte, error)
}

// FirmwareOf is the generation of the firmware that s390x guests of a host have. It is unknown where the host does not
// show it; what only some firmware takes is a warning then.
func FirmwareOf(ctx context.Context, host FirmwareReader) pxelinux.Firmware {
	content, err := host.Firmware(ctx)
	if err != nil {
		return pxelinux.UnknownFirmware
	}
	firmware, err := pxelinux.IdentifyFirmware(content)
	if err != nil {
		return pxelinux.UnknownFirmware
	}
	return firmware
}
