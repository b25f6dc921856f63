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

// Location is where a file comes from: a source, or the file in the ISO 9660 image that the source is.
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

// ReadINS reads an .ins manifest with its parameter file. Its paths are taken to be relative to the
// manifest: Ubuntu's boot/ubuntu.ins is beside its kernel, and those of Ubuntu, Fedora and SUSE in the
// root of a medium have paths from there. What the firmware of a guest takes them for is another matter.
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
		return Manifest{}, fmt.Errorf("%s is no manifest that can be used: %w", at, err)
	}
	if ins.Kernel() == "" {
		return Manifest{}, fmt.Errorf("%s names no kernel, which is the file at the address 0", at)
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

// checkUpwards refuses a manifest on this machine that names files outside its directory: what it names is published.
func (l Location) checkUpwards(ins INS) error {
	if _, u, err := parseSource(l.Source); err != nil || u != nil || l.ISOPath != "" {
		return err
	}
	for _, file := range ins.Files {
		if !filepath.IsLocal(filepath.FromSlash(strings.TrimLeft(file.Path, "/"))) {
			return fmt.Errorf("the path %q leads upwards: set the source of kernel and initrd", file.Path)
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

// beside is the file of this path from the directory where l is.
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

// read reads a small file as a whole.
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
