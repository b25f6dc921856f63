package tftproots

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// madePools is what a TFTP root created on the host and may remove again, by the path of the directory below the root; "" is the
// root itself.
type madePools map[string]madePool

// madePool is a pool that was created. It is identified by its UUID, so that a pool that another program has created since with the
// same name is not removed.
type madePool struct {
	UUID      string `json:"uuid"`
	Directory bool   `json:"directory,omitempty"` // the directory was created as well
}

// The keys of the private state. The earlier one has the root and its configurations only.
const (
	poolsKey        = "pools"
	earlierPoolsKey = "made"
)

// earlierPools is the record of versions before there were further directories.
type earlierPools struct {
	RootUUID         string `json:"root_uuid"`
	RootDirectory    bool   `json:"root_directory"`
	ConfigsUUID      string `json:"configs_uuid"`
	ConfigsDirectory bool   `json:"configs_directory"`
}

// loadMade reads what was recorded; nil if there is no record.
func loadMade(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) madePools {
	if made := framework.LoadPrivate[madePools](ctx, private, poolsKey, diags); made != nil {
		return *made
	}
	earlier := framework.LoadPrivate[earlierPools](ctx, private, earlierPoolsKey, diags)
	if earlier == nil {
		return nil
	}
	made := madePools{}
	made.add("", earlier.RootUUID, earlier.RootDirectory)
	made.add(tftproot.ConfigDir, earlier.ConfigsUUID, earlier.ConfigsDirectory)
	return made
}

func (made madePools) save(ctx context.Context, private framework.PrivateWriter, diags *diag.Diagnostics) {
	framework.SavePrivate(ctx, private, poolsKey, &made, diags)
}

// add records a pool that was created. Without a UUID, none was.
func (made madePools) add(dir, uuid string, directory bool) {
	if uuid != "" {
		made[dir] = madePool{uuid, made[dir].Directory || directory}
	}
}

// pool is the name of the pool of a directory below the root.
func (m tftpRootModel) pool(dir string) string { return tftproot.DirPool(m.Name.ValueString(), dir) }

// marked is what was created, as far as the pools themselves show it. Terraform does not pass the private state when it
// destroys a tainted resource, which an interrupted create leaves in the state.
func (r *tftpRootResource) marked(ctx context.Context, m tftpRootModel) (madePools, error) {
	made := madePools{}
	for _, dir := range m.directories() {
		pool, err := r.Host.Pool(ctx, m.pool(dir))
		if err != nil && !framework.IsNotFound(err) {
			return nil, err
		}
		if pool.Marked() {
			made.add(dir, pool.UUID, true) // the directory is removed only if it is empty
		}
	}
	return made, nil
}

// look refreshes a pool and reads it. Only after a refresh, libvirt knows the mode of the directory, and stops the pool of a
// directory that no longer exists.
func (r *tftpRootResource) look(ctx context.Context, name string) (virt.Pool, error) {
	_, lookErr := r.Host.VolumeNames(ctx, name)
	pool, err := r.Host.Pool(ctx, name)
	if err == nil && pool.Active {
		err = lookErr
	}
	return pool, err
}

// ensure creates or adopts the pools of all directories, and adds to made what was created, also with an error. If the root's own pool
// belongs to this resource, so do the pools of directories that the provider made, which an import does not know.
func (r *tftpRootResource) ensure(ctx context.Context, m tftpRootModel, made madePools) error {
	for _, dir := range m.directories() {
		if err := r.checkPlace(ctx, m, dir); err != nil {
			return err
		}
		uuid, directory, err := r.ensurePool(ctx, m.pool(dir), filepath.Join(m.Path.ValueString(), dir), dir)
		made.add(dir, uuid, directory)
		if err != nil {
			return err
		}
		pool, err := r.look(ctx, m.pool(dir))
		if err == nil {
			err = notPublic(pool)
		}
		if err != nil {
			return err
		}
		if made[dir].UUID == "" && made[""].UUID != "" && pool.Marked() {
			made.add(dir, pool.UUID, true) // the directory is removed only if it is empty
		}
	}
	return nil
}

// checkPlace refuses a file at the path of a directory below the root. libvirt would set its mode to 0755 before it notices: storage_util.c
// virStorageBackendBuildLocal(). The pool of the directory that it is in was just refreshed.
func (r *tftpRootResource) checkPlace(ctx context.Context, m tftpRootModel, dir string) error {
	if dir == "" {
		return nil
	}
	parent, name := tftproot.Split(dir)
	found, err := r.Host.Volume(ctx, m.pool(parent), name)
	switch {
	case framework.IsNotFound(err):
		return nil
	case err == nil && found.Format != virt.DirectoryFormat:
		return fmt.Errorf("%q is a file on the host, but the TFTP root needs a directory there; move the file away, or choose other paths", filepath.Join(m.Path.ValueString(), dir))
	default:
		return err
	}
}

// notPublic is an error if dnsmasq cannot read the directory of a pool that was just refreshed. With such a root, a network
// does not start. With such a directory below it, no guest finds the files in it. libvirt does not know the mode if the pool is
// not active.
func notPublic(pool virt.Pool) error {
	if !pool.Active || pool.Public() {
		return nil
	}
	return fmt.Errorf("the directory %[1]q has mode %[2]s, so dnsmasq, which runs without privileges, cannot list and enter it, and cannot serve its files; "+
		"run chmod 0755 %[1]s on the libvirt host", pool.Path, pool.Mode)
}

// ensurePool adopts the pool at a path if it exists, and creates it otherwise. uuid is the UUID of a new pool.
func (r *tftpRootResource) ensurePool(ctx context.Context, name, path, dir string) (uuid string, madeDirectory bool, err error) {
	pool, err := r.Host.Pool(ctx, name)
	switch {
	case err == nil && pool.Path != path:
		return "", false, fmt.Errorf("a pool %q already exists at %q, not at %q; choose another name", name, pool.Path, path)
	case err == nil && ready(pool):
		return "", false, nil
	case err == nil:
		return "", false, r.Host.StartPool(ctx, name)
	case !framework.IsNotFound(err):
		return "", false, err
	}
	other, err := r.Host.PoolAt(ctx, path)
	if err == nil {
		return "", false, fmt.Errorf("%q is already the directory of pool %q, and libvirt allows only one pool for a directory; %s", path, other.Name, useOf(other.Name, dir))
	}
	if !framework.IsNotFound(err) {
		return "", false, err
	}
	pool, madeDirectory, err = r.Host.CreatePool(ctx, name, path)
	return pool.UUID, madeDirectory, err
}

// useOf says what to do with a pool that another program made for a directory.
func useOf(pool, dir string) string {
	if dir == "" || dir == tftproot.ConfigDir {
		return fmt.Sprintf("set name = %q to use that pool", strings.TrimSuffix(pool, "-"+tftproot.ConfigDir))
	}
	return fmt.Sprintf("remove that pool with virsh pool-destroy %[1]s and virsh pool-undefine %[1]s, which keep its files", pool)
}

// prune removes the directories that the root no longer needs. A directory with files, such as those of a netboot_grub_config, stays with
// its pool, without which the files cannot be removed.
func (r *tftpRootResource) prune(ctx context.Context, m tftpRootModel, made madePools) error {
	needed := m.directories()
	for _, dir := range made.inwards() {
		if slices.Contains(needed, dir) {
			continue
		}
		names, err := r.Host.VolumeNames(ctx, m.pool(dir)) // with the names of directories
		if err != nil && !framework.IsNotFound(err) {
			return err
		}
		if len(names) > 0 {
			continue
		}
		if err := r.undoPool(ctx, m, made, dir); err != nil {
			return err
		}
	}
	return nil
}

// undo removes what was created.
func (r *tftpRootResource) undo(ctx context.Context, m tftpRootModel, made madePools) error {
	for _, dir := range made.inwards() {
		if err := r.undoPool(ctx, m, made, dir); err != nil {
			return err
		}
	}
	return nil
}

// inwards are the directories, each before the directory that it is in, which could not be removed otherwise.
func (made madePools) inwards() []string {
	dirs := slices.Sorted(maps.Keys(made))
	slices.Reverse(dirs)
	return dirs
}

// undoPool removes the pool of a directory, and forgets it. It skips what no longer exists, and what was replaced since.
func (r *tftpRootResource) undoPool(ctx context.Context, m tftpRootModel, made madePools, dir string) error {
	pool, err := r.Host.Pool(ctx, m.pool(dir))
	if err != nil && !framework.IsNotFound(err) {
		return err
	}
	if err == nil && pool.UUID == made[dir].UUID {
		if err := r.Host.DeletePool(ctx, m.pool(dir), made[dir].Directory); err != nil {
			return err
		}
	}
	delete(made, dir)
	return nil
}

// ready tells whether a pool works, now and after the host's next boot.
func ready(p virt.Pool) bool { return p.Active && p.Autostart }

// defaultRootName is the name of a TFTP root by its path: srv-tftp for /srv/tftp.
func defaultRootName(dir string) string {
	return strings.ReplaceAll(strings.Trim(dir, "/"), "/", "-")
}
