// The command lab prepares a machine for the tests, and runs the demo and takes it away again.
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
	{"setup", "install the packages that are missing, get an s390x kernel and newer QEMUs and a newer libvirt, build an initrd", setup},
	{"up", "what the demo needs of setup, and start this machine's libvirtd when none answers", up},
	{"down", "stop what up started", down},
	{"demo", "up, and netboot a guest with examples/quickstart and the CLI that $TF names, or one from the PATH", demo},
	{"demo-clean", "take away all that demo made", demoClean},
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
	if _, err := lab.Trixie.Root(ctx); err != nil {
		return err
	}
	_, err := lab.QEMUs(ctx)
	return err
}

// bootFiles are the paths of what a guest of the demo boots.
type bootFiles struct{ kernel, initrd string }

// prepare says nothing when all is there, as it then takes no time.
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
