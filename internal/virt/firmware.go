package virt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/digitalocean/go-libvirt"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// firmwareFile is the boot firmware of s390x guests, in a directory of QEMU.
var firmwareFile = arch.Of(arch.S390X).Firmware

// maxFirmware limits the size of the download. The largest known firmware has 100 KiB.
const maxFirmware = 4 << 20

// Firmware returns the boot firmware with which the host starts s390x guests, the content of QEMU's s390-ccw.img. The
// error is ErrNotFound if the host does not have it, or has it in another directory.
//
// libvirt shows files only in storage pools. If no pool exists for QEMU's directory, Firmware makes a transient one
// for a moment, which changes nothing on the host.
func (h *Host) Firmware(ctx context.Context) ([]byte, error) {
	return h.firmware.get(ctx, h, func() ([]byte, error) { return h.findFirmware(ctx) })
}

func (h *Host) findFirmware(ctx context.Context) ([]byte, error) {
	capabilities, err := h.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	directories := capabilities.firmwareDirectories()
	for _, dir := range directories {
		content, err := h.readFirmware(ctx, dir)
		switch {
		case err == nil:
			return content, nil
		case !isAbsent(err):
			return nil, fmt.Errorf("read %s in %s: %w", firmwareFile, dir, err)
		}
	}
	return nil, fmt.Errorf("no %s in %s: %w", firmwareFile, strings.Join(directories, ", "), ErrNotFound)
}

// isAbsent reports whether a directory has no firmware. If the directory itself does not exist, libvirt returns a
// system error without a code of its own.
func isAbsent(err error) bool {
	return errors.Is(err, ErrNotFound) || refusedWith(err, libvirt.ErrSystemError)
}

// firmwareDirectories returns the directories where QEMU may have its firmware: relative to its own prefix, or where
// distributions put it.
func (c Capabilities) firmwareDirectories() []string {
	var directories []string
	for _, guest := range c.Guests {
		if guest.Arch == arch.S390X {
			directories = append(directories, path.Join(path.Dir(path.Dir(guest.Emulator)), "share", "qemu"))
		}
	}
	for _, usual := range []string{"/usr/share/qemu", "/usr/share/qemu-kvm"} {
		if !slices.Contains(directories, usual) {
			directories = append(directories, usual)
		}
	}
	return directories
}

// readFirmware reads the firmware in a directory, in an existing pool or in a transient one.
func (h *Host) readFirmware(ctx context.Context, dir string) ([]byte, error) {
	pool, err := h.PoolAt(ctx, dir)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if err == nil && pool.Active {
		content, err := h.downloadFirmware(ctx, pool.Name)
		if !errors.Is(err, ErrNotFound) { // otherwise libvirt's list may be older than the file
			return content, err
		}
	}
	var content []byte
	err = h.withTransientPool(ctx, dir, func(pool string) error {
		content, err = h.downloadFirmware(ctx, pool)
		return err
	})
	return content, err
}

func (h *Host) downloadFirmware(ctx context.Context, pool string) ([]byte, error) {
	volume, err := h.Volume(ctx, pool, firmwareFile)
	if err != nil {
		return nil, err
	}
	if volume.Capacity > maxFirmware {
		return nil, fmt.Errorf("%s has %d bytes, too many for firmware: %w", volume.Path, volume.Capacity, ErrNotFound)
	}
	var content bytes.Buffer
	err = h.Download(ctx, pool, firmwareFile, &content)
	return content.Bytes(), err
}
