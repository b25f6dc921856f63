package domains

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type domainExecAction struct{ framework.Action[Host] }

// NewExecAction makes the action netboot_domain_exec.
func NewExecAction() action.Action { return &domainExecAction{} }

type domainExecModel struct {
	framework.Placement
	Domain      types.String `tfsdk:"domain"`
	Command     types.List   `tfsdk:"command"`
	Environment types.Map    `tfsdk:"environment"`
	Input       types.String `tfsdk:"input"`
	Timeout     types.String `tfsdk:"timeout"`
}

func (a *domainExecAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_domain_exec"
}

// execPatience is how long a command may take if the configuration does not say it.
const execPatience = time.Minute

func (a *domainExecAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Runs a command in a guest, once, by QEMU's guest agent: without a network and without a password. The output of the command is shown. " +
			"The action fails if the command fails. Actions need Terraform 1.14; OpenTofu does not have them. " +
			"The guest needs `guest_agent = true`, the package `qemu-guest-agent`, which must be running, and a shell at `/bin/sh`. The command runs as the user of the agent, which is root.",
		Attributes: map[string]schema.Attribute{
			"host":   schema.StringAttribute{MarkdownDescription: framework.HostDescription, Optional: true},
			"domain": schema.StringAttribute{MarkdownDescription: "Name of the guest.", Required: true, Validators: []validator.String{framework.ObjectName}},
			"command": schema.ListAttribute{
				MarkdownDescription: "The program and its arguments, such as `[\"systemctl\", \"is-active\", \"nginx\"]`. No shell expands the arguments; if you need one, use `[\"sh\", \"-c\", \"…\"]`. " +
					"If the program starts another program that continues in the background, redirect the output of that program, for example to `/dev/null`. Otherwise the action waits for it.",
				Required:    true,
				ElementType: types.StringType,
				Validators:  []validator.List{listvalidator.SizeAtLeast(1)},
			},
			"environment": schema.MapAttribute{
				MarkdownDescription: "Environment variables of the command. If `environment` is set, the command gets only these variables and `PATH`. Terraform shows the values in the plan, unless they are `sensitive`; the provider does not show them.",
				Optional:            true,
				ElementType:         types.StringType,
			},
			"input": schema.StringAttribute{
				MarkdownDescription: "Text for the standard input of the command, at most 2 MiB, for example a password. Terraform shows it in the plan, unless it is `sensitive`; the provider does not show it.",
				Optional:            true,
			},
			"timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("How long the command may take, such as `\"5m\"`. Default: `\"%dm\"`. After this time, and after Ctrl-C, the command and all programs that it started are ended, and the action fails.", execPatience/time.Minute),
				Optional:            true,
				Validators:          []validator.String{duration},
			},
		},
	}
}

func (a *domainExecAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m domainExecModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a = &domainExecAction{a.On(m.Placement, &resp.Diagnostics)}
	command := m.command(ctx, &resp.Diagnostics)
	patience := patienceOf(m.Timeout, execPatience, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	limited, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("the command did not end within %v. To give it more time, raise timeout", patience))
	defer cancel()
	result, err := a.Host.RunCommand(limited, m.Domain.ValueString(), command)
	for _, line := range linesOf(result.Output, result.OutputShortened, shownLines) {
		resp.SendProgress(action.InvokeProgressEvent{Message: line})
	}
	if errors.Is(err, context.Canceled) { // which no later apply continues
		err = errors.New("the run was interrupted: " + err.Error())
	}
	if err == nil && result.ExitStatus != 0 {
		err = errors.New(describeStatus(result.ExitStatus))
	}
	if err != nil {
		about := framework.Subject{Kind: "domain", ID: m.Domain.ValueString()}
		framework.Fail(&resp.Diagnostics, path.Root("command"), "run "+quoted(command.Program)+" in", about, fmt.Errorf("%w%s", err, ending(result)))
	}
}

func (m domainExecModel) command(ctx context.Context, diags *diag.Diagnostics) virt.Command {
	var words []string
	diags.Append(m.Command.ElementsAs(ctx, &words, false)...)
	command := virt.Command{Input: []byte(m.Input.ValueString())}
	if len(words) > 0 {
		command.Program, command.Arguments = words[0], words[1:]
	}
	if !m.Environment.IsNull() {
		diags.Append(m.Environment.ElementsAs(ctx, &command.Environment, false)...)
	}
	for name := range command.Environment {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			framework.AddError(diags, path.Root("environment"), "Invalid environment variable", fmt.Sprintf("%q cannot be the name of an environment variable.", name))
		}
	}
	return command
}

// patienceOf is a duration of the configuration, or a default.
func patienceOf(configured types.String, otherwise time.Duration, diags *diag.Diagnostics) time.Duration {
	if configured.IsNull() {
		return otherwise
	}
	d, err := time.ParseDuration(configured.ValueString())
	if err != nil {
		framework.AddError(diags, path.Root("timeout"), "Invalid duration", framework.Sentence(err))
	}
	return d
}

func quoted(text string) string { return fmt.Sprintf("%q", framework.Printable(text)) }

// describeStatus says what an exit status means. A shell reports a signal as a status above 128.
func describeStatus(status int) string {
	if status > 128 {
		return fmt.Sprintf("the command ended with exit status %d, which usually means that signal %d ended it", status, status-128)
	}
	return fmt.Sprintf("the command ended with exit status %d", status)
}

const (
	shownLines = 100  // of the output
	tailLines  = 10   // of the output and of the errors, in an error
	lineLength = 1000 // bytes of a line that are shown
)

// ending is the end of what a command wrote, for an error.
func ending(r virt.CommandResult) string {
	var text strings.Builder
	for _, part := range []struct {
		name  string
		bytes []byte
	}{{"standard error", r.Errors}, {"standard output", r.Output}} {
		lines := linesOf(part.bytes, false, 0)
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n\nThe end of its %s:", part.name)
		for _, line := range lines[max(0, len(lines)-tailLines):] {
			text.WriteString("\n  " + line)
		}
	}
	return text.String()
}

// linesOf returns lines that are safe for a terminal. If there are more than most, unless most is zero, or if text lacks its
// middle, it leaves out lines in the middle and says so.
func linesOf(text []byte, lacks bool, most int) []string {
	if len(text) == 0 {
		return nil
	}
	var lines []string
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) > lineLength {
			line = append(bytes.Clone(line[:lineLength]), "…"...)
		}
		lines = append(lines, framework.Printable(string(line)))
	}
	if most == 0 || len(lines) <= most && !lacks {
		return lines
	}
	half := min(most, len(lines)) / 2
	note := fmt.Sprintf("(%d lines are not shown)", len(lines)-2*half)
	if lacks {
		note = "(lines are not shown, because the output is long)"
	}
	return append(append(lines[:half:half], note), lines[len(lines)-half:]...)
}
