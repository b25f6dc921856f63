package provider

import (
	"sync"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// plans are what the resources of this run will be, as far as that is known. Terraform plans a
// resource after those that it refers to, so that it can be checked against them: whether a guest
// finds its configuration on its network, and whether its kernel and initrd fit.
type plans struct {
	roots    book[string]          // paths of TFTP roots, by id
	files    book[plannedFile]     // files of images, by the id of the TFTP root, a slash and the path
	images   book[plannedImage]    // by id
	configs  book[pxelinux.Config] // by id
	networks book[virt.Network]    // by name
}

// plannedFile is a file of an image.
type plannedFile struct {
	kind string // kernel or initrd
	size uint64 // 0 while it is not known
}

// plannedImage are the paths of an image's files below the TFTP root.
type plannedImage struct {
	arch           string // "" while it is not known
	kernel, initrd string // initrd is "" where there is none
	known          bool   // before the apply
}

// book keeps values by name for the time of a run, for several resources at once.
type book[V any] struct {
	mu     sync.Mutex
	values map[string]V
}

func (b *book[V]) add(name string, value V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.values == nil {
		b.values = map[string]V{}
	}
	b.values[name] = value
}

func (b *book[V]) find(name string) (V, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	value, found := b.values[name]
	return value, found
}
