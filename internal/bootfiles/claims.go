package bootfiles

import "sync"

// Claims are the files that this run published on a host. If Terraform replaces an image and creates the new image first, both
// may share a file, because a file's name is derived from its content. The old image, which is destroyed later in the same run,
// must not remove this file. The zero value is ready for concurrent use.
type Claims struct {
	mu    sync.Mutex
	files map[string]bool
}

func (c *Claims) add(root, file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[string]bool{}
	}
	c.files[root+"/"+file] = true
}

// Has tells whether this run has published a file with that name under a TFTP root.
func (c *Claims) Has(root, file string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.files[root+"/"+file]
}
