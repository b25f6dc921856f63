package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/initrd"
)

type injectModel struct {
	Content types.String `tfsdk:"content"`
	Source  types.String `tfsdk:"source"`
	Mode    types.String `tfsdk:"mode"`
}

var injectType = types.ObjectType{AttrTypes: typesOf(injectAttribute.NestedObject.Attributes)}

// injected are the files that are put into an initrd, in the order of their paths.
func (f bootFileModel) injected(ctx context.Context) ([]initrd.File, error) {
	models := map[string]injectModel{}
	if diags := f.Inject.ElementsAs(ctx, &models, false); diags.HasError() {
		return nil, injectError{fmt.Errorf("%v", diags)}
	}
	var files []initrd.File
	for _, path := range slices.Sorted(maps.Keys(models)) {
		file, err := models[path].file(path)
		if err != nil {
			return nil, injectError{err}
		}
		files = append(files, file)
	}
	if err := initrd.Validate(files); err != nil {
		return nil, injectError{err}
	}
	return files, nil
}

func (m injectModel) file(path string) (initrd.File, error) {
	file := initrd.File{Path: path, Mode: 0o644}
	if !m.Mode.IsNull() {
		mode, err := strconv.ParseUint(m.Mode.ValueString(), 8, 32)
		if err != nil {
			return initrd.File{}, err
		}
		file.Mode = uint32(mode)
	}
	if m.Source.IsNull() {
		text := m.Content.ValueString()
		file.Size = int64(len(text))
		file.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		return file, nil
	}
	source := m.Source.ValueString()
	info, err := os.Stat(source)
	if err != nil {
		return initrd.File{}, err
	}
	if !info.Mode().IsRegular() {
		return initrd.File{}, fmt.Errorf("%q is not a regular file", source)
	}
	file.Size = info.Size()
	file.Open = func() (io.ReadCloser, error) { return os.Open(source) }
	return file, nil
}

// injectedDigest tells one set of injected files from another one; it is empty where there are none.
func (f bootFileModel) injectedDigest(ctx context.Context) (string, error) {
	if f.Inject.IsNull() {
		return "", nil
	}
	files, err := f.injected(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	archive, err := initrd.Inject(strings.NewReader(image.EmptyInitrd), files)
	if err != nil {
		return "", injectError{err}
	}
	defer archive.Close()
	if _, err := io.Copy(sum, archive); err != nil {
		return "", injectError{err}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
