package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-log/tflogtest"
	"github.com/hashicorp/terraform-plugin-log/tfsdklogtest"
)

// marker is a secret that must not show.
const marker = "hunter2"

// secretSamples have the marker in each attribute that is write-only or sensitive.
var secretSamples = map[string][]string{
	"netboot_volume": {
		`{"name": "seed", "cloud_init": {"user_data": "#cloud-config\npassword: hunter2\n", "meta_data": "instance-id: hunter2", "network_config": "wifi: hunter2", "vendor_data": "#cloud-config\nkey: hunter2\n"}}`,
		`{"name": "seed", "ignition": "{\"ignition\": {\"version\": \"3.4.0\"}, \"passwd\": {\"users\": [{\"name\": \"hunter2\"}]}}"}`,
	},
}

// invalidSecrets are refused before anything is made.
var invalidSecrets = []string{
	`{"name": "seed", "cloud_init": {"user_data": "password: hunter2"}}`,
	`{"name": "seed", "cloud_init": {"vendor_data": "hunter2"}}`,
	`{"name": "seed", "ignition": "hunter2"}`,
	`{"name": "seed", "ignition": "{\"ignition\": {\"version\": \"3.4.0\"}, \"hunter2\": ["}`,
}

// TestSecrets holds that what is write-only or sensitive is in no plan, no state, private state or
// identity, no message and no log, whatever becomes of it. A new attribute of that kind has to be in a
// sample.
func TestSecrets(t *testing.T) {
	t.Setenv("TF_LOG_SDK_FRAMEWORK", "TRACE")
	_, schemas := unconfiguredServer(t, New("test"))
	for kind, schema := range schemas.ResourceSchemas {
		for _, name := range secretsOf(schema.Block.Attributes, "") {
			holds := func(sample string) bool {
				var config map[string]any
				if err := json.Unmarshal([]byte(sample), &config); err != nil {
					t.Fatal(err)
				}
				return slices.ContainsFunc(leaves(schema.Block.Attributes, config, place{}), func(p place) bool { return p.name == name && strings.Contains(p.value, marker) })
			}
			if !slices.ContainsFunc(secretSamples[kind], holds) {
				t.Errorf("%s of %s is a secret and in no sample: add it to secretSamples", name, kind)
			}
		}
	}
	for kind, samples := range secretSamples {
		for _, sample := range samples {
			keepsSecret(t, kind, sample, "")
			for _, method := range []string{"Pool", "Volume", "CreateVolume", "Fill", "Upload", "Download", "DeleteVolume"} {
				keepsSecret(t, kind, sample, method)
			}
		}
	}
	for _, sample := range invalidSecrets {
		if said := keepsSecret(t, "netboot_volume", sample, ""); !said.hasError() {
			t.Errorf("%s is not refused", sample)
		}
	}
}

// keepsSecret creates, refreshes, imports, plans to change and destroys the resource of a sample, on a
// host of which a method may fail.
func keepsSecret(t *testing.T, kind, sample, method string) problems {
	t.Helper()
	h := newMemoryHost(t)
	c := newCore(t, h, kind)
	var logs, sdkLogs bytes.Buffer
	c.ctx = tfsdklogtest.RootLogger(tflogtest.RootLogger(t.Context(), &logs), &sdkLogs)
	if method != "" {
		h.Fail(method, errors.New("the host refuses"))
	}
	plan := c.plan(sample)
	shown := fmt.Sprint(plan.state, plan.problems)
	if plan.PlanResourceChangeResponse != nil {
		shown += string(plan.PlannedPrivate)
	}
	said := c.do(plan)
	look := func(more ...any) { shown += fmt.Sprint(append(more, c.state, string(c.private))...) }
	look(said)
	if !c.state.IsNull() {
		look(c.refresh())
		change := c.plan(strings.ReplaceAll(sample, marker, marker+"3"))
		look(change.state, change.problems)
		look(c.destroy())
	}
	if sdkLogs.Len() == 0 {
		t.Error("there is no log to look into")
	}
	for where, text := range map[string]string{"a plan, a state or a message": shown, "the log": logs.String() + sdkLogs.String()} {
		if at := strings.Index(text, marker); at >= 0 {
			t.Errorf("with %q failing, the secret is in %s: %s", method, where, text[max(0, at-200):min(len(text), at+50)])
		}
	}
	return said
}

// secretsOf are the names of the attributes that are write-only or sensitive.
func secretsOf(attributes []*tfprotov6.SchemaAttribute, within string) (names []string) {
	for _, a := range attributes {
		name := strings.TrimPrefix(within+"."+a.Name, ".")
		switch {
		case a.NestedType != nil:
			names = append(names, secretsOf(a.NestedType.Attributes, name)...)
		case a.WriteOnly || a.Sensitive:
			names = append(names, name)
		}
	}
	return names
}

// TestSecretsOfSources holds that the password and the query of a URL are in no message and no log, however
// its download fails. They are attributes, so a plan and a state have them.
func TestSecretsOfSources(t *testing.T) {
	t.Setenv("TF_LOG_SDK_FRAMEWORK", "TRACE")
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/kernel":
			_, _ = w.Write(oldKernel)
		case "/page":
			_, _ = w.Write([]byte("<!DOCTYPE html>"))
		case "/list":
			_, _ = fmt.Fprintf(w, "%s  another\n", sha256Of(oldKernel))
		case "/denied":
			w.WriteHeader(http.StatusUnauthorized)
		case "/cut":
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(oldKernel[:1000])
		case "/loop":
			http.Redirect(w, r, "/loop?token="+marker, http.StatusFound)
		case "/ftp":
			http.Redirect(w, r, "ftp://user:"+marker+"@host/?token="+marker, http.StatusFound)
		case "/bad":
			w.Header().Set("Location", "http://user:"+marker+"/@%zz/")
			w.WriteHeader(http.StatusFound)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	plain, encrypted := httptest.NewServer(serve), httptest.NewTLSServer(serve)
	t.Cleanup(plain.Close)
	t.Cleanup(encrypted.Close)
	at := func(server *httptest.Server, path string) string {
		return strings.Replace(server.URL, "://", "://user:"+marker+"@", 1) + path + "?token=" + marker
	}
	image := func(attributes string) string {
		return fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", %s}`, attributes)
	}
	var configs []string
	for _, path := range []string{"/none", "/denied", "/page", "/cut", "/loop", "/ftp", "/bad"} {
		configs = append(configs, image(fmt.Sprintf(`"kernel": {"source": %q}`, at(plain, path))))
	}
	for _, source := range []string{at(encrypted, "/kernel"), "http://user:" + marker + "/x@host/", "ftp://user:" + marker + "@host/", "file://user:" + marker + "@host/", "http://user:" + marker + "@/kernel"} {
		configs = append(configs, image(fmt.Sprintf(`"kernel": {"source": %q}`, source)))
	}
	kernel := at(plain, "/kernel")
	for _, attributes := range []string{
		fmt.Sprintf(`"kernel": {"source": %q, "checksum": "sha256:%064d"}`, kernel, 0),
		fmt.Sprintf(`"kernel": {"source": %q, "iso_path": "/kernel"}`, kernel),
		fmt.Sprintf(`"kernel": {"source": %q, "checksum": "file:%s"}`, kernel, at(plain, "/none")),
		fmt.Sprintf(`"kernel": {"source": %q, "checksum": "file:%s"}`, kernel, at(plain, "/list")),
		fmt.Sprintf(`"kernel": {"source": %q, "checksum": "file:%s"}`, kernel, at(plain, "/page")),
		fmt.Sprintf(`"kernel": {"source": %q, "checksum": "file:%s"}, "checksum_signature": {"key": %q}`, kernel, at(plain, "/list"), at(plain, "/page")),
		fmt.Sprintf(`"ins": {"source": %q}`, at(plain, "/none")),
		fmt.Sprintf(`"ins": {"source": %q}`, at(plain, "/page")),
		fmt.Sprintf(`"ins": {"source": %q, "iso_path": "/x.ins"}`, kernel),
	} {
		configs = append(configs, image(attributes))
	}
	for _, config := range configs {
		h := newMemoryHost(t)
		newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/tftp"}`)
		c := newCore(t, h, "netboot_image")
		var logs, sdkLogs bytes.Buffer
		c.ctx = tfsdklogtest.RootLogger(tflogtest.RootLogger(t.Context(), &logs), &sdkLogs)
		said := c.apply(config)
		if !said.hasError() {
			t.Errorf("%s does not fail", config)
		}
		if text := said.String() + logs.String() + sdkLogs.String(); strings.Contains(text, marker) {
			t.Errorf("%s\nsays %v", config, said)
		}
	}
}

// TestSecretsOfManifest holds that what an .ins names is fetched with the access that the manifest has, and
// that this is in none of the attributes that follow from it: those are not sensitive where ins is.
func TestSecretsOfManifest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		switch {
		case password != marker || r.URL.Query().Get("token") != marker:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/x.ins":
			_, _ = w.Write([]byte("* test\nkernel 0x00000000\n"))
		case r.URL.Path == "/list":
			_, _ = fmt.Fprintf(w, "%s  kernel\n", sha256Of(oldKernel))
		default:
			_, _ = w.Write(oldKernel)
		}
	}))
	t.Cleanup(server.Close)
	at := strings.Replace(server.URL, "://", "://user:"+marker+"@", 1)
	h := newMemoryHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/tftp"}`)
	c := newCore(t, h, "netboot_image")
	c.must(fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "acc", "ins": {"source": "%[1]s/x.ins?token=hunter2", "checksum": "file:%[1]s/list?token=hunter2"}}`, at))
	shown := fmt.Sprint(members(t, c.state)["kernel"])
	if strings.Contains(shown, marker) || !strings.Contains(shown, server.URL+"/kernel") || !strings.Contains(shown, server.URL+"/list") {
		t.Errorf("the kernel is %s", shown)
	}
}

// TestSecretsOfHosts holds that the password of a libvirt URI is in no message.
func TestSecretsOfHosts(t *testing.T) {
	for _, uri := range []string{
		"qemu+tcp://user:hunter2@127.0.0.1:1/system", "qemu+tls://user:hunter2@127.0.0.1:1/system", "qemu+none://user:hunter2@host/system",
		"qemu+tcp://user:hunter2@host/system?none=1", "qemu+ssh://user:hunter2@host/system", "qemu+tcp://user:hunter2/x@host/system", "//user:hunter2@host/system",
		"qemu+libssh://user:hunter2@127.0.0.1:1/system?known_hosts_verify=ignore",
	} {
		server, schemas := unconfiguredServer(t, New("test"))
		said := configure(t, server, schemas, fmt.Sprintf(`{"uri": %q}`, uri))
		if !said.hasError() {
			said = append(said, ask(t, server, "data.netboot_host", dynamicOf(t, schemas.DataSourceSchemas["netboot_host"], `{}`))...)
		}
		if !said.hasError() || strings.Contains(said.String(), marker) {
			t.Errorf("%s: %v", uri, said)
		}
	}
}
