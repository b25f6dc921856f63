package virt

import "time"

// SetKeepalive makes a host check sooner whether libvirtd answers.
func (h *Host) SetKeepalive(interval time.Duration) { h.keepalive = interval }

// SetProgress makes a host report operations in progress sooner.
func (h *Host) SetProgress(first time.Duration) { h.progress = first }
