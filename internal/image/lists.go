package image

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"
)

const (
	maxList     = 8 << 20  // bytes; the list of ISO images of a whole mirror has about 10 KiB
	maxListLine = 16 << 10 // bytes; a path has at most 4096, and each of them may be escaped
	maxShown    = 10       // candidates in a message
)

// List is a list of checksums that a distribution publishes with its files.
type List struct{ entries []listEntry }

// listEntry is a file in a list. Its algorithm may be one that is refused, so that a message can say this.
type listEntry struct {
	sum  Checksum
	name string // a clean path, empty if the list is only a digest
}

// ParseList reads a list of checksums. It accepts the forms of GNU coreutils (SHA256SUMS of Debian and
// Ubuntu, .sha256 and CHECKSUMS of SUSE), BSD and OpenSSL (CHECKSUM of Fedora), SUSE's content file, a
// .treeinfo, and a digest without a name. It ignores other lines.
//
// If a list contains its signature, only the signed part is read. ParseList does not check the signature;
// KeyRing.VerifyList does.
func ParseList(text []byte) (List, error) {
	if len(text) > maxList {
		return List{}, fmt.Errorf("it has more than %d MiB, which is too large for a list of checksums", maxList>>20)
	}
	if isClearsigned(text) {
		block, err := decodeClearsigned(text)
		if err != nil {
			return List{}, err
		}
		text = block.Plaintext
	}
	var list List
	for line := range bytes.Lines(text) {
		if len(line) > maxListLine {
			return List{}, fmt.Errorf("it has a line of %d bytes, which is too long for a list of checksums", len(line))
		}
		if entry, ok := parseListLine(strings.TrimSpace(string(line))); ok {
			list.entries = append(list.entries, entry)
		}
	}
	if len(list.entries) == 0 {
		return List{}, errors.New("it has no checksum; check that it is a list such as SHA256SUMS, and not a web page")
	}
	return list, nil
}

// listForms are in the order in which they are tried. No two of them read the same line.
var listForms = []func(line string) (algorithm, digest, name string){gnuLine, bsdLine, contentLine, treeinfoLine}

func parseListLine(line string) (listEntry, bool) {
	if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
		return listEntry{}, false
	}
	for _, form := range listForms {
		if entry, ok := newListEntry(form(line)); ok {
			return entry, true
		}
	}
	return listEntry{}, false
}

func newListEntry(algorithm, digest, name string) (listEntry, bool) {
	// OpenSSL 3 writes SHA2-256.
	algorithm = strings.Replace(strings.ToLower(algorithm), "sha2-", "sha", 1)
	sum := Checksum{algorithm, strings.ToLower(digest)}
	if algorithm == "" || algorithms[len(sum.Hex)] != algorithm {
		return listEntry{}, false
	}
	if _, err := hex.DecodeString(sum.Hex); err != nil {
		return listEntry{}, false
	}
	if name != "" {
		name = path.Clean(name)
	}
	return listEntry{sum, name}, true
}

// algorithms are the algorithms that lists use, by the number of hexadecimal digits of their digests. Lines
// with another algorithm are ignored.
var algorithms = map[int]string{32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}

// gnuLine reads "digest  name", "digest *name" and "digest". A backslash at the beginning says that the
// name is escaped.
//
// https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html
func gnuLine(line string) (algorithm, digest, name string) {
	line, escaped := strings.CutPrefix(line, `\`)
	digest, name = cutDigest(line)
	if escaped {
		name = unescape.Replace(name)
	}
	return algorithms[len(digest)], digest, name
}

var unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")

// cutDigest cuts "digest", one blank, and a blank for text or a star for binary.
func cutDigest(line string) (digest, name string) {
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		return line, ""
	}
	digest, name = line[:end], line[end+1:]
	if strings.HasPrefix(name, " ") || strings.HasPrefix(name, "*") {
		name = name[1:]
	}
	return digest, strings.TrimLeft(name, " \t")
}

// bsdLine reads "SHA256 (name) = digest", and "SHA256(name)= digest" of OpenSSL.
func bsdLine(line string) (algorithm, digest, name string) {
	line, escaped := strings.CutPrefix(line, `\`)
	algorithm, line, _ = strings.Cut(line, "(")
	end := strings.LastIndex(line, ")")
	if end < 0 {
		return "", "", ""
	}
	name, line = line[:end], strings.TrimSpace(line[end+1:])
	if escaped {
		name = unescape.Replace(name)
	}
	digest, found := strings.CutPrefix(line, "=")
	if !found {
		return "", "", ""
	}
	return strings.TrimSpace(algorithm), strings.TrimSpace(digest), name
}

// contentLine reads "HASH SHA256 digest  name", of the file "content" at the root of SUSE's media.
//
// https://github.com/openSUSE/linuxrc/blob/master/linuxrc_repo.md
func contentLine(line string) (algorithm, digest, name string) {
	line, found := strings.CutPrefix(line, "HASH ")
	if !found {
		return "", "", ""
	}
	algorithm, line, _ = strings.Cut(line, " ")
	digest, name = cutDigest(strings.TrimLeft(line, " "))
	return algorithm, digest, name
}

// treeinfoLine reads "name = sha256:digest", from the section "checksums" of a .treeinfo. The other
// sections have no lines of that form.
//
// https://productmd.readthedocs.io/en/latest/treeinfo-1.0.html
func treeinfoLine(line string) (algorithm, digest, name string) {
	name, value, _ := strings.Cut(line, "=")
	algorithm, digest, _ = strings.Cut(strings.TrimSpace(value), ":")
	return algorithm, digest, strings.TrimSpace(name)
}

// Find returns the checksum of the file at a URL or path from the list at another URL or path. It looks
// first for the file's path relative to the list, then for the file's name in any directory.
func (l List) Find(listURL, fileURL string) (Checksum, error) {
	file := locate(fileURL)
	base := path.Base(file.path)
	below, isBelow := file.below(locate(listURL))
	matches := l.matches(func(name string) bool { return isBelow && name == below })
	if len(matches) == 0 {
		matches = l.matches(func(name string) bool { return path.Base(name) == base })
	}
	if len(matches) == 0 && len(l.entries) == 1 && l.entries[0].name == "" {
		matches = l.entries
	}
	if len(matches) == 0 {
		wanted := fmt.Sprintf("%q", base)
		if isBelow && below != base {
			wanted = fmt.Sprintf("%q or %s", below, wanted)
		}
		return Checksum{}, fmt.Errorf("the checksum list %s has %d entries, but none for %s: check that the list belongs to this file",
			redacted(listURL), len(l.entries), wanted)
	}
	sum, err := choose(matches)
	if err != nil {
		return Checksum{}, fmt.Errorf("the checksum list %s %w", redacted(listURL), err)
	}
	return sum, nil
}

func (l List) matches(match func(name string) bool) []listEntry {
	var found []listEntry
	for _, entry := range l.entries {
		if entry.name != "" && match(entry.name) {
			found = append(found, entry)
		}
	}
	return found
}

// choose returns the only checksum of the entries. SHA-256 comes first, because a file that is already on
// the host is recognized by it.
func choose(matches []listEntry) (Checksum, error) {
	for _, algorithm := range []string{"sha256", "sha512"} {
		sums := map[Checksum]bool{}
		var candidates []string
		var sum Checksum
		for _, entry := range matches {
			if entry.sum.Algorithm == algorithm && !sums[entry.sum] {
				sum = entry.sum
				sums[sum] = true
				candidates = append(candidates, fmt.Sprintf("%s for %q", sum, entry.name))
			}
		}
		switch {
		case len(sums) == 1:
			return sum, nil
		case len(sums) > 1:
			return Checksum{}, fmt.Errorf("has several checksums that can belong to this file: %s; give the checksum of the file itself", someOf(candidates))
		}
	}
	return Checksum{}, fmt.Errorf("has only a checksum by %s for this file, but sha256 or sha512 is needed (md5 and sha1 can be forged): use another list, such as SHA256SUMS", matches[0].sum.Algorithm)
}

// someOf joins as many of the words as a message can have.
func someOf(words []string) string {
	if more := len(words) - maxShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:maxShown], ", "), more)
	}
	return strings.Join(words, ", ")
}

// location is where a source is.
type location struct {
	host string // empty for this machine
	path string // clean
}

func locate(source string) location {
	if strings.Contains(source, "://") {
		u, err := url.Parse(source)
		if err != nil {
			return location{}
		}
		if u.Scheme != "file" {
			return location{strings.ToLower(u.Host), path.Clean("/" + u.Path)}
		}
		source = u.Path
	}
	absolute, err := filepath.Abs(source)
	if err != nil {
		return location{}
	}
	return location{"", filepath.ToSlash(absolute)}
}

// below returns the path relative to the list's directory, if it is in that directory.
func (l location) below(list location) (string, bool) {
	directory := strings.TrimSuffix(path.Dir(list.path), "/") + "/"
	rest, found := strings.CutPrefix(l.path, directory)
	return rest, found && l.host == list.host
}

// redacted is a source as messages may show it.
func redacted(source string) string {
	if u, err := url.Parse(source); err == nil && u.Host != "" {
		return redactedURL(u)
	}
	return source
}
