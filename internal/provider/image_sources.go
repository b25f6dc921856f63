package provider

import (
	"context"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
)

type signatureModel struct {
	Key    types.String `tfsdk:"key"`
	Source types.String `tfsdk:"source"`
}

type tlsModel struct {
	CAFile   types.String `tfsdk:"ca_file"`
	Insecure types.Bool   `tfsdk:"insecure"`
}

// trust makes a client that trusts the servers which the model trusts.
func trust(ctx context.Context, object types.Object, diags *diag.Diagnostics) image.Client {
	settings := as[tlsModel](ctx, object, diags)
	if settings == nil {
		return image.Client{}
	}
	client := image.Client{Insecure: settings.Insecure.ValueBool()}
	if file := settings.CAFile.ValueString(); file != "" {
		pem, err := os.ReadFile(file)
		if err == nil {
			client.CAs, err = image.ParseCAs(pem)
		}
		if err != nil {
			at := path.Root("tls").AtName("ca_file")
			diags.AddAttributeError(at, "Unable to read certificates", sentence(within(at, err)))
		}
	}
	return client
}

// signing reads the key by which lists of checksums are verified; nil where there is none.
func signing(ctx context.Context, client image.Client, object types.Object, diags *diag.Diagnostics) *image.Signing {
	settings := as[signatureModel](ctx, object, diags)
	if settings == nil {
		return nil
	}
	keys, err := readKeys(ctx, client, settings.Key.ValueString())
	if err != nil {
		at := path.Root("checksum_signature").AtName("key")
		diags.AddAttributeError(at, "Unable to read the key", sentence(within(at, err)))
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
