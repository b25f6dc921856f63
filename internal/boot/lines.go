package boot

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine bounds a line in bytes. A longer line counts as several lines.
const maxLine = 8 << 10

// lines makes lines of plain text from the bytes of a console, as a person at a terminal would read
// them: it removes escape sequences and control characters, a backspace removes the last character, and
// text that is overwritten after a carriage return is a separate line.
type lines struct {
	// emit is called for each line that has ended; stays says whether the line stays on the screen.
	emit func(line string, stays bool)

	text     []byte // the line so far
	returned bool   // a carriage return was the last to move the cursor
	escape   escape
	moves    []byte // the parameters of the sequence so far
}

// escape is the place inside an escape sequence of ECMA-48.
type escape int

const (
	outside       escape = iota
	afterESC             // and intermediate bytes
	insideCSI            // ESC [ …
	insideCommand        // ESC ] …, up to BEL or ESC \
)

// write takes bytes as they arrive, in pieces of any size.
func (l *lines) write(p []byte) {
	for _, b := range p {
		if l.escaped(b) {
			continue
		}
		switch {
		case b == '\n':
			l.end(true)
		case b == '\r':
			l.returned = true
		case b == '\b' && !l.returned:
			_, size := utf8.DecodeLastRune(l.text)
			l.text = l.text[:len(l.text)-size]
		case b >= ' ' || b == '\t':
			if l.returned {
				l.end(false)
			}
			l.text = append(l.text, b)
			if len(l.text) == maxLine {
				l.end(true)
			}
		}
	}
}

// unfinished returns the line that has not ended yet, such as a prompt.
func (l *lines) unfinished() string { return plain(l.text) }

// end emits the line. An overwritten line counts only if it has visible text.
func (l *lines) end(stays bool) {
	line := plain(l.text)
	l.text, l.returned = l.text[:0], false
	if stays || strings.TrimSpace(line) != "" {
		l.emit(line, stays)
	}
}

// maxParameters bounds the parameters of a sequence that moves the cursor, in bytes.
const maxParameters = 16

// move takes the row and the column to which the cursor moves. SeaBIOS src/sercon.c often writes a carriage return and moves the cursor to
// the end of the same line.
func (l *lines) move() {
	_, column, _ := strings.Cut(string(l.moves), ";")
	if number, err := strconv.Atoi(column); err == nil && number == utf8.RuneCount(l.text)+1 {
		l.returned = false
	}
}

// escaped reports whether a byte belongs to an escape sequence. A malformed sequence ends with the line
// at the latest, so that garbage cannot hide the rest of the console.
func (l *lines) escaped(b byte) bool {
	const esc, bell = 0x1b, 0x07
	if b == esc {
		l.escape = afterESC
		return true
	}
	in := l.escape
	switch {
	case in == outside:
		return false
	case b == '\n' || b == '\r':
		l.escape = outside
		return false
	case in == insideCommand:
		if b == bell {
			l.escape = outside
		}
	case in == afterESC && b == '[':
		l.escape, l.moves = insideCSI, l.moves[:0]
	case in == afterESC && strings.IndexByte("]PX^_", b) >= 0:
		l.escape = insideCommand
	case in == afterESC && b >= 0x20 && b <= 0x2f: // intermediate bytes
	case in == insideCSI && b >= 0x20 && b <= 0x3f: // parameters and intermediate bytes
		if len(l.moves) < maxParameters {
			l.moves = append(l.moves, b)
		}
	case in == insideCSI && b == 'H':
		l.move()
		l.escape = outside
	default:
		l.escape = outside
	}
	return true
}

// plain keeps printable characters. A tab becomes a blank; bytes that are not UTF-8 become U+FFFD.
func plain(text []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, string(text))
}

const (
	tailLines = 40
	tailBytes = 4 << 10
)

// tail keeps the last lines.
type tail struct {
	lines []string
	bytes int
}

func (t *tail) add(line string) {
	line = strings.TrimRight(line, " ")
	if cut := len(line) + 1 - tailBytes; cut > 0 {
		line = strings.ToValidUTF8(line[cut:], "")
	}
	t.lines = append(t.lines, line)
	t.bytes += len(line) + 1
	for len(t.lines) > tailLines || t.bytes > tailBytes {
		t.bytes -= len(t.lines[0]) + 1
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string { return strings.Join(t.lines, "\n") }
