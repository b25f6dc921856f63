package tftproots

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// madePools is what a TFTP root created on the host and may remove again. Pools are identified by their UUIDs, so that a pool
// that another program has created since with the same name is not removed.
type madePools struct {
	RootUUID         string `json:"root_uuid,omitempty"`
	RootDirectory    bool   `json:"root_directory,omitempty"`
	ConfigsUUID      string `json:"configs_uuid,omitempty"`
	ConfigsDirectory bool   `json:"configs_directory,omitempty"`
}

// madeKey is the key for madePools in the private state.
const madeKey = "made"

// loadMade reads what was recorded. Without a record, nothing was created.
func loadMade(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) madePools {
	if made := framework.LoadPrivate[madePools](ctx, private, madeKey, diags); made != nil {
		return *made
	}
	return madePools{}
}

// marked is what was created, as far as the pools themselves show it. Terraform does not pass the private state when it
// destroys a tainted resource, which an interrupted create leaves in the state.
func (r *tftpRootResource) marked(ctx context.Context, m tftpRootModel) (*madePools, error) {
	var made madePools
	for name, record := range map[string]struct {
		uuid      *string
		directory *bool
	}{
		m.Name.ValueString():                      {&made.RootUUID, &made.RootDirectory},
		tftproot.ConfigPool(m.Name.ValueString()): {&made.ConfigsUUID, &made.ConfigsDirectory},
	} {
		pool, err := r.Host.Pool(ctx, name)
		if err != nil && !framework.IsNotFound(err) {
			return nil, err
		}
		if pool.Marked() {
			*record.uuid, *record.directory = pool.UUID, true // the directory is removed only if it is empty
		}
	}
	return &made, nil
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

// ensure creates or adopts both pools, and returns what was created before and now, also with an error.
func (r *tftpRootResource) ensure(ctx context.Context, m tftpRootModel, made madePools) (madePools, error) {
	name, dir := m.Name.ValueString(), m.Path.ValueString()
	uuid, directory, err := r.ensurePool(ctx, name, dir)
	if uuid != "" {
		made.RootUUID, made.RootDirectory = uuid, made.RootDirectory || directory
	}
	if err == nil {
		err = r.checkPublic(ctx, name)
	}
	if err != nil {
		return made, err
	}
	uuid, directory, err = r.ensurePool(ctx, tftproot.ConfigPool(name), filepath.Join(dir, tftproot.ConfigDir))
	if uuid != "" {
		made.ConfigsUUID, made.ConfigsDirectory = uuid, made.ConfigsDirectory || directory
	}
	if err == nil {
		err = r.checkPublic(ctx, tftproot.ConfigPool(name))
	}
	return made, err
}

// checkPublic checks whether dnsmasq can read a pool's directory now.
func (r *tftpRootResource) checkPublic(ctx context.Context, name string) error {
	pool, err := r.look(ctx, name)
	if err != nil {
		return err
	}
	return notPublic(pool)
}

// notPublic is an error if dnsmasq cannot read the directory of a pool that was just refreshed. With such a root, a network
// does not start. With such a pxelinux.cfg, no guest finds its configuration. libvirt does not know the mode if the pool is
// not active.
func notPublic(pool virt.Pool) error {
	if !pool.Active || pool.Public() {
		return nil
	}
	return fmt.Errorf("the directory %[1]q has mode %[2]s, so dnsmasq, which runs without privileges, cannot list and enter it, and cannot serve its files; "+
		"run chmod 0755 %[1]s on the libvirt host", pool.Path, pool.Mode)
}

// ensurePool adopts the pool if it exists, and creates it otherwise. uuid is the UUID of a new pool.
func (r *tftpRootResource) ensurePool(ctx context.Context, name, dir string) (uuid string, madeDirectory bool, err error) {
	pool, err := r.Host.Pool(ctx, name)
	switch {
	case err == nil && pool.Path != dir:
		return "", false, fmt.Errorf("a pool %q already exists at %q, not at %q; choose another name", name, pool.Path, dir)
	case err == nil && ready(pool):
		return "", false, nil
	case err == nil:
		return "", false, r.Host.StartPool(ctx, name)
	case !framework.IsNotFound(err):
		return "", false, err
	}
	other, err := r.Host.PoolAt(ctx, dir)
	if err == nil {
		return "", false, fmt.Errorf("%q is already the directory of pool %q, and libvirt allows only one pool for a directory; set name = %q to use that pool",
			dir, other.Name, strings.TrimSuffix(other.Name, "-"+tftproot.ConfigDir))
	}
	if !framework.IsNotFound(err) {
		return "", false, err
	}
	pool, madeDirectory, err = r.Host.CreatePool(ctx, name, dir)
	return pool.UUID, madeDirectory, err
}

// undo removes what was created. It skips what no longer exists, and what was replaced since. It removes the root's pool
// last, because without this pool, a directory that is not empty yet could not be removed.
func (r *tftpRootResource) undo(ctx context.Context, m tftpRootModel, made madePools) error {
	name := m.Name.ValueString()
	if err := r.undoPool(ctx, tftproot.ConfigPool(name), made.ConfigsUUID, made.ConfigsDirectory); err != nil {
		return err
	}
	return r.undoPool(ctx, name, made.RootUUID, made.RootDirectory)
}

func (r *tftpRootResource) undoPool(ctx context.Context, name, uuid string, directory bool) error {
	if uuid == "" { // no pool was made
		return nil
	}
	pool, err := r.Host.Pool(ctx, name)
	if framework.IsNotFound(err) || err == nil && pool.UUID != uuid {
		return nil
	}
	if err != nil {
		return err
	}
	return r.Host.DeletePool(ctx, name, directory)
}

// ready tells whether a pool works, now and after the host's next boot.
func ready(p virt.Pool) bool { return p.Active && p.Autostart }

// defaultRootName is the name of a TFTP root by its path: srv-tftp for /srv/tftp.
func defaultRootName(dir string) string {
	return strings.ReplaceAll(strings.Trim(dir, "/"), "/", "-")
}
