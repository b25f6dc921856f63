package domains

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// cloudInitEnds matches the last line of cloud-init on the console: cloudinit/config/cc_final_message.py, FINAL_MESSAGE_DEF.
const cloudInitEnds = `Cloud-init v\. \S+ finished at `

// cloudInitStatus asks cloud-init in the guest: cloudinit/cmd/status.py. With --wait it would look four times a second, and write to the
// console when it is ended.
var cloudInitStatus = virt.Command{Program: "cloud-init", Arguments: []string{"status", "--long"}}

const (
	// cloudInitPause is the pause between two questions. The console shows the end without one.
	cloudInitPause = 5 * time.Second
	// cloudInitGrace is how long the agent may take to answer after the console has shown the end, for example because it is restarted.
	cloudInitGrace = 10 * time.Second
)

// readCloudInit looks for the end of cloud-init on the console.
func (w *waiter) readCloudInit(console *io.PipeReader) {
	defer console.Close()
	if w.want.CloudInit == nil {
		return
	}
	if _, err := boot.Watch(w.ctx, console, boot.Expectation{Expect: []*regexp.Regexp{regexp.MustCompile(cloudInitEnds)}}); err == nil {
		w.cloudInit.now()
	}
}

// cloudInitWait waits for the end of cloud-init.
type cloudInitWait struct {
	*waiter
	refused error // why the agent did not tell it at the last question
}

// await asks the agent, which also knows whether cloud-init failed. Without an agent that answers, the console has to show the end.
func (c *cloudInitWait) await(ctx context.Context) error {
	select {
	case <-c.agent.done:
	case <-c.cloudInit.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	shown := c.cloudInit.done
	var grace <-chan time.Time // runs from the end on the console
	for c.agent.happened() {
		if ended, err := c.ask(ctx); ended || err != nil {
			return err
		}
		if shown == nil && errors.Is(c.refused, virt.ErrNoCommands) {
			return nil
		}
		select {
		case <-time.After(cloudInitPause):
		case <-shown:
			shown, grace = nil, time.After(cloudInitGrace)
		case <-grace:
			return nil
		case <-ctx.Done():
			if c.cloudInit.happened() { // its last step may turn the guest off
				return nil
			}
			return context.Cause(ctx)
		}
	}
	return nil
}

// ask returns whether cloud-init has ended, and how if it failed.
func (c *cloudInitWait) ask(ctx context.Context) (ended bool, err error) {
	result, err := c.Host.RunCommand(ctx, c.name(), cloudInitStatus)
	if errors.Is(err, virt.ErrNoProgram) {
		return false, errors.New("the guest does not have cloud-init")
	}
	c.refused = err // the next question may be answered
	said := saidOfCloudInit(result.Output)
	switch status, _, _ := strings.Cut(said, "\n"); status {
	case "status: done":
		if result.ExitStatus != 0 { // 2 since 23.4: it warned about something, such as user data that it could not read
			c.warning = said
		}
		return true, nil
	case "status: error":
		return true, fmt.Errorf("cloud-init failed in the guest:\n%s", boot.Quote(said))
	case "status: disabled":
		return true, fmt.Errorf("cloud-init is disabled in the guest%s:\n%s", whyDisabled(said), boot.Quote(said))
	default: // it runs, or has not started, or the agent did not answer
		return false, nil
	}
}

// saidOfCloudInit is the status without lines that say nothing.
func saidOfCloudInit(output []byte) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(output)), "\n"), func(line string) bool {
		return line == "errors: []" || line == "recoverable_errors: {}"
	})
	return strings.Join(lines, "\n")
}

// whyDisabled explains the reason of which cloud-init says only that its generator has it: tools/ds-identify.
func whyDisabled(said string) string {
	if strings.Contains(said, "disabled-by-generator") {
		return ", because it found no data source. Check that a volume with cloud_init is one of the guest's disks"
	}
	return ""
}

// tellWarning passes on what cloud-init warned about.
func (w *waiter) tellWarning(diags *diag.Diagnostics) {
	if w.warning != "" {
		diags.AddAttributeWarning(path.Root("wait_for").AtName("cloud_init"), fmt.Sprintf("cloud-init has finished in %s with warnings", w.guest.subject()),
			"Check that it could read its user data:\n"+boot.Quote(framework.Printable(w.warning)))
	}
}

func (c *cloudInitWait) missing() string {
	switch {
	case c.refused != nil:
		return fmt.Sprintf("the console does not show that cloud-init has finished, and the guest agent did not tell: %v", c.refused)
	case c.agent.happened():
		return "cloud-init has not finished"
	default:
		return "the console does not show that cloud-init has finished, and no guest agent is connected. Check that cloud-init is installed in the guest and writes to this console, or set guest_agent = true"
	}
}
