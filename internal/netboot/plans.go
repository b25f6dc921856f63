package netboot

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/loader"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// Plans are the planned resources of a run, as far as they are known. Terraform plans a resource after the resources that it
// refers to, so that it can be checked against them: whether a guest finds its configuration on its network, and whether
// its kernel and initrd fit into its memory. The zero value is ready for concurrent use.
type Plans struct {
	Roots    Book[string]         // paths of TFTP roots, by id
	Dirs     Book[[]string]       // directories below TFTP roots, by id
	Files    Book[File]           // files of images, files at fixed paths, and volumes, by the id of the TFTP root, a slash and the path
	Removed  Book[bool]           // whether this run removes a file at a fixed path, by the same
	Images   Book[Image]          // by id
	Configs  Book[Config]         // by id
	Networks Book[Network]        // by name
	Bridges  Book[string]         // names of the networks that make the bridges, by the name of the bridge
	Checked  Book[error]          // what is wrong with a bridge of the host, by name
	Holds    Book[[]string]       // what guests, networks and other holders use after this run, by the names from the functions below: ids and paths of volumes, files, MAC addresses, subnets
	Replaced Book[Fates]          // volumes whose content is replaced, by id
	Waiting  Waiting              // guests that wait for the new content
	Subnets  Book[[]netip.Prefix] // of networks, by name
	Owners   Book[Owner]          // owners of what only one resource can have, such as a name or a MAC address
}

// Owner is the only resource that can have something.
type Owner struct {
	Token string // identifies the resource in this run
	Name  string // for messages, such as domain "acc"
	New   bool   // the resource does not have it yet
}

// Fates are what happens to the guests that use a volume, by name, when the volume is replaced or removed.
type Fates map[string]Fate

// Fate is what happens to a guest that uses a volume.
type Fate string

// The fates of guests.
const (
	FateNextStart Fate = "next start" // it is shut off, and uses the new content when it starts
	FatePlug      Fate = "plug"       // it keeps running, and the new volume is attached to it
	FateRestart   Fate = "restart"    // it is shut down, and the resource of the volume starts it again
	FateBoot      Fate = "boot"       // it is shut down, and its own resource starts it again and checks its boot
	FateFreed     Fate = "freed"      // it no longer uses the volume after this run
)

// holdsWait is how long a plan waits for the plan of a holder. Terraform plans both at the same time, and does not announce
// which resources it will plan.
const holdsWait = 5 * time.Second

// Frees tells whether this run makes a holder stop using something, for example a volume by its id or its path.
func (p *Plans) Frees(ctx context.Context, holder string, names ...string) bool {
	ctx, cancel := context.WithTimeout(ctx, holdsWait)
	defer cancel()
	holds, planned := p.Holds.Await(ctx, holder)
	return planned && !slices.ContainsFunc(holds, func(held string) bool { return slices.Contains(names, held) })
}

// GuestHolder is the name of a guest in Plans.Holds.
func GuestHolder(name string) string { return "guest " + name }

// ConfigHolder is the name of a boot configuration in Plans.Holds, by its id.
func ConfigHolder(id string) string { return "boot configuration " + id }

// NetworkHolder is the name of a network in Plans.Holds.
func NetworkHolder(name string) string { return "network " + name }

// OverlayHolder is the name of a volume at a path in Plans.Holds.
func OverlayHolder(path string) string { return "overlay " + path }

// Config is a boot configuration, of PXELINUX or GRUB, and the architecture of the guests that it is for.
type Config struct {
	pxelinux.Config
	Arch    string
	Reader  string // pxelinux.S390Tools, or empty for the usual reader of the architecture
	Entered bool   // as entries of a resource, not as a text, which another program may have written
}

// File is a file of an image.
type File struct {
	Kind string // kernel, initrd, FixedFile, VolumeFile, or the kind of a further file as package bootfiles names it
	Size uint64 // in bytes; 0 if it is not known yet
	Arch string // of the image; empty if it is not known yet

	// Of a kernel.
	Cmdline bool // it has a command line of its own, and uses no other
	Limit   int  // how many bytes the command line of an s390x kernel may have; 0 if it is not known

	// Loader is what a file at a fixed path is; its Kind is empty if that is not known.
	Loader loader.File
}

// Image has the paths of an image's files below the TFTP root.
type Image struct {
	Arch           string // empty if it is not known yet
	Kernel, Initrd string // Initrd is empty if there is none
	Known          bool   // the paths are known before the apply
	Cmdline        bool   // the kernel has a command line of its own, and uses no other
}

// Book keeps values by name.
type Book[V any] struct {
	mu     sync.Mutex
	values map[string]V
	added  chan struct{} // closes at the next Add
}

// Add keeps a value under a name. It replaces an existing value.
func (b *Book[V]) Add(name string, value V) {
	b.AddUnless(name, value, func(V) bool { return false })
}

// AddUnless is Add, unless an existing value conflicts with the new one. Then it returns the existing value.
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

// Await is Find, but waits for the value until ctx ends.
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

// Search returns the name of a value that fits; "" if there is none.
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
