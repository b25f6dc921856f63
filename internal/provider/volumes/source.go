package volumes

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// volumeSource is where the content of a volume comes from.
type volumeSource struct {
	image.Client
	signing *image.Signing // nil if lists need no signature
}

// populate creates a volume with the content of its source. With an error it returns the attribute that the error is about.
// If the source is incomplete, or its checksum does not match, nothing stays on the host.
func (r *volumeResource) populate(ctx context.Context, m volumeModel, v virt.Volume, diags *diag.Diagnostics) (path.Path, error) {
	from := volumeSource{Client: framework.Trust(ctx, m.TLS, diags)}
	from.Together = r.Downloads
	from.signing = framework.Signing(ctx, from.Client, m.ChecksumSignature, diags)
	if diags.HasError() {
		return path.Empty(), nil
	}
	connected, cancel, err := r.Host.WhileConnected(ctx)
	if err != nil {
		return path.Root("pool"), err
	}
	defer cancel()
	at, err := from.populate(connected, r.Host, m, v)
	if err != nil && connected.Err() != nil && ctx.Err() == nil {
		return path.Root("pool"), context.Cause(connected) // rather than the error of the source that follows from it
	}
	return at, err
}

func (s volumeSource) populate(ctx context.Context, h Host, m volumeModel, v virt.Volume) (path.Path, error) {
	promised := image.Checksum{}
	if !m.Checksum.IsNull() {
		var err error
		if promised, err = s.Checksum(ctx, m.Checksum.ValueString(), m.Source.ValueString(), s.signing); err != nil {
			return path.Root("checksum"), err
		}
	}
	disk, err := s.OpenDisk(ctx, image.DiskSource{Source: m.Source.ValueString(), ArchivePath: m.ArchivePath.ValueString()}, promised, unpackedLimit(v))
	if err != nil {
		return ofSource(err), err
	}
	defer disk.Close()
	content := &sourceReader{Disk: disk}
	err = virt.Populate(ctx, h, v, virt.Content{Reader: content, Format: disk.Format, Size: disk.Size})
	switch {
	case errors.As(err, new(*virt.TooSmallError)):
		return path.Root("capacity"), err
	case content.err != nil:
		return ofSource(err), err
	default:
		return path.Root("name"), err
	}
}

// checkSource opens the source of a volume that the plan replaces, because the apply deletes the old content before it reads
// the new content.
func (r *volumeResource) checkSource(ctx context.Context, m volumeModel, diags *diag.Diagnostics) {
	source := image.DiskSource{Source: m.Source.ValueString(), ArchivePath: m.ArchivePath.ValueString()}
	if source.Source == "" || m.TLS.IsUnknown() || m.ArchivePath.IsUnknown() {
		return
	}
	client := framework.Trust(ctx, m.TLS, diags)
	if diags.HasError() {
		return
	}
	if err := client.CheckDisk(ctx, source); err != nil {
		framework.Fail(diags, ofSource(err), "replace", m.subject(), err)
	}
}

// ofSource is the attribute that an error of the content is about.
func ofSource(err error) path.Path {
	if errors.As(err, new(*image.ArchivePathError)) {
		return path.Root("archive_path")
	}
	return path.Root("source")
}

// unpackedLimit is the maximum size of an unpacked source, in bytes: twice the capacity of the volume, because a qcow2 image is
// larger than its disk. A volume that takes its size from its source is limited only by the host's disk and by the timeout.
func unpackedLimit(v virt.Volume) int64 {
	if v.Capacity == 0 || v.Capacity > math.MaxInt64/2 {
		return math.MaxInt64
	}
	return 2 * int64(v.Capacity)
}

// sourceReader distinguishes an error of the source from an error of the host.
type sourceReader struct {
	*image.Disk
	err error
}

// Read implements io.Reader.
func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.Disk.Read(p)
	if err != io.EOF {
		s.err = err
	}
	return n, err
}
