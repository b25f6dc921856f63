package domains

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type bootCheckModel struct {
	Expect  []string `tfsdk:"expect" json:"expect"`
	Forbid  []string `tfsdk:"forbid" json:"forbid,omitempty"`
	Timeout string   `tfsdk:"timeout" json:"timeout"`

	loader bool // the guest starts the boot loader of s390-tools first, whose kernel does not count
}

type bootResultModel struct {
	Stage       string             `tfsdk:"stage" json:"stage"`
	Stages      map[string]float64 `tfsdk:"stages" json:"stages"`
	Config      *string            `tfsdk:"config" json:"config,omitempty"`
	Matched     []string           `tfsdk:"matched" json:"matched"`
	Groups      [][]string         `tfsdk:"groups" json:"groups"`
	Seconds     float64            `tfsdk:"seconds" json:"seconds"`
	ConsoleTail string             `tfsdk:"console_tail" json:"console_tail"`
}

var (
	bootCheckTypes = map[string]attr.Type{
		"expect":  types.ListType{ElemType: types.StringType},
		"forbid":  types.ListType{ElemType: types.StringType},
		"timeout": types.StringType,
	}
	bootResultTypes = map[string]attr.Type{
		"stage":        types.StringType,
		"stages":       types.MapType{ElemType: types.Float64Type},
		"config":       types.StringType,
		"matched":      types.ListType{ElemType: types.StringType},
		"groups":       types.ListType{ElemType: types.ListType{ElemType: types.StringType}},
		"seconds":      types.Float64Type,
		"console_tail": types.StringType,
	}
)

// bootFailedKey is set in the private state if the guest's last boot failed its check, so that the next apply boots it again.
const bootFailedKey = "boot_failed"

// boot starts the guest. It returns an error if the guest did not start. If the guest has a boot check or something to wait for, and
// does not resume from saved memory, boot also watches the guest until that is there or fails. It adds such a failure to diags.
func (r *domainResource) boot(ctx context.Context, m *domainModel, private framework.PrivateWriter, diags *diag.Diagnostics) error {
	check, want := framework.As[bootCheckModel](ctx, m.BootCheck, diags), framework.As[waitForModel](ctx, m.WaitFor, diags)
	if check == nil && want == nil || m.resumes {
		return r.Host.StartDomain(ctx, m.Name.ValueString())
	}
	m.BootResult = types.ObjectNull(bootResultTypes)
	if check != nil {
		check.loader = m.netboots(ctx) && r.Plans.ReadByBlob(m.Local(m.PxelinuxConfig))
	}
	result, err := r.watch(ctx, *m, check, want, diags)
	var failure *boot.Failure
	var failedWait *waitError
	switch {
	case errors.As(err, &failedWait):
		framework.Fail(diags, failedWait.at, "wait for", m.subject(), err)
		diags.Append(private.SetKey(ctx, bootFailedKey, []byte("true"))...)
		return nil
	case errors.As(err, &failure):
		if failure.Reason != boot.Cancelled {
			failure.Facts = append(r.bootFacts(ctx, *m, failure.Result), m.installFacts(ctx, diags)...)
		}
		if errors.Is(failure.Err, virt.ErrConsoleTaken) {
			failure.Facts = append(failure.Facts, "the provider cannot see how the boot continued: it left the guest running, and the next apply boots it again. "+
				"Do not open the console during that apply. To follow a watched boot, read the file that the provider writes in console_log_dir")
		}
		framework.Fail(diags, path.Root("boot_check"), "boot", m.subject(), err)
		diags.Append(private.SetKey(ctx, bootFailedKey, []byte("true"))...)
		return nil
	case err != nil:
		return err
	}
	diags.Append(private.SetKey(ctx, bootFailedKey, nil)...)
	if check == nil {
		return nil
	}
	object, problems := types.ObjectValueFrom(ctx, bootResultTypes, result)
	diags.Append(problems...)
	m.BootResult = object
	if err := r.saveNote(ctx, *m, diags); err != nil {
		framework.Fail(diags, path.Empty(), "save the boot result of", m.subject(), err)
	}
	return nil
}

// netboots tells whether the guest starts from the network. An installed guest starts from its disk.
func (m domainModel) netboots(ctx context.Context) bool {
	return m.Install.IsNull() && m.Kernel.IsNull() && m.bootsFrom(ctx, virt.BootNetwork)
}

// watch boots the guest, watches its console from the firmware's first byte, and waits for what is wanted. Check and want may be nil.
func (r *domainResource) watch(ctx context.Context, m domainModel, check *bootCheckModel, want *waitForModel, diags *diag.Diagnostics) (result bootResultModel, err error) {
	log, err := r.consoleLog(m)
	if err != nil {
		return result, err
	}
	defer log.Close()
	var w *waiter
	if want != nil {
		w = r.newWaiter(ctx, m, *want)
		defer w.tellWarning(diags)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	console, err := r.bootWithConsole(ctx, m, check != nil)
	if err != nil {
		return result, err
	}
	defer console.Close()
	logged := io.TeeReader(console, log)
	switch {
	case want == nil:
		return check.watch(ctx, logged)
	case check == nil:
		return result, w.await(ctx, boot.Split(logged, readersOfWaiter))
	default:
		return w.awaitChecked(ctx, *check, boot.Split(logged, readersOfWaiter+1))
	}
}

// bootWithConsole boots the guest and returns its console. If the guest has no console, and does not need one, the result is a console
// that shows nothing until the context ends.
func (r *domainResource) bootWithConsole(ctx context.Context, m domainModel, needed bool) (io.ReadCloser, error) {
	if needed || len(m.Consoles.Elements()) > 0 {
		return r.Host.BootDomain(ctx, m.Name.ValueString())
	}
	silent, writer := io.Pipe()
	context.AfterFunc(ctx, func() { _ = writer.Close() })
	return silent, r.Host.StartDomain(ctx, m.Name.ValueString())
}

// watch watches a console until the check passes or fails.
func (c bootCheckModel) watch(ctx context.Context, console io.Reader) (bootResultModel, error) {
	timeout, err := time.ParseDuration(c.Timeout)
	if err != nil {
		return bootResultModel{}, err
	}
	want, err := c.expectation()
	if err != nil {
		return bootResultModel{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, netboot.ErrBootTimeout)
	defer cancel()
	result, err := boot.Watch(ctx, console, want)
	return bootResultOf(result), err
}

func bootResultOf(result boot.Result) bootResultModel {
	m := bootResultModel{
		Stage:       result.Stage.String(),
		Stages:      map[string]float64{},
		Matched:     result.Matched,
		Groups:      result.Groups,
		Seconds:     result.Elapsed.Seconds(),
		ConsoleTail: result.Tail,
	}
	for stage, elapsed := range result.Stages {
		m.Stages[stage.String()] = elapsed.Seconds()
	}
	if result.Config != "" {
		m.Config = &result.Config
	}
	return m
}

func (c bootCheckModel) expectation() (boot.Expectation, error) {
	expect, err := compile(c.Expect)
	if err != nil {
		return boot.Expectation{}, err
	}
	forbid, err := compile(c.Forbid)
	return boot.Expectation{Expect: expect, Forbid: forbid, Loader: c.loader}, err
}

func compile(patterns []string) ([]*regexp.Regexp, error) {
	compiled := make([]*regexp.Regexp, len(patterns))
	for i, p := range patterns {
		var err error
		if compiled[i], err = regexp.Compile(p); err != nil {
			return nil, err
		}
	}
	return compiled, nil
}

// consoleLog opens the file to which a guest's console is also written. Without console_log_dir it discards the output. Guests
// with the same name on several hosts have separate files.
func (r *domainResource) consoleLog(m domainModel) (io.WriteCloser, error) {
	if r.ConsoleLogDir == "" {
		return discard{}, nil
	}
	// 0700 and 0600: a console can show passwords.
	if err := os.MkdirAll(r.ConsoleLogDir, 0o700); err != nil {
		return nil, fmt.Errorf("the provider's console_log_dir: %w", err)
	}
	how := os.O_TRUNC
	if m.logGoesOn {
		how = os.O_APPEND
	}
	name := filepath.Join(r.ConsoleLogDir, m.Qualified(m.Name.ValueString())+".log")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|how, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the provider's console_log_dir: %w", err)
	}
	return file, nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (discard) Close() error { return nil }

// blamedForDefinition is the attribute that makes libvirt refuse a definition: XML of the user, or a feature that the host does
// not have.
func (m domainModel) blamedForDefinition(err error) path.Path {
	switch {
	case !errors.Is(err, virt.ErrXML):
		return path.Empty()
	case m.LaunchSecurity.ValueString() == secureExecution && strings.Contains(err.Error(), "launch security"): // libvirt does not have an error code for this
		return path.Root("launch_security")
	case strings.Contains(err.Error(), "machine type"): // or for this
		return path.Root("machine")
	case len(m.DevicesXML.Elements()) > 0:
		return path.Root("devices_xml")
	default:
		return path.Empty()
	}
}

// startFault is a reason why a guest does not start.
type startFault struct {
	is     func(error) bool
	at     path.Path
	remedy string
}

// startFaults are known reasons. A fault without an error code of libvirt is recognized by the words of the message.
var startFaults = []startFault{
	{func(err error) bool { return errors.Is(err, virt.ErrNoMemory) }, path.Root("memory"),
		"The host does not have enough memory for the guest (max_memory if it is set, otherwise memory). Reduce it, or stop other guests. To see the free memory, run free on the host"},
	{says("interface", "No such device"), path.Root("interfaces"),
		"The host has no bridge or network device with this name. To list them, run ip link on the host. Create it first, or correct bridge or device"},
	{says("CPU model"), path.Root("cpu"),
		"The host does not have this CPU model for the guest. To list the models, run virsh domcapabilities --arch ARCH on the host"},
}

func says(words ...string) func(error) bool {
	return func(err error) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(err.Error(), word) })
	}
}

// startFaultOf finds the reason. If it is not known, the fault has no remedy.
func startFaultOf(err error) startFault {
	at := slices.IndexFunc(startFaults, func(fault startFault) bool { return fault.is(err) })
	if at < 0 {
		return startFault{at: path.Root("running")}
	}
	return startFaults[at]
}

// blamedForStart is the attribute that keeps a guest from starting.
func blamedForStart(err error) path.Path { return startFaultOf(err).at }

// explainStart adds to the error of a failed start what to do and where to look.
func explainStart(err error, name string) error {
	if err == nil || errors.Is(err, context.Canceled) || framework.IsNotFound(err) {
		return err
	}
	if remedy := startFaultOf(err).remedy; remedy != "" {
		err = fmt.Errorf("%w\n\n%s", err, remedy)
	}
	return fmt.Errorf("%w\n\nThe domain is defined on the host. For more details, see /var/log/libvirt/qemu/%s.log there", err, name)
}
