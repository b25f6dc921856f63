package framework

import (
	"context"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/boolvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
)

// SignatureAttribute says how a list of checksums is verified.
var SignatureAttribute = schema.SingleNestedAttribute{
	MarkdownDescription: "OpenPGP signature by which a list of checksums, which a `checksum` names with `file:`, is verified. A list without a valid signature is refused.",
	Optional:            true,
	Attributes: map[string]schema.Attribute{
		"key": schema.StringAttribute{
			MarkdownDescription: "Armored public key, or the path or URL of the key.",
			Required:            true,
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"source": OptionalString("Path or URL of the detached signature, such as `SHA256SUMS.gpg`. Default: the list contains its own signature, as the lists of Fedora do."),
	},
}

// TLSAttribute says how servers are verified.
var TLSAttribute = schema.SingleNestedAttribute{
	MarkdownDescription: "How the certificates of servers are verified for `https` sources.",
	Optional:            true,
	Attributes: map[string]schema.Attribute{
		"ca_file": OptionalString("File with CA certificates in PEM format, on the machine that runs Terraform. They are trusted in addition to the certificates that this machine trusts."),
		"insecure": schema.BoolAttribute{
			MarkdownDescription: "Whether to accept any certificate. Set `checksum` in this case, because nothing else verifies the content.",
			Optional:            true,
			Validators:          []validator.Bool{boolvalidator.ConflictsWith(Sibling("ca_file"))},
		},
	},
}

type signatureModel struct {
	Key    types.String `tfsdk:"key"`
	Source types.String `tfsdk:"source"`
}

type tlsModel struct {
	CAFile   types.String `tfsdk:"ca_file"`
	Insecure types.Bool   `tfsdk:"insecure"`
}

// Trust makes a client that trusts the servers that the tls attribute trusts.
func Trust(ctx context.Context, object types.Object, diags *diag.Diagnostics) image.Client {
	var client image.Client
	if Logs() {
		client.Observe = LogDownload
	}
	settings := As[tlsModel](ctx, object, diags)
	if settings == nil {
		return client
	}
	client.Insecure = settings.Insecure.ValueBool()
	if file := settings.CAFile.ValueString(); file != "" {
		pem, err := os.ReadFile(file)
		if err == nil {
			client.CAs, err = image.ParseCAs(pem)
		}
		if err != nil {
			at := path.Root("tls").AtName("ca_file")
			diags.AddAttributeError(at, "Unable to read certificates", Sentence(Within(at, err)))
		}
	}
	return client
}

// Signing reads the key that verifies lists of checksums; nil if there is none.
func Signing(ctx context.Context, client image.Client, object types.Object, diags *diag.Diagnostics) *image.Signing {
	settings := As[signatureModel](ctx, object, diags)
	if settings == nil {
		return nil
	}
	keys, err := readKeys(ctx, client, settings.Key.ValueString())
	if err != nil {
		at := path.Root("checksum_signature").AtName("key")
		diags.AddAttributeError(at, "Unable to read the key", Sentence(Within(at, err)))
		return nil
	}
	return &image.Signing{Keys: keys, Signature: settings.Source.ValueString()}
}

func readKeys(ctx context.Context, client image.Client, key string) (image.KeyRing, error) {
	if strings.Contains(key, "-----BEGIN PGP") {
		return image.ParseKeyRing([]byte(key))
	}
	return client.KeyRing(ctx, key)
}
