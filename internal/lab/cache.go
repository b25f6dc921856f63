package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// CacheDir makes and returns a directory for files that are slow to get and that are kept after a test. It is
// below $NETBOOT_CACHE, or else below terraform-provider-netboot in the user's cache directory.
func CacheDir(elem ...string) (string, error) {
	base := os.Getenv("NETBOOT_CACHE")
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("unable to find a cache directory: %w; set NETBOOT_CACHE to one", err)
		}
		base = filepath.Join(user, "terraform-provider-netboot")
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(append([]string{base}, elem...)...)
	return dir, os.MkdirAll(dir, 0o755)
}

// cachedDir returns a directory of the cache. If it does not exist, fill creates its content. The directory
// appears completely or not at all.
func cachedDir(ctx context.Context, name string, fill func(ctx context.Context, dir string) error) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // without the lock, which another process may hold for minutes
	}
	return dir, exclusively(ctx, func() error {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		partial, err := os.MkdirTemp(cache, name+"-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(partial) }()
		if err := fill(ctx, partial); err != nil {
			return err
		}
		return errors.Join(os.Chmod(partial, 0o755), os.Rename(partial, dir))
	})
}

// exclusively does the work while no other process holds the lock. go test runs the tests of several packages
// at the same time, and each may be the first to need something that is not in the cache yet.
func exclusively(ctx context.Context, work func() error) error {
	dir, err := CacheDir()
	if err != nil {
		return err
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // which unlocks
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return work()
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("unable to lock %s: %w", lock.Name(), err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another process still holds %s: %w", lock.Name(), ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// openURL opens what a web server has under a URL.
func openURL(ctx context.Context, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s: %s", url, response.Status), response.Body.Close())
	}
	return response.Body, nil
}
