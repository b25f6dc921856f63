package tftproot

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Leftovers are staged files of other runs, with the time at which each was last written. Such a run was
// killed, or goes on.
type Leftovers map[string]time.Time

// FindLeftovers looks at staged files of these names.
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

// RemoveIdle removes those that nobody has written to since. A run that is wronged by it, because its
// source has stalled, finds its staged file gone and fails; it publishes nothing that is not whole.
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
