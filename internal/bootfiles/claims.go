package bootfiles

import "sync"

// Claims are the files that this run published on a host. When Terraform replaces an image
// and creates the new one first, the two may share a file, for its name is its content; then the
// old one, destroyed later in the same run, must not remove it. The zero value is ready for use, by many goroutines at once.
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

// Has tells whether this run has published a file of that name under a TFTP root.
func (c *Claims) Has(root, file string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.files[root+"/"+file]
}
