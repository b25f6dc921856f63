package tftproots

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/loader"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// fileModel is a file at a fixed path below a TFTP root.
type fileModel struct {
	Source      types.String `tfsdk:"source"`
	Content     types.String `tfsdk:"content"`
	ISOPath     types.String `tfsdk:"iso_path"`
	ArchivePath types.String `tfsdk:"archive_path"`
	Checksum    types.String `tfsdk:"checksum"`
	SHA256      types.String `tfsdk:"sha256"`
	SizeBytes   types.Int64  `tfsdk:"size_bytes"`
}

var fileType = types.ObjectType{AttrTypes: framework.TypesOf(filesAttribute.NestedObject.Attributes)}

// publishedFiles are the files that are on the host, by their paths below the root.
type publishedFiles map[string]*bootfiles.Published

const publishedKey = "files"

func loadPublished(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) publishedFiles {
	if published := framework.LoadPrivate[publishedFiles](ctx, private, publishedKey, diags); published != nil {
		return *published
	}
	return publishedFiles{}
}

func (f publishedFiles) save(ctx context.Context, private framework.PrivateWriter, diags *diag.Diagnostics) {
	framework.SavePrivate(ctx, private, publishedKey, &f, diags)
}

// files are the files by their paths. A file that is not known before the apply is missing.
func (m tftpRootModel) files(ctx context.Context, diags *diag.Diagnostics) map[string]fileModel {
	files := map[string]fileModel{}
	for name, element := range m.Files.Elements() {
		if object, known := element.(types.Object); known && !object.IsUnknown() {
			if file := framework.As[fileModel](ctx, object, diags); file != nil {
				files[name] = *file
			}
		}
	}
	return files
}

// setFile replaces a file.
func (m *tftpRootModel) setFile(ctx context.Context, name string, file fileModel, diags *diag.Diagnostics) {
	m.Files = framework.MapWith(m.Files, fileType, name, framework.ObjectFrom(ctx, fileType.AttrTypes, file, diags), diags)
}

func (m *tftpRootModel) setFiles(elements map[string]attr.Value, diags *diag.Diagnostics) {
	if len(elements) == 0 {
		if len(m.Files.Elements()) > 0 {
			m.Files = types.MapNull(fileType)
		}
		return
	}
	files, problems := types.MapValue(fileType, elements)
	diags.Append(problems...)
	m.Files = files
}

// paths are the paths of all files, sorted.
func (m tftpRootModel) paths() []string {
	all := slices.Collect(maps.Keys(m.Files.Elements()))
	return slices.Sorted(slices.Values(slices.AppendSeq(all, maps.Keys(m.dispatchers()))))
}

// directories are the root, which is "", and the directories below it, each after the directory that it is in.
func (m tftpRootModel) directories() []string {
	dirs := []string{"", tftproot.ConfigDir}
	if len(m.GRUBPrefixes.Elements()) > 0 {
		dirs = append(dirs, grub.Dir) // for the configurations
	}
	for _, file := range m.paths() {
		for _, parent := range tftproot.Parents(tftproot.DirOf(file)) {
			if !slices.Contains(dirs, parent) {
				dirs = append(dirs, parent)
			}
		}
	}
	return dirs
}

// checkPaths refuses paths that cannot be on the host together.
func (m tftpRootModel) checkPaths(diags *diag.Diagnostics) {
	dirs := m.directories()
	for _, name := range m.paths() {
		if slices.Contains(dirs, name) {
			at := path.Root("files").AtMapKey(name)
			diags.AddAttributeError(at, "Invalid path", framework.Sentence(framework.Within(at, fmt.Errorf("%q is also the directory of another file; a path is a file or a directory", name))))
		}
	}
	pools := map[string]string{}
	for _, dir := range dirs {
		if other, twice := pools[tftproot.DirPool("", dir)]; twice && dir != "" {
			diags.AddAttributeError(path.Root("files"), "Invalid path", framework.Sentence(fmt.Errorf("the directories %q and %q would have storage pools of one name; rename one of them", other, dir)))
		}
		pools[tftproot.DirPool("", dir)] = dir
	}
}

// patience is how long an operation may take.
func (m tftpRootModel) patience() time.Duration {
	if len(m.Files.Elements()) > 0 {
		return framework.TransferTimeout
	}
	return framework.CallTimeout
}

// description is the file as it is published.
func (f fileModel) description(name string) bootfiles.File {
	file := bootfiles.FixedFile(name)
	file.Source, file.Content = f.Source.ValueString(), f.Content.ValueStringPointer()
	file.ISOPath, file.ArchivePath, file.Checksum = f.ISOPath.ValueString(), f.ArchivePath.ValueString(), f.Checksum.ValueString()
	return file
}

// members are the files that come out of archives.
func (m tftpRootModel) members(ctx context.Context, diags *diag.Diagnostics) bootfiles.Members {
	var files []bootfiles.File
	for name, file := range m.files(ctx, diags) {
		files = append(files, file.description(name))
	}
	return bootfiles.MembersOf(files)
}

func (f fileModel) hasUnknown() bool {
	return f.Source.IsUnknown() || f.Content.IsUnknown() || f.ISOPath.IsUnknown() || f.ArchivePath.IsUnknown() || f.Checksum.IsUnknown()
}

// planFiles fills in what will be on the host after the apply, as far as this is known, and records it for guests that load it.
func (m *tftpRootModel) planFiles(ctx context.Context, r *tftpRootResource, prior *tftpRootModel, published publishedFiles, diags *diag.Diagnostics) {
	before := map[string]fileModel{}
	if prior != nil && prior.ID.Equal(m.ID) {
		before = prior.files(ctx, diags)
	}
	from := bootfiles.Sources{Client: framework.Trust(ctx, m.TLS, diags), Members: m.members(ctx, diags)}
	for name := range m.dispatchers() {
		r.Plans.Files.Add(m.Name.ValueString()+"/"+name, netboot.File{Kind: netboot.FixedFile})
	}
	for name, file := range m.files(ctx, diags) {
		planned, what := file.plan(ctx, from, name, before, published[name], diags)
		m.setFile(ctx, name, planned, diags)
		r.record(*m, name, planned.SizeBytes.ValueInt64(), what)
	}
}

// planRemoved records the files that the apply removes.
func (m tftpRootModel) planRemoved(plans *netboot.Plans, prior tftpRootModel, published publishedFiles) {
	if !prior.ID.Equal(m.ID) || m.Files.IsUnknown() || m.GRUBPrefixes.IsUnknown() {
		return
	}
	wanted := m.paths()
	for name, file := range published {
		if !file.Found && !slices.Contains(wanted, name) {
			plans.Removed.Add(m.Name.ValueString()+"/"+name, true)
		}
	}
}

// record records a file for guests that load it.
func (r *tftpRootResource) record(m tftpRootModel, name string, size int64, what loader.File) {
	r.Plans.Files.Add(m.Name.ValueString()+"/"+name, netboot.File{Kind: netboot.FixedFile, Size: uint64(size), Loader: what})
}

// plan is the file with what will be on the host, and what it is.
func (f fileModel) plan(ctx context.Context, from bootfiles.Sources, name string, prior map[string]fileModel, published *bootfiles.Published, diags *diag.Diagnostics) (fileModel, loader.File) {
	f.SHA256, f.SizeBytes = types.StringUnknown(), types.Int64Unknown()
	if f.hasUnknown() {
		return f, loader.File{}
	}
	_, base := tftproot.Split(name)
	var known *bootfiles.Known
	if was, exists := prior[name]; exists {
		known = &bootfiles.Known{File: was.description(base), SHA256: was.SHA256.ValueString()}
	}
	planned, err := from.Plan(ctx, f.description(base), known, published)
	if err != nil {
		framework.Fail(diags, attributeOf(name, err), "plan", framework.Subject{Kind: "file", ID: name}, err)
	}
	if planned.SHA256 != "" {
		f.SHA256 = types.StringValue(planned.SHA256)
	}
	if planned.Size > 0 {
		f.SizeBytes = types.Int64Value(planned.Size)
	}
	return f, planned.Loader
}

// attributeOf is the attribute of a file that an error is about.
func attributeOf(name string, err error) path.Path {
	at := path.Root("files").AtMapKey(name)
	var faulty *bootfiles.Error
	if errors.As(err, &faulty) && fileType.AttrTypes[faulty.Attribute] != nil {
		return at.AtName(faulty.Attribute)
	}
	return at
}

// publish publishes the files that are not on the host as planned, at the same time, and fills in what became known. The result is
// what is on the host, also with an error.
func (r *tftpRootResource) publish(ctx context.Context, m, prior *tftpRootModel, before publishedFiles, made madePools, verb string, diags *diag.Diagnostics) publishedFiles {
	from := bootfiles.Sources{Client: framework.Trust(ctx, m.TLS, diags), Members: m.members(ctx, diags)}
	from.Together = r.Downloads
	from.Signing = framework.Signing(ctx, from.Client, m.ChecksumSignature, diags)
	there := publishedFiles{}
	maps.Copy(there, before)
	if diags.HasError() {
		return there
	}
	publisher := bootfiles.Publisher{Host: r.Host, Directory: r.directory, Claims: r.Claims, Sources: from}
	right, err := r.right(ctx, *m, before)
	if err != nil {
		framework.Fail(diags, path.Root("files"), verb, m.subject(), err)
		return there
	}
	orders, names := m.orders(ctx, prior, before, right, diags)
	for _, result := range publisher.Publish(ctx, orders) {
		name := names[result.Pool+"/"+result.FileName]
		if result.Err != nil {
			framework.Fail(diags, attributeOf(name, result.Err), verb, m.subject(), result.Err)
		}
		if result.Published == nil {
			continue
		}
		if made[tftproot.DirOf(name)].Directory { // then a killed run of this resource published it
			result.Published.Found = false
		}
		there[name] = result.Published
		if file, named := m.files(ctx, diags)[name]; named {
			file.SHA256, file.SizeBytes = types.StringValue(result.Published.SHA256), types.Int64Value(result.Published.Size)
			m.setFile(ctx, name, file, diags)
		}
		if result.Published.Loader.Kind != loader.Unread {
			r.record(*m, name, result.Published.Size, result.Published.Loader)
		}
	}
	return there
}

// right are the files that are on the host as they were published. The plan does not know it of a directory whose pool was not active.
func (r *tftpRootResource) right(ctx context.Context, m tftpRootModel, published publishedFiles) (map[string]bool, error) {
	right := map[string]bool{}
	for name, known := range published {
		now, err := r.verify(ctx, m, name, known)
		if err != nil {
			return nil, err
		}
		right[name] = now.SHA256 == known.SHA256
	}
	return right, nil
}

// verify returns a published file as it is on the host. A file that is missing, or that guests cannot read, has no hash.
func (r *tftpRootResource) verify(ctx context.Context, m tftpRootModel, name string, known *bootfiles.Published) (tftproot.File, error) {
	now, err := tftproot.Verify(ctx, r.directory(m.pool(tftproot.DirOf(name))), known.File)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && now.Unreadable:
		return tftproot.File{}, nil
	case err != nil:
		return tftproot.File{}, fmt.Errorf("%s: %w", name, err)
	default:
		return now, nil
	}
}

// orders are the files to publish, and their paths by pool and name. A file that is on the host as planned stays as it is.
func (m *tftpRootModel) orders(ctx context.Context, prior *tftpRootModel, before publishedFiles, right map[string]bool, diags *diag.Diagnostics) (orders []bootfiles.Order, names map[string]string) {
	names = map[string]string{}
	was, hadDispatchers := map[string]fileModel{}, map[string]fileModel{}
	if prior != nil {
		was, hadDispatchers = prior.files(ctx, diags), prior.dispatchers()
	}
	order := func(name string, file fileModel) {
		dir, base := tftproot.Split(name)
		pool := m.pool(dir)
		names[pool+"/"+base] = name
		orders = append(orders, bootfiles.Order{File: file.description(base), Pool: pool, SHA256: file.SHA256.ValueString(), Before: before[name]})
	}
	for name, file := range m.files(ctx, diags) {
		if there, exists := was[name]; exists && right[name] && !file.SHA256.IsUnknown() && file.SHA256.Equal(there.SHA256) {
			file.SizeBytes = there.SizeBytes
			m.setFile(ctx, name, file, diags)
			continue
		}
		order(name, file)
	}
	for name, file := range m.dispatchers() {
		if _, exists := hadDispatchers[name]; !exists || !right[name] {
			order(name, file)
		}
	}
	return orders, names
}

func (r *tftpRootResource) directory(pool string) tftproot.Directory {
	return virt.NewDirectory(r.Host, pool)
}

// removeFiles removes files from the host, except those in keep. A file that was on the host before the resource stays.
func (r *tftpRootResource) removeFiles(ctx context.Context, m tftpRootModel, there publishedFiles, keep []string) error {
	for name, published := range there {
		if slices.Contains(keep, name) {
			continue
		}
		dir, base := tftproot.Split(name)
		if !published.Found {
			if err := bootfiles.Remove(ctx, r.directory(m.pool(dir)), []string{base}); err != nil {
				return err
			}
		}
		delete(there, name)
	}
	return nil
}

// keepFiles makes the state name the files that are on the host after an error, and no others.
func (m *tftpRootModel) keepFiles(ctx context.Context, there publishedFiles, prior *tftpRootModel, diags *diag.Diagnostics) {
	planned, elements := m.files(ctx, diags), map[string]attr.Value{}
	for name, published := range there {
		if file, wanted := planned[name]; wanted && file.SHA256.ValueString() == published.SHA256 {
			file.SizeBytes = types.Int64Value(published.Size)
			elements[name] = framework.ObjectFrom(ctx, fileType.AttrTypes, file, diags)
		} else if prior != nil && prior.Files.Elements()[name] != nil {
			elements[name] = prior.Files.Elements()[name]
		}
	}
	m.setFiles(elements, diags)
	m.keepPrefixes(func(file string) bool { return there[file] != nil }, diags)
}

// readFiles writes into the state what is on the host. A file that is missing, or that guests cannot read, has no hash, so that the
// next apply publishes it again. Of a directory whose pool is not active, nothing is known.
func (r *tftpRootResource) readFiles(ctx context.Context, m *tftpRootModel, pools map[string]virt.Pool, published publishedFiles, diags *diag.Diagnostics) error {
	now := map[string]tftproot.File{}
	for name, known := range published {
		if pool := pools[tftproot.DirOf(name)]; pool.Name != "" && !pool.Active {
			now[name] = known.File
			continue
		}
		file, err := r.verify(ctx, *m, name, known)
		if err != nil {
			return err
		}
		if now[name] = file; file.SHA256 == known.SHA256 {
			known.File = file // so that a file that was only touched is not read again
		}
	}
	for name, file := range m.files(ctx, diags) {
		if file.SHA256, file.SizeBytes = types.StringNull(), types.Int64Null(); now[name].SHA256 != "" {
			file.SHA256, file.SizeBytes = types.StringValue(now[name].SHA256), types.Int64Value(now[name].Size)
		}
		m.setFile(ctx, name, file, diags)
	}
	m.keepPrefixes(func(file string) bool { return now[file].SHA256 == dispatcher.SHA256.ValueString() }, diags)
	return nil
}

// lookAll reads the pools of all directories. A pool that does not exist has no name.
func (r *tftpRootResource) lookAll(ctx context.Context, m tftpRootModel) (map[string]virt.Pool, error) {
	pools := map[string]virt.Pool{}
	for _, dir := range m.directories() {
		pool, err := r.look(ctx, m.pool(dir))
		if err != nil && !framework.IsNotFound(err) {
			return nil, err
		}
		pools[dir] = pool
	}
	return pools, nil
}

// unrecorded are the files that the state names and the host has, without a record of what was published.
func (r *tftpRootResource) unrecorded(ctx context.Context, m tftpRootModel, diags *diag.Diagnostics) (publishedFiles, error) {
	there := publishedFiles{}
	files := m.files(ctx, diags)
	maps.Copy(files, m.dispatchers())
	for name, file := range files {
		dir, base := tftproot.Split(name)
		found, exists, err := tftproot.Published(ctx, r.directory(m.pool(dir)), base, file.SHA256.ValueString())
		if err != nil {
			return nil, err
		}
		if exists {
			there[name] = &bootfiles.Published{File: found}
		}
	}
	return there, nil
}
