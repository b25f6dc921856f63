package provider

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// factsPatience bounds what is asked of the host when a boot has failed: the apply is to say so at once.
const factsPatience = time.Second

// bootFacts finds what explains a failed boot here: what is not as the guest's configuration and its
// networks say. Each fact is true whatever else is wrong; where there is nothing to say, or nothing to
// be found out, there is none.
type bootFacts struct {
	r      *domainResource
	guest  domainModel
	result boot.Result
	facts  []string
}

func (r *domainResource) bootFacts(ctx context.Context, guest domainModel, result boot.Result) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), factsPatience)
	defer cancel()
	f := &bootFacts{r: r, guest: guest, result: result}
	if guest.bootsFrom(ctx, virt.BootNetwork) && result.Stage < boot.StageLinux {
		f.networks(ctx)
		f.configuration(ctx)
	}
	return f.facts
}

func (f *bootFacts) add(format string, values ...any) {
	f.facts = append(f.facts, fmt.Sprintf(format, values...))
}

// networks says what the guest's networks do not offer, and whether another server has answered.
func (f *bootFacts) networks(ctx context.Context) {
	var nics []interfaceModel
	if f.guest.Interfaces.ElementsAs(ctx, &nics, false).HasError() {
		return
	}
	var servers []string
	for _, nic := range nics {
		network, known := f.network(ctx, nic)
		if !known || network.IPv4 == nil {
			return
		}
		offer, known := offered(network, canonicalMAC(nic.MAC.ValueString()))
		if !known {
			return
		}
		if network.IPv4.DHCP == nil {
			f.add("network %q hands out no addresses: its ipv4.dhcp is not set", network.Name)
		} else if network.TFTPRoot == "" && offer.NextServer == "" {
			f.add("network %q serves no TFTP root: its tftp_root is not set", network.Name)
		}
		servers = append(servers, firstOf(offer.NextServer, network.IPv4.Address.Addr().String()))
	}
	if server := f.result.Server; server != "" && len(servers) > 0 && !slices.Contains(servers, server) {
		f.add("the guest asked the TFTP server %s, and its network names %s: another DHCP server has answered it", server, strings.Join(servers, ", "))
	}
}

func (f *bootFacts) network(ctx context.Context, nic interfaceModel) (virt.Network, bool) {
	if nic.Network.IsNull() {
		return virt.Network{}, false
	}
	if network, planned := f.r.plans.networks.find(nic.Network.ValueString()); planned {
		return network, true
	}
	network, err := f.r.host.Network(ctx, nic.Network.ValueString())
	return network, err == nil
}

// configuration says whether the firmware took another one than the guest's, and what is wrong with
// the files that it names.
func (f *bootFacts) configuration(ctx context.Context) {
	id := f.guest.local(f.guest.PxelinuxConfig)
	root, file, _ := strings.Cut(id, "/")
	if id == "" {
		return
	}
	f.file(ctx, configPool(root), file, fmt.Sprintf("the configuration %s", id))
	if f.result.Config == "" {
		return
	}
	if path.Base(f.result.Config) != file {
		f.add("the firmware took %s, and pxelinux_config is %q", f.result.Config, id)
		return
	}
	config, planned := f.r.plans.configs.find(id)
	entry, err := config.Boot(pxelinux.UnknownFirmware, "")
	if !planned || err != nil || f.result.Stage > boot.StageInitrd {
		return
	}
	for _, boots := range []struct{ kind, name string }{{"kernel", entry.Kernel}, {"initrd", entry.Initrd}} {
		name := strings.TrimPrefix(boots.name, "/")
		about := fmt.Sprintf("the %s %q of the entry %q", boots.kind, boots.name, entry.Label)
		if _, published := f.r.plans.files.find(root + "/" + name); published {
			about += ", which a netboot_image of this run publishes,"
		}
		f.file(ctx, root, name, about)
	}
}

// file says what is wrong with a file, whose pool has no directories.
func (f *bootFacts) file(ctx context.Context, pool, name, about string) {
	if name == "" || strings.Contains(name, "/") {
		return
	}
	info, err := virt.NewDirectory(f.r.host, pool).Stat(ctx, name)
	switch {
	case isNotFound(err):
		f.add("%s is not in the pool %q on the host", about, pool)
	case err != nil:
	case info.Size() == 0:
		f.add("%s is empty on the host", about)
	case !tftproot.Readable(info):
		f.add("%s has the mode %#o on the host, and the TFTP server may not read it", about, info.Mode().Perm())
	}
}
