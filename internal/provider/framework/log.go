package framework

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// With TF_LOG=DEBUG, each call to a host, each wait, each download and each upload is logged in one line when it has ended,
// and in another line while it takes long. Events contain no secrets and nothing that guests write.

// Subsystems of the log, which distinguish these lines from those of the framework.
const (
	logOfHosts     = "netboot.host"
	logOfDownloads = "netboot.download"
)

// Logs tells whether logging is enabled. Without it, nothing is observed.
func Logs() bool {
	return slices.ContainsFunc(os.Environ(), func(variable string) bool {
		name, level, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "TF_LOG") && level != ""
	})
}

// LogHost writes an event of a host into the log.
func LogHost(ctx context.Context, e virt.Event) {
	fields := map[string]any{
		"operation":   e.Operation,
		"host":        e.Host,
		"duration_ms": e.Duration.Milliseconds(),
		"ended":       e.Ended,
	}
	if e.Object != "" {
		fields["object"] = e.Object
	}
	if e.Attempt > 0 {
		fields["attempt"] = e.Attempt
	}
	if e.Kind == virt.EventTransfer {
		fields["bytes"] = e.Bytes
	}
	if e.Err != nil {
		fields["error"] = e.Err.Error()
	}
	write(ctx, logOfHosts, hostMessages[e.Kind][e.Ended], fields)
}

// hostMessages are the messages of events, by their kind and whether they have ended.
var hostMessages = map[virt.EventKind]map[bool]string{
	virt.EventCall:     {true: "Called the host", false: "The host has not answered yet"},
	virt.EventWait:     {true: "Waited", false: "Still waiting"},
	virt.EventTransfer: {true: "Transferred", false: "Still transferring"},
}

// LogDownload writes an event of a download into the log.
func LogDownload(ctx context.Context, e image.Event) {
	fields := map[string]any{
		"source":      e.Source,
		"attempt":     e.Attempt,
		"offset":      e.Offset,
		"bytes":       e.Bytes,
		"readers":     e.Readers,
		"duration_ms": e.Duration.Milliseconds(),
		"waited_ms":   e.Waited.Milliseconds(),
	}
	if e.Kind == image.EventRetry {
		fields["pause_ms"] = e.Pause.Milliseconds()
	}
	if e.Err != nil {
		fields["error"] = e.Err.Error()
	}
	write(ctx, logOfDownloads, downloadMessages[e.Kind], fields)
}

var downloadMessages = map[image.EventKind]string{
	image.EventDownload: "Downloaded",
	image.EventRetry:    "Trying the download again",
	image.EventWait:     "The server has sent nothing yet",
}

func write(ctx context.Context, subsystem, message string, fields map[string]any) {
	tflog.SubsystemDebug(tflog.NewSubsystem(ctx, subsystem), subsystem, message, fields)
}
