package provider

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// configDir is the directory below a TFTP root that holds the pxelinux configurations; the pool
// for it has the root's name with this behind. A volume's name cannot hold a slash.
const configDir = "pxelinux.cfg"

// configPool is the pool of a TFTP root's pxelinux configurations.
func configPool(root string) string { return root + "-" + configDir }

type tftpRootResource struct{ configured }

func newTFTPRootResource() resource.Resource { return &tftpRootResource{} }

type tftpRootModel struct {
	placed
	ID       types.String   `tfsdk:"id"`
	Path     types.String   `tfsdk:"path"`
	Name     types.String   `tfsdk:"name"`
	Active   types.Bool     `tfsdk:"active"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

var tftpRootIdentity = identity{"name"}

func (m tftpRootModel) subject() subject {
	return subject{"TFTP root", m.qualified(m.Name.ValueString())}
}

func (r *tftpRootResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_tftp_root"
}

func (r *tftpRootResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = tftpRootIdentity.schema()
}

func (r *tftpRootResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A directory on the libvirt host that a network's dnsmasq serves by TFTP.\n\n" +
			"It is reached through libvirt's storage API alone, as two autostarted directory pools: `name` at `path` and `<name>-pxelinux.cfg` at `path/pxelinux.cfg`. " +
			"A directory or pool that is there is adopted if everybody can list and enter the directory (mode 0755), and what it holds is left alone. Destroy takes away the pools that it made, and the directories that it made and that are empty; missing parents of `path` are made, and stay.\n\n" +
			"Everything under a TFTP root can be read by anyone on the networks that serve it: keep secrets out of boot files and command lines.",
		Attributes: map[string]schema.Attribute{
			"id":   idAttribute("The root's `name`."),
			"host": hostAttribute,
			"path": schema.StringAttribute{
				MarkdownDescription: "Absolute path of the directory on the libvirt host. Prefer `/srv/tftp` or a directory below it on Debian, Ubuntu and SUSE, and `/var/lib/tftpboot` on Red Hat's systems: AppArmor and SELinux let dnsmasq read there. A change replaces the root.",
				Required:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{absolutePath},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the pool. Default: the path with `-` for `/`, so `srv-tftp` for `/srv/tftp`. A change replaces the root.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{objectName},
			},
			"active": schema.BoolAttribute{
				MarkdownDescription: "Whether both pools are there, started and autostarted. An apply makes it so.",
				Computed:            true,
			},
			"timeouts": timeoutsAttribute(ctx),
		},
	}
}

func (r *tftpRootResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	tftpRootIdentity.importState(ctx, r.sites, req, resp)
}

// ModifyPlan makes the name and the id known at plan, and plans to start what is not active.
func (r *tftpRootResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan, config tftpRootModel
	var prior *tftpRootModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	r = &tftpRootResource{r.on(plan.placed, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() || plan.Host.IsUnknown() {
		return
	}
	switch moved := prior == nil || !prior.Path.Equal(plan.Path); {
	case !config.Name.IsNull() || !moved:
	case plan.Path.IsUnknown():
		plan.Name = types.StringUnknown()
	default:
		plan.Name = types.StringValue(defaultRootName(plan.Path.ValueString()))
		if err := checkObjectName(plan.Name.ValueString()); err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("path"), "Invalid name",
				sentence(fmt.Errorf("the root's name would follow from the path, and cannot: %w; set name", err)))
			return
		}
	}
	plan.ID = plan.qualifiedName(plan.Name)
	plan.Active = types.BoolValue(true)
	if !plan.ID.IsUnknown() && !plan.Path.IsUnknown() {
		r.plans.roots.add(plan.Name.ValueString(), plan.Path.ValueString())
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

func (r *tftpRootResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan tftpRootModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	r = &tftpRootResource{r.on(plan.placed, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, plan.Timeouts.Create, callTimeout, &resp.Diagnostics)
	defer cancel()

	made, err := r.ensure(ctx, plan, madePools{})
	if err != nil {
		undone := r.undo(context.WithoutCancel(ctx), plan, made)
		fail(&resp.Diagnostics, path.Root("path"), "create", plan.subject(), errors.Join(err, undone))
		if undone == nil {
			return
		}
		// What is left on the host is in the state, and goes with the next apply.
	}
	savePrivate(ctx, resp.Private, madeKey, &made, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(tftpRootIdentity.set(ctx, resp.Identity, plan.placed, plan.Name)...)
}

func (r *tftpRootResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state tftpRootModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	imported := loadPrivate[madePools](ctx, req.Private, madeKey, &resp.Diagnostics) == nil
	r = &tftpRootResource{r.on(state.placed, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, state.Timeouts.Read, callTimeout, &resp.Diagnostics)
	defer cancel()

	name := state.Name.ValueString()
	root, rootErr := r.look(ctx, name)
	configs, configsErr := r.look(ctx, configPool(name))
	for _, err := range []error{rootErr, configsErr} {
		if err != nil && !isNotFound(err) {
			fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
			return
		}
	}
	if rootErr != nil && (configsErr != nil || imported) {
		resp.State.RemoveResource(ctx)
		return
	}
	state.Active = types.BoolValue(ready(root) && ready(configs) && configs.Path == filepath.Join(root.Path, configDir))
	if rootErr == nil {
		state.Path = types.StringValue(root.Path)
	}
	for _, pool := range []virt.Pool{root, configs} {
		if err := notPublic(pool); err != nil { // not an error, so that destroy works
			resp.Diagnostics.AddAttributeWarning(path.Root("path"), fmt.Sprintf("Unable to serve %s", state.subject()), sentence(err))
		}
	}
	if imported {
		// Who imports pools makes them his own; directories and what they hold stay theirs.
		made := madePools{RootUUID: root.UUID, ConfigsUUID: configs.UUID}
		savePrivate(ctx, resp.Private, madeKey, &made, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(tftpRootIdentity.set(ctx, resp.Identity, state.placed, state.Name)...)
}

// Update starts what is not active and makes again what is gone; everything else replaces.
func (r *tftpRootResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan tftpRootModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	made := loadMade(ctx, req.Private, &resp.Diagnostics)
	r = &tftpRootResource{r.on(plan.placed, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, plan.Timeouts.Update, callTimeout, &resp.Diagnostics)
	defer cancel()

	made, err := r.ensure(ctx, plan, made)
	savePrivate(ctx, resp.Private, madeKey, &made, &resp.Diagnostics)
	if err != nil {
		fail(&resp.Diagnostics, path.Root("path"), "update", plan.subject(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(tftpRootIdentity.set(ctx, resp.Identity, plan.placed, plan.Name)...)
}

func (r *tftpRootResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state tftpRootModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	made := loadPrivate[madePools](ctx, req.Private, madeKey, &resp.Diagnostics)
	r = &tftpRootResource{r.on(state.placed, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, state.Timeouts.Delete, callTimeout, &resp.Diagnostics)
	defer cancel()

	var err error
	if made == nil {
		made, err = r.marked(ctx, state)
	}
	if err == nil {
		err = r.undo(ctx, state, *made)
	}
	if err != nil {
		fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
	}
}

// madePools is what a TFTP root made on the host and may take away again: pools by their UUID, so
// that a pool which somebody else made since under the same name is left alone.
type madePools struct {
	RootUUID         string `json:"root_uuid,omitempty"`
	RootDirectory    bool   `json:"root_directory,omitempty"`
	ConfigsUUID      string `json:"configs_uuid,omitempty"`
	ConfigsDirectory bool   `json:"configs_directory,omitempty"`
}

// madeKey is where madePools is kept in the resource's private state.
const madeKey = "made"

// loadMade reads what was recorded; without a record nothing was made.
func loadMade(ctx context.Context, private privateState, diags *diag.Diagnostics) madePools {
	if made := loadPrivate[madePools](ctx, private, madeKey, diags); made != nil {
		return *made
	}
	return madePools{}
}

// marked is what was made as far as the pools themselves tell. Terraform hands over no private state
// to destroy a tainted resource by: one that an interrupted create has left in the state.
func (r *tftpRootResource) marked(ctx context.Context, m tftpRootModel) (*madePools, error) {
	var made madePools
	for name, record := range map[string]struct {
		uuid      *string
		directory *bool
	}{
		m.Name.ValueString():             {&made.RootUUID, &made.RootDirectory},
		configPool(m.Name.ValueString()): {&made.ConfigsUUID, &made.ConfigsDirectory},
	} {
		pool, err := r.host.Pool(ctx, name)
		if err != nil && !isNotFound(err) {
			return nil, err
		}
		if pool.Marked() {
			*record.uuid, *record.directory = pool.UUID, true // which removes it if it is empty
		}
	}
	return &made, nil
}

// look reads a pool after a fresh look at its directory. Only then libvirt knows the directory's mode,
// and stops the pool of a directory that is gone.
func (r *tftpRootResource) look(ctx context.Context, name string) (virt.Pool, error) {
	_, lookErr := r.host.VolumeNames(ctx, name)
	pool, err := r.host.Pool(ctx, name)
	if err == nil && pool.Active {
		err = lookErr
	}
	return pool, err
}

// ensure makes or adopts both pools and returns what was made, before and now, also with an error.
func (r *tftpRootResource) ensure(ctx context.Context, m tftpRootModel, made madePools) (madePools, error) {
	name, dir := m.Name.ValueString(), m.Path.ValueString()
	uuid, directory, err := r.ensurePool(ctx, name, dir)
	if uuid != "" {
		made.RootUUID, made.RootDirectory = uuid, made.RootDirectory || directory
	}
	if err == nil {
		err = r.checkPublic(ctx, name)
	}
	if err != nil {
		return made, err
	}
	uuid, directory, err = r.ensurePool(ctx, configPool(name), filepath.Join(dir, configDir))
	if uuid != "" {
		made.ConfigsUUID, made.ConfigsDirectory = uuid, made.ConfigsDirectory || directory
	}
	if err == nil {
		err = r.checkPublic(ctx, configPool(name))
	}
	return made, err
}

// checkPublic looks whether dnsmasq can read a pool's directory, as it is now.
func (r *tftpRootResource) checkPublic(ctx context.Context, name string) error {
	pool, err := r.look(ctx, name)
	if err != nil {
		return err
	}
	return notPublic(pool)
}

// notPublic is what is wrong with the directory of a pool that has just been looked at; nil where
// nothing is. A network does not start with such a root, and with such a pxelinux.cfg no guest finds
// its configuration. Of a pool that is not active libvirt does not know.
func notPublic(pool virt.Pool) error {
	if !pool.Active || pool.Public() {
		return nil
	}
	return fmt.Errorf("the directory %[1]q has mode %[2]s, so dnsmasq, which runs without privileges, cannot list and enter it, and serves nothing of it; "+
		"run chmod 0755 %[1]s on the libvirt host", pool.Path, pool.Mode)
}

// ensurePool adopts the pool where it is there and makes it otherwise; then uuid is the new pool's.
func (r *tftpRootResource) ensurePool(ctx context.Context, name, dir string) (uuid string, madeDirectory bool, err error) {
	pool, err := r.host.Pool(ctx, name)
	switch {
	case err == nil && pool.Path != dir:
		return "", false, fmt.Errorf("a pool %q exists already and lies at %q, not at %q; choose another name", name, pool.Path, dir)
	case err == nil && ready(pool):
		return "", false, nil
	case err == nil:
		return "", false, r.host.StartPool(ctx, name)
	case !isNotFound(err):
		return "", false, err
	}
	other, err := r.host.PoolAt(ctx, dir)
	if err == nil {
		return "", false, fmt.Errorf("%q is the directory of pool %q already, and libvirt allows one pool a directory; set name = %q to use that pool",
			dir, other.Name, strings.TrimSuffix(other.Name, "-"+configDir))
	}
	if !isNotFound(err) {
		return "", false, err
	}
	pool, madeDirectory, err = r.host.CreatePool(ctx, name, dir)
	return pool.UUID, madeDirectory, err
}

// undo takes away what was made. What is not there any more, or is not what was made, is passed over. The
// root's pool is the last to go, for without it nobody could remove a directory that is not empty yet.
func (r *tftpRootResource) undo(ctx context.Context, m tftpRootModel, made madePools) error {
	name := m.Name.ValueString()
	if err := r.undoPool(ctx, configPool(name), made.ConfigsUUID, made.ConfigsDirectory); err != nil {
		return err
	}
	return r.undoPool(ctx, name, made.RootUUID, made.RootDirectory)
}

func (r *tftpRootResource) undoPool(ctx context.Context, name, uuid string, directory bool) error {
	pool, err := r.host.Pool(ctx, name)
	if isNotFound(err) || err == nil && pool.UUID != uuid {
		return nil
	}
	if err != nil {
		return err
	}
	return r.host.DeletePool(ctx, name, directory)
}

// ready tells whether a pool works, now and after the host's next boot.
func ready(p virt.Pool) bool { return p.Active && p.Autostart }

// defaultRootName is the name of a TFTP root by its path: srv-tftp for /srv/tftp.
func defaultRootName(dir string) string {
	return strings.ReplaceAll(strings.Trim(dir, "/"), "/", "-")
}
