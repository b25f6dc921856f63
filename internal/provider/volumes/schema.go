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
			MarkdownDescription: "Name of the pool. Default: `default`; a host that has no such pool gets it at `" + defaultPoolPath + "` and keeps it. A change replaces the volume.",
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
			MarkdownDescription: "Whether a destroy deletes the volume while a guest has it, or another volume lies on it. They lose their data. Default: `false`, and the destroy fails and names them. A change takes effect with an apply.",
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
		MarkdownDescription: "A volume in a libvirt storage pool: a guest's disk, empty, laid over another one, or with the content of an image; or a seed, which tells a guest at its first boot what to become.\n\n" +
			"It grows in place. It never shrinks, which would lose what lies behind the new end.\n\n" +
			"An import takes `<pool>/<name>`, or the path on the host, which is how other providers name a volume. " +
			"It takes no seed's content over: that may be secret. The volume stays as it is until `cloud_init` or `ignition` says what it holds; the same content then changes nothing.",
		Attributes: attributes,
	}
}

var volumeSizes = map[string]schema.Attribute{
	"capacity": schema.StringAttribute{
		MarkdownDescription: "Size that the guest sees. " + framework.SizeDescription + " With `backing` or `source`, the default is the size of that. It can grow.",
		CustomType:          framework.SizeType{},
		Optional:            true,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	},
	"capacity_bytes":   schema.Int64Attribute{MarkdownDescription: "`capacity` in bytes.", Computed: true},
	"allocation_bytes": schema.Int64Attribute{MarkdownDescription: "Bytes that the volume takes on the host.", Computed: true},
}

// formats are those of volumes: libvirt src/conf/storage_source_conf.c, virStorageFileFormat. The first two can be made.
var formats = []string{"qcow2", "raw", "bochs", "cloop", "cow", "dmg", "fat", "ploop", "qcow", "qed", "vdi", "vhd", "vmdk", "vpc"}

var volumeLayout = map[string]schema.Attribute{
	"format": schema.StringAttribute{
		MarkdownDescription: "`qcow2` or `raw`. Default: `qcow2`, and what a volume that is there has; a seed is always `raw`. A volume that is there may have any that libvirt knows, such as `vmdk`. A change replaces the volume.",
		Optional:            true,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{defaultFormat{}, stringplanmodifier.RequiresReplace()},
		Validators:          []validator.String{stringvalidator.OneOf(formats...)},
	},
	"preallocation": schema.StringAttribute{
		MarkdownDescription: "How much of the volume gets its place on the host's disk when it is made: `off`, `metadata` (`qcow2` only: all of its tables) or `falloc` (all of it, without writing to it). Default: `off`. " +
			"A change does nothing to a volume that is there.",
		Optional:      true,
		Computed:      true,
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		Validators:    []validator.String{stringvalidator.OneOf("off", "metadata", "falloc")},
	},
	"cluster_size": schema.StringAttribute{
		MarkdownDescription: "Size of a `qcow2` volume's clusters, a power of two from 512 bytes to 2 MiB. Default: `64KiB`, or that of a `qcow2` source. A change replaces the volume.",
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
		MarkdownDescription: "Version of a `qcow2` volume: `1.1`, or `0.10` for programs from before 2013. Default: `1.1`, or that of a `qcow2` source. A change replaces the volume.",
		Optional:            true,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplaceIfConfigured()},
		Validators:          []validator.String{stringvalidator.OneOf("0.10", "1.1")},
	},
	"backing": schema.SingleNestedAttribute{
		MarkdownDescription: "What a `qcow2` volume is laid over: reads go through to it until the guest writes. A change replaces the volume, and so does a replacement of that volume in the same run.",
		Optional:            true,
		PlanModifiers:       []planmodifier.Object{objectplanmodifier.RequiresReplace()},
		Attributes:          backingAttributes(),
	},
}

const ownership = " libvirt gives the file to QEMU's user while a guest runs, and back; a change on the host is therefore not looked for."

var volumePermissions = map[string]schema.Attribute{
	"owner": ownerAttribute("Number of the user who owns the file." + ownership),
	"group": ownerAttribute("Number of the group that the file belongs to." + ownership),
	"mode": schema.StringAttribute{
		MarkdownDescription: "Permissions of the file in octal digits. Default: libvirt's, `0600`. libvirt cannot change those of a file that is there: where they differ, a plan says so.",
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
	"source": framework.OptionalString("Image that the volume begins with: an `http` or `https` URL, or a path on the machine that runs Terraform. It is `qcow2` or `raw`, and may be packed with gzip, xz, zstd, bzip2 or lz4. "+
		"Where it has not the volume's `format`, the host converts it. A change to another source replaces the volume; to give one for a volume that is there, as after an import, or to leave it out, does not. "+
		"A change of what the source holds is not looked for: give its `checksum`.", stringvalidator.ConflictsWith(path.MatchRoot("backing"))),
	"archive_path": schema.StringAttribute{
		MarkdownDescription: "Path of the image in the tar archive that `source` is, such as `disk.raw` in a `.tar.xz` or the disk in an `.ova`. The archive may be packed, or else the image in it; it is unpacked while it comes. A change replaces the volume.",
		Optional:            true,
		Validators:          []validator.String{stringvalidator.LengthAtLeast(1), stringvalidator.AlsoRequires(path.MatchRoot("source"))},
	},
	"checksum": schema.StringAttribute{
		MarkdownDescription: "`sha256:…` or `sha512:…` of the source as it is there, packed, an archive or neither, or `file:` and the URL or path of a list that has it, such as `SHA256SUMS`. What does not match leaves no volume. A change to another one replaces the volume.",
		Optional:            true,
		Validators:          []validator.String{framework.Checksum, stringvalidator.AlsoRequires(path.MatchRoot("source"))},
	},
	"checksum_signature": framework.SignatureAttribute,
	"tls":                framework.TLSAttribute,
}

const writeOnly = " It is in no plan and no state; of those a digest tells whether it has changed, which replaces the volume."

var cloudInitTypes = framework.TypesOf(cloudInitAttributes)

var cloudInitAttributes = map[string]schema.Attribute{
	"user_data":      secretText("User data, which begin with a line such as `#cloud-config`.", userData),
	"meta_data":      secretText("Meta data in YAML, with an `instance-id`. Default: an `instance-id` that changes with the other data, so that cloud-init does its work again."),
	"network_config": secretText("Network configuration in YAML."),
	"vendor_data":    secretText("Vendor data, of the form of user data.", userData),
}

// ofDisks is what a seed has not. To ask that of the seeds alone costs a volume that is none nothing: on
// a resource as a whole, each of these conflicts would be looked for at each validation, of which a plan
// has three.
var ofDisks = path.Expressions{path.MatchRoot("capacity"), path.MatchRoot("backing"), path.MatchRoot("source"), path.MatchRoot("preallocation")}

var volumeSeeds = map[string]schema.Attribute{
	"cloud_init": schema.SingleNestedAttribute{
		MarkdownDescription: "Makes the volume a seed for cloud-init: its NoCloud data, in an ISO 9660 file system with the label `cidata`. It is attached to a guest as any disk." + writeOnly,
		Optional:            true,
		Attributes:          cloudInitAttributes,
		Validators:          []validator.Object{objectvalidator.ConflictsWith(append(ofDisks, path.MatchRoot("ignition"))...)},
	},
	"ignition": schema.StringAttribute{
		MarkdownDescription: "Makes the volume a seed for Ignition: its configuration in JSON. s390x has no `fw_cfg`; it is attached to a guest as a disk with `serial = \"ignition\"`." + writeOnly,
		Optional:            true,
		WriteOnly:           true,
		Validators:          []validator.String{ignitionConfig, stringvalidator.ConflictsWith(append(ofDisks, path.MatchRoot("cloud_init"))...)},
	},
}

func secretText(what string, validators ...validator.String) schema.Attribute {
	return schema.StringAttribute{MarkdownDescription: what, Optional: true, WriteOnly: true, Validators: validators}
}

// defaultFormat is the format where the configuration names none.
type defaultFormat struct{}

func (defaultFormat) Description(context.Context) string {
	return "qcow2, raw for a seed, or what is there"
}

func (defaultFormat) MarkdownDescription(context.Context) string {
	return "`qcow2`, `raw` for a seed, or what is there"
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
		resp.PlanValue = req.StateValue // a missing line replaces no volume
	default:
		resp.PlanValue = types.StringValue("qcow2")
	}
}
