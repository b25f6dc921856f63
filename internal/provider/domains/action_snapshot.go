package domains

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type domainSnapshotAction struct{ framework.Action[Host] }

// NewSnapshotAction makes the action netboot_domain_snapshot.
func NewSnapshotAction() action.Action { return &domainSnapshotAction{} }

type domainSnapshotModel struct {
	framework.Placement
	Domain    types.String `tfsdk:"domain"`
	Name      types.String `tfsdk:"name"`
	Operation types.String `tfsdk:"operation"`
	Timeout   types.String `tfsdk:"timeout"`
}

// The values of operation.
const (
	snapshotCreate = "create"
	snapshotRevert = "revert"
	snapshotDelete = "delete"
)

// snapshotPatience is how long an operation may take if the configuration does not say it.
const snapshotPatience = 10 * time.Minute

var snapshotName = framework.Rule{What: "name", Check: func(value string) error {
	return errors.Join(framework.CheckObjectName(value), virt.CheckSnapshotName(value))
}}

func (a *domainSnapshotAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_domain_snapshot"
}

func (a *domainSnapshotAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Makes a snapshot of a guest, reverts the guest to it, or deletes it, once. Actions need Terraform 1.14; OpenTofu does not have them. " +
			"The snapshot is inside the qcow2 files of the guest's disks, together with the memory of a guest that runs. Every disk that the guest writes to must have `format = \"qcow2\"`.",
		Attributes: map[string]schema.Attribute{
			"host":   schema.StringAttribute{MarkdownDescription: framework.HostDescription, Optional: true},
			"domain": schema.StringAttribute{MarkdownDescription: "Name of the guest.", Required: true, Validators: []validator.String{framework.ObjectName}},
			"name":   schema.StringAttribute{MarkdownDescription: "Name of the snapshot, such as `\"clean\"`. It must have a letter, because QEMU may take a number for another snapshot.", Required: true, Validators: []validator.String{snapshotName}},
			"operation": schema.StringAttribute{
				MarkdownDescription: "`create`: makes the snapshot. A guest that runs is paused until its memory is written. An error if the snapshot exists. A guest with UEFI must be off, and the snapshot does not have the settings of UEFI. " +
					"`revert`: returns the guest to the snapshot; everything that it has written since is lost. The guest runs if it ran at the snapshot, and is off if it was off. " +
					"Its definition is also as it was at the snapshot, so the next plan may change it again. The snapshot stays. " +
					"`delete`: deletes the snapshot; the guest stays as it is.",
				Required:   true,
				Validators: []validator.String{stringvalidator.OneOf(snapshotCreate, snapshotRevert, snapshotDelete)},
			},
			"timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("How long to wait for the host, such as `\"5m\"`. Default: `\"%dm\"`. The host completes an operation that takes longer.", snapshotPatience/time.Minute),
				Optional:            true,
				Validators:          []validator.String{duration},
			},
		},
	}
}

func (a *domainSnapshotAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m domainSnapshotModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a = &domainSnapshotAction{a.On(m.Placement, &resp.Diagnostics)}
	patience := patienceOf(m.Timeout, snapshotPatience, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	say := func(format string, values ...any) {
		resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf(format, values...)})
	}
	limited, cancel := context.WithTimeoutCause(ctx, patience, errSnapshotTimeout)
	defer cancel()
	if err := explainSnapshot(a.operate(limited, m, say, &resp.Diagnostics), m); err != nil {
		verb := map[string]string{snapshotCreate: "make", snapshotRevert: "revert to", snapshotDelete: "delete"}[m.Operation.ValueString()]
		framework.Fail(&resp.Diagnostics, path.Root("operation"), fmt.Sprintf("%s snapshot %q of", verb, m.Name.ValueString()), framework.Subject{Kind: "domain", ID: m.Domain.ValueString()}, err)
	}
}

var errSnapshotTimeout = errors.New("the host has not completed the operation in time, and may still complete it. To wait longer, raise timeout")

// operate performs the action, and reports its progress.
func (a *domainSnapshotAction) operate(ctx context.Context, m domainSnapshotModel, say func(format string, values ...any), diags *diag.Diagnostics) error {
	domain, name := m.Domain.ValueString(), m.Name.ValueString()
	if m.Operation.ValueString() == snapshotDelete {
		return a.Host.DeleteSnapshot(ctx, domain, name)
	}
	d, err := a.Host.Domain(ctx, domain)
	if err != nil {
		return err
	}
	if n := parseInstallNote(d.Note); n != nil && n.Phase != netboot.PhaseNone {
		return errors.New("the installation of the guest is not complete. The next apply resumes it, and it can overwrite the guest's disks")
	}
	if m.Operation.ValueString() == snapshotCreate {
		say("making snapshot %q of %s", name, domain)
		if losesInterrupts(d) {
			diags.AddAttributeWarning(path.Root("operation"), fmt.Sprintf("A revert of domain %q may not work", domain),
				"Until its release 10.0, QEMU does not save the interrupts of a guest that it emulates. If this guest was writing to a disk when the snapshot was made, it can hang after a revert. "+
					"Make the snapshot while the guest does nothing, or is off. Guests with KVM are not affected.")
		}
		return a.Host.CreateSnapshot(ctx, domain, name)
	}
	say("reverting %s to snapshot %q", domain, name)
	if err := a.Host.RevertSnapshot(ctx, domain, name); err != nil {
		return err
	}
	if d, err = a.Host.Domain(ctx, domain); err == nil {
		say("%s is %v", domain, d.State)
	}
	return err
}

var s390xMachine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^s390-ccw-virtio-(\d+)\.`) })

// losesInterrupts reports whether QEMU saves the memory of a running guest without its pending interrupts: hw/intc/s390_flic.c of
// QEMU, and migrate-all-state there since 10.0, which also depends on the guest's machine.
func losesInterrupts(d virt.Domain) bool {
	if d.Running == nil || d.Arch != "s390x" || d.Accelerator != "tcg" {
		return false
	}
	release := s390xMachine().FindStringSubmatch(d.Running.Machine)
	if release == nil {
		return false
	}
	major, err := strconv.Atoi(release[1])
	return err == nil && major < 10
}

// explainSnapshot says what to do about a snapshot that exists, or does not exist.
func explainSnapshot(err error, m domainSnapshotModel) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("the guest has a snapshot of this name. To replace the snapshot, delete it first with operation = %q; or choose another name", snapshotDelete)
	case errors.Is(err, virt.ErrNoSnapshot):
		return fmt.Errorf("the guest has no snapshot of this name. virsh snapshot-list %s shows its snapshots", m.Domain.ValueString())
	default:
		return err
	}
}
