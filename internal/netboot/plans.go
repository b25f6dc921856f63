package netboot

import (
	"sync"

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
}

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
}

// Add keeps a value under a name, in place of one that is there.
func (b *Book[V]) Add(name string, value V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.values == nil {
		b.values = map[string]V{}
	}
	b.values[name] = value
}

// Find returns the value under a name, and whether there is one.
func (b *Book[V]) Find(name string) (V, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	value, found := b.values[name]
	return value, found
}
