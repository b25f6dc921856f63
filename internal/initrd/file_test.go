package initrd

import (
	"math"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	longest := "/" + strings.Repeat(strings.Repeat("d", 254)+"/", 16) + strings.Repeat("f", 15)
	for _, tt := range []struct {
		file File
		want string // in the error; empty for no error
	}{
		{File{Path: "/preseed.cfg", Mode: 0o644}, ""},
		{File{Path: "/a/b c/é/...", Mode: 0o7777, Size: math.MaxUint32}, ""},
		{File{Path: longest}, ""},
		{File{Path: "/dir/TRAILER!!!"}, ""},

		{File{Path: ""}, `path "" does not begin with a slash`},
		{File{Path: "preseed.cfg"}, "write it as the guest has it, such as /preseed.cfg"},
		{File{Path: "./a"}, "does not begin with a slash"},
		{File{Path: "../a"}, "does not begin with a slash"},
		{File{Path: "/"}, "names no file"},
		{File{Path: "//"}, "has an empty part"},
		{File{Path: "/a//b"}, `path "/a//b" has an empty part`},
		{File{Path: "/a/"}, `write it without, such as "/a"`},
		{File{Path: "/."}, "has an empty part"},
		{File{Path: "/a/./b"}, `such as "/a/b"`},
		{File{Path: "/../etc/passwd"}, `such as "/etc/passwd"`},
		{File{Path: "/a/../b"}, `such as "/b"`},
		{File{Path: "/a/.."}, "has an empty part"},
		{File{Path: "/a\x00b"}, `path "/a\x00b" has a NUL`},
		{File{Path: "/TRAILER!!!"}, "is the name that ends an archive"},
		{File{Path: longest + "f"}, "has 4096 bytes after the slash; the kernel accepts at most 4095"},
		{File{Path: "/a/" + strings.Repeat("f", 256)}, "has a part of more than 255 bytes"},

		{File{Path: "/a", Mode: 0o100644}, `mode 0100644 of "/a" has more than permissions`},
		{File{Path: "/a", Size: -1}, `size of "/a" is -1 bytes`},
		{File{Path: "/a", Size: math.MaxUint32 + 1}, "0 to 4294967295 bytes"},
	} {
		if err := tt.file.Validate(); !saysWant(err, tt.want) {
			t.Errorf("%.60q: got %v, want %q", tt.file.Path, err, tt.want)
		}
	}
}

func TestValidateTogether(t *testing.T) {
	for _, tt := range []struct {
		paths []string
		want  string
	}{
		{nil, ""},
		{[]string{"/a/b", "/a/c", "/ab", "/a-b"}, ""},
		{[]string{"/a", "/b", "/a"}, `path "/a" is given twice`},
		{[]string{"/a/b/c", "/a"}, `path "/a" is a file, and also the directory of "/a/b/c"`},
		{[]string{"/a/b", "/a/b/c"}, `path "/a/b" is a file`},
		{[]string{"/a", "b", "c"}, "path \"b\" does not begin with a slash; write it as the guest has it, such as /preseed.cfg\npath \"c\""},
	} {
		var files []File
		for _, path := range tt.paths {
			files = append(files, File{Path: path})
		}
		if err := Validate(files); !saysWant(err, tt.want) {
			t.Errorf("%q: got %v, want %q", tt.paths, err, tt.want)
		}
	}
}

// saysWant tells whether an error contains the wanted text, or is nil if no text is wanted.
func saysWant(err error, want string) bool {
	if err == nil || want == "" {
		return err == nil && want == ""
	}
	return strings.Contains(err.Error(), want)
}
