package tftproot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"
)

var errFault = errors.New("injected fault")

// memory is a Directory in memory.
type memory struct {
	files  fstest.MapFS
	clock  time.Time         // advances with every change
	calls  []string          // "Write part"
	faults map[string]int    // by call, after how many bytes it fails
	after  func(call string) // what happens after each call
}

func newMemory(files map[string]string) *memory {
	m := &memory{files: fstest.MapFS{}, faults: map[string]int{}, after: func(string) {}, clock: time.Unix(1e9, 0)}
	for name, content := range files {
		m.put(name, []byte(content))
	}
	return m
}

// put writes a file. An existing file keeps its mode, as on a disk.
func (m *memory) put(name string, content []byte) {
	m.clock = m.clock.Add(time.Second)
	mode := fs.FileMode(0o644)
	if old := m.files[name]; old != nil {
		mode = old.Mode
	}
	m.files[name] = &fstest.MapFile{Data: content, Mode: mode, ModTime: m.clock}
}

// hide makes a file unreadable for others.
func (m *memory) hide(name string) { m.files[name].Mode = 0o600 }

// begin records a call. It returns what to do at its end and, if it must fail, after how many bytes.
func (m *memory) begin(ctx context.Context, method, name string) (done func(), limit int, err error) {
	call := method + " " + name
	m.calls = append(m.calls, call)
	done = func() { m.after(call) }
	if err := ctx.Err(); err != nil {
		return done, 0, err
	}
	if limit, ok := m.faults[call]; ok {
		return done, limit, fmt.Errorf("%s: %w", call, errFault)
	}
	return done, -1, nil
}

func (m *memory) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	done, _, err := m.begin(ctx, "Stat", name)
	defer done()
	if err != nil {
		return nil, err
	}
	return m.files.Stat(name)
}

func (m *memory) Create(ctx context.Context, name string) error {
	done, _, err := m.begin(ctx, "Create", name)
	defer done()
	if err != nil {
		return err
	}
	if m.files[name] != nil {
		return fs.ErrExist
	}
	m.put(name, nil)
	return nil
}

func (m *memory) Write(ctx context.Context, name string, content io.Reader) error {
	done, limit, fault := m.begin(ctx, "Write", name)
	defer done()
	if m.files[name] == nil {
		return fs.ErrNotExist
	}
	if fault != nil {
		content = io.MultiReader(io.LimitReader(content, int64(limit)), iotest.ErrReader(fault))
	}
	data, err := io.ReadAll(content)
	old := m.files[name].Data
	m.put(name, append(data, old[min(len(data), len(old)):]...))
	return err
}

func (m *memory) Truncate(ctx context.Context, name string, size int64) error {
	done, _, err := m.begin(ctx, "Truncate", name)
	defer done()
	if err != nil {
		return err
	}
	m.put(name, m.files[name].Data[:size])
	return nil
}

func (m *memory) Read(ctx context.Context, name string, w io.Writer) error {
	done, _, err := m.begin(ctx, "Read", name)
	defer done()
	if err != nil {
		return err
	}
	_, err = w.Write(m.files[name].Data)
	return err
}

func (m *memory) Copy(ctx context.Context, from, to string) error {
	done, limit, fault := m.begin(ctx, "Copy", to)
	defer done()
	if m.files[to] != nil {
		return fs.ErrExist
	}
	data := m.files[from].Data
	if limit >= 0 {
		data = data[:min(limit, len(data))]
	}
	m.put(to, bytes.Clone(data))
	return fault
}

func (m *memory) Remove(ctx context.Context, name string) error {
	done, _, err := m.begin(ctx, "Remove", name)
	defer done()
	if err != nil {
		return err
	}
	if m.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(m.files, name)
	return nil
}

// expect fails the test unless the directory has exactly these files. Others may read them, except those
// that hidden names.
func (m *memory) expect(t *testing.T, want map[string]string, hidden ...string) {
	t.Helper()
	for name, file := range m.files {
		if isHidden := file.Mode != 0o644; isHidden != slices.Contains(hidden, name) {
			t.Errorf("%s has mode %v", name, file.Mode)
		}
		if content, ok := want[name]; !ok {
			t.Errorf("left on the host: %s, %d bytes", name, len(file.Data))
		} else if content != string(file.Data) {
			t.Errorf("%s holds %.60q, want %.60q", name, file.Data, content)
		}
	}
	for name := range want {
		if m.files[name] == nil {
			t.Errorf("%s is absent", name)
		}
	}
}

// count returns how often the call was made.
func (m *memory) count(call string) int {
	n := 0
	for _, c := range m.calls {
		if c == call {
			n++
		}
	}
	return n
}
