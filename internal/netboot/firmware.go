package netboot

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// FirmwareReader reads the firmware image with which s390x guests of a host start.
type FirmwareReader interface {
	Firmware(ctx context.Context) ([]byte, error)
}

// FirmwareOf is the generation of the firmware of s390x guests on a host. It is unknown if the host does not show the
// firmware; then anything that only some firmware accepts is a warning.
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
