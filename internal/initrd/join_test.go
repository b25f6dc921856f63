package initrd

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// part is a part with this content, which counts how many parts are open.
func part(content io.Reader, open *int) Part {
	return func() (io.ReadCloser, error) { *open++; return source{content, open}, nil }
}

// join returns the parts as one initrd.
func join(t *testing.T, parts ...string) string {
	t.Helper()
	open := 0
	var all []Part
	for _, content := range parts {
		all = append(all, part(strings.NewReader(content), &open))
	}
	r, err := Join(all)
	if err != nil {
		t.Fatal(err)
	}
	joined, err := io.ReadAll(r)
	if err != nil || open != 0 {
		t.Fatalf("%v; %d parts stay open", err, open)
	}
	return string(joined)
}

// TestJoin checks that each part is aligned, after zeros that end an lz4 archive.
func TestJoin(t *testing.T) {
	if one := join(t, original); one != original {
		t.Errorf("one part was changed: %q", one)
	}
	second, third := "070701 second", "\x28\xb5 third"
	for length := range 8 {
		first := original + strings.Repeat("x", length)
		all := join(t, first, second, third)
		at := len(first)
		for _, next := range []string{second, third} {
			begin := at + strings.Index(all[at:], next)
			if gap := all[at:begin]; begin%4 != 0 || len(gap) < 4 || strings.Trim(gap, "\x00") != "" {
				t.Errorf("after %d bytes the next part is at %d, after %q", at, begin, gap)
			}
			at = begin + len(next)
		}
		if at != len(all) {
			t.Errorf("there are %d bytes after the last part", len(all)-at)
		}
	}
}

func TestJoinPassesOn(t *testing.T) {
	open := 0
	r, err := Join([]Part{part(strings.NewReader(original), &open), part(strings.NewReader("070701"), &open)})
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, []byte(join(t, original, "070701"))); err != nil {
		t.Error(err)
	}
}

// TestJoinOpensInTurn checks that a part is opened only after the part before it has ended.
func TestJoinOpensInTurn(t *testing.T) {
	open := 0
	r, err := Join([]Part{part(strings.NewReader(original), &open), part(strings.NewReader("070701"), &open)})
	if err != nil || open != 1 {
		t.Fatalf("%v; %d parts are open", err, open)
	}
	if err := r.Close(); err != nil || open != 0 {
		t.Errorf("%v; %d parts stay open", err, open)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %d bytes, %v after Close", n, err)
	}
}

func TestJoinFails(t *testing.T) {
	refused := errors.New("permission denied")
	closed := func() (io.ReadCloser, error) { return nil, refused }
	open := 0
	good := func() Part { return part(strings.NewReader(original), &open) }
	bad := func() Part { return part(strings.NewReader("hsqs a file system"), &open) }
	broken := func() Part {
		return part(io.MultiReader(strings.NewReader(original), iotest.ErrReader(errors.New("connection reset"))), &open)
	}
	for _, tt := range []struct {
		name  string
		parts []Part
		want  string
	}{
		{"first refused", []Part{closed}, "permission denied"},
		{"second refused", []Part{good(), closed}, "permission denied"},
		{"first is no archive", []Part{bad(), good()}, `part 1: nothing can be added to an initrd that begins with "hsqs a"`},
		{"second is no archive", []Part{good(), bad()}, "part 2: nothing can be added"},
		{"broken", []Part{broken(), good()}, "connection reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Join(tt.parts)
			if err == nil {
				_, err = io.ReadAll(r)
				if _, again := r.Read(make([]byte, 1)); !saysWant(again, tt.want) {
					t.Errorf("then got %v", again)
				}
			}
			if !saysWant(err, tt.want) || open != 0 {
				t.Errorf("got %v, want %q; %d parts stay open", err, tt.want, open)
			}
		})
	}
}
