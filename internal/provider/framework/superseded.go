package framework

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// BootHost has the methods of a host that tell which boot files are in use.
type BootHost interface {
	virt.DirectoryHost
	Pool(ctx context.Context, name string) (virt.Pool, error)
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	Guests(ctx context.Context) (map[string]virt.Domain, error)
}

// Superseded are old files of images that pxelinux configurations or guests still name. Terraform updates an image before the
// resources that use it, so these files stay until a later update in the same run. The zero value is ready for concurrent use.
type Superseded struct {
	mu    sync.Mutex
	files map[string][]string // by TFTP root
}

// Add adds files of a TFTP root.
func (s *Superseded) Add(root string, files []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string][]string{}
	}
	s.files[root] = append(s.files[root], files...)
}

func (s *Superseded) in(root string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.files[root])
}

func (s *Superseded) removed(root string, files []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[root] = slices.DeleteFunc(s.files[root], func(file string) bool { return slices.Contains(files, file) })
}

// Sweep removes the superseded files of a TFTP root that nothing names any more. If there are none, it does not ask the host.
// An error is not reported: the image knows these files, and the next apply removes them.
func (s *Superseded) Sweep(ctx context.Context, host BootHost, root string) {
	files := s.in(root)
	if len(files) == 0 {
		return
	}
	unnamed, err := Unnamed(ctx, host, root, files)
	if err == nil {
		err = bootfiles.Remove(ctx, virt.NewDirectory(host, root), unnamed)
	}
	if err == nil {
		s.removed(root, unnamed)
	}
}

// Unnamed returns the files of a TFTP root that no pxelinux configuration and no guest names.
func Unnamed(ctx context.Context, host BootHost, root string, files []string) ([]string, error) {
	if len(files) == 0 {
		return nil, nil
	}
	configs, err := FilesOfConfigs(ctx, host, root)
	if err != nil {
		return nil, err
	}
	guests, err := FilesOfGuests(ctx, host, root)
	if err != nil {
		return nil, err
	}
	unnamed := slices.Clone(files)
	for _, named := range []map[string][]string{configs, guests} {
		for _, used := range named {
			unnamed = slices.DeleteFunc(unnamed, func(file string) bool { return slices.Contains(used, file) })
		}
	}
	return unnamed, nil
}

// FilesOfConfigs returns the files that each pxelinux configuration of a TFTP root names.
func FilesOfConfigs(ctx context.Context, host BootHost, root string) (map[string][]string, error) {
	pool := tftproot.ConfigPool(root)
	names, err := host.VolumeNames(ctx, pool)
	if IsNotFound(err) {
		return nil, nil
	}
	files := map[string][]string{}
	for _, name := range names {
		_, text, err := tftproot.ReadText(ctx, virt.NewDirectory(host, pool), name)
		if err != nil {
			continue // it was removed at the same time, or guests cannot read it either
		}
		config, _ := pxelinux.Parse(text, pxelinux.UnknownFirmware)
		files[name] = config.Files()
	}
	return files, err
}

// FilesOfGuests returns the files of a TFTP root that each guest boots directly, without its firmware.
func FilesOfGuests(ctx context.Context, host BootHost, root string) (map[string][]string, error) {
	pool, err := host.Pool(ctx, root)
	if IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	guests, err := host.Guests(ctx)
	files := map[string][]string{}
	for name, guest := range guests {
		for _, path := range []string{guest.Kernel.Path, guest.Kernel.Initrd} {
			if filepath.Dir(path) == pool.Path {
				files[name] = append(files[name], filepath.Base(path))
			}
		}
	}
	return files, err
}
