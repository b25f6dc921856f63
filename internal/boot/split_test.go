package boot

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestSplit holds that each reader gets everything, also after one of them was closed, and the error of the console's end.
func TestSplit(t *testing.T) {
	broken := errors.New("broken")
	readers := Split(io.MultiReader(iotest.OneByteReader(strings.NewReader("abcdef")), iotest.ErrReader(broken)), 3)
	leaves := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(readers[2], make([]byte, 2))
		leaves <- errors.Join(err, readers[2].Close())
	}()
	got := make(chan string, 2)
	for _, reader := range readers[:2] {
		go func() {
			text, err := io.ReadAll(reader)
			if err != broken {
				t.Errorf("it ends with %v", err)
			}
			got <- string(text)
		}()
	}
	for range 2 {
		if text := <-got; text != "abcdef" {
			t.Errorf("a reader gets %q", text)
		}
	}
	if err := <-leaves; err != nil {
		t.Error(err)
	}
}
