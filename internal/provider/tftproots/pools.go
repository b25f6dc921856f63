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

// madePools is what a TFTP root made on the host and may take away again: pools by their UUID, so
// that a pool which somebody else made since under the same name is left alone.
type madePools struct {
	RootUUID         string `json:"root_uuid,omitempty"`
	RootDirectory    bool   `json:"root_directory,omitempty"`
	ConfigsUUID      string `json:"configs_uuid,omitempty"`
	ConfigsDirectory bool   `json:"configs_directory,omitempty"`
}

// madeKey is where madePools is kept in the resource's private state.
const madeKey = "made"

// loadMade reads what was recorded; without a record nothing was made.
func loadMade(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) madePools {
	if made := framework.LoadPrivate[madePools](ctx, private, madeKey, diags); made != nil {
		return *made
	}
	return madePools{}
}

// marked is what was made as far as the pools themselves tell. Terraform hands over no private state
// to destroy a tainted resource by: one that an interrupted create has left in the state.
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
			*record.uuid, *record.directory = pool.UUID, true // which removes it if it is empty
		}
	}
	return &made, nil
}

// look reads a pool after a fresh look at its directory. Only then libvirt knows the directory's mode,
// and stops the pool of a directory that is gone.
func (r *tftpRootResource) look(ctx context.Context, name string) (virt.Pool, error) {
	_, lookErr := r.Host.VolumeNames(ctx, name)
	pool, err := r.Host.Pool(ctx, name)
	if err == nil && pool.Active {
		err = lookErr
	}
	return pool, err
}

// ensure makes or adopts both pools and returns what was made, before and now, also with an error.
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

// checkPublic looks whether dnsmasq can read a pool's directory, as it is now.
func (r *tftpRootResource) checkPublic(ctx context.Context, name string) error {
	pool, err := r.look(ctx, name)
	if err != nil {
		return err
	}
	return notPublic(pool)
}

// notPublic is what is wrong with the directory of a pool that has just been looked at; nil where
// nothing is. A network does not start with such a root, and with such a pxelinux.cfg no guest finds
// its configuration. Of a pool that is not active libvirt does not know.
func notPublic(pool virt.Pool) error {
	if !pool.Active || pool.Public() {
		return nil
	}
	return fmt.Errorf("the directory %[1]q has mode %[2]s, so dnsmasq, which runs without privileges, cannot list and enter it, and serves nothing of it; "+
		"run chmod 0755 %[1]s on the libvirt host", pool.Path, pool.Mode)
}

// ensurePool adopts the pool where it is there and makes it otherwise; then uuid is the new pool's.
func (r *tftpRootResource) ensurePool(ctx context.Context, name, dir string) (uuid string, madeDirectory bool, err error) {
	pool, err := r.Host.Pool(ctx, name)
	switch {
	case err == nil && pool.Path != dir:
		return "", false, fmt.Errorf("a pool %q exists already and lies at %q, not at %q; choose another name", name, pool.Path, dir)
	case err == nil && ready(pool):
		return "", false, nil
	case err == nil:
		return "", false, r.Host.StartPool(ctx, name)
	case !framework.IsNotFound(err):
		return "", false, err
	}
	other, err := r.Host.PoolAt(ctx, dir)
	if err == nil {
		return "", false, fmt.Errorf("%q is the directory of pool %q already, and libvirt allows one pool a directory; set name = %q to use that pool",
			dir, other.Name, strings.TrimSuffix(other.Name, "-"+tftproot.ConfigDir))
	}
	if !framework.IsNotFound(err) {
		return "", false, err
	}
	pool, madeDirectory, err = r.Host.CreatePool(ctx, name, dir)
	return pool.UUID, madeDirectory, err
}

// undo takes away what was made. What is not there any more, or is not what was made, is passed over. The
// root's pool is the last to go, for without it nobody could remove a directory that is not empty yet.
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
