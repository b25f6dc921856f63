package devices

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Disk is an element of the attribute disks.
type Disk struct {
	Volume   types.String `tfsdk:"volume"`
	Path     types.String `tfsdk:"path"`
	URL      types.String `tfsdk:"url"`
	Secret   types.String `tfsdk:"secret"`
	Format   types.String `tfsdk:"format"`
	Bus      types.String `tfsdk:"bus"`
	Serial   types.String `tfsdk:"serial"`
	ReadOnly types.Bool   `tfsdk:"readonly"`
	Cache    types.String `tfsdk:"cache"`
	Discard  types.String `tfsdk:"discard"`
	IO       types.String `tfsdk:"io"`
	IOThread types.Int64  `tfsdk:"iothread"`
	Queues   types.Int64  `tfsdk:"queues"`
	OnError  types.String `tfsdk:"error_policy"`
	Shared   types.Bool   `tfsdk:"shareable"`
	Boot     types.Bool   `tfsdk:"boot"`
}

// Held are the ids and paths of the volumes that disks or drives use, as far as they are known.
func Held(p framework.Placement, list types.List) (held []string) {
	for _, element := range list.Elements() {
		held = append(held, heldIn(p, framework.Member(element, "volume"), framework.Member(element, "path"))...)
	}
	return held
}

// Held is the id or the path of the disk, as far as it is known.
func (d Disk) Held(p framework.Placement) []string {
	return heldIn(p, d.Volume.ValueString(), d.Path.ValueString())
}

func heldIn(p framework.Placement, volume, file string) (held []string) {
	for _, name := range []string{p.Local(types.StringValue(volume)), file} {
		if name != "" {
			held = append(held, name)
		}
	}
	return held
}

var diskType = types.ObjectType{AttrTypes: framework.TypesOf(DiskAttributes())}

// defaultFormat is the format of storage that does not have one, such as a block device.
const defaultFormat = "raw"

func bootsAttribute(what string) schema.BoolAttribute {
	return schema.BoolAttribute{
		MarkdownDescription: what + " Default: `true`.",
		Optional:            true,
		Computed:            true,
		Default:             booldefault.StaticBool(true),
	}
}

// DiskAttributes are the attributes of a disk.
func DiskAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"volume": schema.StringAttribute{
			MarkdownDescription: "The `id` of a volume, `<pool>/<name>`. Set exactly one of `volume`, `path` and `url`.",
			Optional:            true,
		},
		"path": schema.StringAttribute{
			MarkdownDescription: "Path on the host of a block device below `/dev` (a DASD, a SCSI LUN, a logical volume), or of a file that is in no pool. The names in `/dev/disk/by-path` and `/dev/disk/by-id` are persistent.",
			Optional:            true,
			Validators:          []validator.String{framework.HostPath},
		},
		"url": schema.StringAttribute{
			MarkdownDescription: "URL of network storage that QEMU itself reads and writes, `protocol://user@server:port/name`: `rbd://server1:6789,server2:6789/pool/image`, `iscsi://server/iqn.2026-11.com.example:disks/1`, `nbd://server:10809/export`. " +
				"For a socket on the host: `nbd+unix:///export?socket=/run/nbd.sock`.",
			Optional:   true,
			Validators: []validator.String{remoteURL},
		},
		"secret": schema.StringAttribute{
			MarkdownDescription: "UUID or usage of the libvirt secret that contains the password for `url`. The user name is in `url`.",
			Optional:            true,
			Validators:          []validator.String{framework.ObjectName, stringvalidator.AlsoRequires(framework.Sibling("url"))},
		},
		"format": schema.StringAttribute{
			MarkdownDescription: "Format in which QEMU reads the disk, such as `qcow2`. Default: the format of the volume; `raw` for `path` and `url`.",
			Optional:            true,
			Validators:          []validator.String{framework.QEMUName},
		},
		"bus": schema.StringAttribute{
			MarkdownDescription: "`virtio` or `scsi`; on architectures other than s390x also `sata`, `ide`, `usb` or `sd`. Default: `virtio`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("virtio"),
			Validators:          []validator.String{stringvalidator.OneOf("virtio", "scsi", "sata", "ide", "usb", "sd")},
		},
		"serial": schema.StringAttribute{
			MarkdownDescription: "Serial number that the guest sees. If `bus` is `virtio`, the guest sees only the first 20 characters.",
			Optional:            true,
			Validators:          []validator.String{serial},
		},
		"readonly": schema.BoolAttribute{
			MarkdownDescription: "Whether the guest can only read the disk. Default: `false`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(false),
		},
		"cache": schema.StringAttribute{
			MarkdownDescription: "Cache mode on the host: `none`, `writeback`, `writethrough`, `directsync` or `unsafe`. Default: QEMU's default, `writeback`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("none", "writeback", "writethrough", "directsync", "unsafe")},
		},
		"discard": schema.StringAttribute{
			MarkdownDescription: "What happens to blocks that the guest discards: `unmap` returns them to the host's file system, `ignore` does not. Default: QEMU's default, `ignore`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("unmap", "ignore")},
		},
		"io": schema.StringAttribute{
			MarkdownDescription: "How QEMU reads and writes the disk: `threads`, `native` (needs `cache` `none` or `directsync`) or `io_uring`. Default: QEMU's default, `threads`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("threads", "native", "io_uring")},
		},
		"iothread": schema.Int64Attribute{
			MarkdownDescription: "Number of the I/O thread for the disk, from 1 to `iothreads`. Only if `bus` is `virtio`. Default: none.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.AtLeast(1)},
		},
		"queues": schema.Int64Attribute{
			MarkdownDescription: "Number of queues. Only if `bus` is `virtio`. Default: QEMU's default, one for each virtual CPU.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.Between(1, 1024)},
		},
		"error_policy": schema.StringAttribute{
			MarkdownDescription: "What happens when the host cannot read or write the disk: `report` (to the guest), `stop` (pauses the guest), `ignore` or `enospace` (pauses the guest if no space is left). Default: QEMU's default, `report` for reads and `enospace` for writes.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("report", "stop", "ignore", "enospace")},
		},
		"shareable": schema.BoolAttribute{
			MarkdownDescription: "Whether several guests can use the disk at the same time, which needs a cluster file system. Default: `false`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(false),
		},
		"boot": bootsAttribute("Whether the guest can boot from this disk if its `boot` contains `disk`. The guest boots from the first such disk."),
	}
}

// Disks converts disks for package virt, with what the host knows of their volumes. With an error it returns the attribute that the
// error is about.
func Disks(ctx context.Context, host Host, at framework.Placement, list types.List, diags *diag.Diagnostics) ([]virt.Disk, path.Path, error) {
	var models []Disk
	diags.Append(list.ElementsAs(ctx, &models, false)...)
	var disks []virt.Disk
	for i, model := range models {
		disk := virt.Disk{
			Path:     model.Path.ValueString(),
			URL:      model.URL.ValueString(),
			Secret:   model.Secret.ValueString(),
			Format:   cmp.Or(model.Format.ValueString(), defaultFormat),
			Bus:      model.Bus.ValueString(),
			Serial:   model.Serial.ValueString(),
			ReadOnly: model.ReadOnly.ValueBool(),
			Cache:    model.Cache.ValueString(),
			Discard:  model.Discard.ValueString(),
			IO:       model.IO.ValueString(),
			IOThread: uint(model.IOThread.ValueInt64()),
			Queues:   uint(model.Queues.ValueInt64()),
			OnError:  model.OnError.ValueString(),
			Shared:   model.Shared.ValueBool(),
			NoBoot:   !model.Boot.ValueBool(),
		}
		if !model.Volume.IsNull() {
			v, err := volume(ctx, host, at.Local(model.Volume))
			if err != nil {
				return nil, path.Root("disks").AtListIndex(i).AtName("volume"), err
			}
			disk.Path, disk.Volume = v.Path, at.Local(model.Volume)
			disk.Format = cmp.Or(model.Format.ValueString(), formatOf(v))
		}
		disk.Block = isDevice(disk.Path)
		disks = append(disks, disk)
	}
	return disks, path.Empty(), nil
}

// isDevice tells whether a path is the path of a block device.
func isDevice(path string) bool { return strings.HasPrefix(path, "/dev/") }

// formatOf is the format of a disk on a volume. For a volume that is a block device, libvirt returns its partition table as the
// format.
func formatOf(v virt.Volume) string {
	if isDevice(v.Path) {
		return defaultFormat
	}
	return v.Format
}

// volume looks up the volume of an id.
func volume(ctx context.Context, host Host, id string) (virt.Volume, error) {
	pool, name, ok := strings.Cut(id, "/")
	if !ok || pool == "" {
		return virt.Volume{}, fmt.Errorf("%q is not the id of a volume, which has the form pool/name; for a path on the host, set path instead", id)
	}
	v, err := host.Volume(ctx, pool, name)
	if err != nil {
		return virt.Volume{}, fmt.Errorf("volume %s: %w", id, err)
	}
	if !strings.HasPrefix(v.Path, "/") {
		return virt.Volume{}, fmt.Errorf("volume %s is not a file or device on the host; set url instead of volume", id)
	}
	return v, nil
}

// FromDisks reads the disks of a guest, in the spelling of before if that means the same, and what other programs have done to them.
// Whether the guest boots from a disk is known only if it boots from disks at all.
func FromDisks(ctx context.Context, host Host, at framework.Placement, before types.List, d virt.Domain, diags *diag.Diagnostics) (types.List, Foreign, error) {
	var old []Disk
	diags.Append(before.ElementsAs(ctx, &old, false)...)
	disks := make([]Disk, len(d.Disks))
	for i, disk := range d.Disks {
		disks[i] = fromDisk(disk)
		if err := disks[i].locate(ctx, host, at, disk, old); err != nil {
			return types.ListNull(diskType), Foreign{}, err
		}
	}
	place := func(read Disk) int {
		return slices.IndexFunc(old, func(o Disk) bool { return o.isSame(at, read) })
	}
	gone := slices.DeleteFunc(slices.Clone(old), func(o Disk) bool {
		return slices.ContainsFunc(disks, func(read Disk) bool { return o.isSame(at, read) })
	})
	var foreign Foreign
	for i, disk := range d.Disks {
		if place(disks[i]) < 0 {
			overlay, err := disks[i].fromUnknown(ctx, host, at, d.Name, disk, gone, len(old) == 0)
			if err != nil {
				return types.ListNull(diskType), Foreign{}, err
			}
			foreign.add(disks[i], overlay)
			if known := place(disks[i]); known >= 0 { // the state has the format of the disk below the overlay
				disk.Format, disk.Secret = old[known].Format.ValueString(), old[known].Secret.ValueString()
			}
		}
		if known := place(disks[i]); known >= 0 {
			disks[i].keep(old[known], disk, slices.Contains(d.Boot, virt.BootDisk))
		}
	}
	for _, disk := range gone {
		if !slices.ContainsFunc(disks, func(read Disk) bool { return disk.isSame(at, read) }) {
			foreign.Gone = append(foreign.Gone, disk.name())
		}
	}
	return framework.ListLike(ctx, before, diskType, asWritten(disks, place), diags), foreign, nil
}

// asWritten puts disks into the order of the state, if the disks of each bus are already in that order: libvirt sorts disks by bus,
// src/conf/domain_conf.c, virDomainDiskInsert.
func asWritten(disks []Disk, place func(Disk) int) []Disk {
	last := map[string]int{}
	for _, disk := range disks {
		at, bus := place(disk), disk.Bus.ValueString()
		if before, seen := last[bus]; at < 0 || seen && at < before {
			return disks
		}
		last[bus] = at
	}
	return slices.SortedStableFunc(slices.Values(disks), func(a, b Disk) int { return cmp.Compare(place(a), place(b)) })
}

// fromDisk converts a disk, except for its volume and path.
func fromDisk(disk virt.Disk) Disk {
	return Disk{
		URL:      framework.Optional(disk.URL),
		Secret:   framework.Optional(disk.Secret),
		Bus:      types.StringValue(disk.Bus),
		Serial:   framework.Optional(disk.Serial),
		ReadOnly: types.BoolValue(disk.ReadOnly),
		Cache:    framework.Optional(disk.Cache),
		Discard:  framework.Optional(disk.Discard),
		IO:       framework.Optional(disk.IO),
		IOThread: framework.OptionalNumber(disk.IOThread),
		Queues:   framework.OptionalNumber(disk.Queues),
		OnError:  framework.Optional(disk.OnError),
		Shared:   types.BoolValue(disk.Shared),
		Boot:     types.BoolValue(!disk.NoBoot),
	}
}

// locate sets where a disk is: its path if the state has it, otherwise the volume at the path, otherwise the path.
func (m *Disk) locate(ctx context.Context, host Host, at framework.Placement, disk virt.Disk, old []Disk) error {
	switch {
	case disk.Path == "" && disk.Volume != "":
		m.Volume = types.StringValue(at.Qualified(disk.Volume))
	case disk.Path == "":
	case slices.ContainsFunc(old, func(o Disk) bool { return o.Path.ValueString() == disk.Path }):
		m.Path = types.StringValue(disk.Path)
	default:
		id, err := framework.VolumeID(ctx, host, at, disk.Path)
		if err != nil {
			return err
		}
		if id == disk.Path { // the file is in no pool
			m.Path = types.StringValue(id)
		} else {
			m.Volume = types.StringValue(id)
		}
	}
	return nil
}

// isSame tells whether both are the same disk, even if its other attributes differ, with or without the host in the volume's id.
func (m Disk) isSame(at framework.Placement, other Disk) bool {
	return at.Local(m.Volume) == at.Local(other.Volume) && m.Path.Equal(other.Path) && virt.SameURL(m.URL.ValueString(), other.URL.ValueString())
}

// keep keeps the spelling of the state for what the host has.
func (m *Disk) keep(old Disk, disk virt.Disk, showsBoot bool) {
	m.Volume = old.Volume // with or without the host's name
	m.URL = old.URL       // with or without a port
	if strings.EqualFold(m.Secret.ValueString(), old.Secret.ValueString()) {
		m.Secret = old.Secret
	}
	if !old.Format.IsNull() {
		m.Format = types.StringValue(disk.Format)
	}
	if !showsBoot {
		m.Boot = old.Boot
	}
}

// fromUnknown reads a disk that the state does not have. If it is an overlay on a disk of the state, it is read as that disk,
// otherwise with its own format.
func (m *Disk) fromUnknown(ctx context.Context, host Host, at framework.Placement, domain string, disk virt.Disk, gone []Disk, imported bool) (*Overlay, error) {
	v, err := m.volume(ctx, host, at)
	if err != nil {
		return nil, err
	}
	if len(gone) > 0 || imported && m.mayBeOverlay(disk, v) {
		overlay, err := m.beneath(ctx, host, at, domain, disk, gone)
		if overlay != nil || err != nil {
			return overlay, err
		}
	}
	m.fromFormat(v, disk.Format)
	return nil, nil
}

// volume reads the volume of a disk. It returns an empty volume if the disk has none, or if the volume no longer exists.
func (m *Disk) volume(ctx context.Context, host Host, at framework.Placement) (virt.Volume, error) {
	if m.Volume.IsNull() {
		return virt.Volume{}, nil
	}
	v, err := volume(ctx, host, at.Local(m.Volume))
	if framework.IsNotFound(err) {
		return virt.Volume{}, nil
	}
	return v, err
}

// fromFormat sets the format of a disk that another program attached, if it differs from the default.
func (m *Disk) fromFormat(v virt.Volume, format string) {
	usual := defaultFormat
	if !m.Volume.IsNull() {
		usual = formatOf(v)
	}
	if format != usual {
		m.Format = framework.Optional(format)
	}
}

// ChangeOfDisks is what a change of the disks does to a running guest: disks can be added and removed live, but disks that stay
// cannot change.
func ChangeOfDisks(ctx context.Context, at framework.Placement, from, to types.List) Change {
	return changeOf(ctx, from, to, func(from, to Disk) (same bool, how Change) {
		if !from.isSame(at, to) {
			return false, 0
		}
		from.Volume, from.URL = to.Volume, to.URL // they may be spelled differently
		if from == to {
			return true, Unchanged
		}
		return true, NeedsRestart
	})
}

// ValidateDisks checks what libvirt would refuse later. buses are the buses that the guest can have; none means any.
func ValidateDisks(ctx context.Context, list types.List, buses []string, diags *diag.Diagnostics) {
	if list.IsUnknown() || framework.HasUnknownElement(list) {
		return
	}
	var disks []Disk
	diags.Append(list.ElementsAs(ctx, &disks, false)...)
	for i, disk := range disks {
		at := path.Root("disks").AtListIndex(i)
		attribute, where, count := disk.where()
		if count != 1 && count != unknown {
			framework.AddError(diags, at, "Invalid disk", "A disk is a volume, a path on the host, or network storage. Set exactly one of volume, path and url.")
		}
		if user := virt.UserOf(disk.URL.ValueString()); !disk.Secret.IsUnknown() && (user != "") == disk.Secret.IsNull() {
			framework.AddError(diags, at.AtName("secret"), "Invalid secret", "url with a user name needs a secret, and secret needs a user name in url. libvirt keeps the password in a secret (virsh secret-define), never in a definition.")
		}
		same := func(o Disk) bool { a, w, _ := o.where(); return a == attribute && w == where }
		if where != "" && slices.IndexFunc(disks, same) < i {
			framework.AddError(diags, at.AtName(attribute), "Invalid disk", fmt.Sprintf("Another disk of this guest has the same %s, %q.", attribute, where))
		}
		if bus := disk.Bus.ValueString(); bus != "" && len(buses) > 0 && !slices.Contains(buses, bus) {
			framework.AddError(diags, at.AtName("bus"), "Invalid bus", fmt.Sprintf("A guest of this architecture cannot have a disk on the bus %q, only on %s.", bus, strings.Join(buses, " or ")))
		}
		// "io='native' needs either no disk cache or directsync cache mode" (libvirt)
		if cache := disk.Cache.ValueString(); disk.IO.ValueString() == "native" && !disk.Cache.IsUnknown() && cache != "none" && cache != "directsync" {
			framework.AddError(diags, at.AtName("io"), "Invalid io", "native needs cache = \"none\" or cache = \"directsync\".")
		}
	}
}

// unknown is the count of attributes that say where a device is, if the count is known only after apply.
const unknown = -1

// where returns the attribute that says where a disk is, its value, and the count of such attributes.
func (m Disk) where() (attribute, value string, count int) {
	for name, v := range map[string]types.String{"volume": m.Volume, "path": m.Path, "url": m.URL} {
		if v.IsUnknown() {
			return "", "", unknown
		}
		if !v.IsNull() {
			attribute, value, count = name, v.ValueString(), count+1
		}
	}
	return attribute, value, count
}

// References calls check for the volume id of each disk, with the path of its attribute.
func References(ctx context.Context, list types.List, check func(id types.String, at path.Path), diags *diag.Diagnostics) {
	if list.IsUnknown() || framework.HasUnknownElement(list) {
		return
	}
	var disks []Disk
	diags.Append(list.ElementsAs(ctx, &disks, false)...)
	for i, disk := range disks {
		check(disk.Volume, path.Root("disks").AtListIndex(i).AtName("volume"))
	}
}
