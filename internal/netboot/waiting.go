package netboot

import (
	"context"
	"slices"
	"sync"
)

// Waiting has the guests that wait for volumes that are replaced. A guest may wait for several volumes in one run, in any
// order. The zero value is ready for concurrent use.
type Waiting struct {
	mu    sync.Mutex
	busy  map[string]chan struct{}   // by guest: held while the devices of the guest are changed
	fates map[string]map[string]Fate // by guest and volume
	stops map[string]bool            // guests that were shut down and have to start again
}

// Hold prevents others from changing the devices of guests, until free is called.
func (w *Waiting) Hold(ctx context.Context, guests []string) (free func(), err error) {
	var held []chan struct{}
	free = func() {
		for _, guest := range held {
			<-guest
		}
	}
	for _, guest := range slices.Sorted(slices.Values(guests)) { // in one order, so that two never wait for each other
		select {
		case w.holder(guest) <- struct{}{}:
			held = append(held, w.holder(guest))
		case <-ctx.Done():
			free()
			return nil, context.Cause(ctx)
		}
	}
	return free, nil
}

func (w *Waiting) holder(guest string) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy == nil {
		w.busy = map[string]chan struct{}{}
	}
	if w.busy[guest] == nil {
		w.busy[guest] = make(chan struct{}, 1)
	}
	return w.busy[guest]
}

// Add records that a guest waits for a volume, and whether the guest has to start again.
func (w *Waiting) Add(guest, volume string, fate Fate, stopped bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fates == nil {
		w.fates, w.stops = map[string]map[string]Fate{}, map[string]bool{}
	}
	if w.fates[guest] == nil {
		w.fates[guest] = map[string]Fate{}
	}
	w.fates[guest][volume] = fate
	w.stops[guest] = w.stops[guest] || stopped
}

// For are the guests that wait for a volume, in order.
func (w *Waiting) For(volume string) (guests []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for guest, volumes := range w.fates {
		if _, waits := volumes[volume]; waits {
			guests = append(guests, guest)
		}
	}
	slices.Sort(guests)
	return guests
}

// Ready records that the new volume exists, and returns what happens to the guest. starts is true if the guest was shut down
// and this was the last volume that it waited for.
func (w *Waiting) Ready(guest, volume string) (fate Fate, starts bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fate = w.fates[guest][volume]
	delete(w.fates[guest], volume)
	starts = w.stops[guest] && len(w.fates[guest]) == 0
	if starts {
		delete(w.stops, guest)
	}
	return fate, starts
}

// Stopped tells whether a guest was shut down and has to start again.
func (w *Waiting) Stopped(guest string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stops[guest]
}
