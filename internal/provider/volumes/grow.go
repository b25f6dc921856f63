package volumes

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// checkGrow refuses to grow the backing of the disk of a guest. It warns of snapshots, saved memory and block jobs of a guest
// that uses the volume.
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
			continue // the guest no longer exists
		}
		if len(has.Snapshots) > 0 {
			diags.AddWarning(fmt.Sprintf("Domain %q has snapshots", guest),
				fmt.Sprintf("%s grows. The snapshots stay: %s. If you revert to an internal snapshot, the disk has the size of that time.", m.id(), strings.Join(has.Snapshots, ", ")))
		}
		if has.Saved {
			diags.AddWarning(fmt.Sprintf("Domain %q is saved", guest),
				fmt.Sprintf("%s grows. The guest resumes from its saved memory (virsh managedsave), so it sees the new size after its next boot.", m.id()))
		}
		if len(has.Jobs) > 0 {
			diags.AddWarning(fmt.Sprintf("A block job runs on domain %q", guest),
				fmt.Sprintf("libvirt does not grow a disk during a block job: %s. If the job runs on %s, the apply fails and changes nothing. Apply again when the job has ended.", strings.Join(has.Jobs, ", "), m.id()))
		}
	}
}
