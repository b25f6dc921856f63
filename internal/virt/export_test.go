package virt

import "time"

// SetKeepalive makes a host look sooner whether it is still there.
func (h *Host) SetKeepalive(interval time.Duration) { h.keepalive = interval }
