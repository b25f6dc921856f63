package volumes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// fatesKey is where a plan keeps what happens to the guests that use the volume. The apply does exactly that.
const fatesKey = "fates"

// guestNote is the part that a volume needs of the note that the resource of a guest keeps with the guest (domains/note.go).
type guestNote struct {
	BootCheck       json.RawMessage `json:"boot_check"`
	ShutdownTimeout string          `json:"shutdown_timeout"`
}

func noteOf(u virt.User) (n guestNote) {
	_ = json.Unmarshal([]byte(u.Note), &n) // a note that cannot be read counts as empty
	return n
}

func patience(u virt.User) time.Duration {
	if patience, err := time.ParseDuration(noteOf(u).ShutdownTimeout); err == nil {
		return patience
	}
	return framework.ShutdownPatience
}

// fateOf is what happens to a guest when the volume is replaced.
func fateOf(u virt.User) netboot.Fate {
	switch {
	case !u.Running:
		return netboot.FateNextStart
	case u.Plugs:
		return netboot.FatePlug
	case noteOf(u).BootCheck != nil:
		return netboot.FateBoot
	default:
		return netboot.FateRestart
	}
}

// usersOf finds the users of the volume of a state. A volume that no longer exists has no users.
func (r *volumeResource) usersOf(ctx context.Context, m volumeModel) (virt.Users, error) {
	users, err := r.Host.VolumeUsers(ctx, m.onHost())
	if framework.IsNotFound(err) {
		return virt.Users{}, nil
	}
	return users, err
}

// planUsers is usersOf for a plan: if the host cannot answer, the plan fails.
func (r *volumeResource) planUsers(ctx context.Context, m volumeModel, diags *diag.Diagnostics) virt.Users {
	users, err := r.usersOf(ctx, m)
	if err != nil {
		framework.Fail(diags, path.Empty(), "find the users of", m.subject(), err)
	}
	return users
}

// key is the volume's id on its host.
func (m volumeModel) key() string { return m.Pool.ValueString() + "/" + m.Name.ValueString() }

func (m volumeModel) onHost() virt.Volume {
	return virt.Volume{Pool: m.Pool.ValueString(), Name: m.Name.ValueString(), Path: m.Path.ValueString()}
}

// planReplacement says what happens to the users of a volume that gets other content.
func (r *volumeResource) planReplacement(m volumeModel, users virt.Users, diags *diag.Diagnostics) netboot.Fates {
	fates := netboot.Fates{}
	var lines []string
	for _, u := range users.Guests {
		if u.Saved {
			diags.AddError(fmt.Sprintf("Saved guest %q uses %s", u.Domain, m.subject()), fmt.Sprintf(
				"The saved state of the guest belongs to the current content of the volume. If the guest resumes with other content, it damages that content. Start the guest: virsh start %[1]s. Or discard its saved state: virsh managedsave-remove %[1]s.", u.Domain))
			continue
		}
		fates[u.Domain] = fateOf(u)
		lines = append(lines, sentence(u))
	}
	for _, file := range users.Files {
		diags.AddError(fmt.Sprintf("The disk of a guest is an overlay on %s", m.subject()),
			fmt.Sprintf("%s is an overlay on it and is in no pool, so the overlay cannot be replaced with the volume. New content of the volume would damage the data of the overlay. Remove the overlay, or create a separate volume for the new content.", file))
	}
	for _, overlay := range users.Overlays {
		lines = append(lines, fmt.Sprintf("%s is an overlay on it. If the overlay is a volume of this configuration, it is replaced as well, before this one. If it is not, the apply fails before it deletes this volume: remove the overlay first, or create a separate volume for the new content.", overlay))
	}
	if len(lines) > 0 {
		diags.AddWarning(fmt.Sprintf("%s is in use and will be replaced", framework.Capital(m.subject().String())), strings.Join(lines, "\n"))
	}
	r.Plans.Replaced.Add(m.key(), fates)
	return fates
}

// sentence says what a replacement does to a guest.
func sentence(u virt.User) string {
	has := fmt.Sprintf("Guest %q runs with it (%s)", u.Domain, u.Device)
	stops := fmt.Sprintf("%s. The guest is asked to shut down, and is forced off if it still runs after %v", has, patience(u))
	switch fateOf(u) {
	case netboot.FatePlug:
		return has + " and only reads it. The volume is detached, and attached again with the new content. The guest keeps running: unmount the volume in the guest first."
	case netboot.FateBoot:
		return stops + ". Its netboot_domain then starts it with the new content, and checks its boot."
	case netboot.FateRestart:
		return stops + ". The guest then starts with the new content."
	default:
		return fmt.Sprintf("Guest %q is shut off and uses it (%s). The guest sees the new content at its next start.", u.Domain, u.Device)
	}
}

// planDestroy says who uses a volume that is destroyed, and finds the users from which this run detaches it.
func (r *volumeResource) planDestroy(ctx context.Context, m volumeModel, diags *diag.Diagnostics) netboot.Fates {
	r.Plans.Holds.Add(netboot.OverlayHolder(m.Path.ValueString()), nil)
	if m.ForceDestroy.ValueBool() {
		return nil
	}
	users := r.planUsers(ctx, m, diags)
	fates := netboot.Fates{}
	users.Guests = slices.DeleteFunc(users.Guests, func(u virt.User) bool {
		if r.frees(ctx, netboot.GuestHolder(u.Domain), m) {
			fates[u.Domain] = netboot.FateFreed
			return true
		}
		return false
	})
	users.Overlays = slices.DeleteFunc(users.Overlays, func(file string) bool { return r.frees(ctx, netboot.OverlayHolder(file), m) })
	if err := inUse(users); err != nil {
		diags.AddWarning(fmt.Sprintf("%s is in use", framework.Capital(m.subject().String())),
			framework.Sentence(err)+" The apply does not destroy a volume in use.\n\n"+remedyOfUse)
	}
	return fates
}

// planMove says who uses a volume that is replaced by a volume with another name.
func (r *volumeResource) planMove(ctx context.Context, m volumeModel, diags *diag.Diagnostics) {
	users := r.planUsers(ctx, m, diags)
	if err := inUse(users); err != nil && !m.ForceDestroy.ValueBool() {
		diags.AddWarning(fmt.Sprintf("%s is in use", framework.Capital(m.subject().String())), framework.Sentence(err)+
			" The apply does not destroy a volume in use. With lifecycle { create_before_destroy = true }, it creates the new volume first, then changes the guests of this configuration, and destroys the old volume last.")
	}
}

// frees tells whether this run detaches the volume from a guest, or removes an overlay on it.
func (r *volumeResource) frees(ctx context.Context, holder string, m volumeModel) bool {
	return r.Plans.Frees(ctx, holder, m.Path.ValueString(), m.key())
}

const remedyOfUse = "Detach the volume from its users first, or destroy them as well. To destroy the volume anyway, and the data of its users with it, apply force_destroy = true first."

// inUse is nil if the volume has no users.
func inUse(users virt.Users) error {
	var who []string
	for _, u := range users.Guests {
		how := "is defined with it"
		if u.Running {
			how = "runs with it"
		}
		who = append(who, fmt.Sprintf("guest %q %s (%s)", u.Domain, how, u.Device))
	}
	for _, overlay := range append(users.Overlays, users.Files...) {
		who = append(who, overlay+" is an overlay on it")
	}
	if len(who) == 0 {
		return nil
	}
	return errors.New(strings.Join(who, ", and "))
}

// release detaches the volume from its users, as the plan said. It returns an error if the volume has other users.
func (r *volumeResource) release(ctx context.Context, m volumeModel, fates netboot.Fates) error {
	users, err := r.usersOf(ctx, m)
	if err != nil {
		return err
	}
	others := virt.Users{Overlays: users.Overlays, Files: users.Files}
	for _, u := range users.Guests {
		if !agreed(u, fates[u.Domain]) {
			others.Guests = append(others.Guests, u)
		}
	}
	if err := inUse(others); err != nil {
		return fmt.Errorf("%w.\n\n%s", err, remedyOfUse)
	}
	for _, u := range users.Guests {
		if err := r.releaseFrom(ctx, u, fates[u.Domain], m); err != nil {
			r.takeBack(context.WithoutCancel(ctx), m, fates)
			return fmt.Errorf("guest %q uses it (%s): %w", u.Domain, u.Device, err)
		}
	}
	r.Plans.Replaced.Add(m.key(), fates)
	return nil
}

// agreed tells whether the fate that the plan announced for a guest is still possible.
func agreed(u virt.User, fate netboot.Fate) bool {
	switch fate {
	case netboot.FateFreed, netboot.FateRestart, netboot.FateBoot:
		return !u.Saved
	case netboot.FatePlug:
		return !u.Saved && (!u.Running || u.Plugs)
	case netboot.FateNextStart:
		return !u.Saved && !u.Running
	default:
		return false
	}
}

// releaseFrom detaches the volume from a guest. A guest that is shut off already may have been shut down for another of its
// volumes.
func (r *volumeResource) releaseFrom(ctx context.Context, u virt.User, fate netboot.Fate, m volumeModel) error {
	if fate != netboot.FateFreed {
		r.Plans.Waiting.Add(u.Domain, m.key(), fate, u.Running && fate == netboot.FateRestart)
	}
	switch {
	case !u.Running:
		return nil
	case fate == netboot.FateFreed, fate == netboot.FatePlug:
		return r.Host.UnplugVolume(ctx, u.Domain, m.onHost())
	default:
		return r.Host.ShutDownDomain(ctx, u.Domain, patience(u))
	}
}

// resume gives the volume to the guests that wait for it, and returns the guests for which that failed, with the reason.
func (r *volumeResource) resume(ctx context.Context, m volumeModel) (failed []string) {
	for _, guest := range r.Plans.Waiting.For(m.key()) {
		fate, starts := r.Plans.Waiting.Ready(guest, m.key())
		var err error
		switch {
		case starts:
			err = r.Host.StartDomain(ctx, guest)
		case fate == netboot.FatePlug:
			err = r.Host.PlugVolume(ctx, guest, m.onHost())
		}
		if err != nil {
			failed = append(failed, fmt.Sprintf("guest %q: %v", guest, err))
		}
	}
	return failed
}

// takeBack gives the volume back to all guests, because it is not destroyed.
func (r *volumeResource) takeBack(ctx context.Context, m volumeModel, fates netboot.Fates) {
	r.resume(ctx, m)
	for guest, fate := range fates {
		if fate == netboot.FateFreed {
			_ = r.Host.PlugVolume(ctx, guest, m.onHost()) // the caller returns an error that says more
		}
	}
}

// resumeAll gives a volume that was created again to the guests that wait for it.
func (r *volumeResource) resumeAll(ctx context.Context, m volumeModel, diags *diag.Diagnostics) {
	free, err := r.Plans.Waiting.Hold(ctx, r.Plans.Waiting.For(m.key()))
	if err != nil {
		framework.Fail(diags, path.Empty(), "attach", m.subject(), err)
		return
	}
	defer free()
	if failed := r.resume(ctx, m); len(failed) > 0 {
		diags.AddWarning(fmt.Sprintf("Guests do not use %s yet", m.subject()),
			framework.Sentence(errors.New(strings.Join(failed, "; ")))+" The next apply of their netboot_domain gives them the volume.")
	}
}

// waiting adds to an error the guests that wait for a volume that could not be created again.
func (r *volumeResource) waiting(m volumeModel, err error) error {
	var who []string
	for _, guest := range r.Plans.Waiting.For(m.key()) {
		fates, _ := r.Plans.Replaced.Find(m.key())
		switch {
		case fates[guest] == netboot.FateBoot, r.Plans.Waiting.Stopped(guest):
			who = append(who, fmt.Sprintf("guest %q is shut off", guest))
		case fates[guest] == netboot.FatePlug:
			who = append(who, fmt.Sprintf("guest %q runs without it", guest))
		}
	}
	if len(who) == 0 {
		return err
	}
	return fmt.Errorf("%w.\n\nThe old content is deleted, and %s. Fix the error and apply again: the apply also brings back the guests that have a netboot_domain. "+
		"After that, bring back the other guests: virsh start, or virsh attach-device", err, strings.Join(who, ", "))
}
