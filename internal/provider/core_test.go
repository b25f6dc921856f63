package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// core does with one resource what the core of Terraform and OpenTofu does, by the provider's protocol
// and on any host: it needs neither a CLI nor libvirtd, and shows what a CLI does not show to tests,
// such as warnings.
type core struct {
	t        *testing.T
	ctx      context.Context
	server   tfprotov6.ProviderServer
	kind     string
	schema   *tfprotov6.Schema
	typed    tftypes.Type // the schema's, which takes long to tell
	state    tftypes.Value
	identity *tfprotov6.ResourceIdentityData
	private  []byte
	tainted  bool
	begin    func() run // nil while the run is one of several resources
}

func newCore(t *testing.T, on host, kind string) *core {
	t.Helper()
	return newCoreOf(t, kind, func() run { return newRun(t, on) })
}

// newCoreOf is a resource each of whose plans begins a run, as with a CLI.
func newCoreOf(t *testing.T, kind string, begin func() run) *core {
	t.Helper()
	c := &core{t: t, kind: kind}
	c.run(t.Context(), begin())
	c.begin = begin
	return c
}

// run is a provider as a CLI starts it, for all of its resources.
type run struct {
	server  tfprotov6.ProviderServer
	schemas map[string]*tfprotov6.Schema
}

func newRun(t *testing.T, on host) run {
	t.Helper()
	server, schemas := configuredServer(t, on, `{"uri": "memory:///"}`)
	return run{server, schemas.ResourceSchemas}
}

// run has what follows done in a run, until the context ends.
func (c *core) run(ctx context.Context, in run) {
	c.ctx, c.server, c.schema, c.begin = ctx, in.server, in.schemas[c.kind], nil
	c.typed = c.schema.ValueType()
	if c.state.Type() == nil {
		c.state = c.none()
	}
}

// configuredServer is the provider with its settings; all of its hosts are one.
func configuredServer(t *testing.T, on host, settings string) (tfprotov6.ProviderServer, *tfprotov6.GetProviderSchemaResponse) {
	t.Helper()
	server, schemas := unconfiguredServer(t, newWith("test", func(string) (host, error) { return on, nil }))
	if said := configure(t, server, schemas, settings); len(said) > 0 {
		t.Fatal(said)
	}
	return server, schemas
}

func unconfiguredServer(t *testing.T, provider func() provider.Provider) (tfprotov6.ProviderServer, *tfprotov6.GetProviderSchemaResponse) {
	t.Helper()
	server, err := providerserver.NewProtocol6WithError(provider())()
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := providerSchemas()
	if err != nil {
		t.Fatal(err)
	}
	return server, schemas
}

// providerSchemas takes long to make, and is the same for every provider.
var providerSchemas = sync.OnceValues(func() (*tfprotov6.GetProviderSchemaResponse, error) {
	server, err := providerserver.NewProtocol6WithError(New("test")())()
	if err != nil {
		return nil, err
	}
	return server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
})

// configure gives a provider its settings, which are written in JSON.
func configure(t *testing.T, server tfprotov6.ProviderServer, schemas *tfprotov6.GetProviderSchemaResponse, settings string) problems {
	t.Helper()
	configured, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: dynamicOf(t, schemas.Provider, settings)})
	if err != nil {
		t.Fatal(err)
	}
	return configured.Diagnostics
}

// act invokes an action, and returns what it says meanwhile and in the end.
func act(t *testing.T, on host, kind, config string) (progress string, end problems) {
	t.Helper()
	server, schemas := configuredServer(t, on, `{"uri": "memory:///"}`)
	actions, ok := server.(tfprotov6.ActionServer)
	if !ok {
		t.Fatal("the provider has no actions")
	}
	stream, err := actions.InvokeAction(t.Context(), &tfprotov6.InvokeActionRequest{
		ActionType: kind, Config: dynamicOf(t, schemas.ActionSchemas[kind].Schema, config),
	})
	if err != nil {
		t.Fatal(err)
	}
	for event := range stream.Events {
		switch event := event.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			progress += event.Message + "\n"
		case tfprotov6.CompletedInvokeActionEventType:
			end = event.Diagnostics
		}
	}
	return progress, end
}

// dynamicOf is a configuration that is written in JSON.
func dynamicOf(t *testing.T, schema *tfprotov6.Schema, config string) *tfprotov6.DynamicValue {
	t.Helper()
	value, err := (&tfprotov6.DynamicValue{JSON: []byte(config)}).Unmarshal(schema.ValueType())
	if err != nil {
		t.Fatal(err)
	}
	return dynamic(t, value)
}

// none is the state of a resource that is not there.
func (c *core) none() tftypes.Value { return tftypes.NewValue(c.typed, nil) }

func dynamic(t *testing.T, v tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	d, err := tfprotov6.NewDynamicValue(v.Type(), v)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

func (c *core) value(d *tfprotov6.DynamicValue) tftypes.Value {
	c.t.Helper()
	v, err := d.Unmarshal(c.typed)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// beginRun begins a run of the resource's own.
func (c *core) beginRun() {
	if begin := c.begin; begin != nil {
		c.run(c.ctx, begin())
		c.begin = begin
	}
}

// planned is a plan, and the problems and warnings on the way to it.
type planned struct {
	*tfprotov6.PlanResourceChangeResponse
	state    tftypes.Value
	config   tftypes.Value
	replaces bool
	problems problems

	text           string // the configuration
	destroyPrivate []byte // what the destroy of a replacement is given
}

// plan refreshes the state and plans a configuration, which is written in JSON. A plan to replace is
// that of the new resource.
func (c *core) plan(config string) planned {
	c.t.Helper()
	c.beginRun()
	problems := c.refresh()
	if problems.hasError() {
		return planned{problems: problems}
	}
	plan := c.planRefreshed(config)
	plan.problems = append(problems, plan.problems...)
	return plan
}

func (c *core) planRefreshed(config string) planned {
	c.t.Helper()
	if !c.tainted {
		plan := c.planFrom(c.state, c.private, config)
		if plan.problems.hasError() || len(plan.RequiresReplace) == 0 || c.state.IsNull() {
			return plan
		}
		return c.planReplacement(plan, config)
	}
	plan := c.planFrom(c.none(), nil, config)
	plan.replaces = !c.state.IsNull()
	return plan
}

// replace plans a replacement that only the user asks for, as -replace does.
func (c *core) replace(config string) planned {
	c.t.Helper()
	c.beginRun()
	c.refresh()
	return c.planReplacement(c.planFrom(c.state, c.private, config), config)
}

// planReplacement plans the new resource, as Terraform does: with the private state of the first plan, whose warnings stay.
func (c *core) planReplacement(first planned, config string) planned {
	c.t.Helper()
	plan := c.planFrom(c.none(), first.PlannedPrivate, config)
	plan.replaces, plan.destroyPrivate = true, plan.PlannedPrivate
	if !plan.problems.hasError() {
		plan.problems = first.problems
	}
	return plan
}

func (c *core) planFrom(prior tftypes.Value, private []byte, config string) planned {
	c.t.Helper()
	plan := planned{config: c.value(&tfprotov6.DynamicValue{JSON: []byte(config)}), text: config}
	sent := dynamic(c.t, plan.config)
	valid, err := c.server.ValidateResourceConfig(c.ctx, &tfprotov6.ValidateResourceConfigRequest{
		TypeName: c.kind, Config: sent,
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	plan.problems = valid.Diagnostics
	if plan.problems.hasError() {
		return plan
	}
	plan.PlanResourceChangeResponse, err = c.server.PlanResourceChange(c.ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: c.kind, PriorState: dynamic(c.t, prior), PriorPrivate: private, PriorIdentity: c.identity,
		Config: sent, ProposedNewState: dynamic(c.t, proposed(c.t, c.schema.Block.Attributes, prior, plan.config)),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	plan.problems = append(plan.problems, plan.Diagnostics...)
	plan.state = c.value(plan.PlannedState)
	return plan
}

// apply plans a configuration and does it.
func (c *core) apply(config string) problems {
	c.t.Helper()
	return c.do(c.plan(config))
}

// do does what is planned. What is to be replaced is destroyed first.
func (c *core) do(plan planned) problems {
	c.t.Helper()
	switch {
	case plan.problems.hasError():
		return plan.problems
	case plan.replaces:
		if problems := c.change(c.none(), c.none(), plan.destroyPrivate, c.identity); problems.hasError() {
			return problems
		}
		again := c.planFrom(c.none(), nil, plan.text) // as Terraform does after each destroy
		plan.PlannedPrivate = again.PlannedPrivate
	case plan.state.Equal(c.state):
		return plan.problems
	}
	creates := c.state.IsNull()
	problems := append(plan.problems, c.change(plan.state, plan.config, plan.PlannedPrivate, plan.PlannedIdentity)...)
	c.tainted = creates && problems.hasError() && !c.state.IsNull()
	if !problems.hasError() && !fulfils(c.state, plan.state) {
		c.t.Errorf("the result is not what was planned:\n%v\nplanned:\n%v", c.state, plan.state)
	}
	return problems
}

// must applies a configuration that has to succeed, and to leave nothing to do.
func (c *core) must(config string) {
	c.t.Helper()
	if problems := c.apply(config); problems.hasError() {
		c.t.Fatalf("apply: %v", problems)
	}
	c.mustBeDone(config)
}

// mustBeDone plans, which has to be without a change and without a word.
func (c *core) mustBeDone(config string) {
	c.t.Helper()
	if plan := c.plan(config); len(plan.problems) > 0 || plan.replaces || !plan.state.Equal(c.state) {
		c.t.Errorf("there is still something to do: %v\n%v\nplanned:\n%v", plan.problems, c.state, plan.state)
	}
}

func (c *core) destroy() problems {
	c.t.Helper()
	plan, said := c.planDestroy()
	if said.hasError() {
		return said
	}
	problems := c.change(c.none(), c.none(), plan, c.identity)
	c.tainted = c.tainted && !c.state.IsNull()
	return problems
}

// planDestroy refreshes and plans a destroy, and returns the private state that it is given, and what is said.
func (c *core) planDestroy() (private []byte, said problems) {
	c.t.Helper()
	said = c.refresh()
	none := dynamic(c.t, c.none())
	resp, err := c.server.PlanResourceChange(c.ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: c.kind, PriorState: dynamic(c.t, c.state), PriorPrivate: c.private, PriorIdentity: c.identity, Config: none, ProposedNewState: none,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.PlannedPrivate, append(said, resp.Diagnostics...)
}

func (c *core) change(to, config tftypes.Value, private []byte, identity *tfprotov6.ResourceIdentityData) problems {
	c.t.Helper()
	resp, err := c.server.ApplyResourceChange(c.ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: c.kind, PriorState: dynamic(c.t, c.state), PlannedState: dynamic(c.t, to), Config: dynamic(c.t, config),
		PlannedPrivate: private, PlannedIdentity: identity,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.state, c.private, c.identity = c.value(resp.NewState), resp.Private, resp.NewIdentity
	if !c.state.IsFullyKnown() {
		c.t.Errorf("the state holds unknown values: %v", c.state)
	}
	return resp.Diagnostics
}

// refresh reads the resource, if there is one in the state.
func (c *core) refresh() problems {
	c.t.Helper()
	if c.state.IsNull() {
		return nil
	}
	resp, err := c.server.ReadResource(c.ctx, &tfprotov6.ReadResourceRequest{
		TypeName: c.kind, CurrentState: dynamic(c.t, c.state), Private: c.private, CurrentIdentity: c.identity,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if !problems(resp.Diagnostics).hasError() {
		c.state, c.private, c.identity = c.value(resp.NewState), resp.Private, resp.NewIdentity
	}
	return resp.Diagnostics
}

// imports takes over the resource of an id.
func (c *core) imports(id string) {
	c.t.Helper()
	if problems := c.tryImport(id); problems.hasError() {
		c.t.Fatalf("import: %v", problems)
	}
}

// tryImport says why there is nothing to take over.
func (c *core) tryImport(id string) problems {
	c.t.Helper()
	resp, err := c.server.ImportResourceState(c.ctx, &tfprotov6.ImportResourceStateRequest{TypeName: c.kind, ID: id})
	if err != nil || len(resp.Diagnostics) > 0 {
		c.t.Fatal(err, problems(resp.Diagnostics))
	}
	imported := resp.ImportedResources[0]
	c.state, c.private, c.identity, c.tainted = c.value(imported.State), imported.Private, imported.Identity, false
	found := c.refresh()
	switch {
	case found.hasError():
		c.state, c.private, c.identity = c.none(), nil, nil
	case c.state.IsNull():
		c.t.Fatalf("import: nothing was found as %s", id)
	}
	return found
}

// problems are diagnostics.
type problems []*tfprotov6.Diagnostic

func (p problems) hasError() bool {
	return slices.ContainsFunc(p, func(d *tfprotov6.Diagnostic) bool { return d.Severity == tfprotov6.DiagnosticSeverityError })
}

// String is their texts, with the attributes that they are about.
func (p problems) String() string {
	var all strings.Builder
	for _, d := range p {
		fmt.Fprintf(&all, "%s %v: %s\n%s\n", d.Severity, d.Attribute, d.Summary, d.Detail)
	}
	return all.String()
}

// proposed is what the core proposes: the configuration, and for what it leaves to the provider what
// was before. https://github.com/hashicorp/terraform/blob/main/internal/plans/objchange/objchange.go
func proposed(t *testing.T, attributes []*tfprotov6.SchemaAttribute, prior, config tftypes.Value) tftypes.Value {
	t.Helper()
	if config.IsNull() || !config.IsKnown() {
		return config
	}
	before, wanted := members(t, prior), members(t, config)
	for _, a := range attributes {
		old, found := before[a.Name]
		if !found {
			old = tftypes.NewValue(a.ValueType(), nil)
		}
		switch now := wanted[a.Name]; {
		case now.IsNull() && a.Computed:
			wanted[a.Name] = old
		case a.NestedType == nil:
		case a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle:
			wanted[a.Name] = proposed(t, a.NestedType.Attributes, old, now)
		case a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeList:
			wanted[a.Name] = proposedList(t, a.NestedType.Attributes, old, now)
		}
	}
	return tftypes.NewValue(config.Type(), wanted)
}

func proposedList(t *testing.T, attributes []*tfprotov6.SchemaAttribute, prior, config tftypes.Value) tftypes.Value {
	t.Helper()
	if config.IsNull() || !config.IsKnown() {
		return config
	}
	before, wanted := elements(t, prior), elements(t, config)
	for i := range wanted {
		old := tftypes.NewValue(wanted[i].Type(), nil)
		if i < len(before) {
			old = before[i]
		}
		wanted[i] = proposed(t, attributes, old, wanted[i])
	}
	return tftypes.NewValue(config.Type(), wanted)
}

func members(t *testing.T, object tftypes.Value) map[string]tftypes.Value {
	t.Helper()
	members := map[string]tftypes.Value{}
	if object.IsNull() {
		return members
	}
	if err := object.As(&members); err != nil {
		t.Fatal(err)
	}
	return maps.Clone(members) // As hands out the object's own
}

func elements(t *testing.T, list tftypes.Value) (elements []tftypes.Value) {
	t.Helper()
	if list.IsNull() {
		return nil
	}
	if err := list.As(&elements); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(elements)
}

// fulfils tells whether a result is what was planned, wherever that was known.
func fulfils(result, plan tftypes.Value) bool {
	differences, err := plan.Diff(result)
	return err == nil && !slices.ContainsFunc(differences, func(d tftypes.ValueDiff) bool {
		// A container differs where a part of it does.
		return d.Value1 != nil && d.Value1.IsFullyKnown()
	})
}
