package domains

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// cloudInitEnds matches the last line of cloud-init on the console: cloudinit/config/cc_final_message.py, FINAL_MESSAGE_DEF.
const cloudInitEnds = `Cloud-init v\. \S+ finished at `

// cloudInitStatus waits in the guest until cloud-init has finished: cloudinit/cmd/status.py.
var cloudInitStatus = virt.Command{Program: "cloud-init", Arguments: []string{"status", "--wait", "--long"}}

// cloudInitPause is the pause before the agent is asked again, for example because it was restarted.
const cloudInitPause = 2 * time.Second

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
	refused error // why the agent did not tell it
}

// await asks the agent, which also knows whether cloud-init failed. Without an agent that answers, the console has to show the end.
func (c *cloudInitWait) await(ctx context.Context) error {
	select {
	case <-c.agent.done:
	case <-c.cloudInit.done:
		if !c.agent.happened() {
			return nil
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		result, err := c.Host.RunCommand(ctx, c.name, cloudInitStatus)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, virt.ErrNoProgram):
			return errors.New("the guest does not have cloud-init")
		case err == nil:
			return cloudInitVerdict(result)
		}
		c.refused = err
		select {
		case <-time.After(cloudInitPause):
		case <-c.cloudInit.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// cloudInitVerdict reads the status of cloud-init. Exit status 2 is for errors after which cloud-init continued.
func cloudInitVerdict(result virt.CommandResult) error {
	_, status, _ := strings.Cut(string(result.Output), "status: ") // after the dots that it prints while it waits
	status = "status: " + strings.TrimSpace(status)
	switch {
	case strings.HasPrefix(status, "status: disabled"):
		return fmt.Errorf("cloud-init is disabled in the guest:\n%s", quotedLines(status))
	case result.ExitStatus != 0 && result.ExitStatus != 2:
		return fmt.Errorf("cloud-init failed in the guest:\n%s", quotedLines(status))
	default:
		return nil
	}
}

// quotedLines are the lines of a guest in the form of those of a console.
func quotedLines(text string) string { return "  | " + strings.ReplaceAll(text, "\n", "\n  | ") }

func (c *cloudInitWait) missing() string {
	if c.refused == nil {
		return "cloud-init has not finished"
	}
	return fmt.Sprintf("the console does not show that cloud-init has finished, and the guest agent did not tell: %v", c.refused)
}
