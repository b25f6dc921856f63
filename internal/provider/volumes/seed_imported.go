package volumes

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/seed"
)

// takeOver makes of the state of an import that of a seed, and says that its content is to be written in: it may be secret,
// so it is in no state. A CLI that generates configuration writes down every attribute that has a value, and a seed of
// cloud-init has no capacity. Of Ignition's configuration a state has nothing, so that is a volume like any other until
// somebody writes it in.
func (m *volumeModel) takeOver(ctx context.Context, found madeSeed, diags *diag.Diagnostics) {
	m.Preallocation = types.StringValue("off") // it takes all of its room because it is written
	about, how := "Ignition", "ignition in the place of capacity and preallocation"
	if found.Kind == seed.KindCloudInit {
		m.CloudInit = framework.ObjectFrom(ctx, cloudInitTypes, cloudInitModel{}, diags)
		m.Preallocation, m.Capacity = types.StringNull(), framework.NullSize()
		about, how = "cloud-init", "user_data, and network_config and vendor_data where there are any, in cloud_init"
	}
	diags.AddWarning("Seed without its content", fmt.Sprintf("%s is a seed for %s. What it holds may be secret, so an import does not take it over, and generated configuration does not have it. "+
		"Write in %s: the same content then changes nothing, and other content replaces the volume. Until then the volume stays as it is.", m.subject(), about, how))
}

// saysNoSeed tells whether a configuration says that the volume is a seed of cloud-init, and nothing of what it holds, as
// what is generated does.
func (m volumeModel) saysNoSeed(ctx context.Context, diags *diag.Diagnostics) bool {
	data := framework.As[cloudInitModel](ctx, m.CloudInit, diags)
	return data != nil && !m.CloudInit.IsUnknown() && data.UserData.IsNull() && data.MetaData.IsNull() && data.NetworkConfig.IsNull() && data.VendorData.IsNull()
}

// holds tells whether an imported seed has the content of a configuration, whatever program made the image: other programs
// lay it out in another way. An instance-id that the configuration does not name may be any.
func (s madeSeed) holds(ctx context.Context, config volumeModel, content []byte, diags *diag.Diagnostics) bool {
	wanted := digests(seed.Parts(content))
	if data := framework.As[cloudInitModel](ctx, config.CloudInit, diags); data != nil && data.MetaData.IsNull() {
		delete(wanted, seed.MetaData)
	}
	for part, sum := range wanted {
		if s.Parts[part] != sum {
			return false
		}
	}
	return len(wanted) > 0 && s.Kind == seed.Identify(content)
}

func digests(parts map[string][]byte) map[string]string {
	sums := map[string]string{}
	for name, content := range parts {
		sums[name] = digest(content)
	}
	return sums
}
