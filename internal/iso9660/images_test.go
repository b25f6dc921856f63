package iso9660

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// load returns an image of testdata.
func load(t testing.TB, name string) []byte {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", name+".iso.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	image, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// readFile reads a file of an image.
func readFile(image []byte, path string) (string, error) {
	i, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return "", err
	}
	at, err := i.Find(path)
	if err != nil {
		return "", err
	}
	return string(image[at.Offset : at.Offset+at.Size]), nil
}

func expectFile(t *testing.T, image []byte, path, want string) {
	t.Helper()
	if got, err := readFile(image, path); err != nil || got != want {
		t.Errorf("%s: got %q, %v, want %q", path, got, err, want)
	}
}

func expectError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want %q", err, want)
	}
}

func TestFind(t *testing.T) {
	for _, name := range []string{"joliet", "genisoimage", "xorriso"} {
		t.Run(name, func(t *testing.T) {
			image := load(t, name)
			expectFile(t, image, "/boot/kernel.ubuntu", "kernel\n")
			expectFile(t, image, "boot//./initrd.ubuntu", "initrd\n")
			expectFile(t, image, "install/generic/vmlinuz", "vmlinuz\n")
			expectFile(t, image, "boot/../ubuntu.ins", "* Ubuntu\nboot/kernel.ubuntu 0x00000000\n")
			expectFile(t, image, "/../boot/empty", "")
		})
	}
}

func TestFindWithoutCase(t *testing.T) {
	expectFile(t, load(t, "plain"), "/install/Generic/vmlinuz", "vmlinuz\n")
	expectFile(t, load(t, "plain"), "BOOT/KERNEL.UBU", "kernel\n")
	expectFile(t, load(t, "joliet"), "BOOT/KERNEL.UBUNTU", "kernel\n")
	_, err := readFile(load(t, "xorriso"), "BOOT/kernel.ubuntu")
	expectError(t, err, `there is no "BOOT" in the directory /; it has: 1/, boot/, `)
}

func TestFindRockRidge(t *testing.T) {
	x, y := strings.Repeat("x", 200), strings.Repeat("y", 200)
	for _, name := range []string{"genisoimage", "xorriso"} {
		t.Run(name, func(t *testing.T) {
			image := load(t, name)
			for path, want := range map[string]string{
				"relative":                  "kernel\n",
				"boot/absolute":             "vmlinuz\n",
				"boot/above":                "* Ubuntu\nboot/kernel.ubuntu 0x00000000\n",
				"directory/kernel.ubuntu":   "kernel\n",
				"directory/../ubuntu.ins":   "* Ubuntu\nboot/kernel.ubuntu 0x00000000\n",
				strings.Repeat("n", 250):    "long\n",
				"1/2/3/4/5/6/7/8/9/10/file": "deep\n",
				"1/2/3/4/5/6/7/8/9/10/link": "up\n",
				"1/2/3/4/5/6/7/8/../8/9/up": "up\n",
				"install/" + x + "/" + y + "/../../generic/vmlinuz": "vmlinuz\n",
				"many/file-with-a-name-of-some-length-100":          "100\n",
			} {
				expectFile(t, image, path, want)
			}
		})
	}
}

func TestFindLongTarget(t *testing.T) {
	expectFile(t, load(t, "xorriso"), "long-link", "vmlinuz\n")
	_, err := readFile(load(t, "genisoimage"), "long-link")
	expectError(t, err, `unable to read the entry for "long-link" in the directory /: it has a system use field that is damaged`)
}
