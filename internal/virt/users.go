package virt

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
	"golang.org/x/sync/errgroup"
)

// Users are the users of a volume. They lose data if the volume is removed or gets other content.
type Users struct {
	Guests   []User
	Overlays []string // paths of the volumes on top of it, directly or through other volumes
	Files    []string // paths of guests' files on top of it that are in no pool
}

// User is a guest that uses a volume directly, not through an overlay.
type User struct {
	Domain  string
	Device  string // vda, for example; kernel or initrd if the guest boots from the file
	Running bool   // it runs with the volume; otherwise it is only defined with it
	Plugs   bool   // the running guest only reads the volume, which can be unplugged and plugged in again
	Saved   bool   // it is off and has a saved state (virsh managedsave), which fits only the current content of its disks
	Note    string
}

// VolumeUsers finds all users of a volume on the host. It reads all guests and all volumes of the started pools.
func (h *Host) VolumeUsers(ctx context.Context, v Volume) (Users, error) {
	if err := h.refreshPool(ctx, v.Pool); err != nil { // other programs make overlays without libvirt, and libvirt does not list them until then
		return Users{}, err
	}
	seen, err := query(ctx, h, "find users of a volume", func(l *libvirt.Libvirt) (seen usersSeen, err error) {
		err = concurrently(func() (err error) {
			seen.volumes, seen.overlays, err = h.overlaysOn(l, v.Path)
			return err
		}, func() (err error) {
			seen.guests, seen.over, seen.unknown, err = h.guestsWith(l, v)
			return err
		})
		return seen, err
	})
	if err != nil {
		return Users{}, err
	}
	files := map[string]bool{}
	for _, file := range seen.over {
		files[file] = true
	}
	for _, file := range seen.unknown {
		if seen.volumes[file] || files[file] {
			continue
		}
		if files[file], err = h.isOver(ctx, file, v.Path); err != nil {
			return Users{}, err
		}
	}
	maps.DeleteFunc(files, func(file string, over bool) bool { return !over || seen.overlays[file] })
	return Users{Guests: seen.guests, Overlays: slices.Sorted(maps.Keys(seen.overlays)), Files: slices.Sorted(maps.Keys(files))}, nil
}

// usersSeen is what one look at a host shows about the users of a volume.
type usersSeen struct {
	guests            []User
	volumes, overlays map[string]bool // by path: all volumes, and those on top of it
	over, unknown     []string        // files of guests: those on top of it, and those for which libvirt does not show what is beneath
}

// isOver reports whether a file that is in no pool lies on top of another file, directly or not.
func (h *Host) isOver(ctx context.Context, file, base string) (bool, error) {
	for range maxLayers {
		layer, err := h.fileBeneath(ctx, file)
		if err != nil || layer.Where == base {
			return err == nil, err
		}
		if layer.Where == "" {
			return false, nil
		}
		file = layer.Where
	}
	return false, nil
}

// overlaysOn returns all volumes, and those on top of a file, directly or through other volumes.
func (h *Host) overlaysOn(l *libvirt.Libvirt, path string) (all, overlays map[string]bool, err error) {
	volumes, err := volumesByKey(l)
	if err != nil {
		return nil, nil, err
	}
	all = map[string]bool{}
	for key := range volumes {
		all[key] = true
	}
	unknown := h.mayLieOn.among(slices.Collect(maps.Values(volumes)))
	var mu sync.Mutex
	laid := map[string]Volume{} // volumes on top of a file
	err = each(h, unknown, func(volume libvirt.StorageVol) error {
		v, err := readVolume(l, volume)
		if err != nil {
			return unlessPoolEnded(err)
		}
		if v.Backing == nil {
			h.mayLieOn.not(volume)
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		laid[v.Path] = v
		return nil
	})
	return all, overlaysOf(path, laid), err
}

// candidates are the volumes that may lie on top of another one. With it, a run that destroys many volumes reads each
// of the others only once. A volume without a backing file stays so, unless it is created again.
type candidates struct {
	mu    sync.Mutex
	none  map[string]bool // by libvirt's key: has no backing file
	until time.Time       // when that is too old
}

// among returns the volumes that have to be read.
func (c *candidates) among(volumes []libvirt.StorageVol) []libvirt.StorageVol {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.After(c.until) {
		c.none, c.until = map[string]bool{}, now.Add(aheadLasts)
	}
	return slices.DeleteFunc(volumes, func(v libvirt.StorageVol) bool { return c.none[v.Key] })
}

// not records that a volume has no backing file.
func (c *candidates) not(volume libvirt.StorageVol) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.none[volume.Key] = true
}

// each calls do for many objects at the same time. It leaves out an object that was removed in the meantime.
func each[T any](h *Host, objects []T, do func(T) error) error {
	var group errgroup.Group
	group.SetLimit(readsAtOnce)
	for _, object := range objects {
		group.Go(func() error {
			if err := do(object); !errors.Is(h.callError(err), ErrNotFound) {
				return err
			}
			return nil
		})
	}
	return group.Wait()
}

// guestsWith finds the guests that use a volume, as they run and as they are defined. It also returns the files of
// guests on top of the volume, and other files of guests that are off, for which libvirt does not show what is
// beneath.
func (h *Host) guestsWith(l *libvirt.Libvirt, v Volume) (users []User, over, unknown []string, err error) {
	guests, _, err := l.ConnectListAllDomains(1, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	var mu sync.Mutex
	err = each(h, guests, func(guest libvirt.Domain) error {
		user, lieOn, others, err := userOf(l, guest, v)
		mu.Lock()
		defer mu.Unlock()
		if user.Device != "" {
			users = append(users, user)
		}
		over = append(over, lieOn...)
		if guest.ID < 0 {
			unknown = append(unknown, others...)
		}
		return err
	})
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Domain, b.Domain) })
	return users, over, unknown, err
}

// userOf returns a guest as the user of a volume, its files on top of the volume, and its other files. The user has
// no Device if the guest does not use the volume directly.
func userOf(l *libvirt.Libvirt, guest libvirt.Domain, v Volume) (user User, over, others []string, err error) {
	note := ""
	for _, flags := range []libvirt.DomainXMLFlags{libvirt.DomainXMLInactive, 0} {
		if guest.ID < 0 && flags == 0 {
			continue
		}
		text, err := l.DomainGetXMLDesc(guest, flags)
		if err != nil {
			return User{}, nil, nil, err
		}
		root, err := parseXML(text)
		if err != nil {
			return User{}, nil, nil, err
		}
		if flags == libvirt.DomainXMLInactive {
			note = parseNote(root.SelectElement("metadata")) // a running guest has the note from its start
		}
		found, lieOn, rest := v.userIn(root)
		if found.Device != "" {
			user = found
			user.Note = note
		}
		over, others = append(over, lieOn...), append(others, rest...)
	}
	if user.Device == "" || user.Running {
		return user, over, others, nil
	}
	saved, err := l.DomainHasManagedSaveImage(guest, 0)
	user.Saved = saved == 1
	return user, over, others, err
}

// userIn is userOf for one of the guest's definitions.
func (v Volume) userIn(root *etree.Element) (user User, over, others []string) {
	running := isActive(root)
	use := func(device string, plugs bool) {
		// A device that cannot be plugged in again decides what happens to the guest.
		if user.Device == "" || user.Plugs && !plugs {
			user = User{Domain: childText(root, "name"), Device: device, Running: running, Plugs: plugs && running}
		}
	}
	for _, disk := range root.SelectElement("devices").NotNil().SelectElements("disk") {
		name := attr(disk.SelectElement("target"), "dev")
		switch top := sourceOf(disk); {
		case v.isAt(top):
			use(name, canReplug(disk))
		case v.isAt(sourceOf(disk.SelectElement("mirror").NotNil())): // a block job copies the disk to it
			use(name, false)
		case slices.ContainsFunc(parseChain(disk), func(layer Layer) bool { return v.isAt(layer.Disk()) }):
			over = append(over, top.Where())
		case top.Path != "" && !top.Block:
			others = append(others, top.Path)
		}
	}
	for _, name := range []string{"kernel", "initrd", "loader", "nvram"} {
		if childText(root.SelectElement("os").NotNil(), name) == v.Path {
			use(name, false)
		}
	}
	return user, over, others
}

func (v Volume) isAt(disk Disk) bool {
	return disk.Is(Disk{Path: v.Path, Volume: v.Pool + "/" + v.Name})
}

// canReplug reports whether the medium of a drive or a disk can be replaced while the guest runs, because the guest
// only reads it.
func canReplug(disk *etree.Element) bool {
	isVirtio := attr(disk.SelectElement("target"), "bus") == "virtio"
	return attr(disk, "device") == "cdrom" || disk.SelectElement("readonly") != nil && isVirtio
}

func sourceOf(element *etree.Element) (disk Disk) {
	disk.parseSource(element)
	return disk
}
