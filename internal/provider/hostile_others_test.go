package provider

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// hostileQuestions are data sources, actions and lists with all of their strings, by the name of each.
var hostileQuestions = map[string]string{
	"data.netboot_host":               `{"host": "far"}`,
	"data.netboot_network":            `{"host": "far", "name": "lab"}`,
	"data.netboot_volume":             `{"host": "far", "name": "disk", "pool": "default"}`,
	"data.netboot_domain":             `{"host": "far", "name": "another"}`,
	"data.netboot_console":            `{"host": "far", "domain": "another", "until": "Linux", "timeout": "1ms"}`,
	"action.netboot_domain_power":     `{"host": "far", "domain": "another", "power": "reset", "timeout": "1s"}`,
	"action.netboot_domain_reinstall": `{"host": "far", "domain": "another"}`,
	"action.netboot_domain_exec":      `{"host": "far", "domain": "another", "command": ["cat", "-"], "environment": {"LANG": "C"}, "input": "text", "timeout": "1s"}`,
	"action.netboot_domain_snapshot":  `{"host": "far", "domain": "another", "name": "clean", "operation": "create", "timeout": "1s"}`,
	"list.netboot_tftp_root":          `{"host": "far"}`,
	"list.netboot_image":              `{"host": "far", "tftp_root": "srv-tftp"}`,
	"list.netboot_pxelinux_config":    `{"host": "far", "tftp_root": "srv-tftp"}`,
	"list.netboot_grub_config":        `{"host": "far", "tftp_root": "srv-tftp"}`,
	"list.netboot_network":            `{"host": "far"}`,
	"list.netboot_volume":             `{"host": "far", "pool": "default"}`,
	"list.netboot_domain":             `{"host": "far"}`,
}

// TestHostileQuestions does the same with data sources, actions and lists, which only have names to look
// for: nothing is made on the host, and what is shown is plain text.
func TestHostileQuestions(t *testing.T) {
	on := &recorder{}
	server, schemas := configuredServer(t, on, `{"uri": "memory:///", "hosts": {"far": {"uri": "memory:///"}}}`)
	questions := map[string]*tfprotov6.Schema{}
	for name, schema := range schemas.DataSourceSchemas {
		questions["data."+name] = schema
	}
	for name, schema := range schemas.ActionSchemas {
		questions["action."+name] = schema.Schema
	}
	for name, schema := range schemas.ListResourceSchemas {
		questions["list."+name] = schema
	}
	for name, schema := range questions {
		var config map[string]any
		if err := json.Unmarshal([]byte(hostileQuestions[name]), &config); err != nil {
			t.Fatalf("%s has no sample: %v", name, err)
		}
		places := leaves(schema.Block.Attributes, config, place{})
		for _, wanted := range stringsOf(schema.Block.Attributes, "") {
			if !slices.ContainsFunc(places, func(p place) bool { return p.name == wanted }) {
				t.Errorf("%s of %s is in no sample: give it a harmless value in hostileQuestions", wanted, name)
			}
		}
		for _, at := range places {
			for _, value := range at.hostile() {
				on.renew(t)
				said := ask(t, server, name, dynamicOf(t, schema, toJSON(t, at.replaced(config, value))))
				holdsProblems(t, name+": "+at.name, said)
				if made := on.seen(t); len(made) > 0 {
					t.Errorf("%s with %s = %.60q makes %v", name, at.name, value, made)
				}
				if !said.hasError() && strings.ContainsFunc(value, unicode.IsControl) && at.name != "until" {
					t.Errorf("%s with %s = %.60q is not refused", name, at.name, value)
				}
			}
		}
	}
}

// ask validates a configuration of a data source, an action or a list, and asks.
func ask(t *testing.T, server tfprotov6.ProviderServer, name string, config *tfprotov6.DynamicValue) (said problems) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	kind, name, _ := strings.Cut(name, ".")
	switch kind {
	case "data":
		valid, err := server.ValidateDataResourceConfig(t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{TypeName: name, Config: config})
		must(err)
		if said = valid.Diagnostics; !said.hasError() {
			read, err := server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: name, Config: config})
			must(err)
			said = read.Diagnostics
		}
	case "action":
		acting := asserted[tfprotov6.ActionServer](server)
		valid, err := acting.ValidateActionConfig(t.Context(), &tfprotov6.ValidateActionConfigRequest{ActionType: name, Config: config})
		must(err)
		if said = valid.Diagnostics; !said.hasError() {
			stream, err := acting.InvokeAction(t.Context(), &tfprotov6.InvokeActionRequest{ActionType: name, Config: config})
			must(err)
			for event := range stream.Events {
				switch event := event.Type.(type) {
				case tfprotov6.ProgressInvokeActionEventType:
					said = append(said, &tfprotov6.Diagnostic{Summary: event.Message})
				case tfprotov6.CompletedInvokeActionEventType:
					said = append(said, event.Diagnostics...)
				}
			}
		}
	case "list":
		listing := asserted[tfprotov6.ListResourceServer](server)
		stream, err := listing.ListResource(t.Context(), &tfprotov6.ListResourceRequest{TypeName: name, Config: config, Limit: 10})
		must(err)
		for result := range stream.Results {
			said = append(said, result.Diagnostics...)
		}
	}
	return said
}

// TestHostileArguments holds that functions refuse hostile texts in plain words, or return.
func TestHostileArguments(t *testing.T) {
	for name, definition := range offeredFunctions(t) {
		if !definition.Parameters[0].Type.Is(tftypes.String) {
			continue // what pxelinux_render takes are the entries of netboot_pxelinux_config
		}
		for _, value := range (place{value: "52:54:00:00:00:01"}).hostile() {
			_, failure := call(t, name, text(value))
			if failure != nil && strings.ContainsFunc(failure.Text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("%s(%.60q) says %q", name, value, failure.Text)
			}
		}
	}
}
