package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// privateApt is apt with its own state, for packages of another architecture or release. If these were added
// to the machine's own sources, apt would behave differently on the machine.
type privateApt struct {
	dir     string // for the state, and for what apt-get downloads
	options []string
}

// newPrivateApt takes apt's own options, such as APT::Architecture=s390x.
func newPrivateApt(options ...string) (*privateApt, error) {
	dir, err := os.MkdirTemp("", "netboot-apt-")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
	}
	options = append(options,
		"APT::Sandbox::User=", // apt's own user cannot write here
		"Acquire::Languages=none",
		"Dir::State="+filepath.Join(dir, "state"),
		"Dir::State::status="+filepath.Join(dir, "status"),
		"Dir::Cache="+filepath.Join(dir, "cache"),
	)
	return &privateApt{dir, options}, os.WriteFile(filepath.Join(dir, "status"), nil, 0o644)
}

// useRelease makes packages come from a release of Debian instead of the machine's own sources.
func (a *privateApt) useRelease(release string) error {
	const line = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n"
	list := filepath.Join(a.dir, "sources.list")
	a.options = append(a.options, "Dir::Etc::sourcelist="+list, "Dir::Etc::sourceparts=-")
	return os.WriteFile(list, fmt.Appendf(nil, line, release), 0o644)
}

func (a *privateApt) run(ctx context.Context, program string, args ...string) (string, error) {
	options := []string{"-q"}
	for _, option := range a.options {
		options = append(options, "-o", option)
	}
	cmd := exec.CommandContext(ctx, program, append(options, args...)...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	return output(cmd)
}

// unpack downloads packages, without their dependencies, and unpacks them into a directory.
func (a *privateApt) unpack(ctx context.Context, dir string, packages ...string) error {
	if _, err := a.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	if _, err := a.run(ctx, "apt-get", append([]string{"download"}, packages...)...); err != nil {
		return err
	}
	return a.extract(ctx, "*.deb", dir)
}

// download returns a package that it has downloaded to the directory of apt's state. The index of packages must be there.
func (a *privateApt) download(ctx context.Context, debianPackage string) (deb string, err error) {
	if _, err := a.run(ctx, "apt-get", "download", debianPackage); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(a.dir, debianPackage+"_*.deb"))
	if err != nil {
		return "", err
	}
	if len(debs) != 1 {
		return "", fmt.Errorf("apt-get downloaded %d files for %s", len(debs), debianPackage)
	}
	return debs[0], nil
}

// extract unpacks what apt-get has downloaded to files of a pattern.
func (a *privateApt) extract(ctx context.Context, pattern, dir string) error {
	debs, err := filepath.Glob(filepath.Join(a.dir, pattern))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		if _, err := output(exec.CommandContext(ctx, "dpkg-deb", "--extract", deb, dir)); err != nil {
			return err
		}
	}
	return nil
}

// copy copies files of packages into a directory, and removes what it has downloaded.
func (a *privateApt) copy(ctx context.Context, dir, what string, packages []string, files ...string) error {
	defer a.remove()
	announce("Downloading %s", what)
	if err := a.unpack(ctx, a.dir, packages...); err != nil {
		return err
	}
	for _, file := range files {
		if err := copyTo(filepath.Join(dir, filepath.Base(file)), filepath.Join(a.dir, file)); err != nil {
			return err
		}
	}
	return nil
}

func (a *privateApt) remove() { _ = os.RemoveAll(a.dir) }
