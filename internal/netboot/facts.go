package netboot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// factsPatience limits the queries to the host after a failed boot, because the apply has to report the failure at once.
const factsPatience = time.Second

// facts finds what explains a failed boot.
type facts struct {
	guest  Guest
	result boot.Result
	plans  *Plans
	host   Host
	found  []string
}

// Facts finds what explains a failed boot from the network: what differs from the guest's configuration and its networks.
// Each fact is true independently of other faults. If nothing is found, there are no facts. Facts queries the host even after
// the end of ctx, for at most one second.
func Facts(ctx context.Context, guest Guest, result boot.Result, plans *Plans, host Host) []string {
	if result.Stage >= boot.StageLinux {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), factsPatience)
	defer cancel()
	f := &facts{guest: guest, result: result, plans: plans, host: host}
	f.networks(ctx)
	f.configuration(ctx)
	return f.found
}

func (f *facts) add(format string, values ...any) {
	f.found = append(f.found, fmt.Sprintf(format, values...))
}

// networks reports what the guest's networks do not offer, and whether another server has answered.
func (f *facts) networks(ctx context.Context) {
	var servers []string
	for _, nic := range f.guest.Interfaces {
		network, known := f.network(ctx, nic.Network)
		if !known || network.Server == "" {
			return
		}
		offer, known := network.Offer(f.guest.Arch, nic.MAC)
		if !known {
			return
		}
		if !network.DHCP {
			f.add("network %q hands out no addresses: its ipv4.dhcp is not set", network.Name)
		} else if network.TFTPRoot == "" && offer.NextServer == "" {
			f.add("network %q serves no TFTP root: its tftp_root is not set", network.Name)
		}
		servers = append(servers, cmp.Or(offer.NextServer, network.Server))
	}
	if server := f.result.Server; server != "" && len(servers) > 0 && !slices.Contains(servers, server) {
		f.add("the guest used the TFTP server %s, but its network names %s: another DHCP server has answered the guest", server, strings.Join(servers, ", "))
	}
}

func (f *facts) network(ctx context.Context, name string) (Network, bool) {
	if name == "" {
		return Network{}, false
	}
	if network, planned := f.plans.Networks.Find(name); planned {
		return network, true
	}
	network, err := f.host.BootNetwork(ctx, name)
	return network, err == nil
}

// configuration reports whether the firmware used a configuration other than the guest's, and what is wrong with the files
// that the configuration names.
func (f *facts) configuration(ctx context.Context) {
	id := f.guest.Config
	root, file, _ := strings.Cut(id, "/")
	if id == "" {
		return
	}
	if f.guest.GRUB {
		f.grub(ctx, root, file)
		return
	}
	f.file(ctx, tftproot.ConfigPool(root), file, fmt.Sprintf("the configuration %s", id))
	if f.result.Config == "" {
		return
	}
	if path.Base(f.result.Config) != file {
		f.add("the guest used %s, but pxelinux_config is %q", f.result.Config, id)
		return
	}
	config, planned := f.plans.Configs.Find(id)
	reader, err := pxelinux.ReaderOf(cmp.Or(config.Reader, config.Arch))
	if !planned || err != nil {
		return
	}
	entry, err := config.Boot(reader, "")
	if err != nil || f.result.Stage > boot.StageInitrd {
		return
	}
	f.bootFiles(ctx, root, entry)
}

// grub reports what is wrong with a GRUB configuration and the files that it names. The console does not show which configuration
// GRUB used.
func (f *facts) grub(ctx context.Context, root, file string) {
	f.file(ctx, tftproot.DirPool(root, grub.Dir), file, fmt.Sprintf("the configuration %s", f.guest.Config))
	config, planned := f.plans.Configs.Find(f.guest.Config)
	entry, err := grub.Boot(config.Config)
	if planned && err == nil && f.result.Stage <= boot.StageInitrd {
		f.bootFiles(ctx, root, entry)
	}
}

// bootFiles reports what is wrong with the files of an entry.
func (f *facts) bootFiles(ctx context.Context, root string, entry pxelinux.Entry) {
	for _, boots := range []struct{ kind, name string }{{"kernel", entry.Kernel}, {"initrd", entry.Initrd}} {
		name := strings.TrimPrefix(boots.name, "/")
		about := fmt.Sprintf("the %s %q of the entry %q", boots.kind, boots.name, entry.Label)
		if _, published := f.plans.Files.Find(root + "/" + name); published {
			about += ", which this run publishes,"
		}
		f.file(ctx, root, name, about)
	}
}

// file reports what is wrong with a file of a pool. Pools have no subdirectories.
func (f *facts) file(ctx context.Context, pool, name, about string) {
	if name == "" || strings.Contains(name, "/") {
		return
	}
	info, err := f.host.Stat(ctx, pool, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.add("%s is not in the pool %q on the host", about, pool)
	case err != nil:
	case info.Size() == 0:
		f.add("%s is empty on the host", about)
	case !tftproot.Readable(info):
		f.add("%s has the mode %#o on the host, so the TFTP server cannot read it", about, info.Mode().Perm())
	}
}
