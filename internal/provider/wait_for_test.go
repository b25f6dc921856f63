package provider

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// waitingDomain is a guest that waits for something.
func waitingDomain(wait string) string {
	return fmt.Sprintf(`{"name": "guest", "memory": "512MiB", "interfaces": [{"network": "lab"}], "guest_agent": true, "wait_for": %s}`, wait)
}

var (
	guestAddress = netip.MustParseAddr("192.168.150.12")
	otherAddress = netip.MustParseAddr("192.168.150.13")
)

// bootedConsole is the console of a guest that has booted from the network.
const bootedConsole = "LOADPARM=[        ]\n  Using IPv4 address: 192.168.150.11\nNetwork loading done, starting kernel...\nLinux version 6.1.0\n"

// inBubble runs a test with a clock of its own, in which nothing may be left over.
func inBubble(t *testing.T, test func(*testing.T)) {
	if _, err := providerSchemas(); err != nil { // which all tests share
		t.Fatal(err)
	}
	synctest.Test(t, test)
}

// whenStarted does something a while after a guest has started that has not yet started.
func whenStarted(h *virttest.Host, do func()) {
	before := h.Calls("WatchRun")
	go func() {
		for h.Calls("WatchRun") == before {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		do()
	}()
}

// TestWaitFor holds that an apply waits until the last of what it waits for is there, and not longer.
func TestWaitFor(t *testing.T) {
	for name, test := range map[string]struct {
		wait   string
		happen func(h *virttest.Host)
	}{
		"an address":             {`{"address": {}}`, func(h *virttest.Host) { h.Lease("guest", guestAddress) }},
		"an address in a prefix": {`{"address": {"prefix": "192.168.150.12/32"}}`, func(h *virttest.Host) { h.Lease("guest", otherAddress, guestAddress) }},
		"the agent":              {`{"agent": {}}`, func(h *virttest.Host) { h.ConnectAgent("guest") }},
		"a port": {`{"port": {"number": 22}}`, func(h *virttest.Host) {
			h.Lease("guest", otherAddress, guestAddress)
			h.Answer(netip.AddrPortFrom(guestAddress, 22))
		}},
		"a port of a static address": {`{"port": {"number": 22, "address": "10.0.0.1"}}`, func(h *virttest.Host) {
			h.Answer(netip.MustParseAddrPort("10.0.0.1:22"))
		}},
		"cloud-init": {`{"cloud_init": {}}`, func(h *virttest.Host) {
			h.ScriptCommand("guest", cloudInitSays("status: done\n", 0))
			h.ConnectAgent("guest")
		}},
		"cloud-init that continued after an error": {`{"cloud_init": {}}`, func(h *virttest.Host) {
			h.ScriptCommand("guest", cloudInitSays("status: done\nextended_status: degraded done\nerrors: []\n", 2))
			h.ConnectAgent("guest")
		}},
		"all of them": {`{"address": {}, "agent": {}, "port": {"number": 22}}`, func(h *virttest.Host) {
			h.ConnectAgent("guest")
			h.Lease("guest", guestAddress)
			time.Sleep(5 * time.Second)
			h.Answer(netip.AddrPortFrom(guestAddress, 22))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newGuestHost(t)
				c := newCore(t, h, "netboot_domain")
				h.Script("guest", bootedConsole, false)
				var happened time.Time
				whenStarted(h, func() {
					test.happen(h)
					happened = time.Now()
				})
				c.must(waitingDomain(test.wait))
				if took := time.Since(happened); happened.IsZero() || took > time.Second {
					t.Errorf("it returned %v after the last of them", took)
				}
				if got, want := addressesOf(t, c), leased(t, h); !slices.Equal(got, want) {
					t.Errorf("the state has the addresses %q, want %q", got, want)
				}
				c.mustBeDone(waitingDomain(test.wait))
				imported := newCore(t, h, "netboot_domain")
				imported.imports("guest")
				imported.mustBeDone(waitingDomain(test.wait))
			})
		})
	}
}

// cloudInitSays is a guest whose cloud-init has this status.
func cloudInitSays(status string, exit int) func(context.Context, virt.Command) (virt.CommandResult, error) {
	return func(_ context.Context, c virt.Command) (virt.CommandResult, error) {
		if c.Program != "cloud-init" {
			return virt.CommandResult{}, virt.ErrNoProgram
		}
		return virt.CommandResult{Output: []byte(status), ExitStatus: exit}, nil
	}
}

func leased(t *testing.T, h *virttest.Host) []string {
	t.Helper()
	addresses, err := h.Addresses(t.Context(), "guest", virt.FromLeases)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{}
	for _, address := range addresses {
		texts = append(texts, address.String())
	}
	return texts
}

// TestWaitForFails holds that an apply fails as soon as something cannot come any more, and says at which attribute, why, and what the
// console showed.
func TestWaitForFails(t *testing.T) {
	const all = `{"address": {}, "agent": {"timeout": "2m"}, "cloud_init": {}, "port": {"number": 22}}`
	for name, test := range map[string]struct {
		wait    string
		console string
		happen  func(h *virttest.Host)
		within  time.Duration
		says    []string
	}{
		"the guest ends": {all, "", func(h *virttest.Host) { h.EndDomain("guest") }, time.Second,
			[]string{`AttributeName("wait_for"): Unable to wait for domain "guest"`, "The guest ended by itself", "The end of the console:", "| Linux version 6.1.0"}},
		"it is destroyed": {all, "", func(h *virttest.Host) { h.EndDomainAs("guest", virt.ForcedOff) }, time.Second, []string{"The guest was ended from the host"}},
		"Linux panics": {all, bootedConsole + "Kernel panic - not syncing: VFS: Unable to mount root fs\n", nil, 3 * time.Second,
			[]string{`AttributeName("wait_for")`, "Linux panicked", "Remedy:", "| Kernel panic"}},
		"no agent of the guest": {all, "", nil, 2*time.Minute + time.Second,
			[]string{`AttributeName("wait_for").AttributeName("agent"): Unable to wait for domain "guest"`, "After 2m0s, the guest agent is not connected", "qemu-guest-agent"}},
		"no lease": {`{"address": {"timeout": "10s"}}`, "", nil, 11 * time.Second,
			[]string{`AttributeName("address")`, "After 10s, the guest's system has no lease", "static address"}},
		"no DHCP server": {`{"agent": {"timeout": "10s"}}`, "LOADPARM=[        ]\nNetwork boot starting...\n  Using MAC address: 52:54:00:09:43:37\n  Requesting information via DHCP: 05", nil, 11 * time.Second,
			[]string{"After 10s, the guest agent is not connected", "Meaning:", "DHCP", "Remedy:"}},
		"another prefix": {`{"address": {"timeout": "10s", "prefix": "10.0.0.0/8"}}`, "", func(h *virttest.Host) { h.Lease("guest", guestAddress) }, 11 * time.Second,
			[]string{"the guest has no address in 10.0.0.0/8. It has 192.168.150.12"}},
		"link-local addresses": {`{"address": {"timeout": "10s"}}`, "", func(h *virttest.Host) { h.Lease("guest", netip.MustParseAddr("fe80::1")) }, 11 * time.Second,
			[]string{"only link-local addresses: fe80::1"}},
		"no address for a port": {`{"port": {"number": 22, "timeout": "10s"}}`, "", nil, 11 * time.Second,
			[]string{`AttributeName("port")`, "port 22 was not tried", `the source "lease"`, "wait_for.port.address"}},
		"the port does not answer": {`{"port": {"number": 22, "timeout": "10s"}}`, "", func(h *virttest.Host) { h.Lease("guest", otherAddress, guestAddress) }, 11 * time.Second,
			[]string{"TCP port 22 does not answer at 192.168.150.12, 192.168.150.13"}},
		"cloud-init fails": {`{"cloud_init": {}}`, "", func(h *virttest.Host) {
			h.ScriptCommand("guest", cloudInitSays("status: error\ndetail:\nno such module\n", 1))
			h.ConnectAgent("guest")
		}, time.Second, []string{`AttributeName("cloud_init")`, "cloud-init failed in the guest:", "| status: error", "| no such module"}},
		"cloud-init is disabled": {`{"cloud_init": {}}`, "", func(h *virttest.Host) {
			h.ScriptCommand("guest", cloudInitSays("status: disabled\n", 0))
			h.ConnectAgent("guest")
		}, time.Second, []string{"cloud-init is disabled in the guest"}},
		"the guest has no cloud-init": {`{"cloud_init": {}}`, "", func(h *virttest.Host) {
			h.ScriptCommand("guest", func(context.Context, virt.Command) (virt.CommandResult, error) {
				return virt.CommandResult{}, virt.ErrNoProgram
			})
			h.ConnectAgent("guest")
		}, time.Second, []string{"the guest does not have cloud-init"}},
		"an agent that runs no commands": {`{"cloud_init": {"timeout": "1m"}}`, "", func(h *virttest.Host) { h.ConnectAgent("guest") }, time.Minute + time.Second,
			[]string{"After 1m0s, the console does not show that cloud-init has finished, and the guest agent did not tell: no guest agent"}},
		"cloud-init has no data source": {`{"cloud_init": {}}`, "", func(h *virttest.Host) {
			h.ScriptCommand("guest", cloudInitSays("status: disabled\nboot_status_code: disabled-by-generator\nerrors: []\n", 0))
			h.ConnectAgent("guest")
		}, time.Second, []string{"disabled in the guest, because it found no data source. Check that a volume with cloud_init"}},
		"no agent": {`{"cloud_init": {"timeout": "1m"}}`, "", nil, time.Minute + time.Second, []string{"no guest agent is connected", "set guest_agent = true"}},
		"cloud-init does not end": {`{"cloud_init": {"timeout": "1m"}}`, bootedConsole + "Cloud-init v. 22.4.2 running 'modules:final'\n", nil, time.Minute + time.Second,
			[]string{`AttributeName("cloud_init")`, "After 1m0s, the console does not show that cloud-init has finished", "| Cloud-init v. 22.4.2 running", "is replaced instead"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newGuestHost(t)
				c := newCore(t, h, "netboot_domain")
				h.Script("guest", cmp.Or(test.console, bootedConsole), false)
				var happened time.Time
				whenStarted(h, func() {
					if test.happen != nil {
						test.happen(h)
						happened = time.Now()
					}
				})
				begin := time.Now()
				found := c.apply(waitingDomain(test.wait)).String()
				if happened.IsZero() || test.within > 5*time.Second {
					happened = begin
				}
				if took := time.Since(happened); took > test.within {
					t.Errorf("it ended after %v, want %v", took, test.within)
				}
				if !says(test.says...).MatchString(found) {
					t.Errorf("it says:\n%s", found)
				}
				time.Sleep(time.Minute) // until whenStarted has ended
				if !c.tainted {
					t.Error("the new guest is not tainted")
				}
			})
		})
	}
}

// TestWaitForAgain holds that a wait that failed in an update is made again by the next apply, with another boot, and that a boot check
// that fails says so at once.
func TestWaitForAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newGuestHost(t)
		c := newCore(t, h, "netboot_domain")
		c.must(waitingDomain("null"))
		h.EndDomain("guest")
		config := waitingDomain(`{"agent": {"timeout": "1s"}}`)
		if found := c.apply(config).String(); !says("the guest agent is not connected").MatchString(found) {
			t.Errorf("it says:\n%s", found)
		}
		if c.tainted {
			t.Error("a guest that is not new is tainted")
		}
		boots := h.Calls("BootDomain")
		config = waitingDomain(`{"agent": {}}`)
		whenStarted(h, func() { h.ConnectAgent("guest") })
		c.must(config)
		c.mustBeDone(config)
		if h.Calls("BootDomain") != boots+1 {
			t.Error("the guest is not booted again")
		}
	})
}

// TestWaitForCloudInitOnConsole holds that the last line of cloud-init counts, also before a boot check has seen all that it expects.
func TestWaitForCloudInitOnConsole(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newGuestHost(t)
		c := newCore(t, h, "netboot_domain")
		h.Script("guest", "Cloud-init v. 22.4.2 finished at Mon, 30 Nov 2026 05:00:00 +0000. Datasource DataSourceNoCloud.  Up 25.03 seconds\nlast line\n", false)
		config := strings.Replace(waitingDomain(`{"cloud_init": {}}`), `"guest_agent": true`, `"boot_check": {"expect": ["last line"]}`, 1)
		c.must(config)
		c.mustBeDone(config)

		h.EndDomain("guest")
		h.Script("guest", "Kernel panic - not syncing: out of luck\n", false)
		if found := c.apply(config).String(); !says(`AttributeName("boot_check")`, "Linux panicked", `Not seen on the console: "last line"`).MatchString(found) || strings.Contains(found, "wait_for") {
			t.Errorf("it says:\n%s", found)
		}
	})
}

// TestWaitForInterrupted holds that Ctrl-C ends the waits at once.
func TestWaitForInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newGuestHost(t)
		c := newCore(t, h, "netboot_domain")
		ctx, cancel := context.WithCancel(t.Context())
		c.run(ctx, newRun(t, h))
		whenStarted(h, cancel)
		if found := c.apply(waitingDomain(`{"agent": {}, "address": {}}`)).String(); !says("Unable to wait for", "The run was interrupted").MatchString(found) {
			t.Errorf("it says:\n%s", found)
		}
	})
}

// addressesOf are the addresses in a guest's state.
func addressesOf(t *testing.T, c *core) []string {
	t.Helper()
	var state map[string]tftypes.Value
	var list []tftypes.Value
	if err := c.state.As(&state); err != nil {
		t.Fatal(err)
	}
	if err := state["addresses"].As(&list); err != nil {
		t.Fatal(err)
	}
	addresses := make([]string, len(list))
	for i := range list {
		if err := list[i].As(&addresses[i]); err != nil {
			t.Fatal(err)
		}
	}
	return addresses
}
