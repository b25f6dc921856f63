package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// foreignResource is a resource in a state of the provider dmacvicar/libvirt. testdata/moved has those of two of its releases,
// 0.8.3 and 0.9.7, as they wrote them.
type foreignResource struct {
	Provider string `json:"provider"`
	Instance struct {
		SchemaVersion         int            `json:"schema_version"`
		IdentitySchemaVersion int            `json:"identity_schema_version"`
		Attributes            map[string]any `json:"attributes"`
		SensitiveAttributes   []any          `json:"sensitive_attributes"`
		Private               string         `json:"private,omitempty"`
	} `json:"instance"`
}

// stateFile is the state of a CLI, in version 4 of its format.
type stateFile struct {
	Version          int              `json:"version"`
	TerraformVersion string           `json:"terraform_version"`
	Serial           int              `json:"serial"`
	Lineage          string           `json:"lineage"`
	Outputs          map[string]any   `json:"outputs"`
	Resources        []map[string]any `json:"resources"`
}

// TestAccMoved moves a network, a directory, volumes and a guest that runs and writes over from another provider. The guest does
// not notice.
func TestAccMoved(t *testing.T) {
	for release, seed := range map[string]string{"0.8": "libvirt_cloudinit_disk", "0.9": "libvirt_volume"} {
		t.Run(release, func(t *testing.T) {
			needsCLI(t)
			accPool(t)
			config := writingGuest(t, "one", "1MiB", `memory = "512MiB"`)
			u := newInUse(t, config)
			u.apply(config)
			w := newWitness(t)
			w.kept()
			for _, flags := range [][]string{{"--config"}, {"--live"}} {
				virsh(t, append([]string{"metadata", "acc", "https://registry.terraform.io/providers/s390x-netboot/netboot", "--remove"}, flags...)...)
			}
			u.overrides("s390x-netboot/netboot", builtProvider(t), "dmacvicar/libvirt", standIn(t))
			m := foreignState{t, u.cli, release}
			config += m.moves("netboot_tftp_root.lab", "libvirt_pool", map[string]any{"name": "srv-tftp-e2e"})
			config += m.moves("netboot_network.lab", "libvirt_network", map[string]any{"name": "acc"})
			config += m.moves("netboot_volume.disk", "libvirt_volume", map[string]any{"name": "disk", "pool": "acc"})
			config += m.moves("netboot_volume.seed", seed, map[string]any{"name": "seed", "pool": "acc"})
			config += m.moves("netboot_domain.test", "libvirt_domain", map[string]any{"name": "acc"})
			restarts(t, false, func() { u.apply(config, "has moved to", "0 to add", "0 to destroy") })
			w.kept()
			u.must("destroy", "-auto-approve")
			removeHostFile(t, "/srv/tftp-e2e") // a moved TFTP root keeps its directory
		})
	}
}

// standIn is a directory with a provider called libvirt. CLIs ask each provider of a state for its schema, also if all that it
// has is moved away.
func standIn(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(builtProvider(t), "terraform-provider-netboot"), filepath.Join(dir, "terraform-provider-libvirt")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// foreignState is a state, of which parts become those of another provider.
type foreignState struct {
	t       *testing.T
	cli     *cli
	release string
}

// moves gives a resource of the state the form that it has in the other provider's, and returns the block that moves it back.
func (f foreignState) moves(address, kind string, attributes map[string]any) (block string) {
	f.t.Helper()
	var known map[string]foreignResource
	var state stateFile
	for text, into := range map[string]any{readFile(f.t, "testdata/moved/"+f.release+".json"): &known, f.cli.state(): &state} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			f.t.Fatal(err)
		}
	}
	foreign := known[kind]
	for name, value := range attributes {
		foreign.Instance.Attributes[name] = value
	}
	own, name, _ := strings.Cut(address, ".")
	for _, r := range state.Resources {
		if r["type"] == own && r["name"] == name {
			r["type"], r["provider"], r["instances"] = kind, foreign.Provider, []any{foreign.Instance}
		}
	}
	state.Serial++
	text, err := json.Marshal(state)
	if err != nil {
		f.t.Fatal(err)
	}
	f.cli.write("terraform.tfstate", string(text))
	return fmt.Sprintf("\nmoved {\n  from = %s.%s\n  to   = %s\n}\n", kind, name, address)
}

// TestMoved holds what movers make of states, of a provider that is not configured: CLIs ask before they configure it.
func TestMoved(t *testing.T) {
	server, schemas := unconfiguredServer(t, New("test"))
	idOf := func(moved *tfprotov6.MoveResourceStateResponse, kind string) (id string) {
		if moved.TargetState == nil {
			return ""
		}
		state, err := moved.TargetState.Unmarshal(schemas.ResourceSchemas[kind].ValueType())
		attributes := map[string]tftypes.Value{}
		if err == nil {
			err = state.As(&attributes)
		}
		if err == nil {
			err = attributes["id"].As(&id)
		}
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	move := func(from, state, to string) (*tfprotov6.MoveResourceStateResponse, string) {
		answer, err := server.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{
			SourceProviderAddress: "provider[\"registry.opentofu.org/someone/libvirt\"]", // as OpenTofu writes it, of a fork
			SourceSchemaVersion:   7,
			SourceTypeName:        from,
			SourceState:           &tfprotov6.RawState{JSON: []byte(state)},
			TargetTypeName:        to,
		})
		if err != nil {
			t.Fatal(err)
		}
		return answer, problems(answer.Diagnostics).String()
	}
	for _, test := range []struct{ from, state, to, id string }{
		{"libvirt_domain", `{"id": 7, "name": "db1", "uuid": "x", "devices": {"disks": []}}`, "netboot_domain", "db1"},
		{"libvirt_network", `{"id": "570abbbc-db89-4ca2-bd8d-9a2aea9c5167", "name": "lab"}`, "netboot_network", "lab"},
		{"libvirt_volume", `{"id": "/srv/v/db1.qcow2", "name": "db1.qcow2", "pool": "fast"}`, "netboot_volume", "fast/db1.qcow2"},
		{"libvirt_pool", `{"name": "tftp", "target": [{"path": "/srv/tftp"}]}`, "netboot_tftp_root", "tftp"},
	} {
		if answer, said := move(test.from, test.state, test.to); said != "" || idOf(answer, test.to) != test.id {
			t.Errorf("%s: %q, want %q; %s", test.from, idOf(answer, test.to), test.id, said)
		}
	}
	// OpenTofu 1.10 and 1.11 ask also where nothing but the provider's address changes.
	for kind := range identitySchemas(t) {
		if answer, said := move(kind, `{"id": "a/b"}`, kind); said != "" || idOf(answer, kind) != "a/b" {
			t.Errorf("%s: %q; %s", kind, idOf(answer, kind), said)
		}
	}
	for _, test := range []struct{ from, state, to, want string }{
		{"libvirt_cloudinit_disk", `{"name": "seed.iso", "path": "/tmp/seed.iso"}`, "netboot_volume", "The state of the libvirt_cloudinit_disk has no pool"},
		{"libvirt_domain", `[]`, "netboot_domain", "cannot be read"},
		{"libvirt_network", `{"name": "lab"}`, "netboot_domain", "Unable to Move Resource State"},
	} {
		if _, said := move(test.from, test.state, test.to); !strings.Contains(said, test.want) {
			t.Errorf("%s to %s says %q, want %q", test.from, test.to, said, test.want)
		}
	}
}
