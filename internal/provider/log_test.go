package provider

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// logged are the lines of a log that one subsystem of ours has written.
func logged(t *testing.T, log *bytes.Buffer, subsystem string) (lines []map[string]any) {
	t.Helper()
	all, err := tflogtest.MultilineJSONDecode(bytes.NewReader(log.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range all {
		if line["@module"] == "provider."+subsystem {
			lines = append(lines, line)
		}
	}
	return lines
}

// has tells whether a line has all of these fields, as JSON decodes them.
func has(lines []map[string]any, fields map[string]any) bool {
	for _, line := range lines {
		missing := false
		for name, want := range fields {
			missing = missing || line[name] != want
		}
		if !missing {
			return true
		}
	}
	return false
}

// TestLog holds that the log names each call, transfer and download, and what hangs while it hangs.
func TestLog(t *testing.T) {
	uri := lab.Shared(t).URI
	t.Setenv("TF_LOG", "DEBUG")
	h, err := openHost(uri)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c := newCore(t, h, "netboot_volume")
	c.ctx = tflogtest.RootLogger(t.Context(), &log)
	server := lab.NewServer(t)
	source := server.Serve("disk", bytes.Repeat([]byte("dis\x00"), 1<<18))
	withSecret := strings.Replace(source, "http://", "http://user:hunter2@", 1) + "?token=hunter2"
	c.must(fmt.Sprintf(`{"name": "acc-log", "format": "raw", "source": %q}`, withSecret))
	destroys(t, c)
	for _, line := range []map[string]any{
		{"@message": "Called the host", "operation": "virStorageVolCreateXML", "host": uri, "ended": true, "attempt": 1.0},
		{"@message": "Transferred", "operation": "upload", "object": "default/acc-log", "bytes": float64(1 << 20)},
	} {
		if !has(logged(t, &log, "netboot.host"), line) {
			t.Errorf("the log has no line %v:\n%s", line, log.String())
		}
	}
	if line := map[string]any{"@message": "Downloaded", "source": source, "bytes": float64(1 << 20), "attempt": 1.0}; !has(logged(t, &log, "netboot.download"), line) {
		t.Errorf("the log has no line %v:\n%s", line, log.String())
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("a secret is in the log:\n%s", log.String())
	}
}

// TestLogOfHungCall stops libvirtd in the middle, and finds in the log what hangs before it has an end.
func TestLogOfHungCall(t *testing.T) {
	onLab(t, "pkill", "-STOP", "-x", "libvirtd")
	t.Cleanup(func() { _, _ = lab.Shared(t).Exec(context.Background(), "pkill", "-CONT", "-x", "libvirtd") })
	t.Setenv("TF_LOG", "DEBUG")
	h, err := openHost(lab.Shared(t).URI)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	ctx, cancel := context.WithTimeout(tflogtest.RootLogger(t.Context(), &log), 6*time.Second)
	defer cancel()
	server, schemas := configuredServer(t, h, `{}`)
	read, err := server.ReadDataSource(ctx, &tfprotov6.ReadDataSourceRequest{
		TypeName: "netboot_host", Config: dynamicOf(t, schemas.DataSourceSchemas["netboot_host"], `{}`),
	})
	if err != nil || len(read.Diagnostics) == 0 {
		t.Fatalf("a host that has stopped was read: %v", err)
	}
	hung := map[string]any{"@message": "The host has not answered yet", "operation": "virConnectOpen", "host": lab.Shared(t).URI, "ended": false}
	if !has(logged(t, &log, "netboot.host"), hung) {
		t.Errorf("the log does not name the call:\n%s", log.String())
	}
}
