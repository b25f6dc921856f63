package provider

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// writtenSoak is a guest that writes all the time, what its configuration says, and what others have made of it.
type writtenSoak struct {
	inUse
	witness  *witness
	random   *rand.Rand
	hostname int
	capacity int // MiB
	memory   int // MiB
	rng      bool
	overlay  bool
}

func (s *writtenSoak) config() string {
	return writingGuest(s.t, fmt.Sprintf("h%d", s.hostname), fmt.Sprintf("%dMiB", s.capacity), fmt.Sprintf("memory = \"%dMiB\"\n vcpus = 2\n rng = %v", s.memory, s.rng))
}

// TestSoakWritten does at random, with Terraform and without it, what others and users do to a guest that writes all the time,
// and holds after each that no written byte is lost.
func TestSoakWritten(t *testing.T) {
	needsCLI(t)
	accPool(t)
	seed := soakNumber(t, "NETBOOT_SOAK_SEED", rand.Uint64())
	t.Logf("NETBOOT_SOAK_SEED=%d", seed)
	s := &writtenSoak{random: rand.New(rand.NewPCG(seed, 1)), capacity: 1, memory: 512}
	s.inUse = inUse{t: t} // for its configuration
	s.inUse = newInUse(t, s.config())
	s.apply(s.config())
	s.witness = newWitness(t)
	s.witness.kept()
	acts := []struct {
		what string
		does func()
	}{
		{"a seed is replaced", func() { s.hostname++; s.apply(s.config()) }},
		{"a seed is replaced as the user asks", func() { s.applyWith(s.config(), []string{"-replace=netboot_volume.seed"}) }},
		{"memory changes", func() { s.memory = 384 + 64*s.random.IntN(3); s.apply(s.config()) }},
		{"the guest is restarted", func() { s.rng = !s.rng; s.apply(s.config()) }},
		{"a snapshot begins or ends", s.snapshot},
		{"the disk grows", s.grow},
		{"the guest is stopped, renamed and comes back", s.rename},
		{"the guest is saved and comes back", s.save},
	}
	for n := range soakNumber(t, "NETBOOT_SOAK_CYCLES", soakCycles) {
		act := acts[s.random.IntN(len(acts))]
		t.Logf("%d: %s", n, act.what)
		act.does()
		s.witness.kept()
		if t.Failed() {
			return
		}
	}
	if s.overlay {
		s.snapshot()
	}
}

func (s *writtenSoak) snapshot() {
	if s.overlay {
		virsh(s.t, "blockcommit", "acc", "vda", "--active", "--pivot", "--wait", "--delete")
		virsh(s.t, "snapshot-delete", "acc", "soak", "--metadata")
	} else {
		virsh(s.t, "snapshot-create-as", "acc", "soak", "--disk-only", "--diskspec", "vdb,snapshot=no")
	}
	s.overlay = !s.overlay
	s.apply(s.config())
}

// grow grows the disk. Beneath a snapshot the plan refuses that.
func (s *writtenSoak) grow() {
	if s.overlay {
		s.capacity++
		s.write("main.tf", onHost(lab.Shared(s.t).URI)+s.config())
		s.mustFail([]string{"apply", "-auto-approve"}, "acc/disk")
		s.capacity--
	} else {
		s.capacity++
	}
	s.apply(s.config())
}

// rename has others rename the guest, which has to be off for it. The plan finds it, and makes no second one.
func (s *writtenSoak) rename() {
	if s.overlay { // which libvirt does not rename a guest with
		s.snapshot()
	}
	virsh(s.t, "shutdown", "acc")
	eventually(s.t, "the guest shuts down", func() bool { return strings.TrimSpace(virsh(s.t, "domstate", "acc")) == "shut off" })
	virsh(s.t, "domrename", "acc", "renamed")
	s.mustFail([]string{"plan"}, "renamed")
	virsh(s.t, "domrename", "renamed", "acc")
	s.apply(s.config())
}

// save has others save the guest. QEMU 7.2 emulating two processors hangs after some restores, with Terraform or without it, so
// the guest boots after that.
func (s *writtenSoak) save() {
	virsh(s.t, "managedsave", "acc")
	s.apply(s.config())
	s.rng = !s.rng
	s.apply(s.config())
}
