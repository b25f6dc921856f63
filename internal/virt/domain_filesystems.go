package virt

import (
	"slices"

	"github.com/beevik/etree"
)

// Filesystem is a directory of the host that a guest mounts. https://libvirt.org/formatdomain.html#filesystems
type Filesystem struct {
	Source   string // on the host
	Target   string // the tag by which the guest mounts it
	Driver   string // virtiofs, 9p
	ReadOnly bool
}

// Drivers of Filesystem.Driver.
const (
	Virtiofs = "virtiofs"
	Plan9    = "9p"
)

// drivers9p are libvirt's names for the 9p driver. libvirt also uses 9p if a definition names no driver.
var drivers9p = []string{"", "path"}

// editFilesystems makes the domain's directories those of d, if d has a list of them. A directory that stays (the
// same tag) keeps what d does not model.
func (d Domain) editFilesystems(devices *etree.Element, now Domain) {
	if d.Filesystems == nil {
		return
	}
	old := filesystemElements(devices)
	var wanted []*etree.Element
	for _, fs := range d.Filesystems {
		element, before := etree.NewElement("filesystem"), Filesystem{}
		if at := slices.IndexFunc(now.Filesystems, func(f Filesystem) bool { return f.Target == fs.Target && f.Driver == fs.Driver }); at >= 0 {
			element, before = old[at], now.Filesystems[at]
		} else {
			element.CreateAttr("type", "mount")
			element.CreateAttr("accessmode", "passthrough")
			editNamed(element, "driver", "type", map[string]string{Virtiofs: Virtiofs}[fs.Driver])
			child(element, "target").CreateAttr("dir", fs.Target)
		}
		if fs.Source != before.Source {
			child(element, "source").CreateAttr("dir", fs.Source)
		}
		editFlag(element, "readonly", fs.ReadOnly)
		wanted = append(wanted, element)
	}
	arrange(devices, old, wanted)
}

// filesystemElements returns the elements of Domain.Filesystems, in order. An element that a user has named belongs
// to Domain.Devices.
func filesystemElements(devices *etree.Element) []*etree.Element {
	return slices.DeleteFunc(devices.SelectElements("filesystem"), func(e *etree.Element) bool {
		return isNamed(e) || parseFilesystem(e) == Filesystem{}
	})
}

// parseFilesystem reads a directory of the host. It returns the zero value if Filesystem cannot express it.
func parseFilesystem(element *etree.Element) Filesystem {
	fs := Filesystem{
		Source:   attr(element.SelectElement("source"), "dir"),
		Target:   attr(element.SelectElement("target"), "dir"),
		Driver:   attr(element.SelectElement("driver"), "type"),
		ReadOnly: element.SelectElement("readonly") != nil,
	}
	if slices.Contains(drivers9p, fs.Driver) {
		fs.Driver = Plan9
	}
	if attr(element, "type") != "mount" || fs.Source == "" || fs.Target == "" || fs.Driver != Plan9 && fs.Driver != Virtiofs {
		return Filesystem{}
	}
	return fs
}

// MemoryBacking is where the host takes a guest's memory from. https://libvirt.org/formatdomain.html#memory-backing
type MemoryBacking struct {
	HugePages string // size, such as 1MiB; "default" is the host's size; "" means none
	Source    string // memfd, file, anonymous; "" lets libvirt choose
	Shared    bool   // other processes, such as virtiofsd, may map it
}

// HugePagesDefault is the value of MemoryBacking.HugePages for the host's default size.
const HugePagesDefault = "default"

// hugePages maps sizes of pages, as libvirt writes them in KiB.
var hugePages = map[string]string{
	"64": "64KiB", "1024": "1MiB", "2048": "2MiB", "16384": "16MiB", "32768": "32MiB", "524288": "512MiB", "1048576": "1GiB", "2097152": "2GiB", "16777216": "16GiB",
}

// HugePages returns the possible values of MemoryBacking.HugePages.
func HugePages() []string {
	sizes := []string{HugePagesDefault}
	for _, size := range hugePages {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	return sizes
}

// editMemoryBacking keeps what MemoryBacking does not model, such as locked pages or pages of several sizes.
func (d Domain) editMemoryBacking(root *etree.Element, now Domain) {
	wanted, before := d.MemoryBacking, now.MemoryBacking
	if wanted == before {
		return
	}
	backing := child(root, "memoryBacking")
	if wanted.HugePages != before.HugePages {
		removeAll(backing, "hugepages")
		if wanted.HugePages != "" {
			pages := backing.CreateElement("hugepages")
			for kib, size := range hugePages {
				if size == wanted.HugePages {
					page := pages.CreateElement("page")
					page.CreateAttr("size", kib)
					page.CreateAttr("unit", "KiB")
				}
			}
		}
	}
	editNamed(backing, "source", "type", wanted.Source)
	if wanted.Shared != before.Shared {
		editNamed(backing, "access", "mode", map[bool]string{true: "shared"}[wanted.Shared])
	}
	if len(backing.ChildElements()) == 0 {
		root.RemoveChild(backing)
	}
}

func parseMemoryBacking(root *etree.Element) MemoryBacking {
	backing := root.SelectElement("memoryBacking").NotNil()
	read := MemoryBacking{
		Source: attr(backing.SelectElement("source"), "type"),
		Shared: attr(backing.SelectElement("access"), "mode") == "shared",
	}
	pages := backing.SelectElement("hugepages")
	switch sizes := pages.NotNil().SelectElements("page"); {
	case pages == nil:
	case len(sizes) == 0:
		read.HugePages = HugePagesDefault
	case len(sizes) == 1 && attr(sizes[0], "nodeset") == "":
		read.HugePages = hugePages[attr(sizes[0], "size")]
	}
	return read
}
