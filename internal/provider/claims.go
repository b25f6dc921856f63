package provider

import "sync"

// claims are the files that this run of the provider published. When Terraform replaces an image
// and creates the new one first, the two may share a file, for its name is its content; then the
// old one, destroyed later in the same run, must leave it alone.
type claims struct {
	mu    sync.Mutex
	files map[string]bool
}

func newClaims() *claims { return &claims{files: map[string]bool{}} }

func (c *claims) add(pool, file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[pool+"/"+file] = true
}

func (c *claims) has(pool, file string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.files[pool+"/"+file]
}
