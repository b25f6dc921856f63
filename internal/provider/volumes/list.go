package volumes

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// NewList lists the volumes of a host.
func NewList() list.ListResource {
	return &framework.Listing[Host]{
		ResourceWithConfigure: &volumeResource{},
		Identity:              volumeIdentity,
		Schema:                framework.ListSchemaWithin("pool", "The volumes in a pool. Without a pool: the volumes in all started pools, except TFTP roots."),
		Find:                  findVolumes,
	}
}

func findVolumes(ctx context.Context, h Host, within string) ([][]string, error) {
	pools, err := volumePools(ctx, h, within)
	if err != nil {
		return nil, err
	}
	var found [][]string
	for _, pool := range pools {
		names, err := h.VolumeNames(ctx, pool)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(slices.Values(names)) {
			v, err := h.Volume(ctx, pool, name)
			if err != nil && !framework.IsNotFound(err) {
				return nil, err
			}
			if err == nil && v.Format != "dir" { // libvirt lists directories too
				found = append(found, []string{pool, name})
			}
		}
	}
	return found, nil
}

// volumePools are the started pools whose volumes are not boot files.
func volumePools(ctx context.Context, h Host, within string) ([]string, error) {
	if within != "" {
		return []string{within}, nil
	}
	names, err := h.PoolNames(ctx)
	if err != nil {
		return nil, err
	}
	serving := tftproot.Roots(names)
	var pools []string
	for _, name := range names {
		if slices.Contains(serving, name) || slices.Contains(serving, strings.TrimSuffix(name, "-"+tftproot.ConfigDir)) {
			continue
		}
		pool, err := h.Pool(ctx, name)
		if err != nil && !framework.IsNotFound(err) {
			return nil, err
		}
		if err == nil && pool.Active {
			pools = append(pools, name)
		}
	}
	return pools, nil
}
