package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// samples are boot files in a directory that a web server serves.
type samples struct {
	dir     string
	rootSum string // SHA-256 of root
	server  *httptest.Server
}

// newSamples makes a kernel, an initrd, a root file system, a large kernel, a sparse disk image, and a file with as much content as that image.
func newSamples(ctx context.Context, dir string) (samples, error) {
	s := samples{dir: filepath.Join(dir, "samples")}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return s, err
	}
	kernel, err := lab.Kernel(ctx)
	if err != nil {
		return s, err
	}
	initrd, err := lab.Initrd(ctx)
	if err != nil {
		return s, err
	}
	sum := sha256.New()
	err = errors.Join(os.Symlink(kernel, s.path("kernel")), os.Symlink(initrd, s.path("initrd")), writeBig(s.path("big")), writeRandom(s.path("root"), 700_000_000, sum),
		writeRandom(s.path("dense"), 200<<20, io.Discard), writeSparse(s.path("sparse"), 8<<30, 200<<20))
	if err != nil {
		return s, err
	}
	s.rootSum = hex.EncodeToString(sum.Sum(nil))
	s.server = httptest.NewServer(http.FileServer(http.Dir(s.dir)))
	return s, nil
}

func (s samples) path(name string) string { return filepath.Join(s.dir, name) }
func (s samples) url(name string) string  { return s.server.URL + "/" + name }

func (s samples) close() {
	if s.server != nil {
		s.server.Close()
	}
}

// writeBig writes 1 GiB that cannot be compressed, with the mark of an s390x kernel.
func writeBig(name string) error {
	const size, markAt, mark = 1 << 30, 0x10008, "S390EP"
	if err := writeRandom(name, size, io.Discard); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte(mark), markAt)
	return errors.Join(err, file.Close())
}

// writeRandom writes the same content to a file and to a hash.
func writeRandom(name string, size int64, hash io.Writer) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(io.MultiWriter(file, hash), rand.NewChaCha8([32]byte{}), size)
	return errors.Join(err, file.Close())
}

// writeSparse writes a file of this size with ten pieces of content, far from each other.
func writeSparse(name string, size, content int64) error {
	const pieces = 10
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{})
	for i := range int64(pieces) {
		if _, err = file.Seek(i*size/pieces, io.SeekStart); err == nil {
			_, err = io.CopyN(file, random, content/pieces)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		err = file.Truncate(size)
	}
	return errors.Join(err, file.Close())
}
