package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/initrd"
)

type insModel struct {
	Source   types.String `tfsdk:"source"`
	ISOPath  types.String `tfsdk:"iso_path"`
	Checksum types.String `tfsdk:"checksum"`
}

type signatureModel struct {
	Key    types.String `tfsdk:"key"`
	Source types.String `tfsdk:"source"`
}

type tlsModel struct {
	CAFile   types.String `tfsdk:"ca_file"`
	Insecure types.Bool   `tfsdk:"insecure"`
}

// sources is where the files of an image come from.
type sources struct {
	image.Client
	signing *image.Signing // nil where lists need no signature
	arch    string         // of the kernel
	ins     *insModel      // that names the files; nil where the user does
}

// check looks at the first bytes of a file before any of it reaches the host.
func (s sources) check(kind string) func(head []byte) error {
	if kind == "initrd" {
		return image.CheckInitrd
	}
	return func(head []byte) error { return image.CheckKernelOf(s.arch, head) }
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

// checksum is what the description of a file promises of its source.
func (s sources) checksum(ctx context.Context, f bootFileModel) (image.Checksum, error) {
	reference := f.Checksum.ValueString()
	if s.ins != nil {
		reference = s.ins.Checksum.ValueString()
	}
	sum, err := s.Checksum(ctx, reference, f.Source.ValueString(), s.signing)
	if err != nil {
		return image.Checksum{}, checksumError{err}
	}
	return sum, nil
}

// manifest reads an .ins manifest, and describes the kernel and the initrd that it names.
func (s sources) manifest(ctx context.Context, ins insModel) (kernel, initrd *bootFileModel, cmdline string, err error) {
	read, err := s.ReadINS(ctx, image.Location{Source: ins.Source.ValueString(), ISOPath: ins.ISOPath.ValueString()})
	if err != nil {
		return nil, nil, "", err
	}
	describe := func(at image.Location) *bootFileModel {
		if at == (image.Location{}) {
			return nil
		}
		file := newBootFile()
		// Where ins is sensitive, the plan shows these all the same.
		file.Source, file.ISOPath, file.Checksum = types.StringValue(image.WithoutAccess(at.Source)), optional(at.ISOPath), ins.Checksum
		if !ins.Checksum.IsNull() {
			file.Checksum = types.StringValue(image.WithoutAccess(ins.Checksum.ValueString()))
		}
		return file
	}
	return describe(read.Kernel), describe(read.Initrd), read.CommandLine, nil
}

// content is a boot file on its way from its source. What is no such file, by its first bytes, does
// not open; what is not whole, or not what was promised, ends with an error.
type content struct {
	*image.Digest
	io.Closer
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.Digest.Read(p)
	if err != nil && err != io.EOF && !errors.As(err, new(injectError)) {
		err = sourceError{err}
	}
	return n, err
}

// open opens the source of a file, and writes into it what it is to carry.
func (f bootFileModel) open(ctx context.Context, from sources, kind string) (*content, error) {
	promised, err := f.promised(ctx, from)
	if err != nil {
		return nil, err
	}
	at := image.Location{Source: f.Source.ValueString(), ISOPath: f.ISOPath.ValueString()}
	if from.ins != nil {
		at.Source = image.WithAccess(at.Source, from.ins.Source.ValueString())
	}
	stream, err := from.OpenAt(ctx, at)
	if err != nil {
		return nil, sourceError{err}
	}
	checked, err := image.Sniff(stream, from.check(kind))
	if err != nil {
		stream.Close()
		return nil, sourceError{fmt.Errorf("unable to use %s: %w", stream.Source, err)}
	}
	source := &content{image.Verify(checked, promised, stream.Source), stream}
	if !f.isMadeAnew() {
		return source, nil
	}
	made, err := f.makeAnew(ctx, source)
	if err != nil {
		stream.Close()
		return nil, err
	}
	return &content{image.Verify(made, f.planned(), stream.Source+" with what it carries"), stream}, nil
}

// makeAnew is the source with its command line, or with the files that are put into it.
func (f bootFileModel) makeAnew(ctx context.Context, source io.Reader) (io.Reader, error) {
	if !f.Cmdline.IsNull() {
		kernel, err := image.WithCommandLine(source, f.Cmdline.ValueString())
		if err != nil {
			return nil, cmdlineError{err}
		}
		return kernel, nil
	}
	files, err := f.injected(ctx)
	if err != nil {
		return nil, err
	}
	injected, err := initrd.Inject(source, files)
	if err != nil {
		return nil, injectError{err}
	}
	return injected, nil
}
