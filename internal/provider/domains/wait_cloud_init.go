package domains

import (
	"context"
	"io"
	"regexp"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
)

// cloudInitEnds matches the last line of cloud-init on the console: cloudinit/config/cc_final_message.py, FINAL_MESSAGE_DEF.
const cloudInitEnds = `Cloud-init v\. \S+ finished at `

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

func (w *waiter) awaitCloudInit(ctx context.Context) error {
	select {
	case <-w.cloudInit.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *waiter) missingCloudInit() string { return "cloud-init has not finished" }
