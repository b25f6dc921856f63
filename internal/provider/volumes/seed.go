package volumes

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/seed"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

var (
	userData       = framework.Rule{What: "user data", Check: seed.CheckUserData}
	ignitionConfig = framework.Rule{What: "Ignition configuration", Check: seed.CheckIgnition}
)

type cloudInitModel struct {
	UserData      types.String `tfsdk:"user_data"`
	MetaData      types.String `tfsdk:"meta_data"`
	NetworkConfig types.String `tfsdk:"network_config"`
	VendorData    types.String `tfsdk:"vendor_data"`
}

// isSeed tells whether a configuration is one of a seed. A plan and a state have nothing write-only.
func (m volumeModel) isSeed() bool { return !m.CloudInit.IsNull() || !m.Ignition.IsNull() }

// seedVolume is what the volume of a configuration is to hold; nil where it is no seed, or where a
// part of that is known only after apply.
func (m volumeModel) seedVolume(ctx context.Context, diags *diag.Diagnostics) ([]byte, error) {
	if !m.Ignition.IsNull() && !m.Ignition.IsUnknown() {
		return seed.Ignition(m.Ignition.ValueString())
	}
	if m.CloudInit.IsNull() || m.hasUnknownSeed(ctx) {
		return nil, nil
	}
	data := framework.As[cloudInitModel](ctx, m.CloudInit, diags)
	return seed.CloudInit{
		UserData:      data.UserData.ValueString(),
		MetaData:      data.MetaData.ValueString(),
		NetworkConfig: data.NetworkConfig.ValueString(),
		VendorData:    data.VendorData.ValueString(),
	}.Volume()
}

func (m volumeModel) hasUnknownSeed(ctx context.Context) bool {
	value, err := m.CloudInit.ToTerraformValue(ctx)
	return m.Ignition.IsUnknown() || err != nil || !value.IsFullyKnown()
}

// madeSeed is what a volume remembers of the seed that it holds, or of the one that is on the host.
type madeSeed struct {
	Kind     seed.Kind
	SHA256   string
	Written  time.Time
	Imported bool              // and so made by others, or in another run
	Parts    map[string]string // of an imported one: what it holds, as digests
}

// seedKey is the key of the private state.
const seedKey = "seed"

// createSeed makes the volume of a configuration that is a seed.
func (r *volumeResource) createSeed(ctx context.Context, config volumeModel, v virt.Volume, diags *diag.Diagnostics) (*madeSeed, error) {
	content, err := config.seedVolume(ctx, diags)
	if err != nil {
		return nil, err
	}
	v.Capacity = uint64(len(content))
	err = virt.Populate(ctx, r.Host, v, virt.Content{Reader: bytes.NewReader(content), Format: "raw", Size: v.Capacity})
	return &madeSeed{Kind: seed.Identify(content), SHA256: digest(content)}, err
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// readSeed looks at what a volume holds where that may have changed, or where it is imported and of a
// seed's size; nil is no seed.
func (r *volumeResource) readSeed(ctx context.Context, v virt.Volume, known *madeSeed, imported bool) (*madeSeed, error) {
	switch {
	case known == nil && !imported, known != nil && known.Written.Equal(v.ModTime):
		return known, nil
	case v.Format != "raw" || v.Capacity > seed.MaxSize:
		return nil, nil
	}
	content := &limited{left: seed.MaxSize}
	if err := r.Host.Download(ctx, v.Pool, v.Name, content); err != nil {
		return nil, err
	}
	now := &madeSeed{Kind: seed.Identify(content.Bytes()), SHA256: digest(content.Bytes()), Written: v.ModTime}
	if now.Kind == "" && known == nil {
		return nil, nil
	}
	if now.Imported = imported || known.Imported; now.Imported {
		now.Parts = digests(seed.Parts(content.Bytes()))
	}
	return now, nil
}

// limited is a buffer that a volume which grows meanwhile does not fill beyond measure.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("it has become too large for a seed")
	}
	return l.Buffer.Write(p)
}

// seedPath is the attribute that makes the volume a seed.
func (m volumeModel) seedPath() path.Path {
	if m.Ignition.IsNull() {
		return path.Root("cloud_init")
	}
	return path.Root("ignition")
}

// planSeed tells whether the seed of a configuration is another one than the host has, so that the
// volume must be replaced. It makes the size known where the seed is.
func (r *volumeResource) planSeed(ctx context.Context, config volumeModel, plan, state *volumeModel, known *madeSeed, diags *diag.Diagnostics) (other bool) {
	imported := known != nil && known.Imported && state != nil
	if !config.isSeed() {
		return known != nil && !imported
	}
	if imported && config.saysNoSeed(ctx, diags) {
		plan.Capacity = framework.NewSize(uint64(state.CapacityBytes.ValueInt64()))
		return false
	}
	content, err := config.seedVolume(ctx, diags)
	if err != nil || content == nil { // validation has said why, or it is known only after apply
		plan.Capacity, plan.CapacityBytes = framework.UnknownSize(), types.Int64Unknown()
		return true
	}
	if imported && known.holds(ctx, config, content, diags) {
		plan.Capacity = framework.NewSize(uint64(state.CapacityBytes.ValueInt64()))
		return false
	}
	plan.Capacity = framework.NewSize(uint64(len(content)))
	return known == nil || known.SHA256 != digest(content)
}
