package framework

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
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

// Superseded are old files of images that boot configurations or guests still name. Terraform updates an image before the
// resources that use it, so the last of their updates removes an old file. The zero value is ready for concurrent use.
type Superseded struct {
	mu    sync.Mutex
	files map[string]map[string][]string // by TFTP root and name: who names the file
}

// Users are the holders of each file of a TFTP root, as netboot.ConfigHolder and netboot.GuestHolder name them.
type Users map[string][]string

// Add adds files of a TFTP root with their users.
func (s *Superseded) Add(root string, files []string, users Users) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string]map[string][]string{}
	}
	if s.files[root] == nil {
		s.files[root] = map[string][]string{}
	}
	for _, file := range files {
		s.files[root][file] = slices.Clone(users[file])
	}
}

// Released is called when a user has changed, with the files that it names now. It removes the files of which it was the last
// user. For other files it does not ask the host.
//
// An error is not reported: the image knows these files, and the next apply removes them.
func (s *Superseded) Released(ctx context.Context, host BootHost, root, user string, named []string) {
	unused := s.release(root, user, named)
	if len(unused) == 0 {
		return
	}
	if users, err := UsersOf(ctx, host, root); err == nil {
		_ = bootfiles.Remove(ctx, virt.NewDirectory(host, root), users.without(unused))
	}
}

// release returns the files whose last known user this was.
func (s *Superseded) release(root, user string, named []string) (unused []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for file, users := range s.files[root] {
		if slices.Contains(named, file) {
			continue
		}
		users = slices.DeleteFunc(users, func(u string) bool { return u == user })
		if s.files[root][file] = users; len(users) == 0 {
			delete(s.files[root], file)
			unused = append(unused, file)
		}
	}
	return unused
}

// Unused returns the files of a TFTP root that nothing names. If there are no files, it does not ask the host.
func Unused(ctx context.Context, host BootHost, root string, files []string) (unused []string, users Users, err error) {
	if len(files) == 0 {
		return nil, nil, nil
	}
	users, err = UsersOf(ctx, host, root)
	return users.without(files), users, err
}

// UsersOf finds the users of all files of a TFTP root.
func UsersOf(ctx context.Context, host BootHost, root string) (Users, error) {
	configs, err := FilesOfConfigs(ctx, host, root)
	if err != nil {
		return nil, err
	}
	guests, err := FilesOfGuests(ctx, host, root)
	if err != nil {
		return nil, err
	}
	users := Users{}
	for name, files := range configs {
		users.add(netboot.ConfigHolder(root+"/"+name), files)
	}
	for name, files := range guests {
		users.add(netboot.GuestHolder(name), files)
	}
	return users, nil
}

func (u Users) add(user string, files []string) {
	for _, file := range files {
		u[file] = append(u[file], user)
	}
}

// without returns the files that have no users.
func (u Users) without(files []string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(file string) bool { return len(u[file]) > 0 })
}

// FilesOfConfigs returns the files that each boot configuration of a TFTP root names, by the name of the configuration's file.
func FilesOfConfigs(ctx context.Context, host BootHost, root string) (map[string][]string, error) {
	files := map[string][]string{}
	for pool, filesOf := range map[string]func(text string) []string{
		tftproot.ConfigPool(root):        pxelinux.FilesOf,
		tftproot.DirPool(root, grub.Dir): grub.FilesOf,
	} {
		names, err := host.VolumeNames(ctx, pool)
		if err != nil && !IsNotFound(err) {
			return nil, err
		}
		for _, name := range names {
			_, text, err := tftproot.ReadText(ctx, virt.NewDirectory(host, pool), name)
			if err != nil {
				continue // it was removed at the same time, or guests cannot read it either
			}
			files[name] = filesOf(text)
		}
	}
	return files, nil
}

// KindOfConfig is what the file of a boot configuration is, for messages.
func KindOfConfig(name string) string {
	if grub.MACOf(name) != "" || grub.ArchOf(name) != "" {
		return "GRUB configuration"
	}
	return "pxelinux configuration"
}

// FilesOfGuests returns the files of a TFTP root that each guest boots directly, without its firmware, and the names of the files whose
// URLs are in its command line.
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
		if len(files[name]) > 0 {
			files[name] = append(files[name], pxelinux.URLFiles(guest.Kernel.Cmdline)...)
		}
	}
	return files, err
}
