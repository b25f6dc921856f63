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

// Find looks for a file and follows symbolic links, which cannot lead out of the image. The path is relative
// to the root, with or without a leading slash. Without Rock Ridge, case does not matter. If the file does
// not exist, the error lists the content of its directory.
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
		return Section{}, fmt.Errorf("%s is in several pieces, like all files of more than 4 GiB; this is not supported", w.path())
	case file.compressed:
		return Section{}, fmt.Errorf("%s is compressed by zisofs, which is not supported; mount the image and copy the file from it", w.path())
	}
	if file.size == 0 {
		return Section{}, nil // its position does not matter
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
	trail []record // the directories from the root, and at the end a file
	links int      // number of links that were followed
}

func (w *walk) last() record { return w.trail[len(w.trail)-1] }

// path is the path that the walk has reached.
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

// enter enters the file or directory with this name. If it is a symbolic link, it returns the target instead.
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
			return record{}, fmt.Errorf("unable to read the entry for %q in the directory %s: %w", name, w.path(), r.damage)
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

// relocated returns a directory that Rock Ridge has moved, because ECMA-119 6.8.2.1 allows only eight
// levels. The size of the directory is in its own first record.
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

// contents lists a directory, as far as it can be read.
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

// printable replaces characters of a name that could control a terminal.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name)
}
