package initrd

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// Part opens a part of an initrd.
type Part func() (io.ReadCloser, error)

// Join returns a reader of one initrd that has these parts in their order. The kernel unpacks one part after the other, so a later
// part replaces files of an earlier one. It finds microcode only in the first part.
//
// Join opens the first part. The reader opens each further part when the part before it has ended, so that no server waits for a
// reader, and closes each part at its end. It fails if a part fails, or is no archive. The caller must close the reader, unless it
// was read to the end or to an error.
func Join(parts []Part) (io.ReadCloser, error) {
	j := &joined{parts: parts}
	if err := j.next(); err != nil {
		return nil, err
	}
	return j, nil
}

type joined struct {
	parts  []Part // that are not open yet
	number int    // of the open part
	part   io.Closer
	reader io.Reader // of the open part, with the gap before it
	size   int64     // of what was read
	err    error     // why there is no more to read
}

// next opens the next part.
func (j *joined) next() error {
	part, err := j.parts[0]()
	if err != nil {
		return err
	}
	j.parts = j.parts[1:]
	j.number++
	reader := bufio.NewReaderSize(part, 16)
	if err := checkFormat(reader); err != nil {
		_ = part.Close()
		return fmt.Errorf("part %d: %w", j.number, err)
	}
	j.part, j.reader = part, reader
	if j.number > 1 {
		j.reader = io.MultiReader(strings.NewReader(gap(j.size)), reader)
	}
	return nil
}

// Read implements io.Reader.
func (j *joined) Read(p []byte) (int, error) {
	if j.err != nil {
		return 0, j.err
	}
	n, err := j.reader.Read(p)
	j.size += int64(n)
	if err == io.EOF {
		err = j.end()
	}
	if err != nil {
		_ = j.close(err)
	}
	return n, err
}

// end ends a part, and opens the next one. After the last part it returns io.EOF.
func (j *joined) end() error {
	if err := j.close(nil); err != nil {
		return err
	}
	if len(j.parts) == 0 {
		return io.EOF
	}
	return j.next()
}

// Close closes the open part.
func (j *joined) Close() error { return j.close(os.ErrClosed) }

// close makes every further Read fail with the error, unless it is nil.
func (j *joined) close(err error) error {
	part := j.part
	j.part = nil
	if j.err == nil {
		j.err = err
	}
	if part == nil {
		return nil
	}
	return part.Close()
}
