package virt_test

import (
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestFirmwares defines and starts guests with each firmware that a host has. Each is read as it was written, keeps its settings through a
// change, and leaves no file of settings after it is deleted.
func TestFirmwares(t *testing.T) {
	host := lab.Shared(t)
	h := open(t, host.URI)
	for name, test := range map[string]struct {
		arch, firmware string
		machine        string
		has, lacks     []string
	}{
		"PC":                  {"x86_64", virt.FirmwareBIOS, "pc-", []string{"<bios useserial='yes'/>"}, []string{"nvram", "<rom"}},
		"PC with UEFI":        {"x86_64", virt.FirmwareUEFI, "pc-q35-", []string{"OVMF_CODE_4M.fd", "OVMF_VARS_4M", "<rom enabled='no'/>"}, []string{"<bios", "smm"}},
		"PC with secure boot": {"x86_64", virt.FirmwareSecure, "pc-q35-", []string{"OVMF_CODE_4M.ms.fd", "secure='yes'", "<smm state='on'/>", "<rom enabled='no'/>"}, nil},
		"arm64":               {"aarch64", virt.FirmwareUEFI, "virt-", []string{"AAVMF_CODE", "AAVMF_VARS", "<cpu mode='maximum'", "<acpi/>"}, []string{"<rom"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := virt.Domain{
				Name: "firmware", Arch: test.arch, Firmware: test.firmware, Accelerator: "tcg", Memory: 512 << 20, VCPUs: 1, Boot: []string{virt.BootNetwork},
				Interfaces: []virt.Interface{{MAC: "52:54:00:f1:00:01", Bridge: "virbr-none", Model: "virtio"}},
			}
			if err := h.CreateDomain(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			defined := virsh(t, "dumpxml", "firmware")
			read, err := h.Domain(t.Context(), "firmware")
			if err != nil || read.Firmware != test.firmware || !strings.HasPrefix(read.Machine, test.machine) {
				t.Errorf("it is read as %q on %q (%v)", read.Firmware, read.Machine, err)
			}
			d.Machine, d.CPU, d.VCPUs, d.Interfaces = read.Machine, read.CPU, 2, nil
			redefined := h.RedefineDomain(t.Context(), d)
			started := h.StartDomain(t.Context(), "firmware")
			running := virsh(t, "dumpxml", "firmware")
			if redefined != nil || started != nil {
				t.Errorf("change: %v, start: %v", redefined, started)
			}
			err = h.CreateSnapshot(t.Context(), "firmware", "running")
			if refused := err != nil && strings.Contains(err.Error(), "guest with UEFI while the guest runs"); refused != (test.firmware != virt.FirmwareBIOS) {
				t.Errorf("a snapshot while it runs: %v", err)
			}
			for _, text := range test.has {
				if !strings.Contains(defined+running, text) {
					t.Errorf("%s is missing in:\n%s", text, running)
				}
			}
			for _, text := range test.lacks {
				if strings.Contains(defined+running, text) {
					t.Errorf("%s is in:\n%s", text, running)
				}
			}
			if kept := settings(t, host); (len(kept) == 1) != (test.firmware != virt.FirmwareBIOS) {
				t.Errorf("the guest runs with the settings %q", kept)
			}
			if err := h.DeleteDomain(t.Context(), "firmware"); err != nil {
				t.Error(err)
			}
			if left := settings(t, host); len(left) > 0 {
				t.Errorf("left are the settings %q", left)
			}
		})
	}
}

// settings are the files with the settings of UEFI guests.
func settings(t *testing.T, host *lab.Host) []string {
	t.Helper()
	files, err := host.Exec(t.Context(), "find", "/var/lib/libvirt/qemu/nvram", "-type", "f")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(files)
}
