package netboot

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// Plans are what the resources of a run will be, as far as that is known. Terraform plans a resource after those that it
// refers to, so that it can be checked against them: whether a guest finds its configuration on its network, and whether
// its kernel and initrd fit. The zero value is ready for use, by many goroutines at once.
type Plans struct {
	Roots    Book[string]          // paths of TFTP roots, by id
	Files    Book[File]            // files of images, by the id of the TFTP root, a slash and the path
	Images   Book[Image]           // by id
	Configs  Book[pxelinux.Config] // by id
	Networks Book[Network]         // by name
	Bridges  Book[string]          // names of the networks that make them, by name
	Checked  Book[error]           // what is wrong with a bridge of the host, by name
	Holds    Book[[]string]        // what guests, networks and others have after this run, by the functions below: ids and paths of volumes, files, MAC addresses, subnets
	Replaced Book[Fates]           // volumes that get other content, by id
	Waiting  Waiting               // guests that wait for the other content
	Subnets  Book[[]netip.Prefix]  // of networks, by name
	Owners   Book[Owner]           // of what only one resource can have, such as a name or a MAC address
}

// Owner is the resource that has something alone.
type Owner struct {
	Token string // of the resource, in this run
	Name  string // for people: domain "acc"
	New   bool   // it does not have it yet
}

// Fates are what becomes of the guests that have a volume, by name, when it is replaced or removed.
type Fates map[string]Fate

// Fate is what becomes of a guest that has a volume.
type Fate string

// The fates of guests.
const (
	FateNextStart Fate = "next start" // it is off, and finds the new content when it starts
	FatePlug      Fate = "plug"       // it runs, and gets the volume anew while it does
	FateRestart   Fate = "restart"    // it is shut down, and started again by who makes the volume
	FateBoot      Fate = "boot"       // it is shut down, and started again by its own resource, which checks its boot
	FateFreed     Fate = "freed"      // this run takes the volume from it
)

// holdsWait is how long a plan waits for that of a holder. Terraform plans both at once, and says of none that it will.
const holdsWait = 5 * time.Second

// Frees tells whether this run takes something from its holder: a volume by its id or its path, say.
func (p *Plans) Frees(ctx context.Context, holder string, names ...string) bool {
	ctx, cancel := context.WithTimeout(ctx, holdsWait)
	defer cancel()
	holds, planned := p.Holds.Await(ctx, holder)
	return planned && !slices.ContainsFunc(holds, func(held string) bool { return slices.Contains(names, held) })
}

// GuestHolder is the name of a guest in Plans.Holds.
func GuestHolder(name string) string { return "guest " + name }

// ConfigHolder is the name of a pxelinux configuration in Plans.Holds, by its id.
func ConfigHolder(id string) string { return "pxelinux configuration " + id }

// NetworkHolder is the name of a network in Plans.Holds.
func NetworkHolder(name string) string { return "network " + name }

// OverlayHolder is the name of a volume at a path in Plans.Holds.
func OverlayHolder(path string) string { return "overlay " + path }

// File is a file of an image.
type File struct {
	Kind string // kernel or initrd
	Size uint64 // in bytes, 0 while it is not known
}

// Image has the paths of an image's files below the TFTP root.
type Image struct {
	Arch           string // empty while it is not known
	Kernel, Initrd string // Initrd is empty where there is none
	Known          bool   // the paths are known before the apply
}

// Book keeps values by name.
type Book[V any] struct {
	mu     sync.Mutex
	values map[string]V
	added  chan struct{} // closes at the next Add
}

// Add keeps a value under a name, in place of one that is there.
func (b *Book[V]) Add(name string, value V) {
	b.AddUnless(name, value, func(V) bool { return false })
}

// AddUnless is Add, unless there is a value that conflicts with the new one. It returns that.
func (b *Book[V]) AddUnless(name string, value V, conflicts func(there V) bool) (there V, conflict bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there, found := b.values[name]; found && conflicts(there) {
		return there, true
	}
	if b.values == nil {
		b.values = map[string]V{}
	}
	b.values[name] = value
	if b.added != nil {
		close(b.added)
		b.added = nil
	}
	return value, false
}

// Await is Find, and waits for the value until ctx ends.
func (b *Book[V]) Await(ctx context.Context, name string) (V, bool) {
	for {
		b.mu.Lock()
		value, found := b.values[name]
		if b.added == nil {
			b.added = make(chan struct{})
		}
		added := b.added
		b.mu.Unlock()
		if found {
			return value, true
		}
		select {
		case <-added:
		case <-ctx.Done():
			return value, false
		}
	}
}

// Search returns the name of a value that fits, "" where none does.
func (b *Book[V]) Search(fits func(name string, value V) bool) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, value := range b.values {
		if fits(name, value) {
			return name
		}
	}
	return ""
}

// Find returns the value under a name, and whether there is one.
func (b *Book[V]) Find(name string) (V, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	value, found := b.values[name]
	return value, found
}
