package tftproot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// MaxText is how many bytes a file may have to be read as a text. The firmware takes no more than
// 2047 of a configuration, so a longer file is something else.
const MaxText = 64 << 10

// ReadText returns a file and its content, of at most 64 KiB. The error is fs.ErrNotExist when there
// is no such file.
func ReadText(ctx context.Context, dir Directory, name string) (File, string, error) {
	info, err := dir.Stat(ctx, name)
	if err != nil {
		return File{}, "", fmt.Errorf("read %s: %w", name, err)
	}
	if info.Size() > MaxText {
		return File{}, "", fmt.Errorf("read %s: it has %d bytes, more than the %d of a text", name, info.Size(), MaxText)
	}
	var content strings.Builder
	file, err := examine(ctx, dir, name, &content)
	return file, content.String(), err
}

// PublishText makes a new file. A file of that name is taken over when it is empty, as a killed run
// leaves it, or when it has the same content already. One with other content is left alone, and the
// error is fs.ErrExist. After any other error there is no file with a part of the content.
func PublishText(ctx context.Context, dir Directory, name, content string) (File, error) {
	err := dir.Create(ctx, name)
	if errors.Is(err, fs.ErrExist) {
		var file File
		var published bool
		if file, published, err = adopt(ctx, dir, name, content); published {
			return file, nil
		}
	}
	if err != nil {
		return File{}, fmt.Errorf("publish %s: %w", name, err)
	}
	// The firmware skips an empty file for the next name, so the file counts only from here on.
	file, err := overwrite(ctx, dir, name, content, 0)
	if err != nil {
		return File{}, fmt.Errorf("publish %s: %w", name, abandon(ctx, dir, err, name))
	}
	return file, nil
}

// adopt takes over a file that is there, and tells whether it is published with this content already;
// otherwise it is to be written.
func adopt(ctx context.Context, dir Directory, name, content string) (File, bool, error) {
	file, old, err := ReadText(ctx, dir, name)
	switch {
	case err != nil:
		return File{}, false, fmt.Errorf("%w: %w", fs.ErrExist, err)
	case old != content && old != "":
		return File{}, false, fmt.Errorf("%w, with other content", fs.ErrExist)
	case file.Unreadable:
		return File{}, false, renew(ctx, dir, name)
	default:
		return file, old == content, nil
	}
}

// ReplaceText gives an existing file other content, in place: were the file absent or invalid for a
// moment, a guest that boots in it would fall through to the next configuration. So a replacement
// that has begun goes on when ctx is done. The error is fs.ErrNotExist when there is no such file;
// after another one the file can hold a mixture or be gone, which ReadText and Verify find.
func ReplaceText(ctx context.Context, dir Directory, name, content string) (File, error) {
	info, err := dir.Stat(ctx, name)
	if err != nil {
		return File{}, fmt.Errorf("replace %s: %w", name, err)
	}
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	size := info.Size()
	if !Readable(info) { // no guest boots from it, so none misses it
		if err := renew(ctx, dir, name); err != nil {
			return File{}, fmt.Errorf("replace %s: %w", name, err)
		}
		size = 0
	}
	file, err := overwrite(ctx, dir, name, content, size)
	if err != nil {
		return File{}, fmt.Errorf("replace %s: %w", name, err)
	}
	return file, nil
}

// renew puts an empty file that others can read in the place of one that they cannot: libvirt has no
// chmod.
func renew(ctx context.Context, dir Directory, name string) error {
	if err := dir.Remove(ctx, name); err != nil {
		return err
	}
	return dir.Create(ctx, name)
}

// overwrite writes content over a file that has size bytes.
func overwrite(ctx context.Context, dir Directory, name, content string, size int64) (File, error) {
	length := int64(len(content))
	if size > MaxText { // no guest can boot from that, so it may be cut before it is replaced
		if err := dir.Truncate(ctx, name, MaxText); err != nil {
			return File{}, err
		}
		size = MaxText
	}
	// Until it is truncated, a longer file ends in empty lines, not in the rest of the old text.
	padding := strings.Repeat("\n", int(max(size-length, 0)))
	if err := dir.Write(ctx, name, strings.NewReader(content+padding)); err != nil {
		return File{}, err
	}
	if padding != "" {
		if err := dir.Truncate(ctx, name, length); err != nil {
			return File{}, err
		}
	}
	info, err := dir.Stat(ctx, name)
	if err != nil {
		return File{}, err
	}
	sum := sha256.Sum256([]byte(content))
	return File{Name: name, SHA256: hex.EncodeToString(sum[:]), Size: length, ModTime: info.ModTime()}, nil
}
