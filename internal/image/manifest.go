package image

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"strings"
)

// Location is where a file comes from: the source itself, or the file ISOPath in an ISO 9660 image that is the source.
type Location struct{ Source, ISOPath string }

// Manifest is what an .ins manifest names.
type Manifest struct {
	Kernel, Initrd Location // an Initrd may be missing
	CommandLine    string
}

const (
	maxManifest   = 64 << 10
	maxParameters = 4 << 10 // COMMAND_LINE_SIZE of Linux on s390x
)

// ReadINS reads an .ins manifest with its parameter file. It reads the paths as relative to the manifest:
// Ubuntu's boot/ubuntu.ins is in the directory of its kernel, and the manifests of Ubuntu, Fedora and SUSE in
// the root of a medium have paths relative to the root. The firmware of a guest reads such paths differently.
func (c Client) ReadINS(ctx context.Context, at Location) (Manifest, error) {
	text, err := c.read(ctx, at, maxManifest)
	if err != nil {
		return Manifest{}, err
	}
	ins, err := parseManifest(string(text))
	if err == nil {
		err = at.checkUpwards(ins)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("%s cannot be used as a manifest: %w", at, err)
	}
	if ins.Kernel() == "" {
		return Manifest{}, fmt.Errorf("%s names no kernel: no file in it has the address 0", at)
	}
	m := Manifest{Kernel: at.beside(ins.Kernel())}
	if ins.Initrd() != "" {
		m.Initrd = at.beside(ins.Initrd())
	}
	if ins.Parameters() == "" {
		return m, nil
	}
	parameters, err := c.read(ctx, at.beside(ins.Parameters()), maxParameters)
	if err != nil {
		return Manifest{}, fmt.Errorf("the parameter file: %w", err)
	}
	words := strings.Trim(strings.TrimPrefix(string(parameters), "\ufeff"), "\x00")
	m.CommandLine = strings.Join(strings.Fields(words), " ")
	return m, nil
}

// checkUpwards refuses a manifest on this machine that names files outside its directory, because these files are published.
func (l Location) checkUpwards(ins INS) error {
	if _, u, err := parseSource(l.Source); err != nil || u != nil || l.ISOPath != "" {
		return err
	}
	for _, file := range ins.Files {
		if !filepath.IsLocal(filepath.FromSlash(strings.TrimLeft(file.Path, "/"))) {
			return fmt.Errorf("the path %q leads out of the manifest's directory: set the source of kernel and initrd", file.Path)
		}
	}
	return nil
}

// String is the location as messages may show it.
func (l Location) String() string {
	if l.ISOPath == "" {
		return redacted(l.Source)
	}
	return l.ISOPath + " in " + redacted(l.Source)
}

// beside is the file with this path relative to the directory of l.
func (l Location) beside(name string) Location {
	name = strings.TrimLeft(name, "/")
	if l.ISOPath != "" {
		return Location{l.Source, path.Join(path.Dir(l.ISOPath), name)}
	}
	u, err := url.Parse(l.Source)
	if err != nil || u.Scheme == "" {
		return Location{Source: filepath.Join(filepath.Dir(l.Source), filepath.FromSlash(name))}
	}
	u.Path, u.RawPath = path.Join(path.Dir(u.Path), name), ""
	return Location{Source: u.String()}
}

// OpenAt opens a location.
func (c Client) OpenAt(ctx context.Context, at Location) (*Stream, error) {
	if at.ISOPath == "" {
		return c.Open(ctx, at.Source)
	}
	return c.OpenInISO(ctx, at.Source, at.ISOPath)
}

// read reads a whole small file.
func (c Client) read(ctx context.Context, at Location, limit int64) ([]byte, error) {
	stream, err := c.OpenAt(ctx, at)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	content, err := io.ReadAll(io.LimitReader(stream, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s has more than %d KiB: check that it is the right file", at, limit>>10)
	}
	return content, nil
}
