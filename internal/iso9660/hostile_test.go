package iso9660

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"
)

// victim is an image for tests to damage: ".", "..", "file" and "other" in its root directory.
func victim(t testing.TB) []byte {
	t.Helper()
	var image bytes.Buffer
	if err := Write(&image, "victim", []File{{"file", []byte("content")}, {strings.Repeat("o", 100), []byte("other")}}); err != nil {
		t.Fatal(err)
	}
	return image.Bytes()
}

// at returns the directory record with this number in the root directory, and everything after it.
func at(image []byte, number int) []byte {
	record := image[rootAt*sectorSize:]
	for range number {
		record = record[record[0]:]
	}
	return record
}

const fileRecord = 2

// putSystemUse replaces the entries of a record's system use field.
func putSystemUse(record []byte, entries string) {
	field := record[fixedRecord+len("00000000.;1") : record[0]]
	clear(field)
	if copy(field, entries) < len(entries) {
		panic("there is no space for them")
	}
}

func both(n int) string { return string(both32(n)) }

func TestFindInDamagedImage(t *testing.T) {
	const longest = 0x7fffffff
	tests := map[string]struct {
		damage func(image []byte)
		path   string
		want   string
	}{
		"nothing there":     {func(image []byte) { clear(image) }, "file", "it is not an ISO 9660 image"},
		"other block size":  {func(image []byte) { copy(image[primaryAt*sectorSize+128:], both16(512)) }, "file", "its logical blocks have 512 bytes"},
		"root is a file":    {func(image []byte) { image[primaryAt*sectorSize+156+25] = 0 }, "file", "/ is a file, not a directory"},
		"root record":       {func(image []byte) { image[primaryAt*sectorSize+156] = 1 }, "file", "the root directory: it has a directory record that is damaged"},
		"root is elsewhere": {func(image []byte) { copy(image[primaryAt*sectorSize+158:], both(longest)) }, "file", "the image ends at byte"},
		"first record":      {func(image []byte) { at(image, 0)[0] = 3 }, "file", "damaged"},
		"record of 0 bytes": {func(image []byte) { at(image, fileRecord)[0] = 0 }, "file", `there is no "file" in the directory /; it is empty`},
		"record of 1 byte":  {func(image []byte) { at(image, fileRecord)[0] = 1 }, "file", "unable to read the directory /: it has a directory record that is damaged"},
		"long identifier":   {func(image []byte) { at(image, fileRecord)[32] = 200 }, "file", "it has a directory record that is damaged"},
		"content elsewhere": {func(image []byte) { copy(at(image, fileRecord)[2:], both(longest)) }, "file", "/file: the image ends at byte"},
		"long content":      {func(image []byte) { copy(at(image, fileRecord)[10:], both(longest)) }, "file", "/file: the image ends at byte"},
		"several extents":   {func(image []byte) { at(image, fileRecord)[25] = flagMultiExtent }, "file", "/file is in several pieces"},
		"interleaved":       {func(image []byte) { at(image, fileRecord)[26] = 1 }, "file", "/file is in several pieces"},
		"associated file":   {func(image []byte) { at(image, fileRecord)[25] = flagAssociated }, "file", `there is no "file"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			image := victim(t)
			tt.damage(image)
			_, err := readFile(image, tt.path)
			expectError(t, err, tt.want)
		})
	}
}

func TestParseCutRecord(t *testing.T) {
	record := at(victim(t), fileRecord)
	length := int(record[0])
	if r, _, err := parseRecord(record[:length]); err != nil || r.size != 7 {
		t.Errorf("got %+v, %v", r, err)
	}
	for cut := 1; cut < length; cut++ {
		if _, _, err := parseRecord(record[:cut]); err == nil {
			t.Errorf("%d of %d bytes are accepted", cut, length)
		}
	}
}

func TestFindWithDamagedSystemUse(t *testing.T) {
	const (
		damaged = `unable to read the entry for "victim" in the directory /: it has a system use field that is damaged`
		circle  = iota + 40 // the blocks that the entries point to
		names
		targets
		plainFile
	)
	continuation := func(block, offset, length int) string {
		return "CE\x1c\x01" + both(block) + both(offset) + both(length)
	}
	tests := map[string]struct{ entries, want string }{
		"entry leaves the field":       {"NM\xff\x01\x00x", damaged},
		"name without flags":           {"NM\x04\x01", damaged},
		"target without flags":         {"SL\x04\x01", damaged},
		"component leaves its entry":   {"SL\x08\x01\x00\x00\x09x", damaged},
		"relocation to nowhere":        {"CL\x04\x01", damaged},
		"continuation without place":   {"CE\x04\x01", damaged},
		"continuation leaves block":    {continuation(circle, sectorSize, 1), damaged},
		"continuation is immense":      {continuation(circle, math.MaxInt32, math.MaxInt32), damaged},
		"continuation leaves image":    {continuation(math.MaxInt32, 0, 100), `for "victim" in the directory /: the image ends at byte`},
		"continuation leads to itself": {continuation(circle, 0, 28), damaged},
		"target without end":           {continuation(targets, 0, 1028), damaged},
		"name without end":             {continuation(names, 0, 2000), `there is no "victim"`},
		"relocation to a file":         {"CL\x0c\x01" + both(plainFile), `unable to read the directory "victim": it has a directory record`},
		"relocation to zeros":          {"CL\x0c\x01" + both(plainFile+1), `unable to read the directory "victim": it has a directory record`},
		"relocation leaves image":      {"CL\x0c\x01" + both(math.MaxInt32), "the image ends at byte"},
		"relocation to the root":       {"CL\x0c\x01" + both(rootAt), "/victim is a directory; it has: file, victim/"},
		"relocated elsewhere":          {"RE\x04\x01", `there is no "victim" in the directory /; it has: file`},
		"end before the damage":        {"ST\x04\x01NM\xff\x01", ""},
		"compressed":                   {"ZF\x10\x01pz", "/victim is compressed by zisofs"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			image := append(victim(t), make([]byte, 64*sectorSize)...)
			copy(image[circle*sectorSize:], continuation(circle, 0, 28))
			copy(image[names*sectorSize:], strings.Repeat("NM\x64\x01\x01"+strings.Repeat("x", 95), 20))
			copy(image[targets*sectorSize:], strings.Repeat("SL\x64\x01\x01\x01\x5d"+strings.Repeat("x", 93), 10)+continuation(targets, 0, 1028))
			copy(image[plainFile*sectorSize:], at(image, fileRecord))
			putSystemUse(at(image, fileRecord+1), "NM\x0b\x01\x00victim"+tt.entries)
			if _, err := readFile(image, "victim"); tt.want != "" || err != nil {
				expectError(t, err, tt.want)
			}
			expectFile(t, image, "file", "content") // the damage hides nothing else
		})
	}
}

func TestFindLinks(t *testing.T) {
	image := load(t, "xorriso")
	for path, want := range map[string]string{
		"loop":                   "/loop: more than 40 symbolic links on the way",
		"boot/../loop":           "/loop: more than 40 symbolic links on the way",
		"dangling":               `there is no "absent" in the directory /; it has: 1/, boot/, `,
		"relative/file":          "/boot/kernel.ubuntu is a file, not a directory",
		"directory":              "/boot is a directory; it has: above, absolute, empty, initrd.ubuntu, kernel.ubuntu",
		"":                       "/ is a directory; it has: ",
		"1/2/3/4/5/6/7":          "/1/2/3/4/5/6/7 is a directory; it has: 8/",
		"many/absent":            "file-with-a-name-of-some-length-14, ",
		"boot/krenel.ubuntu\x1b": `there is no "krenel.ubuntu\x1b" in the directory /boot; it has: above`,
	} {
		_, err := readFile(image, path)
		expectError(t, err, want)
	}
	_, err := readFile(image, "many/absent")
	if !strings.HasSuffix(err.Error(), ", …") {
		t.Errorf("everything is shown: %v", err)
	}
}

func TestFindShowsWhatItCan(t *testing.T) {
	image := victim(t)
	name := bytes.Index(image, []byte("\x00file")) + 1
	image[name] = 0x1b
	at(image, fileRecord+1)[0] = 1
	i, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = i.Find("\x1bile/file")
	expectError(t, err, "/?ile is a file, not a directory")
	_, err = i.Find("")
	expectError(t, err, "/ is a directory; it has: ?ile")
}

// endless is an image of 8 TiB that repeats its first bytes.
type endless []byte

func (e endless) ReadAt(p []byte, at int64) (int, error) {
	if at < int64(len(e)) {
		return copy(p, e[at:]), nil
	}
	clear(p)
	return len(p), nil
}

func TestFindEndlessly(t *testing.T) {
	image := victim(t)
	copy(at(image, 0)[10:], "\xff\xff\xff\xff")
	copy(image[primaryAt*sectorSize+156+10:], "\xff\xff\xff\xff")
	i, err := Open(endless(image), -1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = i.Find("absent")
	expectError(t, err, "needs to read more than 32 MiB")
	if _, err := i.Find("file"); err != nil {
		t.Errorf("the next search: %v", err)
	}
}

func TestOpenCutImage(t *testing.T) {
	image := victim(t)
	for _, size := range []int{0, 1, primaryAt * sectorSize, primaryAt*sectorSize + 100, terminatorAt * sectorSize, rootAt * sectorSize} {
		_, err := readFile(image[:size], "file")
		expectError(t, err, "the image ends at byte ")
		_, err = Open(bytes.NewReader(image[:size]), -1)
		expectError(t, err, io.ErrUnexpectedEOF.Error())
	}
}

// FuzzFind overwrites a part of an image of a real tool.
func FuzzFind(f *testing.F) {
	var images [][]byte
	for _, name := range []string{"plain", "joliet", "genisoimage", "xorriso"} {
		images = append(images, load(f, name))
		for _, path := range []string{"boot/kernel.ubuntu", "long-link", "1/2/3/4/5/6/7/8/9/10/link"} {
			f.Add(len(images)-1, primaryAt*sectorSize, []byte{typePrimary}, path)
		}
	}
	f.Fuzz(func(t *testing.T, number, offset int, patch []byte, path string) {
		image := bytes.Clone(images[uint(number)%uint(len(images))])
		copy(image[uint(offset)%uint(len(image)):], patch)
		expectWithin(t, image, path)
	})
}

// expectWithin checks that a file that is found is within the image.
func expectWithin(t *testing.T, image []byte, path string) {
	t.Helper()
	i, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return
	}
	at, err := i.Find(path)
	if err == nil && (at.Offset < 0 || at.Size < 0 || at.Offset+at.Size > int64(len(image))) {
		t.Errorf("%s is at %+v of %d bytes", path, at, len(image))
	}
}

// FuzzRecord tests one directory record, in an image that is otherwise valid.
func FuzzRecord(f *testing.F) {
	image := victim(f)
	for number := range 4 {
		f.Add(bytes.Clone(at(image, number)[:at(image, number)[0]]))
	}
	genisoimage := load(f, "genisoimage")
	long := bytes.Index(genisoimage, []byte("LONG_LIN")) - fixedRecord
	f.Add(genisoimage[long : long+int(genisoimage[long])])
	f.Fuzz(func(t *testing.T, record []byte) {
		image := bytes.Clone(image)
		copy(at(image, fileRecord), record)
		expectWithin(t, image, "file")
	})
}

// FuzzDirectory tests any records as the root directory, with each form of names.
func FuzzDirectory(f *testing.F) {
	var images [][]byte
	var roots []int
	for _, name := range []string{"plain", "joliet", "genisoimage", "xorriso"} {
		image, descriptor := load(f, name), primaryAt*sectorSize
		if name == "joliet" {
			descriptor = bytes.Index(image, []byte("\x02"+standardIdentifier))
		}
		root := int(binary.LittleEndian.Uint32(image[descriptor+158:])) * sectorSize
		images, roots = append(images, image), append(roots, root)
		f.Add(len(roots)-1, bytes.Clone(image[root:root+sectorSize]), "boot/kernel.ubuntu")
	}
	f.Fuzz(func(t *testing.T, number int, directory []byte, path string) {
		number = int(uint(number) % uint(len(images)))
		image := bytes.Clone(images[number])
		copy(image[roots[number]:][:sectorSize], directory)
		expectWithin(t, image, path)
	})
}

func FuzzWrite(f *testing.F) {
	f.Add("cidata", "user-data", []byte("#cloud-config\n"), "meta-data")
	f.Fuzz(func(t *testing.T, volumeID, name string, content []byte, other string) {
		var image bytes.Buffer
		if Write(&image, volumeID, []File{{name, content}, {other, nil}}) != nil {
			return
		}
		if binary.LittleEndian.Uint32(image.Bytes()[primaryAt*sectorSize+80:]) != uint32(image.Len()/sectorSize) {
			t.Errorf("the image has %d bytes", image.Len())
		}
		expectFile(t, image.Bytes(), name, string(content))
		expectFile(t, image.Bytes(), other, "")
	})
}
