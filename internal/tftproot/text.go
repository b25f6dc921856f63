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

// MaxText is the largest size of a file that is read as a text. The firmware reads at most 2047 bytes of a
// configuration, so a longer file is something else.
const MaxText = 64 << 10

// ReadText returns a file and its content, of at most 64 KiB. The error is fs.ErrNotExist if the file does
// not exist.
func ReadText(ctx context.Context, dir Directory, name string) (File, string, error) {
	info, err := dir.Stat(ctx, name)
	if err != nil {
		return File{}, "", fmt.Errorf("read %s: %w", name, err)
	}
	if info.Size() > MaxText {
		return File{}, "", fmt.Errorf("read %s: it has %d bytes, but a text has at most %d", name, info.Size(), MaxText)
	}
	var content strings.Builder
	file, err := examine(ctx, dir, name, &content)
	return file, content.String(), err
}

// PublishText creates a file. It takes over an existing file with that name if the file is empty, because a
// killed run leaves an empty file, or if it already has the same content. It does not change a file with
// other content; the error is then fs.ErrExist. After any other error there is no file with a part of the
// content.
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
	// The firmware skips an empty file and tries the next name, so the file has an effect only from here on.
	file, err := overwrite(ctx, dir, name, content, 0)
	if err != nil {
		return File{}, fmt.Errorf("publish %s: %w", name, abandon(ctx, dir, err, name))
	}
	return file, nil
}

// adopt takes over an existing file, and tells whether it already has this content. If not, the caller
// writes it.
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

// ReplaceText gives an existing file other content, in place. If the file were missing or invalid for a
// moment, a guest that boots in that moment would use the next configuration. So a replacement that has
// begun continues after ctx is done. The error is fs.ErrNotExist if the file does not exist. After another
// error the file can have a mixture of both contents or no longer exist, which ReadText and Verify find.
func ReplaceText(ctx context.Context, dir Directory, name, content string) (File, error) {
	info, err := dir.Stat(ctx, name)
	if err != nil {
		return File{}, fmt.Errorf("replace %s: %w", name, err)
	}
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	size := info.Size()
	if !Readable(info) { // no guest boots from it, so it may be removed
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

// renew replaces a file that others cannot read with an empty file that they can read, because libvirt has
// no chmod.
func renew(ctx context.Context, dir Directory, name string) error {
	if err := dir.Remove(ctx, name); err != nil {
		return err
	}
	return dir.Create(ctx, name)
}

// lengthen adds empty lines to a file. A write copies its data before it sets the new size of the file, so a guest that loads the file
// between the two would get a part of a longer text.
func lengthen(ctx context.Context, dir Directory, name string, length int64) error {
	var old strings.Builder
	if _, err := examine(ctx, dir, name, &old); err != nil {
		return err
	}
	padding := strings.Repeat("\n", int(max(length-int64(old.Len()), 0)))
	return dir.Write(ctx, name, strings.NewReader(old.String()+padding))
}

// overwrite writes content over a file that has size bytes.
func overwrite(ctx context.Context, dir Directory, name, content string, size int64) (File, error) {
	length := int64(len(content))
	if size > MaxText { // no guest can boot from such a file, so it may be cut before it is replaced
		if err := dir.Truncate(ctx, name, MaxText); err != nil {
			return File{}, err
		}
		size = MaxText
	}
	if size > 0 && size < length {
		if err := lengthen(ctx, dir, name, length); err != nil {
			return File{}, err
		}
	}
	// Until it is truncated, a longer file ends with empty lines, not with the rest of the old text.
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
