package iso9660

import (
	"fmt"
	"strings"
	"unicode"
)

const (
	maxLinks = 40 // MAXSYMLINKS of Linux
	maxShown = 24 // names in a message
)

// Find looks for a file and follows symbolic links, which cannot lead out of the image. It is meant as
// from the root with and without a leading slash. Without Rock Ridge its case does not matter. When
// there is no such file, the error says what its directory has.
func (i *Image) Find(path string) (Section, error) {
	w := walk{search: i.search(), trail: []record{i.root}}
	if err := w.follow(path); err != nil {
		return Section{}, err
	}
	file := w.last()
	switch {
	case file.isDirectory():
		return Section{}, fmt.Errorf("%s is a directory; %s", w.path(), w.contents(file))
	case file.flags&flagMultiExtent != 0 || file.interleave != 0:
		return Section{}, fmt.Errorf("%s is in several pieces, as files above 4 GiB are; this is not supported", w.path())
	case file.compressed:
		return Section{}, fmt.Errorf("%s is compressed by zisofs, which is not supported; take it out of the mounted image", w.path())
	}
	if file.size == 0 {
		return Section{}, nil // whatever its place is said to be
	}
	section := Section{file.block * sectorSize, file.size}
	if err := i.within(section); err != nil {
		return Section{}, fmt.Errorf("%s: %w", w.path(), err)
	}
	return section, nil
}

// walk goes from the root to a file.
type walk struct {
	*search
	trail []record // the directories from the root, and at last a file
	links int      // that were followed
}

func (w *walk) last() record { return w.trail[len(w.trail)-1] }

// path is where the walk has come to.
func (w *walk) path() string {
	var path strings.Builder
	for _, r := range w.trail[1:] {
		path.WriteString("/" + printable(r.name))
	}
	if path.Len() == 0 {
		return "/"
	}
	return path.String()
}

func (w *walk) follow(path string) error {
	steps := strings.Split(path, "/")
	for len(steps) > 0 {
		step := steps[0]
		steps = steps[1:]
		switch step {
		case "", ".":
			continue
		case "..":
			w.trail = w.trail[:max(1, len(w.trail)-1)]
			continue
		}
		target, err := w.enter(step)
		if err != nil {
			return err
		}
		if strings.HasPrefix(target, "/") {
			w.trail = w.trail[:1]
		}
		steps = append(strings.Split(target, "/"), steps...)
	}
	return nil
}

// enter goes on to what has this name, or else returns the target of the symbolic link that has it.
func (w *walk) enter(name string) (target string, err error) {
	r, err := w.lookUp(name)
	if err != nil {
		return "", err
	}
	if r.link.target == "" {
		w.trail = append(w.trail, r)
		return "", nil
	}
	if w.links++; w.links > maxLinks {
		return "", fmt.Errorf("%s/%s: more than %d symbolic links on the way", strings.TrimSuffix(w.path(), "/"), printable(name), maxLinks)
	}
	return r.link.target, nil
}

func (w *walk) lookUp(name string) (record, error) {
	dir := w.last()
	if !dir.isDirectory() {
		return record{}, fmt.Errorf("%s is a file, not a directory", w.path())
	}
	for r, err := range w.records(dir) {
		switch {
		case err != nil:
			return record{}, fmt.Errorf("unable to read the directory %s: %w", w.path(), err)
		case !w.isNamed(r, name):
		case r.damage != nil:
			return record{}, fmt.Errorf("unable to read what the directory %s has of %q: %w", w.path(), name, r.damage)
		case r.child != 0:
			return w.relocated(r)
		default:
			return r, nil
		}
	}
	return record{}, fmt.Errorf("there is no %q in the directory %s; %s", name, w.path(), w.contents(dir))
}

func (i *Image) isNamed(r record, name string) bool {
	return r.name == name || i.names != rockRidge && strings.EqualFold(r.name, name)
}

// relocated returns the directory that Rock Ridge has moved, as ECMA-119 6.8.2.1 allows eight levels
// only. Its size is in its own first record.
func (w *walk) relocated(r record) (record, error) {
	sector, err := w.sector(r.child)
	if err != nil {
		return record{}, fmt.Errorf("unable to read the directory %q: %w", r.name, err)
	}
	self, _, err := parseRecord(sector)
	if err == nil && !self.isDirectory() {
		err = errRecord
	}
	if err != nil {
		return record{}, fmt.Errorf("unable to read the directory %q: %w", r.name, err)
	}
	self.block, self.name = r.child, r.name
	return self, nil
}

// contents says what a directory has, as far as it can be read.
func (w *walk) contents(dir record) string {
	var names []string
	for r, err := range w.records(dir) {
		if err != nil {
			break
		}
		if len(names) == maxShown {
			names = append(names, "…")
			break
		}
		name := printable(r.name)
		if r.isDirectory() || r.child != 0 {
			name += "/"
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "it is empty"
	}
	return "it has: " + strings.Join(names, ", ")
}

// printable leaves nothing in a name that a terminal would obey.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name)
}
