package virt

// Change is what it takes to bring a running network to another definition.
type Change int

// Changes, the gentlest first.
const (
	NoChange      Change = iota
	LiveChange           // libvirt changes it while it runs
	RestartChange        // libvirt reads it when the network starts
)

// String is the change as a user knows it.
func (c Change) String() string { return [...]string{"none", "live", "restart"}[c] }

// maxLiveUpdates is how many live updates are made rather than one restart. libvirt takes half a
// second for each, because it writes the network's firewall rules anew; a restart takes one second.
const maxLiveUpdates = 20

// ChangeTo is what it takes to bring the network, which runs, to another definition.
func (n Network) ChangeTo(wanted Network) Change {
	if n.sameDefinition(wanted) {
		return NoChange
	}
	if updates, ok := n.liveUpdates(wanted); ok && len(updates) <= maxLiveUpdates {
		return LiveChange
	}
	return RestartChange
}
