package initrd

import (
	"fmt"
	"strconv"
	"strings"
)

// unpacked is an entry that was read back.
type unpacked struct {
	name    string
	mode    uint64
	content string
}

// unpack reads the archive at the end of an initrd, strictly by the format.
func unpack(archive string) ([]unpacked, error) {
	var all []unpacked
	inodes := map[uint64]bool{}
	rest := strings.TrimLeft(archive, "\x00")
	for {
		e, fields, tail, err := next(rest)
		if err != nil {
			return nil, err
		}
		const inode, links, check = 0, 4, 12
		if inodes[fields[inode]] || fields[links] != 1 || fields[check] != 0 {
			return nil, fmt.Errorf("%q has the header %v", e.name, fields)
		}
		inodes[fields[inode]] = true
		if e.name == "TRAILER!!!" {
			return all, complete(tail)
		}
		all, rest = append(all, e), tail
	}
}

func complete(tail string) error {
	if tail != "" {
		return fmt.Errorf("%d bytes follow the end", len(tail))
	}
	return nil
}

func next(archive string) (unpacked, []uint64, string, error) {
	const header, size, nameSize = 110, 6, 11
	rest := archive
	if len(rest) < header || rest[:6] != "070701" {
		return unpacked{}, nil, "", fmt.Errorf("no header in %.120q", rest)
	}
	var fields []uint64
	for i := 6; i < header; i += 8 {
		field, err := strconv.ParseUint(rest[i:i+8], 16, 32)
		if err != nil {
			return unpacked{}, nil, "", err
		}
		fields = append(fields, field)
	}
	name, rest, err := take(rest, header, int(fields[nameSize]))
	if err != nil || !strings.HasSuffix(name, "\x00") {
		return unpacked{}, nil, "", fmt.Errorf("name %q: %w", name, err)
	}
	content, rest, err := take(rest, 0, int(fields[size]))
	return unpacked{strings.TrimSuffix(name, "\x00"), fields[1], content}, fields, rest, err
}

// take cuts off a part with this number of bytes after a head, and the zeros that pad both to four bytes.
func take(text string, head, size int) (part, rest string, err error) {
	end := (head + size + 3) / 4 * 4
	if size < 0 || len(text) < end {
		return "", "", fmt.Errorf("%d bytes are missing", end-len(text))
	}
	if strings.Trim(text[head+size:end], "\x00") != "" {
		return "", "", fmt.Errorf("padded with %q", text[head+size:end])
	}
	return text[head : head+size], text[end:], nil
}
