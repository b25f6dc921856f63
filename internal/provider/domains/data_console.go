package domains

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// consolePatience is how long a console is read where the user does not say.
const consolePatience = "30s"

type consoleDataSource struct{ framework.DataSource[Host] }

// NewConsoleDataSource makes the data source netboot_console.
func NewConsoleDataSource() datasource.DataSource { return &consoleDataSource{} }

type consoleModel struct {
	framework.Placement
	Domain  types.String `tfsdk:"domain"`
	Until   types.String `tfsdk:"until"`
	Timeout types.String `tfsdk:"timeout"`
	Matched types.String `tfsdk:"matched"`
	Groups  []string     `tfsdk:"groups"`
	Tail    types.String `tfsdk:"tail"`
}

func (d *consoleDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_console"
}

func (d *consoleDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the console of a running guest until a line matches. It sees only what the guest writes from then on: libvirt keeps nothing of what went before. " +
			"To watch a boot from its first byte, use `boot_check` of a `netboot_domain`. While another client has the console, such as `virsh console`, it cannot be read.\n\n" +
			"Every plan reads the console again, and fails when no line matches in time; so does the plan of a destroy. So wait for what the guest writes again and again; `-refresh=false` makes a plan without it.",
		Attributes: map[string]schema.Attribute{
			"host":    framework.DataHost,
			"domain":  framework.DataKey("Name of the guest.", framework.ObjectName),
			"until":   framework.DataKey("Pattern ([RE2](https://github.com/google/re2/wiki/Syntax)) that a line must match.", pattern),
			"timeout": schema.StringAttribute{MarkdownDescription: "How long to wait for it, such as `\"2m\"`. Default: `\"" + consolePatience + "\"`.", Optional: true, Validators: []validator.String{duration}},
			"matched": framework.DataString("What matched."),
			"groups":  framework.DataStrings("What the groups in parentheses of `until` matched, in order."),
			"tail":    framework.DataString("The last lines until then, at most 40 of them and 4 KiB."),
		},
	}
}

func (d *consoleDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m consoleModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	d = &consoleDataSource{d.On(m.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	if err := d.read(ctx, &m); err != nil {
		framework.Fail(&resp.Diagnostics, path.Root("until"), "read the console of", framework.Subject{Kind: "domain", ID: m.Domain.ValueString()}, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (d *consoleDataSource) read(ctx context.Context, m *consoleModel) error {
	until, err := regexp.Compile(m.Until.ValueString())
	if err != nil {
		return err
	}
	patience, err := time.ParseDuration(cmp.Or(m.Timeout.ValueString(), consolePatience))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	console, err := d.Host.OpenConsole(ctx, m.Domain.ValueString())
	if errors.Is(err, virt.ErrConsoleTaken) {
		return fmt.Errorf("%w\n\nlibvirt gives it to one at a time. Close it there (Ctrl+] in virsh console), or wait for the apply that watches the guest boot", err)
	}
	if err != nil {
		return err
	}
	defer console.Close()
	result, err := boot.Watch(ctx, console, boot.Expectation{Expect: []*regexp.Regexp{until}})
	if err != nil {
		return unmatched(err, until)
	}
	m.Matched, m.Tail = types.StringValue(result.Matched[0]), types.StringValue(result.Tail)
	m.Groups = result.Groups[0]
	return nil
}

// unmatched says in other words than those of a boot why a console was not read further.
func unmatched(err error, until *regexp.Regexp) error {
	var failure *boot.Failure
	if !errors.As(err, &failure) {
		return err
	}
	why := "the console ended"
	switch failure.Reason {
	case boot.TimedOut:
		why = fmt.Sprintf("the time allowed is over, %s", failure.Result.Elapsed.Round(time.Second))
	case boot.Cancelled:
		return failure.Err
	case boot.Ended:
		if failure.Err != nil {
			why = fmt.Sprintf("the console could not be read any more (%v)", failure.Err)
		}
	}
	if failure.Result.Tail == "" {
		return fmt.Errorf("no line matched %q: %s, and the guest wrote nothing meanwhile", until, why)
	}
	return fmt.Errorf("no line matched %q: %s; the end of the console:\n  | %s", until, why, strings.ReplaceAll(failure.Result.Tail, "\n", "\n  | "))
}
