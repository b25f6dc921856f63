package framework

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"not found":           "Not found.",
		"Ends well.":          "Ends well.",
		" blanks around\n":    "Blanks around.",
		"élan":                "Élan.",
		"http://x/y is not":   "http://x/y is not.",
		"two lines:\n  | end": "Two lines:\n  | end",
		"esc\x1b[2J, C1\u009b, tab\t, turned\u202e, \xff": `Esc\x1b[2J, C1\u009b, tab , turned\u202e, ` + "\ufffd.",
	} {
		if got := Sentence(errors.New(text)); got != want {
			t.Errorf("sentence(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestFail(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		detail []string
	}{
		{"plain", errors.New("the pool is full"), []string{"The pool is full."}},
		{"interrupted", fmt.Errorf("upload: %w", context.Canceled), []string{"Upload: context canceled.\n\n", "The run was interrupted."}},
		{"too long", context.DeadlineExceeded, []string{"Context deadline exceeded.\n\n", "timeouts attribute"}},
		{"no boot in time", netboot.ErrBootTimeout, []string{"raise boot_check.timeout"}},
		{"taken", virt.ErrExists, []string{"Already exists", "terraform import ADDRESS acc/disk", "tofu import ADDRESS acc/disk"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var diags diag.Diagnostics
			Fail(&diags, path.Root("name"), "create", Subject{Kind: "volume", ID: "acc/disk"}, test.err)
			if len(diags) != 1 {
				t.Fatalf("there are %d diagnostics", len(diags))
			}
			got, isAt := diags[0].(diag.DiagnosticWithPath)
			if !isAt || !got.Path().Equal(path.Root("name")) || got.Summary() != `Unable to create volume "acc/disk"` {
				t.Errorf("got %v", diags[0])
			}
			for _, text := range test.detail {
				if !strings.Contains(got.Detail(), text) {
					t.Errorf("%q does not say %q", got.Detail(), text)
				}
			}
			if strings.TrimSpace(got.Detail()) != got.Detail() {
				t.Errorf("%q has blanks at its ends", got.Detail())
			}
		})
	}
}

func TestIsNotFound(t *testing.T) {
	if !IsNotFound(fmt.Errorf("volume: %w", virt.ErrNotFound)) || IsNotFound(virt.ErrExists) || IsNotFound(nil) || IsNotFound(&virt.ConnectError{Err: errors.New("x")}) {
		t.Error("IsNotFound must recognize only virt.ErrNotFound")
	}
}
