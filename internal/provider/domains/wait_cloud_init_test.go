package domains

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// TestCloudInitOfAgent holds that the agent decides how cloud-init ended, also if it does not answer at the moment when the console shows
// the end, and for how long it may be silent then.
func TestCloudInitOfAgent(t *testing.T) {
	silent := errors.New("not connected")
	says := func(status string, exit int) func(int) (virt.CommandResult, error) {
		return func(int) (virt.CommandResult, error) {
			return virt.CommandResult{Output: []byte(status), ExitStatus: exit}, nil
		}
	}
	for name, test := range map[string]struct {
		answers func(question int) (virt.CommandResult, error)
		takes   time.Duration // the console shows the end after 7 s
		fails   string
		warns   string
	}{
		"done":          {says("status: done\n", 0), 0, "", ""},
		"done, 23.4":    {says("status: done\nextended_status: degraded done\nerrors: []\nrecoverable_errors:\nWARNING:\n\t- Failed loading yaml blob\n", 2), 0, "", "Failed loading yaml blob"},
		"error":         {says("status: error\ndetail:\nno such module\n", 1), 0, "no such module", ""},
		"runs for ever": {says("status: running\n", 0), 17 * time.Second, "", ""},
		"never answers": {func(int) (virt.CommandResult, error) { return virt.CommandResult{}, silent }, 17 * time.Second, "", ""},
		"no commands":   {func(int) (virt.CommandResult, error) { return virt.CommandResult{}, virt.ErrNoCommands }, 7 * time.Second, "", ""},
		"no cloud-init": {func(int) (virt.CommandResult, error) { return virt.CommandResult{}, virt.ErrNoProgram }, 0, "does not have cloud-init", ""},
		"is asked at the end": {func(question int) (virt.CommandResult, error) {
			if question <= 2 {
				return virt.CommandResult{Output: []byte("status: running\n")}, nil
			}
			return virt.CommandResult{Output: []byte("status: done\n")}, nil
		}, 7 * time.Second, "", ""},
		"is restarted": {func(question int) (virt.CommandResult, error) {
			if question <= 3 { // after 0, 5 and 7 s
				return virt.CommandResult{}, silent
			}
			return virt.CommandResult{Output: []byte("status: error\n"), ExitStatus: 1}, nil
		}, 12 * time.Second, "cloud-init failed in the guest", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := virttest.New()
				if err := errors.Join(h.CreateDomain(t.Context(), virt.Domain{Name: "guest", Arch: "s390x", Accelerator: "tcg", Memory: 512 << 20, VCPUs: 1, GuestAgent: true, Boot: []string{virt.BootNetwork}}),
					h.StartDomain(t.Context(), "guest")); err != nil {
					t.Fatal(err)
				}
				question := 0
				h.ScriptCommand("guest", func(context.Context, virt.Command) (virt.CommandResult, error) {
					question++
					return test.answers(question)
				})
				c := &cloudInitWait{waiter: &waiter{domainResource: &domainResource{framework.Resource[Host]{Scope: framework.Scope[Host]{Host: h}}}, guest: domainModel{Name: types.StringValue("guest")}, agent: newHappening(), cloudInit: newHappening()}}
				c.agent.now()
				begin := time.Now()
				time.AfterFunc(7*time.Second, c.cloudInit.now)
				err := c.await(t.Context())
				if took := time.Since(begin); took != test.takes {
					t.Errorf("it took %v, want %v", took, test.takes)
				}
				if (err != nil) != (test.fails != "") || err != nil && !strings.Contains(err.Error(), test.fails) {
					t.Errorf("it ends with %v, want %q", err, test.fails)
				}
				if !strings.Contains(c.warning, test.warns) || (test.warns == "") != (c.warning == "") || strings.Contains(c.warning, "errors: []") {
					t.Errorf("it warns %q, want %q", c.warning, test.warns)
				}
				time.Sleep(10 * time.Second)
			})
		})
	}
}
