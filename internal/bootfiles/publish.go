package bootfiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// Host is what publishing asks of a host.
type Host interface {
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	WhileConnected(ctx context.Context) (context.Context, context.CancelFunc, error)
}

// Publisher publishes the files of an image under a TFTP root.
type Publisher struct {
	Host      Host
	Root      string             // name of the TFTP root and of its pool
	Directory tftproot.Directory // that the pool is
	Claims    *Claims
	Sources   Sources
}

// Order is a file that is to be published.
type Order struct {
	File
	SHA256 string     // that the plan has found for what is published; empty where it has found none
	Before *Published // that the file follows; nil for a new one
}

// Result is what became of an order. With an error there may be a file all the same, which could not be removed again.
type Result struct {
	Kind      string
	Published *Published // nil for none
	Err       error
}

// Publish publishes files side by side, and returns what became of them in the order in which they ended. When one fails,
// the others are ended.
func (p Publisher) Publish(ctx context.Context, orders []Order) []Result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan Result, len(orders))
	var all sync.WaitGroup
	for _, order := range orders {
		all.Go(func() {
			published, err := p.publish(ctx, order)
			result := Result{Kind: order.Kind, Err: err}
			if published.Name != "" {
				result.Published = &published
			}
			ended <- result // before those that this one ends
			if err != nil {
				cancel()
			}
		})
	}
	all.Wait()
	close(ended)
	var results []Result
	for result := range ended {
		results = append(results, result)
	}
	return results
}

// publish streams one file from its source to the host, unless it is there.
func (p Publisher) publish(ctx context.Context, order Order) (Published, error) {
	injected, err := order.injectedDigest()
	if err != nil {
		return Published{}, err
	}
	if order.Checksum != "" { // which may be a list, that is asked once
		sum, err := p.Sources.checksum(ctx, order.File)
		if err != nil {
			return Published{}, err
		}
		order.Checksum = sum.String()
	}
	stamp := order.stamp() // before it is read: a change meanwhile then shows in the next plan
	connected, cancel, err := p.Host.WhileConnected(ctx)
	if err != nil {
		return Published{}, err
	}
	defer cancel()
	file, err := p.publishContent(connected, order)
	if err != nil && connected.Err() != nil && ctx.Err() == nil {
		err = context.Cause(connected) // and not what it did to the source
	}
	return Published{file, injected, stamp}, err
}

func (p Publisher) publishContent(ctx context.Context, order Order) (tftproot.File, error) {
	outcome, err := p.Sources.outcome(ctx, order.File, order.SHA256)
	if err != nil {
		return tftproot.File{}, err
	}
	// This has libvirt look at the directory: its list lacks what came without it, such as what a crash of the host left.
	there, err := p.Host.VolumeNames(ctx, p.Root)
	if err != nil {
		return tftproot.File{}, err
	}
	name := func(sha256 string) string {
		final := order.name(sha256)
		p.Claims.add(p.Root, final)
		return final
	}
	leftovers, err := tftproot.FindLeftovers(ctx, p.Directory, order.staged(there))
	if err != nil {
		return tftproot.File{}, err
	}
	if outcome.Algorithm == "sha256" {
		file, found, err := tftproot.Published(ctx, p.Directory, name(outcome.Hex), outcome.Hex)
		if found {
			err = leftovers.RemoveIdle(ctx, p.Directory)
		}
		if err != nil || found {
			return file, err
		}
	}
	if err := order.checkFree(there, len(leftovers) > 0); err != nil {
		return tftproot.File{}, err
	}
	content, err := p.Sources.open(ctx, order.File, order.SHA256)
	if err != nil {
		return tftproot.File{}, err
	}
	defer content.Close()
	if err := leftovers.RemoveIdle(ctx, p.Directory); err != nil {
		return tftproot.File{}, err
	}
	return tftproot.PublishByContent(ctx, p.Directory, order.newStaged(), name, content)
}

// newStaged is a name for a file that is being published, and that no other run has.
func (f File) newStaged() string { return fmt.Sprintf("%s%.8s.part", f.prefix(), uuid.NewString()) }

// staged are those among the names that newStaged has given.
func (f File) staged(names []string) []string { return f.matching(names, `[0-9a-f]{8}\.part`) }

// checkFree refuses to overwrite a file under a name that the user chose and that is not of the file before,
// unless a staged file tells that a run was killed, which may have left half of its own there. A
// name that carries the content belongs to that content.
func (o Order) checkFree(there []string, killed bool) error {
	if o.Before != nil && o.Before.Name == o.FileName || !slices.Contains(there, o.FileName) || killed {
		return nil
	}
	return about("file_name", fmt.Errorf("a file %q is under the TFTP root already, with other content or a mode in which guests cannot read it; choose another file_name, or remove the file from the host", o.FileName))
}

// Remove removes files; what is gone already, with its pool or alone, is no error.
func Remove(ctx context.Context, dir tftproot.Directory, names []string) error {
	var errs []error
	for _, name := range names {
		if err := dir.Remove(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
