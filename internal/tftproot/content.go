package tftproot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Content is what is to be published. It hashes what is read of it, so that nobody does so twice.
type Content interface {
	io.Reader
	SHA256() string // of what was read so far, in hexadecimal digits
}

// Published returns the file of that name when its content has that SHA-256, and false when the
// file is absent, has other content or cannot be read by others.
func Published(ctx context.Context, dir Directory, name, sha256 string) (File, bool, error) {
	file, err := examine(ctx, dir, name, io.Discard)
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, false, nil
	}
	if err != nil || file.SHA256 != sha256 || file.Unreadable {
		return File{}, false, err
	}
	return file, true, nil
}

// PublishByContent publishes a file under the name that follows from the SHA-256 of its content.
//
// That name is known only after the last byte, and libvirt cannot rename. So the content is staged
// in the file part, which no other run may use, and then copied on the host. A file of the final name
// is kept when it is Published already; otherwise, as half a copy, it is replaced. After an error
// there is no staged file, and nothing new under the final name; where that could not be removed, the
// error says so, and the File has its name.
func PublishByContent(ctx context.Context, dir Directory, part string, name func(sha256 string) string, content Content) (File, error) {
	staged, err := stage(ctx, dir, part, content)
	if err != nil {
		return File{}, fmt.Errorf("stage in %s: %w", part, abandon(ctx, dir, err, part))
	}
	final := name(staged.SHA256)
	file, made, err := install(ctx, dir, staged, final)
	if err == nil {
		err = dir.Remove(ctx, part)
	}
	if err == nil {
		return file, nil
	}
	leftover := File{}
	err = abandon(ctx, dir, err, part)
	if made {
		if failure := abandon(ctx, dir, nil, final); failure != nil {
			leftover.Name, err = final, errors.Join(err, failure)
		}
	}
	return leftover, fmt.Errorf("publish %s: %w", final, err)
}

// stage writes content to the file part. The result has no ModTime.
func stage(ctx context.Context, dir Directory, part string, content Content) (File, error) {
	if err := dir.Create(ctx, part); err != nil {
		return File{}, err
	}
	source := &source{content: content}
	err := dir.Write(ctx, part, source)
	switch {
	case source.failure != nil: // says more than what became of it on the way through dir
		return File{}, source.failure
	case err != nil:
		return File{}, err
	case !source.ended: // then nobody has seen whether the content is whole
		return File{}, errors.New("the content was not read to its end")
	}
	return File{Name: part, SHA256: content.SHA256(), Size: source.size}, nil
}

// install makes a file of its final name out of the staged one, unless there is one.
func install(ctx context.Context, dir Directory, staged File, final string) (file File, made bool, err error) {
	file, found, err := Published(ctx, dir, final, staged.SHA256)
	if err != nil || found {
		return file, false, err
	}
	if err := remove(ctx, dir, final); err != nil {
		return File{}, false, err
	}
	err = dir.Copy(ctx, staged.Name, final)
	if errors.Is(err, fs.ErrExist) { // another run has been quicker, or is at it
		file, err = published(ctx, dir, staged, final)
		return file, false, err
	}
	if err == nil {
		file, err = copied(ctx, dir, staged, final)
	}
	return file, true, err
}

// published is the file that another run has published meanwhile.
func published(ctx context.Context, dir Directory, staged File, final string) (File, error) {
	file, found, err := Published(ctx, dir, final, staged.SHA256)
	if err == nil && !found {
		err = errors.New("another run publishes it at the same time; when that has ended, the next apply goes on")
	}
	return file, err
}

// copied is the copy of the staged file, which has to be whole.
func copied(ctx context.Context, dir Directory, staged File, final string) (File, error) {
	info, err := dir.Stat(ctx, final)
	if err != nil {
		return File{}, err
	}
	if info.Size() != staged.Size {
		return File{}, fmt.Errorf("the copy has %d bytes instead of %d", info.Size(), staged.Size)
	}
	return File{Name: final, SHA256: staged.SHA256, Size: staged.Size, ModTime: info.ModTime()}, nil
}

// source remembers how long its content was, and how it ended.
type source struct {
	content io.Reader
	size    int64
	ended   bool
	failure error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.content.Read(p)
	s.size += int64(n)
	if err == io.EOF {
		s.ended = true
	} else if err != nil {
		s.failure = err
	}
	return n, err
}
