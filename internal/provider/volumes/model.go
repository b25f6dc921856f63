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

// validateOrigin refuses a volume without any attribute that determines its size.
func (m volumeModel) validateOrigin(diags *diag.Diagnostics) {
	if m.Capacity.IsNull() && m.Backing.IsNull() && m.Source.IsNull() && !m.isSeed() {
		diags.AddAttributeError(path.Root("capacity"), "Missing capacity",
			"Nothing determines the size of the volume: set capacity, backing, source, cloud_init or ignition.")
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

// checkNew refuses values that only an existing volume can have: QEMU rounds up the size of a file that does not end with a whole
// sector.
func (m volumeModel) checkNew(diags *diag.Diagnostics) {
	const sector = 512
	if err := framework.VolumeCapacity.Check(m.Capacity); err != nil {
		diags.AddAttributeError(path.Root("capacity"), "Invalid size", framework.Sentence(err))
	} else if m.Capacity.Bytes()%sector != 0 {
		diags.AddAttributeError(path.Root("capacity"), "Invalid capacity",
			fmt.Sprintf("%s is not a whole number of %d-byte sectors.", m.Capacity.ValueString(), sector))
	}
	if format := m.Format.ValueString(); format != "" && format != "qcow2" && format != "raw" {
		diags.AddAttributeError(path.Root("format"), "Invalid format",
			fmt.Sprintf("A new volume is qcow2 or raw. Only an existing volume can be %s.", format))
	}
}

// validateFormat refuses attributes that the format does not have.
func (m volumeModel) validateFormat(diags *diag.Diagnostics) {
	refuse := func(at, why string) {
		diags.AddAttributeError(path.Root(at), "Invalid "+at, why)
	}
	allocates := m.Preallocation.ValueString() == "metadata" || m.Preallocation.ValueString() == "falloc"
	if !m.Backing.IsNull() && allocates {
		refuse("preallocation", "An overlay cannot be preallocated: the allocated blocks would hide the backing. Leave preallocation out.")
	}
	if m.isSeed() && m.Format.ValueString() == "qcow2" {
		refuse("format", "A guest reads a seed without conversion, so it must be raw. Use raw, or leave format out.")
	}
	if m.Format.ValueString() != "raw" && !m.isSeed() {
		return
	}
	if !m.Backing.IsNull() {
		refuse("format", "A raw volume cannot be an overlay. Use qcow2, or leave backing out.")
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

// createTimeout is longer for a volume with a source, because of the transfer.
func (m volumeModel) createTimeout() time.Duration {
	if m.Source.IsNull() {
		return framework.CallTimeout
	}
	return framework.TransferTimeout
}

// isImported tells whether the state is from an import that has not been read yet: only the volume's name is known.
func (m volumeModel) isImported() bool { return m.Format.IsNull() }

// toVolume is the volume to create. Unknown values are left empty.
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

// decimal is a number as libvirt takes it, or "" if it is not set.
func decimal(n types.Int64) string {
	if n.IsNull() || n.IsUnknown() {
		return ""
	}
	return strconv.FormatInt(n.ValueInt64(), 10)
}

// withLayout fills in the defaults of an empty qcow2 volume. libvirt's own default is the version from before 2013.
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

// showNumber reads an owner into the state if the state has none. Otherwise it keeps the state, because the owner on the host may
// be QEMU's user while a guest runs.
func showNumber(known *types.Int64, now string) {
	if !known.IsNull() && !known.IsUnknown() {
		return
	}
	*known = types.Int64Null()
	if n, err := strconv.ParseInt(now, 10, 64); err == nil {
		*known = types.Int64Value(n)
	}
}

// sameMode tells whether two modes in octal digits are equal, without regard to leading zeros.
func sameMode(a, b string) bool {
	one, problem := strconv.ParseUint(a, 8, 32)
	other, otherProblem := strconv.ParseUint(b, 8, 32)
	return problem == nil && otherProblem == nil && one == other
}

// forgetUnknown sets values that could not be read to null, so that the state can be saved.
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
