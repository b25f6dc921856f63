package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// contender does the steps of a work.
type contender interface {
	do(ctx context.Context, s step) error
}

// times has how long a contender took for each step, once for each round.
type times map[step][]time.Duration

// result is the measurement of a work.
type result struct {
	work
	provider, cli, plain times // plain is empty if there are no plain commands
	seen                 observation
}

// measure lets the contenders take turns. It observes the provider first, in a round that is not timed. That
// round also loads files from disk into memory.
func (b *bench) measure(ctx context.Context, w work) (result, error) {
	r := result{work: w, provider: times{}, cli: times{}, plain: times{}}
	dir, err := os.MkdirTemp(b.dir, "work-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	provider, cli, plain, err := b.contenders(w, dir)
	if err != nil {
		return r, err
	}
	if r.seen, err = b.observe(ctx, provider, w.steps()); err != nil {
		return r, err
	}
	for range b.rounds {
		for _, c := range []struct {
			contender
			times
		}{{cli, r.cli}, {provider, r.provider}, {plain, r.plain}} {
			if err := c.round(ctx, c.contender, w.steps()); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// round does the steps and records how long each took.
func (t times) round(ctx context.Context, c contender, steps []step) error {
	for _, s := range steps {
		syscall.Sync() // otherwise earlier writes slow down later ones
		begin := time.Now()
		err := c.do(ctx, s)
		if errors.Is(err, errNothing) {
			return nil
		}
		if err != nil {
			return err
		}
		t[s] = append(t[s], time.Since(begin))
	}
	return nil
}

// contenders returns the contenders for a work, each with its own directory.
func (b *bench) contenders(w work, dir string) (provider, cli *workspace, plain contender, err error) {
	env := append(os.Environ(), "LIBVIRT_DEFAULT_URI="+b.host.URI, "TF_CLI_CONFIG_FILE="+b.settings(), "CHECKPOINT_DISABLE=1")
	for name, value := range w.variables {
		env = append(env, "TF_VAR_"+name+"="+value)
	}
	source, err := fs.Sub(files, "work/"+w.dir)
	if err != nil {
		return nil, nil, nil, err
	}
	whole := append(slices.Clip(env), fmt.Sprintf("TF_VAR_resources=%d", w.resources))
	provider = &workspace{b.cli, filepath.Join(dir, "provider"), whole, map[step]string{}}
	cli = &workspace{b.cli, filepath.Join(dir, "cli"), whole, nil}
	plain = script{provider.dir, whole}
	for s, roundTrip := range w.far {
		wire, err := b.wire(b.host, roundTrip)
		if err != nil {
			return nil, nil, nil, err
		}
		provider.far[s] = wire.URI
	}
	err = errors.Join(
		os.CopyFS(provider.dir, source),
		os.Mkdir(cli.dir, 0o755),
		os.WriteFile(filepath.Join(cli.dir, "main.tf"), floor(source, w.resources), 0o644),
		os.RemoveAll(filepath.Join(provider.dir, "floor.tf")),
	)
	if w.alone {
		err = errors.Join(err, os.RemoveAll(filepath.Join(provider.dir, "plain.sh")))
	}
	if w.hosts > 0 {
		one := &workspace{b.cli, filepath.Join(dir, "one"), append(env, fmt.Sprintf("TF_VAR_resources=%d", w.resources/w.hosts)), nil}
		plain = one
		err = errors.Join(err, os.CopyFS(one.dir, source), b.spread(w, provider, one))
	}
	return provider, cli, plain, err
}

// spread gives one workspace all hosts of a work, and the other workspace the first of them.
func (b *bench) spread(w work, many, one *workspace) error {
	var uris []string
	for i := range w.hosts {
		if i == len(b.others) {
			host, err := lab.Start(context.Background())
			if err != nil {
				return err
			}
			b.others = append(b.others, host)
		}
		wire, err := b.wire(b.others[i], w.far[apply])
		if err != nil {
			return err
		}
		uris = append(uris, strconv.Quote(wire.URI))
	}
	// With the CLI's default of ten at a time, the CLI would be the limit, not the hosts.
	for _, workspace := range []*workspace{many, one} {
		for _, command := range []string{"apply", "plan", "destroy"} {
			workspace.env = append(workspace.env, fmt.Sprintf("TF_CLI_ARGS_%s=-parallelism=%d", command, 10*w.hosts))
		}
	}
	many.env = append(many.env, "TF_VAR_uris=["+strings.Join(uris, ",")+"]")
	one.env = append(one.env, "TF_VAR_uris=["+uris[0]+"]")
	return nil
}

// floor returns the configuration for the CLI alone: floor.tf, if the number of values matters, or else the
// same number of terraform_data as there are resources.
func floor(source fs.FS, resources int) []byte {
	if text, err := fs.ReadFile(source, "floor.tf"); err == nil {
		return text
	}
	return fmt.Appendf(nil, `variable "changed" {
  default = 0
}

resource "terraform_data" "none" {
  count = %d
  input = count.index == 0 ? var.changed : count.index
}
`, resources)
}

// workspace is a directory with a configuration for the CLI.
type workspace struct {
	cli, dir string
	env      []string
	far      map[step]string // the host's URI in the steps with a remote host
}

// An exit status other than 0 of a plan says that there is something to change.
var arguments = map[step][]string{
	apply:   {"apply", "-input=false", "-no-color", "-auto-approve"},
	plan:    {"plan", "-input=false", "-no-color", "-detailed-exitcode"},
	change:  {"apply", "-input=false", "-no-color", "-auto-approve", "-var=changed=true"},
	destroy: {"destroy", "-input=false", "-no-color", "-auto-approve"},
}

func (w *workspace) do(ctx context.Context, s step) error {
	cmd := exec.CommandContext(ctx, w.cli, arguments[s]...)
	cmd.Dir, cmd.Env = w.dir, w.env
	if uri, ok := w.far[s]; ok {
		cmd.Env = append(slices.Clip(w.env), "LIBVIRT_DEFAULT_URI="+uri)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return quiet(cmd)
}

// script is plain.sh.
type script struct {
	dir string
	env []string
}

// errNothing is the error of a script that does not exist.
var errNothing = errors.New("there are no plain commands")

func (p script) do(ctx context.Context, s step) error {
	if _, err := os.Stat(filepath.Join(p.dir, "plain.sh")); err != nil {
		return errNothing
	}
	cmd := exec.CommandContext(ctx, "sh", "plain.sh", string(s))
	cmd.Dir, cmd.Env = p.dir, p.env
	return quiet(cmd)
}
