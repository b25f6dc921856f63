package volumes

import (
	"cmp"
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// validateOrigin refuses a volume of which nothing says how large it is.
func (m volumeModel) validateOrigin(diags *diag.Diagnostics) {
	if m.Capacity.IsNull() && m.Backing.IsNull() && m.Source.IsNull() && !m.isSeed() {
		diags.AddAttributeError(path.Root("capacity"), "Missing capacity",
			"Give the volume a capacity, or something to begin with: backing, source, cloud_init or ignition.")
	}
}

func (m volumeModel) validateSizes(diags *diag.Diagnostics) {
	// qemu block/qcow2.c, validate_cluster_size.
	clusters := m.ClusterSize.Bytes()
	if clusters > 0 && (bits.OnesCount64(clusters) != 1 || clusters > 2<<20) && framework.ClusterSize.Check(m.ClusterSize) == nil {
		diags.AddAttributeError(path.Root("cluster_size"), "Invalid cluster size",
			fmt.Sprintf("%s is not a power of two from 512 bytes to 2 MiB.", m.ClusterSize.ValueString()))
	}
}

// checkNew refuses what cannot be made, but may be there already: QEMU rounds up what does not end with a sector.
func (m volumeModel) checkNew(diags *diag.Diagnostics) {
	const sector = 512
	if err := framework.VolumeCapacity.Check(m.Capacity); err != nil {
		diags.AddAttributeError(path.Root("capacity"), "Invalid size", framework.Sentence(err))
	} else if m.Capacity.Bytes()%sector != 0 {
		diags.AddAttributeError(path.Root("capacity"), "Invalid capacity",
			fmt.Sprintf("%s is not a whole number of sectors of %d bytes.", m.Capacity.ValueString(), sector))
	}
	if format := m.Format.ValueString(); format != "" && format != "qcow2" && format != "raw" {
		diags.AddAttributeError(path.Root("format"), "Invalid format",
			fmt.Sprintf("A new volume is qcow2 or raw; %s is only for one that is there.", format))
	}
}

// validateFormat refuses what a format has not.
func (m volumeModel) validateFormat(diags *diag.Diagnostics) {
	refuse := func(at, why string) {
		diags.AddAttributeError(path.Root(at), "Invalid "+at, why)
	}
	allocates := m.Preallocation.ValueString() == "metadata" || m.Preallocation.ValueString() == "falloc"
	if !m.Backing.IsNull() && allocates {
		refuse("preallocation", "What is laid over another volume cannot be preallocated: it would hide that. Leave preallocation out.")
	}
	if m.isSeed() && m.Format.ValueString() == "qcow2" {
		refuse("format", "A guest reads a seed as it is. Use raw, or leave format out.")
	}
	if m.Format.ValueString() != "raw" && !m.isSeed() {
		return
	}
	if !m.Backing.IsNull() {
		refuse("format", "A raw volume cannot be laid over another one. Use qcow2, or leave backing out.")
	}
	if m.Preallocation.ValueString() == "metadata" {
		refuse("preallocation", "A raw volume has no metadata. Use falloc or off, or the format qcow2.")
	}
	if !m.ClusterSize.IsNull() {
		refuse("cluster_size", "A raw volume has no clusters. Use qcow2, or leave cluster_size out.")
	}
	if !m.Compat.IsNull() {
		refuse("compat", "A raw volume has no version. Use qcow2, or leave compat out.")
	}
}

// createTimeout is that of a transfer where the volume has a source.
func (m volumeModel) createTimeout() time.Duration {
	if m.Source.IsNull() {
		return framework.CallTimeout
	}
	return framework.TransferTimeout
}

// isImported tells whether the state is that of an import, which knows nothing but the volume's name.
func (m volumeModel) isImported() bool { return m.Format.IsNull() }

// toVolume is the volume as it is to be made; what is not known is left empty.
func (m volumeModel) toVolume() virt.Volume {
	return virt.Volume{
		Pool:          m.Pool.ValueString(),
		Name:          m.Name.ValueString(),
		Format:        m.Format.ValueString(),
		Compat:        m.Compat.ValueString(),
		ClusterSize:   m.ClusterSize.Bytes(),
		Preallocation: cmp.Or(m.Preallocation.ValueString(), "off"),
		Owner:         decimal(m.Owner),
		Group:         decimal(m.Group),
		Mode:          m.Mode.ValueString(),
		Capacity:      m.Capacity.Bytes(),
	}
}

// decimal is what libvirt is told; "" where that is nothing.
func decimal(n types.Int64) string {
	if n.IsNull() || n.IsUnknown() {
		return ""
	}
	return strconv.FormatInt(n.ValueInt64(), 10)
}

// withLayout fills in what an empty qcow2 volume has by default. libvirt's own is a version from before 2013.
func withLayout(v virt.Volume) virt.Volume {
	if v.Format == "qcow2" {
		v.Compat = cmp.Or(v.Compat, "1.1")
		if v.ClusterSize == 0 {
			v.ClusterSize = 64 << 10
		}
	}
	return v
}

func (m *volumeModel) fromVolume(v virt.Volume) {
	m.Pool = types.StringValue(v.Pool)
	m.Name = types.StringValue(v.Name)
	m.ID = types.StringValue(m.id())
	m.Format = types.StringValue(v.Format)
	m.Capacity = m.Capacity.As(v.Capacity)
	m.CapacityBytes = types.Int64Value(int64(v.Capacity))
	m.AllocationBytes = types.Int64Value(int64(v.Allocation))
	m.Path = types.StringValue(v.Path)
	m.Compat = framework.Optional(v.Compat)
	if v.ClusterSize == 0 {
		m.ClusterSize, m.ClusterSizeBytes = framework.NullSize(), types.Int64Null()
	} else {
		m.ClusterSize = m.ClusterSize.As(v.ClusterSize)
		m.ClusterSizeBytes = types.Int64Value(int64(v.ClusterSize))
	}
	if !framework.IsKnown(m.Preallocation) {
		m.Preallocation = types.StringValue(v.Preallocation)
	}
	showNumber(&m.Owner, v.Owner)
	showNumber(&m.Group, v.Group)
	if !sameMode(m.Mode.ValueString(), v.Mode) {
		m.Mode = types.StringValue(v.Mode)
	}
}

// showNumber takes over an owner where none is known. Any other one may be QEMU's user, for the time
// of a guest.
func showNumber(known *types.Int64, now string) {
	if !known.IsNull() && !known.IsUnknown() {
		return
	}
	*known = types.Int64Null()
	if n, err := strconv.ParseInt(now, 10, 64); err == nil {
		*known = types.Int64Value(n)
	}
}

// sameMode tells whether two modes in octal digits are the same, however many zeros they begin with.
func sameMode(a, b string) bool {
	one, problem := strconv.ParseUint(a, 8, 32)
	other, otherProblem := strconv.ParseUint(b, 8, 32)
	return problem == nil && otherProblem == nil && one == other
}

// forgetUnknown makes null what could not be read, so that the state can be saved.
func (m *volumeModel) forgetUnknown() {
	for _, s := range []*types.String{&m.Path, &m.Preallocation, &m.Compat, &m.Mode} {
		if s.IsUnknown() {
			*s = types.StringNull()
		}
	}
	for _, n := range []*types.Int64{&m.CapacityBytes, &m.AllocationBytes, &m.ClusterSizeBytes, &m.Owner, &m.Group} {
		if n.IsUnknown() {
			*n = types.Int64Null()
		}
	}
	for _, size := range []*framework.Size{&m.Capacity, &m.ClusterSize} {
		if size.IsUnknown() {
			*size = framework.NullSize()
		}
	}
}
