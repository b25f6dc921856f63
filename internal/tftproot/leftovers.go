package tftproot

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Leftovers are staged files of other runs, with the time at which each was last written. Such a run was
// killed, or is still running.
type Leftovers map[string]time.Time

// FindLeftovers looks for staged files with these names.
func FindLeftovers(ctx context.Context, dir Directory, names []string) (Leftovers, error) {
	found := Leftovers{}
	for _, name := range names {
		info, err := dir.Stat(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[name] = info.ModTime()
	}
	return found, nil
}

// RemoveIdle removes the files that have not been written to since. If such a run is still running, because
// its source has stalled, it fails because its staged file no longer exists. It publishes no incomplete file.
func (l Leftovers) RemoveIdle(ctx context.Context, dir Directory) error {
	for name, written := range l {
		info, err := dir.Stat(ctx, name)
		if err == nil && info.ModTime().Equal(written) {
			err = dir.Remove(ctx, name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
