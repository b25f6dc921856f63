package volumes

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

func volumeSchema(ctx context.Context) schema.Schema {
	attributes := map[string]schema.Attribute{
		"id":   framework.IDAttribute("`<pool>/<name>`."),
		"host": framework.HostAttribute,
		"name": framework.ReplacingString("Name of the volume, and of its file in the pool's directory.", framework.ObjectName),
		"pool": schema.StringAttribute{
			MarkdownDescription: "Name of the storage pool. Default: `default`. If the host does not have the pool `default`, the provider creates it at `" + defaultPoolPath + "`, and a destroy does not remove it. A change replaces the volume.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(defaultPool),
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			Validators:          []validator.String{framework.ObjectName},
		},
		"path": schema.StringAttribute{
			MarkdownDescription: "Path of the volume's file on the host.",
			Computed:            true,
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"force_destroy": schema.BoolAttribute{
			MarkdownDescription: "Whether a destroy deletes the volume while a guest uses it or another volume is an overlay on it. The guest and the overlay lose their data. Default: `false`: the destroy fails and lists the guests and overlays. Apply a change of this attribute before the destroy.",
			Optional:            true,
		},
		"timeouts": framework.TimeoutsAttribute(ctx),
	}
	for _, group := range []map[string]schema.Attribute{volumeSizes, volumeLayout, volumePermissions, volumeSources, volumeSeeds} {
		for name, attribute := range group {
			attributes[name] = attribute
		}
	}
	return schema.Schema{
		MarkdownDescription: "A volume in a libvirt storage pool. It is the disk of a guest: empty, an overlay on another volume, or with the content of an image. Or it is a seed: configuration that a guest reads at its first boot.\n\n" +
			"A volume can grow in place. It cannot shrink, because that would lose the data after the new end.\n\n" +
			"The import ID is `<pool>/<name>`, or the path on the host, which other providers use as the ID of a volume. " +
			"An import does not read the content of a seed into the state, because it may be secret. The volume stays unchanged until `cloud_init` or `ignition` is set. If the content is then the same, nothing changes.",
		Attributes: attributes,
	}
}

var volumeSizes = map[string]schema.Attribute{
	"capacity": schema.StringAttribute{
		MarkdownDescription: "Size of the disk that the guest sees. " + framework.SizeDescription + " Default with `backing` or `source`: the size of that volume, file or image. It can grow.",
		CustomType:          framework.SizeType{},
		Optional:            true,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	},
	"capacity_bytes":   schema.Int64Attribute{MarkdownDescription: "`capacity` in bytes.", Computed: true},
	"allocation_bytes": schema.Int64Attribute{MarkdownDescription: "Number of bytes that the volume uses on the host.", Computed: true},
}

// formats are the formats of volumes in libvirt: src/conf/storage_source_conf.c, virStorageFileFormat. Only the first two can be
// created.
var formats = []string{"qcow2", "raw", "bochs", "cloop", "cow", "dmg", "fat", "ploop", "qcow", "qed", "vdi", "vhd", "vmdk", "vpc"}

var volumeLayout = map[string]schema.Attribute{
	"format": schema.StringAttribute{
		MarkdownDescription: "`qcow2` or `raw`. Default: `qcow2` for a new volume, `raw` for a seed; an existing volume keeps its format. An existing volume can have any format that libvirt knows, such as `vmdk`. A change replaces the volume.",
		Optional:            true,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{defaultFormat{}, stringplanmodifier.RequiresReplace()},
		Validators:          []validator.String{stringvalidator.OneOf(formats...)},
	},
	"preallocation": schema.StringAttribute{
		MarkdownDescription: "How much of the volume is allocated on the host's disk when it is created: `off`, `metadata` (only `qcow2`: all of its tables) or `falloc` (all of it, without writing to it). Default: `off`. " +
			"A change has no effect on an existing volume.",
		Optional:      true,
		Computed:      true,
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		Validators:    []validator.String{stringvalidator.OneOf("off", "metadata", "falloc")},
	},
	"cluster_size": schema.StringAttribute{
		MarkdownDescription: "Size of the clusters of a `qcow2` volume, a power of two from 512 bytes to 2 MiB. Default: the cluster size of a `qcow2` source, otherwise `64KiB`. A change replaces the volume.",
		CustomType:          framework.SizeType{},
		Optional:            true,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		Validators:          []validator.String{framework.ClusterSize},
	},
	"cluster_size_bytes": schema.Int64Attribute{
		MarkdownDescription: "`cluster_size` in bytes.",
		Computed:            true,
	},
	"compat": schema.StringAttribute{
		MarkdownDescription: "Version of the `qcow2` format: `1.1`, or `0.10` for programs from before 2013. Default: the version of a `qcow2` source, otherwise `1.1`. A change replaces the volume.",
		Optional:            true,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplaceIfConfigured()},
		Validators:          []validator.String{stringvalidator.OneOf("0.10", "1.1")},
	},
	"backing": schema.SingleNestedAttribute{
		MarkdownDescription: "Volume or file that a `qcow2` volume is an overlay on. Until the guest writes a block, reads of it come from the backing. A change replaces the volume. So does a replacement of the backing volume in the same run.",
		Optional:            true,
		PlanModifiers:       []planmodifier.Object{objectplanmodifier.RequiresReplace()},
		Attributes:          backingAttributes(),
	},
}

const ownership = " While a guest runs, libvirt gives the file to QEMU's user, and gives it back afterwards. The provider therefore does not detect a change on the host."

var volumePermissions = map[string]schema.Attribute{
	"owner": ownerAttribute("Numeric ID of the user that owns the file." + ownership),
	"group": ownerAttribute("Numeric ID of the group that owns the file." + ownership),
	"mode": schema.StringAttribute{
		MarkdownDescription: "Permissions of the file in octal digits. Default: libvirt's default, `0600`. libvirt cannot change the permissions of an existing file: if they differ, the plan fails and shows the command that changes them.",
		Optional:            true,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		Validators:          []validator.String{framework.OctalMode},
	},
}

func ownerAttribute(what string) schema.Attribute {
	return schema.Int64Attribute{
		MarkdownDescription: what,
		Optional:            true,
		Computed:            true,
		PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
		Validators:          []validator.Int64{int64validator.Between(0, 1<<32-2)},
	}
}

var volumeSources = map[string]schema.Attribute{
	"source": framework.OptionalString("Image with the initial content of the volume: an `http`, `https` or `ftp` URL, or a path on the machine that runs Terraform. The image is `qcow2` or `raw`, and can be compressed with gzip, xz, zstd, bzip2 or lz4. "+
		"If its format is not the volume's `format`, the host converts it. A change from one source to another replaces the volume. Adding a source to an existing volume, for example after an import, or removing it does not. "+
		"The provider does not detect a change of the content of the source: set `checksum` for that.", stringvalidator.ConflictsWith(path.MatchRoot("backing"))),
	"archive_path": schema.StringAttribute{
		MarkdownDescription: "Path of the image in `source`, if that is a tar archive: for example `disk.raw` in a `.tar.xz`, or the disk in an `.ova`. Either the archive or the image in it can be compressed. It is unpacked during the download. A change replaces the volume.",
		Optional:            true,
		Validators:          []validator.String{stringvalidator.LengthAtLeast(1), stringvalidator.AlsoRequires(path.MatchRoot("source"))},
	},
	"checksum": schema.StringAttribute{
		MarkdownDescription: "`sha256:…` or `sha512:…` of the source file as it is, before decompression or unpacking. Or `file:` and the URL or path of a list that contains the checksum, such as `SHA256SUMS`. If the checksum does not match, no volume is created. A change from one checksum to another replaces the volume.",
		Optional:            true,
		Validators:          []validator.String{framework.Checksum, stringvalidator.AlsoRequires(path.MatchRoot("source"))},
	},
	"checksum_signature": framework.SignatureAttribute,
	"tls":                framework.TLSAttribute,
}

const writeOnly = " It is write-only: no plan and no state contains it. The provider keeps a digest of it to detect a change, which replaces the volume."

var cloudInitTypes = framework.TypesOf(cloudInitAttributes)

var cloudInitAttributes = map[string]schema.Attribute{
	"user_data":      secretText("User data. It begins with a line such as `#cloud-config`. After that line, there must be a map in YAML.", userData),
	"meta_data":      secretText("Meta data in YAML, with an `instance-id`. Default: an `instance-id` that changes when the other data changes, so that cloud-init runs again."),
	"network_config": secretText("Network configuration in YAML."),
	"vendor_data":    secretText("Vendor data, in the same form as user data.", userData),
}

// ofDisks are the attributes that a seed cannot have. The attributes of a seed check for these conflicts, so that the checks
// cost nothing for a volume that is not a seed. On the resource as a whole, they would run in every validation, and a plan has
// three of them.
var ofDisks = path.Expressions{path.MatchRoot("capacity"), path.MatchRoot("backing"), path.MatchRoot("source"), path.MatchRoot("preallocation")}

var volumeSeeds = map[string]schema.Attribute{
	"cloud_init": schema.SingleNestedAttribute{
		MarkdownDescription: "Makes the volume a seed for cloud-init: NoCloud data in an ISO 9660 file system with the label `cidata`. Attach it to a guest like any other disk." + writeOnly,
		Optional:            true,
		Attributes:          cloudInitAttributes,
		Validators:          []validator.Object{objectvalidator.ConflictsWith(append(ofDisks, path.MatchRoot("ignition"))...)},
	},
	"ignition": schema.StringAttribute{
		MarkdownDescription: "Makes the volume a seed for Ignition: an Ignition configuration in JSON. s390x does not have `fw_cfg`, so attach the volume to a guest as a disk with `serial = \"ignition\"`." + writeOnly,
		Optional:            true,
		WriteOnly:           true,
		Validators:          []validator.String{ignitionConfig, stringvalidator.ConflictsWith(append(ofDisks, path.MatchRoot("cloud_init"))...)},
	},
}

func secretText(what string, validators ...validator.String) schema.Attribute {
	return schema.StringAttribute{MarkdownDescription: what, Optional: true, WriteOnly: true, Validators: validators}
}

// defaultFormat plans the format if the configuration does not set it.
type defaultFormat struct{}

func (defaultFormat) Description(context.Context) string {
	return "qcow2 for a new volume, raw for a seed; an existing volume keeps its format"
}

func (defaultFormat) MarkdownDescription(context.Context) string {
	return "`qcow2` for a new volume, `raw` for a seed; an existing volume keeps its format"
}

func (defaultFormat) PlanModifyString(ctx context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if !req.ConfigValue.IsNull() {
		return
	}
	var config volumeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	switch {
	case config.isSeed():
		resp.PlanValue = types.StringValue("raw")
	case !req.StateValue.IsNull() && config.ClusterSize.IsNull() && config.Compat.IsNull() && config.Backing.IsNull():
		resp.PlanValue = req.StateValue // removing format from the configuration must not replace the volume
	default:
		resp.PlanValue = types.StringValue("qcow2")
	}
}
