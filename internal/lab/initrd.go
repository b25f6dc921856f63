package lab

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

//go:embed guest/*.go
var guestSource embed.FS

// Initrd returns the path of an initrd for Kernel. Its init is the program in the directory guest, which
// reports on the console and follows words on the kernel command line. Its documentation lists these words.
// The first call builds the initrd, and so does the first call after a change of its source, of the kernel or
// of the Go release.
func Initrd(ctx context.Context) (string, error) {
	kernel, err := Kernel(ctx)
	if err != nil {
		return "", err
	}
	name, err := initrdName(kernel)
	if err != nil {
		return "", fmt.Errorf("unable to build an initrd: %w", err)
	}
	err = exclusively(ctx, func() error {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return buildInitrd(ctx, filepath.Dir(kernel), name)
	})
	if err != nil {
		return "", fmt.Errorf("unable to build an initrd: %w", err)
	}
	return name, nil
}

// initrdName contains a hash of everything that the initrd's content depends on.
func initrdName(kernel string) (string, error) {
	dir, err := CacheDir("initrd")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, _ = fmt.Fprintln(hash, filepath.Base(kernel), runtime.Version(), modules)
	err = eachGuestFile(func(name string, source []byte) error {
		_, err := fmt.Fprintf(hash, "%s %d\n%s", name, len(source), source)
		return err
	})
	return filepath.Join(dir, "initrd-"+hex.EncodeToString(hash.Sum(nil)[:6])), err
}

func eachGuestFile(do func(name string, source []byte) error) error {
	names, err := fs.Glob(guestSource, "guest/*.go")
	if err != nil {
		return err
	}
	for _, name := range names {
		source, err := guestSource.ReadFile(name)
		if err != nil {
			return err
		}
		if err := do(filepath.Base(name), source); err != nil {
			return err
		}
	}
	return nil
}

// buildInitrd works in a temporary directory.
func buildInitrd(ctx context.Context, kernelDir, name string) error {
	work, err := os.MkdirTemp(filepath.Dir(name), "build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	files, err := initrdFiles(ctx, work, kernelDir)
	if err != nil {
		return err
	}
	return writeInitrd(name, nil, files)
}

// writeInitrd creates the complete file or no file. The file begins with another initrd, if there is one.
func writeInitrd(name string, before []byte, files []cpioFile) error {
	announce("Building %s", name)
	reader, writer := io.Pipe()
	go func() {
		_, err := writer.Write(before)
		zip := gzip.NewWriter(writer)
		err = errors.Join(err, writeCPIO(zip, files), zip.Close())
		_ = writer.CloseWithError(err) // which never fails
	}()
	partial := name + ".part"
	if err := writeFile(partial, reader); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return os.Rename(partial, name)
}

func initrdFiles(ctx context.Context, work, kernelDir string) ([]cpioFile, error) {
	init, err := buildInit(ctx, work)
	if err != nil {
		return nil, err
	}
	files := []cpioFile{
		{name: "dev", mode: cpioDirectory},
		{name: "proc", mode: cpioDirectory},
		{name: "sys", mode: cpioDirectory},
		{name: "modules", mode: cpioDirectory},
		{name: "modules/order", mode: cpioPlain, content: []byte(strings.Join(modules, "\n"))},
		{name: "init", mode: cpioExecutable, content: init},
	}
	for _, module := range modules {
		content, err := os.ReadFile(filepath.Join(kernelDir, module))
		if err != nil {
			return nil, err
		}
		files = append(files, cpioFile{name: "modules/" + module, mode: cpioPlain, content: content})
	}
	return files, nil
}

// buildInit compiles the guest's program from the sources in this binary, so that the working directory does
// not matter.
func buildInit(ctx context.Context, work string) ([]byte, error) {
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", "init"}
	err := eachGuestFile(func(name string, source []byte) error {
		args = append(args, name)
		return os.WriteFile(filepath.Join(work, name), source, 0o644)
	})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=s390x", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if _, err := output(cmd); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(work, "init"))
}
