package virt

// Change is what it takes to give a running network another definition.
type Change int

// Changes, from the least disruptive to the most disruptive.
const (
	NoChange      Change = iota
	LiveChange           // libvirt changes it while it runs
	RestartChange        // libvirt reads it when the network starts
)

// String returns the change in the user's words.
func (c Change) String() string { return [...]string{"none", "live", "restart"}[c] }

// maxLiveUpdates is the maximum number of live updates before a restart is better. libvirt takes half a second for
// each update, because it writes the network's firewall rules again. A restart takes one second.
const maxLiveUpdates = 20

// ChangeTo returns what it takes to give the network, which runs, another definition.
func (n Network) ChangeTo(wanted Network) Change {
	if n.sameDefinition(wanted) {
		return NoChange
	}
	if updates, ok := n.liveUpdates(wanted); ok && len(updates) <= maxLiveUpdates {
		return LiveChange
	}
	return RestartChange
}
