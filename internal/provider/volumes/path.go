package volumes

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// findByPath finds the volume whose file or device is at a path, as pool and name. libvirt does not list a file that another
// program created, so the pool of its directory is refreshed.
func findByPath(ctx context.Context, h Host, at string) ([]string, error) {
	pool, name, err := h.VolumeAt(ctx, at)
	if err == nil || !framework.IsNotFound(err) {
		return []string{pool, name}, err
	}
	found, err := h.PoolAt(ctx, path.Dir(at))
	switch {
	case framework.IsNotFound(err):
		return nil, fmt.Errorf("it is in no pool of the host; create a pool for its directory: virsh pool-create-as NAME dir --target %s", path.Dir(at))
	case err != nil:
		return nil, err
	case !found.Active:
		return nil, fmt.Errorf("pool %q is not started; start it: virsh pool-start %s", found.Name, found.Name)
	}
	names, err := h.VolumeNames(ctx, found.Name)
	if err == nil && !slices.Contains(names, path.Base(at)) {
		err = errors.New("the file does not exist")
	}
	return []string{found.Name, path.Base(at)}, err
}
