package tftproot

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

const (
	short = "default a\nlabel a\n"
	long  = "default b\nlabel b\n  kernel b-kernel\n  initrd b-initrd\n  append -\n"
)

func TestPublishText(t *testing.T) {
	tests := map[string]struct {
		before map[string]string
		hidden bool
		err    error
	}{
		"new":                        {nil, false, nil},
		"empty leftover":             {map[string]string{"default": ""}, false, nil},
		"empty leftover, unreadable": {map[string]string{"default": ""}, true, nil},
		"same content":               {map[string]string{"default": long}, false, nil},
		"same content, unreadable":   {map[string]string{"default": long}, true, nil},
		"another user's":             {map[string]string{"default": short}, false, fs.ErrExist},
		"another user's, unreadable": {map[string]string{"default": short}, true, fs.ErrExist},
		"not even a text":            {map[string]string{"default": strings.Repeat("x", MaxText+1)}, false, fs.ErrExist},
		"not a text, unreadable":     {map[string]string{"default": strings.Repeat("x", MaxText+1)}, true, fs.ErrExist},
		"a longer version":           {map[string]string{"default": long + "#"}, false, fs.ErrExist},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := newMemory(test.before)
			var hidden []string
			if test.hidden {
				hidden = []string{"default"}
				dir.hide("default")
			}
			file, err := PublishText(t.Context(), dir, "default", long)
			if !errors.Is(err, test.err) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if test.err != nil {
				dir.expect(t, test.before, hidden...)
				return
			}
			if want := (File{Name: "default", SHA256: hashOf(long), Size: int64(len(long)), ModTime: dir.files["default"].ModTime}); file != want {
				t.Errorf("got %+v, want %+v", file, want)
			}
			dir.expect(t, map[string]string{"default": long})
		})
	}
}

func TestPublishTextFaults(t *testing.T) {
	for _, call := range []string{"Create default", "Write default", "Stat default"} {
		t.Run(call, func(t *testing.T) {
			dir := newMemory(nil)
			dir.faults[call] = 7
			if _, err := PublishText(t.Context(), dir, "default", long); !errors.Is(err, errFault) {
				t.Errorf("got %v", err)
			}
			dir.expect(t, nil)
		})
	}
}

func TestPublishTextCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := newMemory(nil)
	dir.after = func(string) { cancel() }
	if _, err := PublishText(ctx, dir, "default", long); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	dir.expect(t, nil)
}

func TestReplaceText(t *testing.T) {
	huge := strings.Repeat("x", MaxText+1)
	for name, change := range map[string][2]string{
		"longer": {short, long}, "shorter": {long, short}, "as long": {short, strings.ToUpper(short)}, "same": {short, short}, "huge": {huge, long},
	} {
		t.Run(name, func(t *testing.T) {
			before, content := change[0], change[1]
			dir := newMemory(map[string]string{"default": before})
			lengths := []int{len(before)} // after each call
			dir.after = func(call string) {
				now := string(dir.files["default"].Data)
				text := strings.TrimRight(now, "\n")
				if now != before && len(before) <= MaxText && text != strings.TrimRight(content, "\n") && text != strings.TrimRight(before, "\n") {
					t.Errorf("a guest could read %q after %s", now, call)
				}
				if text == strings.TrimRight(content, "\n") && lengths[len(lengths)-1] < len(now) {
					t.Errorf("%s writes and lengthens the file at once", call)
				}
				lengths = append(lengths, len(now))
			}
			file, err := ReplaceText(t.Context(), dir, "default", content)
			if err != nil {
				t.Fatal(err)
			}
			if want := (File{Name: "default", SHA256: hashOf(content), Size: int64(len(content)), ModTime: dir.files["default"].ModTime}); file != want {
				t.Errorf("got %+v, want %+v", file, want)
			}
			dir.expect(t, map[string]string{"default": content})
		})
	}
}

func TestReplaceTextIsFinishedWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := newMemory(map[string]string{"default": long})
	dir.after = func(call string) {
		if call == "Write default" {
			cancel()
		}
	}
	if _, err := ReplaceText(ctx, dir, "default", short); err != nil {
		t.Error(err)
	}
	dir.expect(t, map[string]string{"default": short})
}

// TestUnreadableTextIsMadeAnew checks that a text that no guest can read becomes readable, and
// what remains if that fails.
func TestUnreadableTextIsMadeAnew(t *testing.T) {
	given := func() *memory {
		dir := newMemory(map[string]string{"default": long})
		dir.hide("default")
		return dir
	}
	dir := given()
	if file, err := ReplaceText(t.Context(), dir, "default", short); err != nil || file.Unreadable || file.SHA256 != hashOf(short) {
		t.Errorf("got %+v, %v", file, err)
	}
	dir.expect(t, map[string]string{"default": short})

	dir = given()
	dir.faults["Remove default"] = 0
	for name, change := range map[string]func(context.Context, Directory, string, string) (File, error){"publish": PublishText, "replace": ReplaceText} {
		if _, err := change(t.Context(), dir, "default", long); !errors.Is(err, errFault) {
			t.Errorf("%s: got %v", name, err)
		}
		dir.expect(t, map[string]string{"default": long}, "default")
	}
	dir = given()
	dir.faults["Write default"] = 7
	if _, err := PublishText(t.Context(), dir, "default", long); !errors.Is(err, errFault) {
		t.Errorf("got %v", err)
	}
	dir.expect(t, nil)
}

func TestReplaceTextErrors(t *testing.T) {
	if _, err := ReplaceText(t.Context(), newMemory(nil), "default", short); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: got %v", err)
	}
	for _, call := range []string{"Stat default", "Write default", "Truncate default"} {
		for _, before := range []string{long, strings.Repeat("x", MaxText+1)} {
			dir := newMemory(map[string]string{"default": before})
			dir.faults[call] = 0
			if _, err := ReplaceText(t.Context(), dir, "default", short); !errors.Is(err, errFault) {
				t.Errorf("%s: got %v", call, err)
			}
		}
	}
}

// TestReplaceTextLengthens checks that a text that cannot be read is not replaced by a longer one.
func TestReplaceTextLengthens(t *testing.T) {
	dir := newMemory(map[string]string{"default": short})
	dir.faults["Read default"] = 0
	if _, err := ReplaceText(t.Context(), dir, "default", long); !errors.Is(err, errFault) {
		t.Errorf("got %v", err)
	}
	dir.expect(t, map[string]string{"default": short})
}

func TestReadText(t *testing.T) {
	dir := newMemory(map[string]string{"default": long, "huge": strings.Repeat("x", MaxText+1)})
	file, content, err := ReadText(t.Context(), dir, "default")
	if err != nil || content != long || file.SHA256 != hashOf(long) {
		t.Errorf("got %+v, %q, %v", file, content, err)
	}
	dir.hide("default")
	if file, content, err := ReadText(t.Context(), dir, "default"); err != nil || content != long || !file.Unreadable {
		t.Errorf("hidden: got %+v, %q, %v", file, content, err)
	}
	if _, _, err := ReadText(t.Context(), dir, "absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: got %v", err)
	}
	if _, _, err := ReadText(t.Context(), dir, "huge"); err == nil || !strings.Contains(err.Error(), "at most 65536") {
		t.Errorf("huge: got %v", err)
	}
}
