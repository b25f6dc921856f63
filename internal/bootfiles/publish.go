package bootfiles

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// Host has the methods of a host that publishing needs.
type Host interface {
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	WhileConnected(ctx context.Context) (context.Context, context.CancelFunc, error)
}

// Publisher publishes files under a TFTP root.
type Publisher struct {
	Host      Host
	Directory func(pool string) tftproot.Directory
	Claims    *Claims
	Sources   Sources
	// Named tells whether a boot configuration or a guest has the name of a file of a directory. Only further files of images need it.
	Named func(ctx context.Context, pool, name string) (bool, error)
}

// Order is a file to publish.
type Order struct {
	File
	Pool   string     // of the directory: the TFTP root or a directory below it
	SHA256 string     // of the published file, as the plan found it; empty if the plan does not know it
	Before *Published // the file that this one replaces; nil for a new file
}

// Result is the result of an order. Even with an error there may be a file, if it could not be removed again. A file that was canceled
// because another file failed has no error, and usually no file.
type Result struct {
	Order
	Published *Published // nil for none
	Err       error
}

// Publish publishes files at the same time, and returns the results in the order in which they ended. If one file fails, the
// others are canceled.
func (p Publisher) Publish(ctx context.Context, orders []Order) []Result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan Result, len(orders))
	var all sync.WaitGroup
	for _, order := range orders {
		all.Go(func() {
			published, err := p.publish(ctx, order)
			result := Result{Order: order, Err: err}
			if published.Name != "" {
				result.Published = &published
			}
			ended <- result // before the results of the files that this one cancels
			if err != nil {
				cancel()
			}
		})
	}
	all.Wait()
	close(ended)
	var results []Result
	failed := false
	for result := range ended {
		if failed && errors.Is(result.Err, context.Canceled) {
			result.Err = nil
		}
		failed = failed || result.Err != nil
		results = append(results, result)
	}
	return results
}

// publish streams one file from its source to the host, unless it already exists there.
func (p Publisher) publish(ctx context.Context, order Order) (Published, error) {
	injected, err := order.injectedDigest()
	if err != nil {
		return Published{}, err
	}
	if order.Checksum != "" { // it may be a list, which is fetched only once
		sum, err := p.Sources.checksum(ctx, order.File)
		if err != nil {
			return Published{}, err
		}
		order.Checksum = sum.String()
	}
	stamp := order.stamp() // before the source is read: the next plan then detects a change during the read
	connected, cancel, err := p.Host.WhileConnected(ctx)
	if err != nil {
		return Published{}, err
	}
	defer cancel()
	published, err := p.publishContent(connected, order)
	if err != nil && connected.Err() != nil && ctx.Err() == nil {
		err = context.Cause(connected) // and not its effect on the source
	}
	published.Injected, published.Stamp = injected, stamp
	return published, err
}

// publishContent is publish while the host is connected.
func (p Publisher) publishContent(ctx context.Context, order Order) (Published, error) {
	dir := p.Directory(order.Pool)
	// This makes libvirt read the directory again: it does not know files that were created without it, such as files that a
	// crash of the host left.
	there, err := p.Host.VolumeNames(ctx, order.Pool)
	if err != nil {
		return Published{}, err
	}
	ahead, err := p.lookAhead(ctx, order, there)
	if err != nil {
		return Published{}, err
	}
	order.SHA256 = cmp.Or(order.SHA256, ahead.SHA256)
	outcome, err := p.Sources.outcome(ctx, order.File, order.SHA256)
	if err != nil {
		return Published{}, err
	}
	name := func(sha256 string) string {
		final := order.name(sha256)
		p.Claims.add(order.Pool, final)
		return final
	}
	leftovers, err := tftproot.FindLeftovers(ctx, dir, order.staged(there))
	if err != nil {
		return Published{}, err
	}
	if outcome.Algorithm == "sha256" {
		file, published, err := tftproot.Published(ctx, dir, name(outcome.Hex), outcome.Hex)
		if published {
			err = leftovers.RemoveIdle(ctx, dir)
		}
		if err != nil || published {
			return Published{File: file, Found: order.isFound(), Loader: ahead.Loader}, err
		}
	}
	if err := order.checkFree(there, len(leftovers) > 0); err != nil {
		return Published{}, err
	}
	content, err := p.Sources.open(ctx, order.File, order.SHA256)
	if err != nil {
		return Published{}, err
	}
	defer content.Close()
	if err := leftovers.RemoveIdle(ctx, dir); err != nil {
		return Published{}, err
	}
	direct, err := p.isUnnamed(ctx, order, outcome, there)
	if err != nil {
		return Published{}, err
	}
	var file tftproot.File
	if direct {
		file, err = tftproot.PublishUnnamed(ctx, dir, name(outcome.Hex), outcome.Hex, content)
	} else {
		file, err = tftproot.PublishByContent(ctx, dir, order.newStaged(), name, content)
	}
	return Published{File: file, Limit: content.limit(), Found: order.Before != nil && order.Before.Found, Loader: content.loader}, err
}

// isUnnamed tells whether a further file of an image, which can be large, can be written under its final name at once: its name is known and
// new, and no boot configuration and no guest has it yet.
func (p Publisher) isUnnamed(ctx context.Context, order Order, outcome image.Checksum, there []string) (bool, error) {
	_, isFurther := FurtherName(order.Kind)
	if !isFurther || outcome.Algorithm != "sha256" {
		return false, nil
	}
	name := order.name(outcome.Hex)
	if slices.Contains(there, name) || order.Before != nil && order.Before.Name == name {
		return false, nil
	}
	named, err := p.Named(ctx, order.Pool, name)
	return !named, err
}

// lookAhead reads the content of a file with a fixed name that already exists, if the plan does not know the content. The existing
// file is kept if it has this content.
func (p Publisher) lookAhead(ctx context.Context, order Order, there []string) (Planned, error) {
	if order.Kind == Fixed && order.Before == nil && order.SHA256 == "" && slices.Contains(there, order.FileName) {
		return p.Sources.read(ctx, order.File)
	}
	return Planned{}, nil
}

// isFound tells whether an existing file with this name and content is not known to be published by this resource. A name with
// the hash of the content always belongs to the provider.
func (o Order) isFound() bool { return o.Kind == Fixed && (o.Before == nil || o.Before.Found) }

// newStaged is a name for a file that is being published. No other run uses this name.
func (f File) newStaged() string { return fmt.Sprintf("%s%.8s.part", f.prefix(), uuid.NewString()) }

// staged are the names that newStaged made.
func (f File) staged(names []string) []string {
	pattern := regexp.MustCompile("^" + regexp.QuoteMeta(f.prefix()) + `[0-9a-f]{8}\.part$`)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !pattern.MatchString(name) })
}

// checkFree refuses to overwrite an existing file if the user chose its name, and it is not the file that this one replaces. If
// there is a staged file, a run was killed and may have left a partial file with this name, so it is overwritten. A name with
// the hash of the content always belongs to that content.
func (o Order) checkFree(there []string, killed bool) error {
	if o.Before != nil && o.Before.Name == o.FileName || !slices.Contains(there, o.FileName) || killed {
		return nil
	}
	remedy := "choose another file_name, or remove the file from the host"
	if o.Kind == Fixed {
		remedy = "remove the file from the host, or from files or grub_prefixes"
	}
	return about("file_name", fmt.Errorf("a file %q already exists under the TFTP root, with other content or with a mode that does not let guests read it; %s", o.FileName, remedy))
}

// Remove removes files. It is not an error if a file, or its pool, no longer exists.
func Remove(ctx context.Context, dir tftproot.Directory, names []string) error {
	var errs []error
	for _, name := range names {
		if err := dir.Remove(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
