package volumes

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/seed"
)

// takeOver makes the state of an import the state of a seed, and warns that the content must be added to the configuration: it
// may be secret, so no state contains it. A CLI that generates configuration writes every attribute that has a value, and a seed
// for cloud-init has no capacity. A state contains nothing of an Ignition configuration, so a seed for Ignition is a volume like
// any other until a user adds the content.
func (m *volumeModel) takeOver(ctx context.Context, found madeSeed, diags *diag.Diagnostics) {
	m.Preallocation = types.StringValue("off") // all of it is allocated because all of it is written
	about, how := "Ignition", "set ignition, and remove capacity and preallocation"
	if found.Kind == seed.KindCloudInit {
		m.CloudInit = framework.ObjectFrom(ctx, cloudInitTypes, cloudInitModel{}, diags)
		m.Preallocation, m.Capacity = types.StringNull(), framework.NullSize()
		about, how = "cloud-init", "set user_data in cloud_init, and network_config and vendor_data if the seed has them"
	}
	diags.AddWarning("Content of the seed is not imported", fmt.Sprintf("%s is a seed for %s. Its content may be secret, so the import does not read it into the state, and generated configuration does not contain it. "+
		"To add it, %s. If the content is the same, nothing changes; other content replaces the volume. Until then the volume stays unchanged.", m.subject(), about, how))
}

// saysNoSeed tells whether a configuration has an empty cloud_init, as generated configuration has: the volume is a seed for
// cloud-init, and nothing says what it contains.
func (m volumeModel) saysNoSeed(ctx context.Context, diags *diag.Diagnostics) bool {
	data := framework.As[cloudInitModel](ctx, m.CloudInit, diags)
	return data != nil && !m.CloudInit.IsUnknown() && data.UserData.IsNull() && data.MetaData.IsNull() && data.NetworkConfig.IsNull() && data.VendorData.IsNull()
}

// holds tells whether an imported seed has the content of a configuration. It compares the parts, not the image, because other
// programs lay out the image differently. If the configuration does not set meta data, any instance-id matches.
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
