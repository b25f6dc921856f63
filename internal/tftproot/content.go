package tftproot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Content is content to publish. It hashes what is read from it, so that the content is hashed only once.
type Content interface {
	io.Reader
	SHA256() string // of what was read so far, in hexadecimal digits
}

// Published returns the file with that name if its content has that SHA-256. It returns false if the file
// does not exist, has other content or cannot be read by others.
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

// PublishByContent publishes a file under a name that is derived from the SHA-256 of its content.
//
// That name is known only after the last byte, and libvirt cannot rename files. So the content is staged in
// the file part, which no other run may use, and then copied on the host. An existing file with the final
// name is kept if it is Published already; otherwise it is an incomplete copy, and is replaced. After an
// error there is no staged file, and no new file with the final name. If the new file could not be removed,
// the error says so, and the File has its name.
func PublishByContent(ctx context.Context, dir Directory, part string, name func(sha256 string) string, content Content) (File, error) {
	staged, err := stage(ctx, dir, part, content)
	if err != nil {
		return File{}, fmt.Errorf("stage in %s: %w", part, abandon(ctx, dir, err, part))
	}
	final := name(staged.SHA256)
	file, made, err := install(ctx, dir, staged, final)
	if err == nil { // the file is complete, so it stays even if ctx is done by now
		err = abandon(ctx, dir, nil, part)
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

// PublishUnnamed publishes content with a known SHA-256 under a new name that no boot configuration and no guest has yet. So no guest can
// load the file before it is complete, and it needs neither a staged file nor the copy of that. After an error there is no file, or the
// File has the name of the file that could not be removed.
func PublishUnnamed(ctx context.Context, dir Directory, name, sha256 string, content Content) (File, error) {
	written, err := stage(ctx, dir, name, content)
	if errors.Is(err, fs.ErrExist) {
		return File{}, fmt.Errorf("publish %s: %w", name, errAnotherRun)
	}
	if err == nil && written.SHA256 != sha256 {
		err = fmt.Errorf("the content has the SHA-256 %s instead of %s", written.SHA256, sha256)
	}
	var file File
	if err == nil {
		file, err = complete(ctx, dir, written, name)
	}
	if err == nil {
		return file, nil
	}
	if failure := abandon(ctx, dir, nil, name); failure != nil {
		return File{Name: name}, fmt.Errorf("publish %s: %w", name, errors.Join(err, failure))
	}
	return File{}, fmt.Errorf("publish %s: %w", name, err)
}

var errAnotherRun = errors.New("another run publishes it at the same time; apply again after that run has ended")

// stage writes content to the file part. The result has no ModTime.
func stage(ctx context.Context, dir Directory, part string, content Content) (File, error) {
	if err := dir.Create(ctx, part); err != nil {
		return File{}, err
	}
	source := &source{content: content}
	err := dir.Write(ctx, part, source)
	switch {
	case source.failure != nil: // it says more than the error of dir that it caused
		return File{}, source.failure
	case err != nil:
		return File{}, err
	case !source.ended: // then the content was not checked completely
		return File{}, errors.New("the content was not read to its end")
	}
	return File{Name: part, SHA256: content.SHA256(), Size: source.size}, nil
}

// replacementTime is the time limit for the copy of a file that replaces another file.
const replacementTime = 2 * time.Minute

// install copies the staged file to its final name, unless the file exists already.
func install(ctx context.Context, dir Directory, staged File, final string) (file File, made bool, err error) {
	file, found, err := Published(ctx, dir, final, staged.SHA256)
	if err != nil || found {
		return file, false, err
	}
	err = dir.Remove(ctx, final)
	switch {
	case err == nil: // guests ask for the file, so a replacement that has begun is completed
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), replacementTime)
		defer cancel()
	case !errors.Is(err, fs.ErrNotExist):
		return File{}, false, err
	}
	err = dir.Copy(ctx, staged.Name, final)
	if errors.Is(err, fs.ErrExist) { // another run was faster, or is copying it now
		file, err = published(ctx, dir, staged, final)
		return file, false, err
	}
	if err == nil {
		file, err = complete(ctx, dir, staged, final)
	}
	return file, true, err
}

// published returns the file that another run has published in the meantime.
func published(ctx context.Context, dir Directory, staged File, final string) (File, error) {
	file, found, err := Published(ctx, dir, final, staged.SHA256)
	if err == nil && !found {
		err = errAnotherRun
	}
	return file, err
}

// complete returns the file with the final name, which must be as long as what was written.
func complete(ctx context.Context, dir Directory, staged File, final string) (File, error) {
	info, err := dir.Stat(ctx, final)
	if err != nil {
		return File{}, err
	}
	if info.Size() != staged.Size {
		return File{}, fmt.Errorf("the file has %d bytes instead of %d", info.Size(), staged.Size)
	}
	return File{Name: final, SHA256: staged.SHA256, Size: staged.Size, ModTime: info.ModTime()}, nil
}

// source records the size of its content, and how reading it ended.
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
