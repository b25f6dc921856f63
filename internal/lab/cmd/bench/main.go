// The command bench measures the provider's time and memory on its own libvirt host. It compares the
// provider with two alternatives that do the same: the CLI alone with the same number of terraform_data,
// and plain commands such as virsh. It prints a table. It does not fail if something is slow.
//
//	go run ./internal/lab/cmd/bench [-n rounds] [-run regexp] [-provider file]
//
// TF chooses the CLI: terraform (the default) and tofu mean the CLIs that internal/tools/build builds, any
// other value is a path.
//
// On a busy machine, times change by half from one minute to the next. So the three take turns, each round
// gives one ratio, and the median of the ratios counts.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// bench is one run.
type bench struct {
	host   *lab.Host
	dir    string // for everything that is written; the provider's binary is in its bin directory
	cli    string
	sample samples
	rounds int
	wires  map[wire]*lab.Wire
	others []*lab.Host // for works with several hosts
}

// wire identifies a connection to a host.
type wire struct {
	*lab.Host
	roundTrip time.Duration
}

func main() {
	rounds := flag.Int("n", 5, "how many `rounds` to measure")
	only := flag.String("run", "", "measure only the work whose name this `regexp` matches")
	provider := flag.String("provider", "bin/terraform-provider-netboot", "the provider's `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds, *only, *provider); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, only, provider string) (err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	b, err := start(ctx, provider)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	b.rounds = rounds
	var results []result
	var failed []error
	for _, w := range works(b.sample) {
		if !pattern.MatchString(w.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "Measuring %s, %d rounds\n", w.name, rounds)
		measured, err := b.measure(ctx, w)
		if err != nil {
			failed = append(failed, fmt.Errorf("unable to measure %s: %w", w.name, err))
			continue
		}
		results = append(results, measured)
	}
	printTable(os.Stdout, results)
	return errors.Join(failed...)
}

// start finds or creates what every work needs, including the default pool, because most hosts have one.
func start(ctx context.Context, provider string) (*bench, error) {
	cli, err := findCLI(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "netboot-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, cli: cli, wires: map[wire]*lab.Wire{}}
	if err := b.install(provider); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	if b.sample, err = newSamples(ctx, dir); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	if b.host, err = lab.Start(ctx); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	pool := [][]string{
		{"pool-define-as", "default", "dir", "--target", "/var/lib/libvirt/images"},
		{"pool-build", "default"},
		{"pool-start", "default"},
	}
	for _, args := range pool {
		if _, err := b.host.Virsh(ctx, args...); err != nil {
			return nil, errors.Join(err, b.stop())
		}
	}
	return b, nil
}

func (b *bench) stop() error {
	b.sample.close()
	var err error
	if b.host != nil {
		err = b.host.Stop()
	}
	for _, host := range b.others {
		err = errors.Join(err, host.Stop())
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// wire returns a connection to a host with a given round trip.
func (b *bench) wire(host *lab.Host, roundTrip time.Duration) (*lab.Wire, error) {
	way := wire{host, roundTrip}
	if made := b.wires[way]; made != nil {
		return made, nil
	}
	made, err := lab.NewWire(host, "wire-"+roundTrip.String(), roundTrip)
	b.wires[way] = made
	return made, err
}

// install copies the provider, so that a build during the run does not change what is measured, and
// configures the CLIs to use the copy.
func (b *bench) install(provider string) error {
	binary, err := os.ReadFile(provider)
	if err != nil {
		return fmt.Errorf("there is no provider to measure: %w; run: make bench", err)
	}
	bin := filepath.Join(b.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	overrides := ""
	for _, address := range addresses {
		overrides += fmt.Sprintf("    %q = %q\n", address, bin)
	}
	settings := "provider_installation {\n  dev_overrides {\n" + overrides + "  }\n  direct {}\n}\n"
	return errors.Join(
		os.WriteFile(b.provider(), binary, 0o755),
		os.WriteFile(b.settings(), []byte(settings), 0o644),
	)
}

func (b *bench) provider() string { return filepath.Join(b.dir, "bin", "terraform-provider-netboot") }
func (b *bench) settings() string { return filepath.Join(b.dir, "settings.tfrc") }

// addresses are the full addresses of s390x-netboot/netboot in Terraform and OpenTofu.
var addresses = []string{"registry.terraform.io/s390x-netboot/netboot", "registry.opentofu.org/s390x-netboot/netboot"}

func findCLI(ctx context.Context) (string, error) {
	name := cmp.Or(os.Getenv("TF"), "terraform")
	if name != "terraform" && name != "tofu" {
		return exec.LookPath(name)
	}
	cmd := exec.CommandContext(ctx, "internal/tools/build", name)
	cmd.Stderr = os.Stderr
	path, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("unable to build %s: %w", name, err)
	}
	return string(bytes.TrimSpace(path)), nil
}

// quiet runs a command. Its error contains everything that the command printed.
func quiet(cmd *exec.Cmd) error {
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(output))
	}
	return nil
}
