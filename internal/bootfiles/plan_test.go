package bootfiles

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

const (
	older = "1111111111111111111111111111111111111111111111111111111111111111"
	given = "2222222222222222222222222222222222222222222222222222222222222222"
)

// initrdText is accepted as an initrd: it is the beginning of an archive.
const initrdText = "070701 and so on"

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestPlan checks what is known of a file before its source is fetched, from its description and what was published.
func TestPlan(t *testing.T) {
	local := filepath.Join(t.TempDir(), "initrd")
	if err := os.WriteFile(local, []byte(initrdText), 0o644); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	file := func(change func(*File)) File {
		f := File{Image: "lab", Kind: Initrd, Source: local}
		change(&f)
		return f
	}
	plain := file(func(*File) {})
	web := file(func(f *File) { f.Source = "https://example.com/initrd" })
	gone := file(func(f *File) { f.Source = missing })
	sum := file(func(f *File) { f.Source, f.Checksum = web.Source, "sha256:"+given })
	list := file(func(f *File) { f.Source, f.Checksum = web.Source, "file:https://example.com/SHA256SUMS" })
	named := file(func(f *File) { f.FileName = "root.img" })
	injected := file(func(f *File) { f.Inject = map[string]Injected{"/etc/a": {Content: "a"}} })
	lacking := file(func(f *File) { f.Inject = map[string]Injected{"/etc/a": {Source: missing}} })
	part := File{Kind: Initrd, Source: local}
	parts := file(func(f *File) { f.Source, f.Parts = "", []File{part, {Kind: Initrd, Source: local}} })
	joined := initrdText + "\x00\x00\x00\x00" + initrdText
	mixed := file(func(f *File) { f.Source, f.Parts = "", []File{part, {Kind: Initrd, Source: web.Source}} })
	swapped := file(func(f *File) { f.Source, f.Parts = "", []File{mixed.Parts[1], part} })
	partGone := file(func(f *File) { f.Source, f.Parts = "", []File{part, gone} })
	localList := file(func(f *File) { f.Checksum = list.Checksum })
	was := func(f File) *Known { return &Known{File: f, SHA256: older} }
	published := func(stamp string) *Published {
		return &Published{File: tftproot.File{Name: "lab-initrd-111111111111", SHA256: older, Size: 7}, Stamp: stamp}
	}
	asBefore := Planned{Name: "lab-initrd-111111111111", SHA256: older, Size: 7}
	asRead := Planned{Name: "lab-initrd-" + digest(initrdText)[:12], SHA256: digest(initrdText), Size: int64(len(initrdText))}

	for name, test := range map[string]struct {
		file      File
		before    *Known
		published *Published
		want      Planned
		fails     bool
	}{
		"a local file is read":                    {plain, nil, nil, asRead, false},
		"under the user's name":                   {named, nil, nil, Planned{Name: "root.img", SHA256: asRead.SHA256, Size: asRead.Size}, false},
		"a web server is not asked":               {web, nil, nil, Planned{}, false},
		"a checksum says it":                      {sum, nil, nil, Planned{Name: "lab-initrd-222222222222", SHA256: given}, false},
		"a list of checksums is not asked":        {list, nil, nil, Planned{}, false},
		"a missing file":                          {gone, nil, nil, Planned{}, true},
		"a missing file to inject":                {lacking, nil, nil, Planned{}, true},
		"as published, from the web":              {web, was(web), published(""), asBefore, false},
		"as published, with a list":               {list, was(list), published(""), asBefore, false},
		"as published, and not touched":           {plain, was(plain), published(plain.stamp()), asBefore, false},
		"touched":                                 {plain, was(plain), published("other"), asRead, false},
		"as published, and gone":                  {gone, was(gone), published("other"), asBefore, false},
		"as published, and what to inject gone":   {lacking, was(lacking), published(""), asBefore, false},
		"gone, and described in another way":      {gone, was(named), published(""), Planned{}, true},
		"from another place":                      {web, was(sum), published(""), Planned{}, false},
		"with other files in it":                  {injected, was(injected), &Published{File: published("").File, Injected: "other"}, Planned{}, false},
		"with another checksum":                   {sum, was(web), published(""), Planned{Name: "lab-initrd-222222222222", SHA256: given}, false},
		"local parts are read":                    {parts, nil, nil, Planned{Name: "lab-initrd-" + digest(joined)[:12], SHA256: digest(joined), Size: int64(len(joined))}, false},
		"parts on a web server are not asked":     {mixed, nil, nil, Planned{}, false},
		"parts as published":                      {mixed, was(mixed), published(mixed.stamp()), asBefore, false},
		"a part touched, others on a web server":  {mixed, was(mixed), published("other"), Planned{}, false},
		"parts in another order":                  {mixed, was(swapped), published(mixed.stamp()), Planned{}, false},
		"parts as published, and one gone":        {partGone, was(partGone), published("other"), asBefore, false},
		"touched, with a list":                    {localList, was(localList), published("other"), Planned{}, false},
		"not what was published: somebody's file": {web, &Known{File: web, SHA256: given}, published(""), Planned{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Sources{}.Plan(t.Context(), test.file, test.before, test.published)
			if (err != nil) != test.fails {
				t.Fatal(err)
			}
			if test.file.Inject != nil && !test.fails && got != asBefore { // its hash is the hash of an archive
				if got.SHA256 == "" || got.SHA256 == older || got.SHA256 == asRead.SHA256 {
					t.Errorf("got %+v", got)
				}
				return
			}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// TestPlanOfRewritten plans a ppc64le kernel, whose checksum is not the one of the published file.
func TestPlanOfRewritten(t *testing.T) {
	from := Sources{Arch: "ppc64le"}
	kernel := File{Image: "lab", Kind: Kernel, Source: "https://example.com/vmlinux", Checksum: "sha256:" + given}
	if got, err := from.Plan(t.Context(), kernel, nil, nil); err != nil || got != (Planned{}) {
		t.Errorf("got %+v, %v for a new kernel", got, err)
	}
	before, published := &Known{File: kernel, SHA256: older}, &Published{File: tftproot.File{Name: "lab-kernel-111111111111", SHA256: older, Size: 7}}
	if got, err := from.Plan(t.Context(), kernel, before, published); err != nil || got != (Planned{Name: "lab-kernel-111111111111", SHA256: older, Size: 7}) {
		t.Errorf("got %+v, %v for a published kernel", got, err)
	}
	initrd := File{Image: "lab", Kind: Initrd, Source: "https://example.com/initrd", Checksum: "sha256:" + given}
	if got, err := from.Plan(t.Context(), initrd, nil, nil); err != nil || got.SHA256 != given {
		t.Errorf("got %+v, %v for an initrd", got, err)
	}
}

func TestImageOf(t *testing.T) {
	for file, want := range map[string]string{
		"lab-kernel-0123456789ab":        "lab",
		"a-kernel-b-kernel-0123456789ab": "a-kernel-b",
		"lab-initrd-0123456789ab":        "",
		"lab-kernel-0123456789abc":       "",
		"lab-kernel-0123456789ab.img":    "",
		"vmlinuz":                        "",
	} {
		if got := ImageOf(file); got != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}

func TestStagedOf(t *testing.T) {
	names := []string{"lab-kernel-01234567.part", "lab-root.img-89abcdef.part", "lab-root-0123456789ab.img", "lab-12-root.img-89abcdef.part", "lab-root.img-89abcde.part"}
	if got := StagedOf("lab", names); !slices.Equal(got, names[:2]) {
		t.Errorf("got %q", got)
	}
}

// TestFurtherFiles publishes further files under names from which the image and the file can be read again.
func TestFurtherFiles(t *testing.T) {
	const hash = "0123456789ab"
	for file, want := range map[string]string{
		"root.squashfs": "lab-root-" + hash + ".squashfs",
		"root.tar.gz":   "lab-root-" + hash + ".tar.gz",
		"root.tar":      "lab-root-" + hash + ".tar",
		"v1.2_root.img": "lab-v1.2_root-" + hash + ".img",
		"rootfs":        "lab-rootfs-" + hash,
	} {
		if err := CheckFurtherName(file); err != nil {
			t.Error(err)
		}
		f := File{Image: "lab", Kind: Further(file)}
		if got := f.name(hash + "cdef"); got != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
		if imageName, kind := parse(want); imageName != "lab" || kind != f.Kind {
			t.Errorf("%s is %s of %q", want, kind, imageName)
		}
	}
	for _, name := range []string{"", "a-b", "a/b", ".a", "a.", "kernel", "initrd.img", "ä", strings.Repeat("a", 51)} {
		if CheckFurtherName(name) == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	for _, name := range []string{"lab-root-0123456789ab.", "lab-root-0123456789abc.img", "root-0123456789ab.img", "lab-initrd-0123456789ab.img", "lab-root-0123456789ab-x.img"} {
		if imageName, kind := parse(name); kind != "" {
			t.Errorf("%s is %s of %q", name, kind, imageName)
		}
	}
}
