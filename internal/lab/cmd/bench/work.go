package main

import (
	"embed"
	"time"
)

// work is something to create, plan again, perhaps change, and destroy. Its directory below work contains
// main.tf, for the provider, and plain.sh, which does the same without the provider, if there is something
// to compare with. floor.tf has the values of main.tf in terraform_data, if their number matters.
type work struct {
	name      string
	dir       string
	resources int                    // in main.tf, and the number of terraform_data for the CLI alone
	variables map[string]string      // of main.tf, and as TF_VAR_… of plain.sh
	far       map[step]time.Duration // the round trip to the host, if it is not this machine
	alone     bool                   // plain commands would take too long
	hosts     int                    // the hosts of main.tf's resources; it is compared with the provider on one host with its share
	changes   bool                   // main.tf has a variable "changed" that changes one resource
	bounds    map[step]bound         // the limits of the times
	maxMemory int64                  // that the provider may use, in bytes; 0 means no bound
}

//go:embed work
var files embed.FS

// step is a part of a work that is measured. The steps run one after the other.
type step string

const (
	apply   step = "apply"
	plan    step = "plan"
	change  step = "change"
	destroy step = "destroy"
)

func (w work) steps() []step {
	if w.changes {
		return []step{apply, plan, change, destroy}
	}
	return []step{apply, plan, destroy}
}

// bound returns the time that the provider may take, given the times of the CLI alone and the plain commands.
type bound func(cli, plain time.Duration) time.Duration

func fourTimesCLI(cli, _ time.Duration) time.Duration             { return 4 * cli }
func twiceCLIAndASecond(cli, _ time.Duration) time.Duration       { return 2*cli + time.Second }
func twiceCLIAndFourSeconds(cli, _ time.Duration) time.Duration   { return 2*cli + 4*time.Second }
func cliAndTwoSeconds(cli, _ time.Duration) time.Duration         { return cli + 2*time.Second }
func cliAndASecond(cli, _ time.Duration) time.Duration            { return cli + time.Second }
func plainAndThreeSeconds(_, plain time.Duration) time.Duration   { return plain + 3*time.Second }
func fourTimesCLIAndPlain(cli, plain time.Duration) time.Duration { return 4*cli + plain }

// aThirdMoreThanPlain is for several hosts at the same time, compared with one of them.
func aThirdMoreThanPlain(_, plain time.Duration) time.Duration { return plain * 13 / 10 }

func cliAndPlainAndASecond(cli, plain time.Duration) time.Duration {
	return cli + plain + time.Second
}

func cliAndPlain(cli, plain time.Duration) time.Duration { return cli + plain }

// cliAndHalfMore is for a file that is larger than the file of the plain commands, but has no more content.
func cliAndHalfMore(cli, plain time.Duration) time.Duration { return cli + plain + plain/2 }

func everyStep(d time.Duration) map[step]time.Duration {
	return map[step]time.Duration{apply: d, plan: d, destroy: d}
}

func works(s samples) []work {
	const mib = 1 << 20
	return []work{
		{
			name: "recipe", dir: "recipe", resources: 6,
			variables: map[string]string{"kernel": s.url("kernel"), "initrd": s.url("initrd")},
			bounds:    map[step]bound{apply: fourTimesCLIAndPlain, plan: fourTimesCLIAndPlain, destroy: fourTimesCLIAndPlain},
		},
		{name: "50 domains", dir: "bare-domains", resources: 50, bounds: map[step]bound{plan: fourTimesCLI}},
		{name: "200 domains", dir: "bare-domains", resources: 200, bounds: map[step]bound{plan: cliAndTwoSeconds}},
		{name: "4 hosts with 40 domains each, and one host", dir: "hosts", resources: 160, hosts: 4},
		{
			name: "the same, 100 ms away", dir: "hosts", resources: 160, hosts: 4, far: everyStep(100 * time.Millisecond),
			bounds: map[step]bound{apply: aThirdMoreThanPlain, plan: aThirdMoreThanPlain, destroy: aThirdMoreThanPlain},
		},
		{name: "50 domains with a volume each", dir: "domains", resources: 100, bounds: map[step]bound{plan: fourTimesCLI}},
		{name: "first byte of a console", dir: "console", resources: 2, bounds: map[step]bound{apply: cliAndPlainAndASecond}},
		{name: "1 qcow2 volume", dir: "volumes", resources: 1},
		{name: "10 qcow2 volumes", dir: "volumes", resources: 10},
		{name: "10 qcow2 volumes, 20 ms away", dir: "volumes", resources: 10, far: everyStep(20 * time.Millisecond), alone: true},
		{name: "10 qcow2 volumes, 100 ms away", dir: "volumes", resources: 10, far: everyStep(100 * time.Millisecond), alone: true},
		{name: "100 qcow2 volumes", dir: "volumes", resources: 100},
		{
			name: "1,000 qcow2 volumes", dir: "volumes", resources: 1000, alone: true,
			bounds: map[step]bound{plan: twiceCLIAndASecond},
		},
		{
			name: "1,000 qcow2 volumes, planned 100 ms away", dir: "volumes", resources: 1000, alone: true,
			far: map[step]time.Duration{plan: 100 * time.Millisecond}, bounds: map[step]bound{plan: twiceCLIAndFourSeconds},
		},
		{
			name: "network of 1,000 reservations", dir: "reservations", resources: 1, changes: true,
			bounds: map[step]bound{plan: cliAndASecond},
		},
		{
			name: "network that restarts", dir: "network", resources: 1, changes: true,
			bounds: map[step]bound{change: plainAndThreeSeconds},
		},
		{name: "1 GiB image, local", dir: "image", resources: 1, maxMemory: 64 * mib, variables: map[string]string{"kernel": s.path("big")}},
		{name: "1 GiB image, http", dir: "image", resources: 1, maxMemory: 64 * mib, variables: map[string]string{"kernel": s.url("big")}},
		{
			name: "700 MB root file system, local", dir: "root", resources: 1, maxMemory: 64 * mib,
			variables: map[string]string{"kernel": s.path("kernel"), "root": s.path("root")}, bounds: map[step]bound{apply: aThirdMoreThanPlain},
		},
		{
			name: "700 MB root file system, http with a checksum", dir: "root", resources: 1, maxMemory: 64 * mib,
			variables: map[string]string{"kernel": s.path("kernel"), "root": s.url("root"), "checksum": "sha256:" + s.rootSum}, bounds: map[step]bound{apply: aThirdMoreThanPlain},
		},
		{
			name: "1 GiB volume, local", dir: "volume", resources: 1, maxMemory: 48 * mib,
			variables: map[string]string{"source_image": s.path("big")}, bounds: map[step]bound{apply: cliAndPlain},
		},
		{
			name: "1 GiB volume, http", dir: "volume", resources: 1, maxMemory: 48 * mib,
			variables: map[string]string{"source_image": s.url("big")}, bounds: map[step]bound{apply: cliAndPlain},
		},
		{
			name: "8 GiB volume with 200 MiB in it", dir: "volume", resources: 1, maxMemory: 48 * mib,
			variables: map[string]string{"source_image": s.path("sparse"), "stand_in": s.path("dense")}, bounds: map[step]bound{apply: cliAndHalfMore},
		},
	}
}
