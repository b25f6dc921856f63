package tftproots

import (
	"crypto/sha256"
	"encoding/hex"
	"path"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
)

// dispatcher is the file by which GRUB finds the configuration of a guest.
var dispatcher = func() fileModel {
	text := grub.Dispatcher()
	sum := sha256.Sum256([]byte(text))
	return fileModel{Content: types.StringValue(text), SHA256: types.StringValue(hex.EncodeToString(sum[:])), SizeBytes: types.Int64Value(int64(len(text)))}
}()

// dispatchers are the files in the directories of GRUB, by their paths.
func (m tftpRootModel) dispatchers() map[string]fileModel {
	files := map[string]fileModel{}
	for _, prefix := range m.GRUBPrefixes.Elements() {
		if text, known := prefix.(types.String); known && !text.IsUnknown() {
			files[dispatcherIn(text)] = dispatcher
		}
	}
	return files
}

func dispatcherIn(prefix types.String) string { return path.Join(prefix.ValueString(), "grub.cfg") }

// keepPrefixes drops the directories whose file is not as it should be, so that the next apply publishes it again.
func (m *tftpRootModel) keepPrefixes(isRight func(file string) bool, diags *diag.Diagnostics) {
	var kept []attr.Value
	for _, prefix := range m.GRUBPrefixes.Elements() {
		if text, known := prefix.(types.String); known && isRight(dispatcherIn(text)) {
			kept = append(kept, prefix)
		}
	}
	if len(kept) == 0 {
		if len(m.GRUBPrefixes.Elements()) > 0 {
			m.GRUBPrefixes = types.ListNull(types.StringType)
		}
		return
	}
	list, problems := types.ListValue(types.StringType, kept)
	diags.Append(problems...)
	m.GRUBPrefixes = list
}
