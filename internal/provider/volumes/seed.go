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

// isSeed tells whether a configuration is for a seed. A plan and a state do not have the write-only attributes.
func (m volumeModel) isSeed() bool { return !m.CloudInit.IsNull() || !m.Ignition.IsNull() }

// seedVolume is the content of the volume of a configuration. It is nil if the volume is not a seed, or if a part of the content
// is known only after apply.
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

// madeSeed is what the private state keeps of a seed that the volume contains.
type madeSeed struct {
	Kind     seed.Kind
	SHA256   string
	Written  time.Time
	Imported bool              // it was created by others, or in another run
	Parts    map[string]string // of an imported seed: the digests of its parts
}

// seedKey is the key of the private state.
const seedKey = "seed"

// createSeed creates the volume of a configuration for a seed.
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

// readSeed reads the content of a volume if it may have changed, or if the volume is imported and small enough for a seed. It
// returns nil if the volume is not a seed.
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

// limited is a buffer with a maximum size, for a volume that grows while it is read.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("it is now too large for a seed")
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

// planSeed tells whether the seed of a configuration differs from the seed on the host, so that the volume must be replaced. It
// plans the size of the volume if the seed is known.
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
	if err != nil || content == nil { // validation reports the error; nil content is known only after apply
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
