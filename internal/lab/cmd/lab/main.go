// The command lab prepares a machine for the tests, runs the demo, and removes it again.
//
//	go run ./internal/lab/cmd/lab setup|up|down|demo|demo-clean
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

var commands = []struct {
	name, help string
	run        func(context.Context) error
}{
	{"setup", "install missing packages, download an s390x kernel, newer QEMUs and a newer libvirt, and build an initrd", setup},
	{"up", "do the part of setup that the demo needs, and start this machine's libvirtd if it does not answer", up},
	{"down", "stop what up has started", down},
	{"demo", "do up, and netboot a guest with examples/quickstart and the CLI that $TF names, or a CLI on the PATH", demo},
	{"demo-clean", "remove everything that demo has created", demoClean},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	for _, command := range commands {
		if len(args) == 1 && args[0] == command.name {
			return command.run(ctx)
		}
	}
	var usage strings.Builder
	for _, command := range commands {
		fmt.Fprintf(&usage, "\n  %-10s  %s", command.name, command.help)
	}
	return fmt.Errorf("usage: lab COMMAND%s", usage.String())
}

func setup(ctx context.Context) error {
	if _, err := prepare(ctx); err != nil {
		return err
	}
	if _, err := lab.AgentInitrd(ctx); err != nil {
		return err
	}
	if _, err := lab.Trixie.Root(ctx); err != nil {
		return err
	}
	_, err := lab.QEMUs(ctx)
	return err
}

// bootFiles are the paths of the files that a guest of the demo boots.
type bootFiles struct{ kernel, initrd string }

// prepare prints nothing if everything exists, because it then takes no time.
func prepare(ctx context.Context) (bootFiles, error) {
	if err := lab.InstallPackages(ctx); err != nil {
		return bootFiles{}, err
	}
	initrd, err := lab.Initrd(ctx)
	if err != nil {
		return bootFiles{}, err
	}
	kernel, err := lab.Kernel(ctx)
	return bootFiles{kernel, initrd}, err
}
