package virt

import "time"

// SetKeepalive makes a host look sooner whether it is still there.
func (h *Host) SetKeepalive(interval time.Duration) { h.keepalive = interval }

// SetProgress makes a host give an event sooner of what has not ended.
func (h *Host) SetProgress(first time.Duration) { h.progress = first }
