package framework

import (
	"bytes"
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// kept is private state with one text for all keys.
type kept struct{ text []byte }

func (k *kept) GetKey(context.Context, string) ([]byte, diag.Diagnostics) { return k.text, nil }

func (k *kept) SetKey(_ context.Context, _ string, text []byte) diag.Diagnostics {
	k.text = text
	return nil
}

// FuzzPrivate checks that any content of private state is either refused, or saved as it was read.
func FuzzPrivate(f *testing.F) {
	for _, text := range []string{
		`{"Kind":"cloud-init","SHA256":"5f0c","Written":"2026-01-02T03:04:05.6Z"}`, `{"Path":"kernel","Size":5}`, `["a"]`, `null`, `{"Written":""}`, `[`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		staysAsRead[bootfiles.Published](t, text)
		staysAsRead[tftproot.File](t, text)
		staysAsRead[[]string](t, text)
	})
}

func staysAsRead[T any](t *testing.T, text []byte) {
	t.Helper()
	var problems diag.Diagnostics
	value := LoadPrivate[T](t.Context(), &kept{text}, "key", &problems)
	if problems.HasError() {
		return
	}
	var once, again kept
	SavePrivate(t.Context(), &once, "key", value, &problems)
	SavePrivate(t.Context(), &again, "key", LoadPrivate[T](t.Context(), &once, "key", &problems), &problems)
	if problems.HasError() || !bytes.Equal(once.text, again.text) {
		t.Errorf("%q is kept as %q, and then as %q (%v)", text, once.text, again.text, problems)
	}
}
