package tftproot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	part    = "bionic-kernel-part"
	content = "a kernel, in so many bytes"
)

func named(sum string) string { return "bionic-kernel-" + sum[:12] }

func hashOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

var final = named(hashOf(content))

func publish(ctx context.Context, dir Directory, content io.Reader) (File, error) {
	return PublishByContent(ctx, dir, part, named, &hashed{content: content, digest: newDigest()})
}

// hashed is content that hashes itself.
type hashed struct {
	content io.Reader
	digest  *digest
}

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.content.Read(p)
	_, _ = h.digest.Write(p[:n])
	return n, err
}

func (h *hashed) SHA256() string { return h.digest.String() }

func TestPublishByContent(t *testing.T) {
	tests := map[string]struct {
		before map[string]string
		hidden []string
		copies int
	}{
		"new":                      {nil, nil, 1},
		"same content":             {map[string]string{final: content}, nil, 0},
		"same content, unreadable": {map[string]string{final: content}, []string{final}, 1},
		"half copy":                {map[string]string{final: content[:10]}, nil, 1},
		"copy of zeros":            {map[string]string{final: strings.Repeat("\x00", len(content))}, nil, 1},
		"among other files":        {map[string]string{"pxelinux.0": "x", final: content}, nil, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := newMemory(test.before)
			for _, name := range test.hidden {
				dir.hide(name)
			}
			file, err := publish(t.Context(), dir, iotest.OneByteReader(strings.NewReader(content)))
			if err != nil {
				t.Fatal(err)
			}
			want := File{Name: final, SHA256: hashOf(content), Size: int64(len(content)), ModTime: dir.files[final].ModTime}
			if file != want {
				t.Errorf("got %+v, want %+v", file, want)
			}
			after := map[string]string{final: content}
			for name, content := range test.before {
				if name != part && name != final {
					after[name] = content
				}
			}
			dir.expect(t, after)
			if got := dir.count("Copy " + final); got != test.copies {
				t.Errorf("%d copies, want %d", got, test.copies)
			}
		})
	}
}

func TestPublishByContentFaults(t *testing.T) {
	for _, call := range []string{"Create " + part, "Write " + part, "Remove " + final, "Copy " + final, "Stat " + final, "Remove " + part} {
		t.Run(call, func(t *testing.T) {
			dir := newMemory(nil)
			dir.faults[call] = len(content) / 2
			dir.after = func(made string) { // the fault is temporary, so that the clean-up succeeds
				if made == call {
					delete(dir.faults, call)
				}
			}
			_, err := publish(t.Context(), dir, strings.NewReader(content))
			if !errors.Is(err, errFault) {
				t.Fatalf("got %v", err)
			}
			dir.expect(t, nil)
		})
	}
}

func TestPublishByContentRemovesWhatItCannotFinish(t *testing.T) {
	t.Run("the copy is short", func(t *testing.T) {
		dir := newMemory(nil)
		dir.after = func(call string) {
			if call == "Copy "+final {
				dir.put(final, []byte(content[:5]))
			}
		}
		_, err := publish(t.Context(), dir, strings.NewReader(content))
		if err == nil || !strings.Contains(err.Error(), "has 5 bytes instead of") {
			t.Errorf("got %v", err)
		}
		dir.expect(t, nil)
	})
	t.Run("the part stays", func(t *testing.T) {
		dir := newMemory(nil)
		dir.after = func(call string) {
			if call == "Copy "+final {
				dir.faults["Remove "+part] = 0
			}
		}
		_, err := publish(t.Context(), dir, strings.NewReader(content))
		if !errors.Is(err, errFault) || !strings.Contains(err.Error(), part+" is left on the host") {
			t.Errorf("got %v", err)
		}
		dir.expect(t, map[string]string{part: content})
	})
	t.Run("the part stays if the file existed before", func(t *testing.T) {
		dir := newMemory(map[string]string{final: content})
		dir.after = func(call string) {
			if call == "Write "+part {
				dir.faults["Remove "+part] = 0
			}
		}
		if _, err := publish(t.Context(), dir, strings.NewReader(content)); !errors.Is(err, errFault) {
			t.Errorf("got %v", err)
		}
		dir.expect(t, map[string]string{part: content, final: content})
	})
}

func TestPublishByContentCancelled(t *testing.T) {
	calls := []string{"Create " + part, "Write " + part, "Stat " + final, "Copy " + final}
	for _, at := range calls {
		t.Run("after "+at, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			dir := newMemory(nil)
			dir.after = func(call string) {
				if call == at {
					cancel()
				}
			}
			if _, err := publish(ctx, dir, strings.NewReader(content)); at != "Copy "+final && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			dir.expect(t, nil)
		})
	}
}

func TestPublishByContentRefusesIncompleteContent(t *testing.T) {
	broken := errors.New("wrong checksum")
	tests := map[string]io.Reader{
		"at the start": iotest.ErrReader(broken),
		"at the end":   io.MultiReader(strings.NewReader(content), iotest.ErrReader(broken)),
	}
	for name, reader := range tests {
		t.Run(name, func(t *testing.T) {
			dir := newMemory(nil)
			if _, err := publish(t.Context(), dir, reader); !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
			dir.expect(t, nil)
		})
	}
	t.Run("not read to the end", func(t *testing.T) {
		dir := newMemory(nil)
		_, err := publish(t.Context(), truncating{dir}, strings.NewReader(content))
		if err == nil || !strings.Contains(err.Error(), "not read to its end") {
			t.Errorf("got %v", err)
		}
		dir.expect(t, nil)
	})
}

// truncating is a Directory that treats the first bytes as the whole file.
type truncating struct{ *memory }

func (h truncating) Write(ctx context.Context, name string, content io.Reader) error {
	return h.memory.Write(ctx, name, strings.NewReader(first(content)))
}

func first(r io.Reader) string {
	p := make([]byte, 8)
	n, _ := r.Read(p)
	return string(p[:n])
}

func TestPublished(t *testing.T) {
	dir := newMemory(map[string]string{"whole": content, "damaged": content[1:], "hidden": content})
	dir.hide("hidden")
	dir.files["broken"] = dir.files["whole"]
	dir.faults["Read broken"] = 0
	tests := map[string]struct {
		found bool
		err   error
	}{
		"whole":   {true, nil},
		"damaged": {false, nil},
		"absent":  {false, nil},
		"hidden":  {false, nil},
		"broken":  {false, errFault},
	}
	for name, want := range tests {
		file, found, err := Published(t.Context(), dir, name, hashOf(content))
		if found != want.found || !errors.Is(err, want.err) {
			t.Errorf("%s: got %v, %v", name, found, err)
		}
		if found && (file.SHA256 != hashOf(content) || file.Size != int64(len(content))) {
			t.Errorf("%s: got %+v", name, file)
		}
	}
}

func TestVerify(t *testing.T) {
	dir := newMemory(map[string]string{"kernel": content})
	known, _, err := Published(t.Context(), dir, "kernel", hashOf(content))
	if err != nil {
		t.Fatal(err)
	}
	verify := func() File {
		t.Helper()
		dir.calls = nil
		now, err := Verify(t.Context(), dir, known)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}

	if now := verify(); now != known || dir.count("Read kernel") != 0 {
		t.Errorf("unchanged: got %+v after %q", now, dir.calls)
	}
	dir.hide("kernel")
	if now := verify(); !now.Unreadable || now.SHA256 != known.SHA256 || dir.count("Read kernel") != 0 {
		t.Errorf("hidden: got %+v after %q", now, dir.calls)
	}
	dir.put("kernel", []byte(strings.ToUpper(content)))
	if now := verify(); !now.Unreadable || now.SHA256 != hashOf(strings.ToUpper(content)) {
		t.Errorf("hidden and altered: got %+v", now)
	}
	dir.files["kernel"].Mode = 0o644
	dir.put("kernel", []byte(content)) // touched
	if now := verify(); now.SHA256 != known.SHA256 || now.ModTime.Equal(known.ModTime) {
		t.Errorf("touched: got %+v", now)
	}
	dir.put("kernel", []byte(strings.ToUpper(content))) // of the same size
	if now := verify(); now.SHA256 != hashOf(strings.ToUpper(content)) {
		t.Errorf("altered: got %+v", now)
	}
	dir.put("kernel", []byte(content[:3]))
	if now := verify(); now.Size != 3 || now.SHA256 != hashOf(content[:3]) {
		t.Errorf("truncated: got %+v", now)
	}
}

func TestVerifyErrors(t *testing.T) {
	for _, call := range []string{"Stat kernel", "Read kernel"} {
		dir := newMemory(map[string]string{"kernel": content})
		dir.faults[call] = 0
		if _, err := Verify(t.Context(), dir, File{Name: "kernel"}); !errors.Is(err, errFault) {
			t.Errorf("%s: got %v", call, err)
		}
	}
}

// TestPublishByContentBeside tests another run that publishes the same file at the same time.
func TestPublishByContentBeside(t *testing.T) {
	for there, failed := range map[string]bool{content: false, content[:10]: true} {
		dir := newMemory(nil)
		dir.after = func(call string) {
			if call == "Remove "+final {
				dir.put(final, []byte(there))
			}
		}
		file, err := publish(t.Context(), dir, strings.NewReader(content))
		if failed != (err != nil) || !failed && file.SHA256 != hashOf(content) || failed && !strings.Contains(err.Error(), "another run publishes it") {
			t.Errorf("with %q: %+v, %v", there, file, err)
		}
		dir.expect(t, map[string]string{final: there}) // it belongs to the other run
	}
}

// TestReplacementIsCompleted checks that an interrupt does not leave guests without a file that was there before.
func TestReplacementIsCompleted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := newMemory(map[string]string{final: "the file before"})
	dir.after = func(call string) {
		if call == "Remove "+final {
			cancel()
		}
	}
	_, _ = publish(ctx, dir, strings.NewReader(content))
	if got := dir.files[final]; got == nil || string(got.Data) != content {
		t.Errorf("the file is %+v", got)
	}
}

func publishUnnamed(dir Directory, content io.Reader) (File, error) {
	return PublishUnnamed(context.Background(), dir, final, hashOf("a kernel, in so many bytes"), &hashed{content: content, digest: newDigest()})
}

func TestPublishUnnamed(t *testing.T) {
	dir := newMemory(nil)
	file, err := publishUnnamed(dir, iotest.OneByteReader(strings.NewReader(content)))
	if err != nil {
		t.Fatal(err)
	}
	if want := (File{Name: final, SHA256: hashOf(content), Size: int64(len(content)), ModTime: dir.files[final].ModTime}); file != want {
		t.Errorf("got %+v, want %+v", file, want)
	}
	dir.expect(t, map[string]string{final: content})
	if got := dir.count("Copy " + final); got != 0 {
		t.Errorf("%d copies", got)
	}
}

func TestPublishUnnamedFails(t *testing.T) {
	for what, test := range map[string]struct {
		fault, content string
		before, after  map[string]string
		want           string
	}{
		"create":                          {"Create " + final, content, nil, nil, errFault.Error()},
		"write":                           {"Write " + final, content, nil, nil, errFault.Error()},
		"stat":                            {"Stat " + final, content, nil, nil, errFault.Error()},
		"other content":                   {"", "other", nil, nil, "instead of " + hashOf(content)},
		"the file of another run":         {"", content, map[string]string{final: "half"}, map[string]string{final: "half"}, "another run publishes it"},
		"other content that cannot leave": {"Remove " + final, "other", nil, map[string]string{final: "other"}, final + " is left on the host"},
	} {
		t.Run(what, func(t *testing.T) {
			dir := newMemory(test.before)
			dir.faults[test.fault] = 0
			file, err := publishUnnamed(dir, strings.NewReader(test.content))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if left := test.after[final] == "other"; (file.Name == final) != left {
				t.Errorf("the file is %+v", file)
			}
			dir.expect(t, test.after)
		})
	}
}
