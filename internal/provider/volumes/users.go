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

// fatesKey is where a plan keeps what becomes of the guests that have the volume. The apply does that, and no more.
const fatesKey = "fates"

// guestNote is what a volume has to know of the note that the resource of a guest keeps with it (domains/note.go).
type guestNote struct {
	BootCheck       json.RawMessage `json:"boot_check"`
	ShutdownTimeout string          `json:"shutdown_timeout"`
}

func noteOf(u virt.User) (n guestNote) {
	_ = json.Unmarshal([]byte(u.Note), &n) // one that cannot be read says nothing
	return n
}

func patience(u virt.User) time.Duration {
	if patience, err := time.ParseDuration(noteOf(u).ShutdownTimeout); err == nil {
		return patience
	}
	return framework.ShutdownPatience
}

// fateOf is what becomes of a guest when the volume is replaced.
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

// usersOf finds who has the volume of a state; nobody where it is gone.
func (r *volumeResource) usersOf(ctx context.Context, m volumeModel) (virt.Users, error) {
	users, err := r.Host.VolumeUsers(ctx, m.onHost())
	if framework.IsNotFound(err) {
		return virt.Users{}, nil
	}
	return users, err
}

// planUsers is usersOf for a plan: where the host cannot tell, that is an error of the plan.
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

// planReplacement says what becomes of who has a volume that gets other content.
func (r *volumeResource) planReplacement(m volumeModel, users virt.Users, diags *diag.Diagnostics) netboot.Fates {
	fates := netboot.Fates{}
	var lines []string
	for _, u := range users.Guests {
		if u.Saved {
			diags.AddError(fmt.Sprintf("Saved guest %q has %s", u.Domain, m.subject()), fmt.Sprintf(
				"Its saved state belongs to what the volume holds now, and would damage the new content. Start the guest: virsh start %[1]s. Or give the saved state up: virsh managedsave-remove %[1]s.", u.Domain))
			continue
		}
		fates[u.Domain] = fateOf(u)
		lines = append(lines, sentence(u))
	}
	for _, file := range users.Files {
		diags.AddError(fmt.Sprintf("A guest's disk lies on %s", m.subject()),
			fmt.Sprintf("%s is an overlay on it, and in no pool, so it cannot be replaced with the volume. With other content beneath it, its data are damaged. Remove it, or give the new content a volume of its own.", file))
	}
	for _, overlay := range users.Overlays {
		lines = append(lines, fmt.Sprintf("%s lies on it. If it is a volume of this configuration, it is replaced too, before this one. If it is not, the apply fails before it deletes this volume: first remove it, or give the new content a volume of its own.", overlay))
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
	stops := fmt.Sprintf("%s. It is asked to shut down, and is forced off if it has not after %v", has, patience(u))
	switch fateOf(u) {
	case netboot.FatePlug:
		return has + " and only reads it. It is unplugged, and plugged in again with the new content. The guest keeps running: unmount it there first."
	case netboot.FateBoot:
		return stops + ". Its netboot_domain then starts it with the new content, and checks its boot."
	case netboot.FateRestart:
		return stops + ". It then starts with the new content."
	default:
		return fmt.Sprintf("Guest %q is shut off and has it (%s). It finds the new content at its next start.", u.Domain, u.Device)
	}
}

// planDestroy says who has a volume that is to go, and finds out from whom this run takes it.
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
			framework.Sentence(err)+" The apply does not destroy it while that is so.\n\n"+remedyOfUse)
	}
	return fates
}

// planMove says who has a volume that another one takes the place of, with another name.
func (r *volumeResource) planMove(ctx context.Context, m volumeModel, diags *diag.Diagnostics) {
	users := r.planUsers(ctx, m, diags)
	if err := inUse(users); err != nil && !m.ForceDestroy.ValueBool() {
		diags.AddWarning(fmt.Sprintf("%s is in use", framework.Capital(m.subject().String())), framework.Sentence(err)+
			" The apply does not destroy it while that is so. With lifecycle { create_before_destroy = true }, it makes the new volume first, then changes the guests of this configuration, and destroys the old volume last.")
	}
}

// frees tells whether this run takes the volume from a guest, or from an overlay on it.
func (r *volumeResource) frees(ctx context.Context, holder string, m volumeModel) bool {
	return r.Plans.Frees(ctx, holder, m.Path.ValueString(), m.key())
}

const remedyOfUse = "Take the volume from them first, or destroy them too. To destroy the volume all the same, and what they have in it, apply force_destroy = true first."

// inUse is nil where nobody has the volume.
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
		who = append(who, overlay+" lies on it")
	}
	if len(who) == 0 {
		return nil
	}
	return errors.New(strings.Join(who, ", and "))
}

// release takes the volume from those who have it, as the plan said. It refuses where others have it.
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
			return fmt.Errorf("guest %q has it (%s): %w", u.Domain, u.Device, err)
		}
	}
	r.Plans.Replaced.Add(m.key(), fates)
	return nil
}

// agreed tells whether what the plan said of a guest still fits it.
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

// releaseFrom takes the volume from a guest. One that is off already may be so for another volume of its own.
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

// resume gives the volume to the guests that wait for it, and returns those to which it could not, with the reason.
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

// takeBack gives the volume back to all guests, because it stays.
func (r *volumeResource) takeBack(ctx context.Context, m volumeModel, fates netboot.Fates) {
	r.resume(ctx, m)
	for guest, fate := range fates {
		if fate == netboot.FateFreed {
			_ = r.Host.PlugVolume(ctx, guest, m.onHost()) // the error that is on its way says more
		}
	}
}

// resumeAll gives a volume that was made anew to the guests that wait for it.
func (r *volumeResource) resumeAll(ctx context.Context, m volumeModel, diags *diag.Diagnostics) {
	free, err := r.Plans.Waiting.Hold(ctx, r.Plans.Waiting.For(m.key()))
	if err != nil {
		framework.Fail(diags, path.Empty(), "give", m.subject(), err)
		return
	}
	defer free()
	if failed := r.resume(ctx, m); len(failed) > 0 {
		diags.AddWarning(fmt.Sprintf("Guests do not have %s yet", m.subject()),
			framework.Sentence(errors.New(strings.Join(failed, "; ")))+" The next apply of their netboot_domain gives it to them.")
	}
}

// waiting adds to an error which guests wait for a volume that could not be made anew.
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
	return fmt.Errorf("%w.\n\nThe old content is deleted, and %s. Fix the error and apply again: that also brings back the guests that have a netboot_domain. "+
		"Bring back others after that: virsh start, or virsh attach-device", err, strings.Join(who, ", "))
}
