package volumes

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// checkGrow refuses to grow what lies beneath the disk of a guest, and says what others keep of a guest that has the volume.
func (r *volumeResource) checkGrow(ctx context.Context, m, state volumeModel, diags *diag.Diagnostics) {
	if m.Capacity.IsNull() || m.Capacity.IsUnknown() || m.Capacity.Bytes() <= uint64(state.CapacityBytes.ValueInt64()) {
		return
	}
	guests, err := r.Host.CheckResize(ctx, m.Pool.ValueString(), m.Name.ValueString())
	if err != nil {
		framework.Fail(diags, path.Root("capacity"), "grow", m.subject(), err)
		return
	}
	for _, guest := range guests {
		has, err := r.Host.Belongings(ctx, guest)
		if err != nil {
			continue // it is gone
		}
		if len(has.Snapshots) > 0 {
			diags.AddWarning(fmt.Sprintf("Domain %q has snapshots", guest),
				fmt.Sprintf("%s grows, and they stay: %s. Whoever reverts to an internal one gets the disk with the size that it had then.", m.id(), strings.Join(has.Snapshots, ", ")))
		}
		if has.Saved {
			diags.AddWarning(fmt.Sprintf("Domain %q is saved", guest),
				fmt.Sprintf("%s grows, and the guest, which is resumed from its saved memory (virsh managedsave), sees that after its next boot.", m.id()))
		}
		if len(has.Jobs) > 0 {
			diags.AddWarning(fmt.Sprintf("A block job runs on domain %q", guest),
				fmt.Sprintf("libvirt grows no disk on which one runs: %s. If it runs on %s, the apply fails and changes nothing; apply again when the job has ended.", strings.Join(has.Jobs, ", "), m.id()))
		}
	}
}
