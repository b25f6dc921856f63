package domains

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

const manyGuests = 20

// TestWatchDoesNotPoll checks that the provider makes no calls to the host while it waits minutes for guests that write nothing.
func TestWatchDoesNotPoll(t *testing.T) {
	memory := virttest.New()
	var names []string
	for i := range manyGuests {
		name := fmt.Sprintf("guest-%d", i)
		if err := memory.CreateDomain(t.Context(), virt.Domain{Name: name, Arch: "s390x", Accelerator: "tcg", Memory: 512 << 20, VCPUs: 1}); err != nil {
			t.Fatal(err)
		}
		memory.Script(name, "LOADPARM=[        ]\n", false)
		names = append(names, name)
	}
	before := allCalls(memory)
	synctest.Test(t, func(t *testing.T) {
		r := &domainResource{framework.Resource[Host]{Scope: framework.NewScope[Host](framework.Data{Default: framework.NewSite(memory)})}}
		var all sync.WaitGroup
		began := time.Now()
		for _, name := range names {
			all.Go(func() {
				_, err := r.watch(t.Context(), domainModel{Name: types.StringValue(name)}, &bootCheckModel{Expect: []string{"never"}, Timeout: "5m"}, nil, &diag.Diagnostics{})
				if err == nil || !strings.Contains(err.Error(), "the boot timed out") {
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
	methods := reflect.TypeFor[Host]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		calls[name] = memory.Calls(name)
	}
	return calls
}

// TestConsoleLog checks that the file of a console is in its directory for any name of the guest, and that only its owner can read
// it.
func TestConsoleLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	for _, name := range []string{"guest", "-x", "a b;c", "~", "*"} {
		if err := framework.CheckObjectName(name); err != nil {
			t.Fatal(err)
		}
		r := &domainResource{framework.Resource[Host]{Scope: framework.Scope[Host]{Data: framework.Data{ConsoleLogDir: dir}}}}
		m := domainModel{}
		m.Name = framework.Optional(name)
		log, err := r.consoleLog(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, name+".log"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// FuzzNote checks that a domain's note is either ignored, or written again with the same content.
func FuzzNote(f *testing.F) {
	f.Add(`{"pxelinux_config":"lab/default","boot_check":{"expect":["a"]},"boot_result":{"stage":"linux","seconds":1.5}}`)
	f.Add(`{"boot_check":null,"boot_result":{"matched":null}}`)
	f.Add(`{`)
	f.Fuzz(func(t *testing.T, text string) {
		var problems diag.Diagnostics
		var first, second domainModel
		first.fromNote(t.Context(), text, &problems)
		noted, err := first.note(t.Context(), &problems)
		if err != nil || problems.HasError() {
			t.Fatalf("%q: %v, %v", text, err, problems)
		}
		second.fromNote(t.Context(), noted, &problems)
		again, err := second.note(t.Context(), &problems)
		if err != nil || noted != again {
			t.Errorf("%q is noted as %q, and then as %q (%v)", text, noted, again, err)
		}
	})
}
