package domains

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
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

// consolePatience is the default timeout for reading a console.
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
		MarkdownDescription: "Reads the console of a running guest until a line matches. The data source sees only what the guest writes after the read starts, because libvirt does not keep earlier output. " +
			"To watch a boot from its first byte, use `boot_check` of a `netboot_domain`. The console cannot be read while another client, such as `virsh console`, has it open.\n\n" +
			"Every plan reads the console again, also the plan of a destroy, and fails if no line matches in time. So wait for output that the guest writes repeatedly. `-refresh=false` makes a plan without reading the console.",
		Attributes: map[string]schema.Attribute{
			"host":    framework.DataHost,
			"domain":  framework.DataKey("Name of the guest.", framework.ObjectName),
			"until":   framework.DataKey("Pattern ([RE2](https://github.com/google/re2/wiki/Syntax)) that a line must match.", pattern),
			"timeout": schema.StringAttribute{MarkdownDescription: "How long to wait for a match, such as `\"2m\"`. Default: `\"" + consolePatience + "\"`.", Optional: true, Validators: []validator.String{duration}},
			"matched": framework.DataString("Text that matched `until`."),
			"groups":  framework.DataStrings("Text that the groups in parentheses of `until` matched, in order."),
			"tail":    framework.DataString("The last lines up to the match, at most 40 lines and 4 KiB."),
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
		return fmt.Errorf("%w\n\nlibvirt lets only one client at a time open the console. Close the other client (Ctrl+] in virsh console), or wait for the apply that watches the boot of the guest", err)
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

// unmatched says why the reading of a console ended. It replaces the words of a failed boot.
func unmatched(err error, until *regexp.Regexp) error {
	var failure *boot.Failure
	if !errors.As(err, &failure) {
		return err
	}
	why := "the console ended"
	switch failure.Reason {
	case boot.TimedOut:
		why = fmt.Sprintf("the timeout of %s expired", failure.Result.Elapsed.Round(time.Second))
	case boot.Cancelled:
		return failure.Err
	case boot.Ended:
		if failure.Err != nil {
			why = fmt.Sprintf("the console could no longer be read (%v)", failure.Err)
		}
	}
	if failure.Result.Tail == "" {
		return fmt.Errorf("no line matched %q: %s, and the guest wrote nothing in that time", until, why)
	}
	return fmt.Errorf("no line matched %q: %s; the end of the console:\n%s", until, why, boot.Quote(failure.Result.Tail))
}
