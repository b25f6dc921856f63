package images

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// warnUsers warns, in the plan of a destroy, about what boots the image's files and is not destroyed in this run.
func (r *imageResource) warnUsers(ctx context.Context, m imageModel, diags *diag.Diagnostics) {
	names := m.names(ctx, diags)
	configs, err := r.configsWith(ctx, m.root(), names)
	var guests []string
	if err == nil {
		guests, err = r.guestsWith(ctx, m, names)
	}
	if err != nil {
		framework.Fail(diags, path.Empty(), "find the users of", m.subject(), err)
		return
	}
	if users := append(configs, guests...); len(users) > 0 {
		diags.AddWarning(fmt.Sprintf("%s is in use", framework.Capital(m.subject().String())),
			framework.Sentence(fmt.Errorf("%s. Guests that boot these files do not start without them. First change or remove what uses the files", strings.Join(users, ", and "))))
	}
}

// configsWith are the boot configurations that name one of the files, and still do so after this run.
func (r *imageResource) configsWith(ctx context.Context, root string, files []string) (configs []string, err error) {
	named, err := framework.FilesOfConfigs(ctx, r.Host, root)
	for _, name := range slices.Sorted(maps.Keys(named)) {
		for _, file := range named[name] {
			if slices.Contains(files, file) && !r.Plans.Frees(ctx, netboot.ConfigHolder(root+"/"+name), file) {
				configs = append(configs, fmt.Sprintf("%s %q names %s", framework.KindOfConfig(name), name, file))
				break
			}
		}
	}
	return configs, err
}

// guestsWith are the guests that boot one of the files directly, and still do so after this run.
func (r *imageResource) guestsWith(ctx context.Context, m imageModel, files []string) (guests []string, err error) {
	named, err := framework.FilesOfGuests(ctx, r.Host, m.root())
	for _, name := range slices.Sorted(maps.Keys(named)) {
		boots := func(file string) bool { return slices.Contains(files, file) }
		if slices.ContainsFunc(named[name], boots) && !r.Plans.Frees(ctx, netboot.GuestHolder(name), m.Local(m.ID)) {
			guests = append(guests, fmt.Sprintf("guest %q boots it", name))
		}
	}
	return guests, err
}
