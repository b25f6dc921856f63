package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// follow writes each line that appears in the consoles' logs in the directory, until the context ends. It
// then writes the rest that exists at that time.
func follow(ctx context.Context, dir string, w io.Writer) error {
	written := map[string]int{} // bytes, by guest
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-time.After(100 * time.Millisecond):
		}
		for _, guest := range guests(dir) {
			log, err := os.ReadFile(logFile(dir, guest))
			if err != nil {
				return err
			}
			n, err := writeLines(w, guest, log[min(written[guest], len(log)):], ended)
			if err != nil {
				return err
			}
			written[guest] += n
		}
	}
	return nil
}

// writeLines writes the complete lines of the text and, if end is set, an incomplete last line. It returns
// how many bytes of the text it has written.
func writeLines(w io.Writer, guest string, text []byte, end bool) (int, error) {
	done := 0
	for line := range bytes.Lines(text) {
		if !end && !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		visible := bytes.Map(func(r rune) rune { // a guest must not control the terminal
			if r == '\t' || unicode.IsPrint(r) {
				return r
			}
			return -1
		}, line)
		if _, err := fmt.Fprintf(w, "%s | %s\n", guest, visible); err != nil {
			return done, err
		}
		done += len(line)
	}
	return done, nil
}

// guests returns the names of the guests that have a log in the directory.
func guests(dir string) []string {
	logs, _ := filepath.Glob(logFile(dir, "*")) // the pattern is valid
	names := make([]string, len(logs))
	for i, log := range logs {
		names[i] = strings.TrimSuffix(filepath.Base(log), ".log")
	}
	return names
}

func logFile(dir, guest string) string { return filepath.Join(dir, guest+".log") }
