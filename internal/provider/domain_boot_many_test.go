package provider

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

const manyGuests = 20

// TestAccDomainManyBoots boots guests side by side, each watched over a connection of its own beside the
// one for calls that each of the CLI's two phases opens.
func TestAccDomainManyBoots(t *testing.T) {
	leavesNothing(t)
	w := newWire(t)
	c := newCLI(t, w.uri, labNetwork)
	c.must("apply", "-auto-approve")
	before := w.connections()
	c.write("guests.tf", fmt.Sprintf(`
resource "netboot_domain" "test" {
  count      = %d
  name       = "acc-${count.index}"
  memory     = "256MiB"
  interfaces = [{ network = netboot_network.lab.name }]
  boot_check = { expect = ["Network boot (device) detected"] }
}
output "groups" { value = distinct(netboot_domain.test[*].boot_result.groups) }
`, manyGuests))
	run := c.start("apply", "-auto-approve", fmt.Sprintf("-parallelism=%d", manyGuests))
	if err := run.wait(4 * time.Minute); err != nil {
		t.Errorf("%v\n%s", err, run.output.String())
	}
	var kill []string // what they wait for takes all processors
	for i := range manyGuests {
		kill = append(kill, fmt.Sprintf("destroy acc-%d", i))
	}
	virsh(t, strings.Join(kill, "; "))
	if got := w.connections() - before; got != manyGuests+2 {
		t.Errorf("%d guests took %d connections, want one each and two", manyGuests, got)
	}
	if got := c.must("output", "-json", "groups"); strings.Join(strings.Fields(got), "") != `[[["device"]]]` {
		t.Errorf("the groups are %s", got)
	}
	c.must("destroy", "-auto-approve")
}

// TestWatchDoesNotPoll waits for minutes for guests that say nothing, and asks their host nothing.
func TestWatchDoesNotPoll(t *testing.T) {
	memory := newGuestHost(t)
	var names []string
	for i := range manyGuests {
		name := fmt.Sprintf("guest-%d", i)
		newCore(t, memory, "netboot_domain").must(fmt.Sprintf(`{"name": %q, "memory": "512MiB", "running": false, "interfaces": [{"network": "lab"}]}`, name))
		memory.Script(name, "LOADPARM=[        ]\n", false)
		names = append(names, name)
	}
	before := allCalls(memory)
	synctest.Test(t, func(t *testing.T) {
		r := &domainResource{configured{site: newSite(memory)}}
		var all sync.WaitGroup
		began := time.Now()
		for _, name := range names {
			all.Go(func() {
				_, err := r.watch(t.Context(), domainModel{Name: types.StringValue(name)}, bootCheckModel{Expect: []string{"never"}, Timeout: "5m"})
				if err == nil || !strings.Contains(err.Error(), "the time for the boot was over") {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != 5*time.Minute {
			t.Errorf("it took %s", took)
		}
	})
	for method, calls := range allCalls(memory) {
		want := 0
		if method == "BootDomain" {
			want = manyGuests
		}
		if calls -= before[method]; calls != want {
			t.Errorf("%s was called %d times, want %d", method, calls, want)
		}
	}
	for _, name := range names {
		if d, err := memory.Domain(t.Context(), name); err != nil || d.State != virt.Running {
			t.Errorf("%s is %+v (%v)", name, d, err)
		}
	}
}

// allCalls counts the calls of each method of a host.
func allCalls(memory *virttest.Host) map[string]int {
	calls := map[string]int{}
	methods := reflect.TypeFor[host]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		calls[name] = memory.Calls(name)
	}
	return calls
}
