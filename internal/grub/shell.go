package grub

import "strings"

// word is a word of GRUB's shell.
type word struct {
	text    string // without quotes; of a word with variables, as it is written
	literal bool   // it has no variables
	quoted  bool   // a part of it was in quotes, so it is no reserved word
}

// statement is a command with its arguments, or one of the symbols of the shell.
type statement struct {
	words  []word
	symbol string // "{", "}", or a symbol that GRUB knows but has no use for, such as "|"
	line   int    // counted from 1
}

// is tells whether the statement begins with this word.
func (s statement) is(name string) bool {
	return len(s.words) > 0 && !s.words[0].quoted && s.words[0].text == name
}

// scanner splits a text into statements, as grub-core/script/yylex.l does.
type scanner struct {
	text       string
	line       int
	begin      int // line of the current statement
	current    []word
	statements []statement
	open       string // what the text does not close: a quote
}

// scan splits a text. The second result is the quote that the text does not close.
//
// grub-core/normal/main.c read_config_file_getline() removes carriage returns.
func scan(text string) (statements []statement, open string) {
	s := &scanner{text: strings.ReplaceAll(text, "\r", ""), line: 1}
	for s.text != "" && s.open == "" {
		s.next()
	}
	s.end()
	return s.statements, s.open
}

// next takes a symbol or a word from the text.
func (s *scanner) next() {
	switch c := s.text[0]; c {
	case ' ', '\t':
		s.skip(1)
	case '\n', ';':
		s.end()
		s.skip(1)
	case '#':
		end := strings.IndexByte(s.text, '\n')
		if end < 0 {
			end = len(s.text)
		}
		s.skip(end)
	case '{', '}', '|', '&', '<', '>':
		s.end()
		size := 1
		if strings.HasPrefix(s.text, "&&") || strings.HasPrefix(s.text, "||") {
			size = 2
		}
		s.statements = append(s.statements, statement{symbol: s.text[:size], line: s.line})
		s.skip(size)
	default:
		if strings.HasPrefix(s.text, "\\\n") { // joins lines
			s.skip(2)
			return
		}
		if len(s.current) == 0 {
			s.begin = s.line
		}
		s.current = append(s.current, s.word())
	}
}

func (s *scanner) skip(count int) {
	s.line += strings.Count(s.text[:count], "\n")
	s.text = s.text[count:]
}

// end ends the current statement.
func (s *scanner) end() {
	if len(s.current) > 0 {
		s.statements = append(s.statements, statement{words: s.current, line: s.begin})
	}
	s.current = nil
}

// word takes a word.
func (s *scanner) word() word {
	w := word{literal: true}
	var text strings.Builder
	rest := s.text
	for s.text != "" && !strings.ContainsRune(" \t\n;{}|&<>", rune(s.text[0])) {
		switch c := s.text[0]; c {
		case '\\':
			w.quoted = true
			text.WriteString(s.escaped())
		case '\'', '"':
			w.quoted = true
			text.WriteString(s.inQuotes(c, &w))
		case '$':
			w.literal = false
			text.WriteString(s.variable())
		default:
			text.WriteByte(c)
			s.skip(1)
		}
	}
	w.text = text.String()
	if !w.literal {
		w.text = rest[:len(rest)-len(s.text)]
	}
	return w
}

// escaped takes a backslash and the character after it.
func (s *scanner) escaped() string {
	if len(s.text) < 2 {
		s.skip(1)
		return ""
	}
	text := s.text[1:2]
	s.skip(2)
	if text == "\n" {
		return ""
	}
	return text
}

// variable takes a variable, whose name may be in braces.
func (s *scanner) variable() string {
	size := 1
	if strings.HasPrefix(s.text, "${") {
		size = 1 + strings.IndexByte(s.text, '}')
	}
	if size == 0 {
		size = len(s.text)
	}
	text := s.text[:size]
	s.skip(size)
	return text
}

// inQuotes takes a text in quotes.
func (s *scanner) inQuotes(mark byte, w *word) string {
	var text strings.Builder
	s.skip(1)
	for s.text != "" {
		switch c := s.text[0]; {
		case c == mark:
			s.skip(1)
			return text.String()
		case mark == '"' && c == '\\' && len(s.text) > 1 && strings.IndexByte("$\\\"\n", s.text[1]) >= 0:
			text.WriteString(s.escaped())
		case mark == '"' && c == '$':
			w.literal = false
			text.WriteString(s.variable())
		default:
			text.WriteByte(c)
			s.skip(1)
		}
	}
	s.open = string(mark)
	return text.String()
}
