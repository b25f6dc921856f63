package iso9660

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// seed is a cloud-init seed.
var seed = []File{
	{"user-data", []byte("#cloud-config\nhostname: guest\n")},
	{"meta-data", []byte("instance-id: guest\n")},
	{"network-config", nil},
	{"Vendor Data.ünïcode", bytes.Repeat([]byte("0123456789"), 1000)},
}

func write(t *testing.T, volumeID string, files []File) []byte {
	t.Helper()
	var image bytes.Buffer
	if err := Write(&image, volumeID, files); err != nil {
		t.Fatal(err)
	}
	return image.Bytes()
}

func TestWrite(t *testing.T) {
	image := write(t, "cidata", seed)
	for _, file := range seed {
		expectFile(t, image, file.Name, string(file.Content))
	}
	_, err := readFile(image, "userdata")
	expectError(t, err, "it has: user-data, meta-data, network-config, Vendor Data.ünïcode")
}

func TestWriteManyFiles(t *testing.T) {
	var files []File
	for i := range 100 {
		name := fmt.Sprintf("%s%d", strings.Repeat("x", maxWritten-2), i)
		files = append(files, File{name[:min(len(name), maxWritten)], []byte(name)})
	}
	image := write(t, "many", files)
	for _, file := range files {
		expectFile(t, image, file.Name, string(file.Content))
	}
}

func TestWriteNothing(t *testing.T) {
	_, err := readFile(write(t, "empty", nil), "user-data")
	expectError(t, err, "it is empty")
}

func TestWriteRefuses(t *testing.T) {
	half := make([]byte, MaxContent/2+1)
	for name, tt := range map[string]struct {
		volumeID string
		files    []File
		want     string
	}{
		"no volume ID":       {"", nil, "1 to 32 printable"},
		"long volume ID":     {strings.Repeat("x", 33), nil, "1 to 32 printable"},
		"control characters": {"a\nb", nil, "1 to 32 printable"},
		"not ASCII":          {"ü", nil, "1 to 32 printable"},
		"no name":            {"x", []File{{}}, "no name"},
		"slash":              {"x", []File{{Name: "a/b"}}, `"a/b" cannot be the name`},
		"NUL":                {"x", []File{{Name: "a\x00"}}, "cannot be the name"},
		"parent":             {"x", []File{{Name: ".."}}, "cannot be the name"},
		"long name":          {"x", []File{{Name: strings.Repeat("x", 129)}}, "has 129 bytes, but at most 128"},
		"twice":              {"x", []File{{Name: "a"}, {Name: "a"}}, `two files named "a"`},
		"too much":           {"x", []File{{"a", half}, {"b", half}}, "more than 4 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			var image bytes.Buffer
			expectError(t, Write(&image, tt.volumeID, tt.files), tt.want)
			if image.Len() > 0 {
				t.Errorf("%d bytes were written", image.Len())
			}
		})
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriteFails(t *testing.T) { expectError(t, Write(full{}, "x", nil), "no space left") }

// TestWriteIsWhatWasJudged compares the image with the image that Linux, xorriso and isoinfo have read. See
// testdata/README.md before you change the sum.
func TestWriteIsWhatWasJudged(t *testing.T) {
	sum := sha256.Sum256(write(t, "cidata", seed))
	const judged = "7ead85504455f74c312c74efebe2e6165aa0838052b551c375fd7a68bf0bf18d"
	if got := hex.EncodeToString(sum[:]); got != judged {
		t.Errorf("the image has the SHA-256 sum %s", got)
	}
}
