package virttest

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// image is the content of a qcow2 file's header, so that a host in memory recognizes an image that was uploaded. The
// positions of the fields: qemu docs/interop/qcow2.txt, "Header".
type image struct {
	version     byte
	clusterBits byte
	capacity    uint64
	backing     *virt.Backing
}

const (
	imageMagic    = "QFI\xfb"
	imageVersion  = 7
	backingOffset = 8
	backingSize   = 16
	clusterBits   = 23
	imageSize     = 24
	headerSize    = 104
	imageFileSize = 193 << 10 // an empty image also has its tables
	maxFormat     = 16        // bytes of a format's name, and of its end
)

// newImage returns an image as libvirt has qemu-img make it, with the older version by default.
func newImage(v virt.Volume) image {
	i := image{version: 2, clusterBits: 16, capacity: v.Capacity, backing: v.Backing}
	if v.Compat == "1.1" {
		i.version = 3
	}
	if v.ClusterSize > 0 {
		i.clusterBits = byte(bits.TrailingZeros64(v.ClusterSize))
	}
	return i
}

func (i image) compat() string {
	if i.version == 2 {
		return "0.10"
	}
	return "1.1"
}

// header returns the beginning of an image without content, except for zeros. The backing file's format comes after
// its name here. QEMU has it in an extension of the header.
func (i image) header() []byte {
	var backing string
	if i.backing != nil {
		backing = i.backing.Path + i.backing.Format
	}
	header := make([]byte, headerSize+len(backing))
	copy(header, imageMagic)
	header[imageVersion] = i.version
	header[clusterBits] = i.clusterBits
	binary.BigEndian.PutUint64(header[imageSize:], i.capacity)
	if i.backing != nil {
		binary.BigEndian.PutUint64(header[backingOffset:], headerSize)
		binary.BigEndian.PutUint32(header[backingSize:], uint32(len(i.backing.Path)))
		copy(header[headerSize:], backing)
	}
	return header
}

// readImage reports whether a file is an image, and returns the content of its header.
func readImage(f *file) (i image, isImage bool) {
	header := f.bytes(0, headerSize)
	if len(header) < headerSize || !bytes.HasPrefix(header, []byte(imageMagic)) {
		return image{}, false
	}
	i.version, i.clusterBits = header[imageVersion], header[clusterBits]
	i.capacity = binary.BigEndian.Uint64(header[imageSize:])
	offset := binary.BigEndian.Uint64(header[backingOffset:])
	size := uint64(binary.BigEndian.Uint32(header[backingSize:]))
	if offset == 0 || offset > uint64(f.size) || size > uint64(f.size)-offset {
		return i, true
	}
	content := f.bytes(int64(offset), int64(offset+size)+maxFormat)
	format, _, _ := bytes.Cut(content[size:], []byte{0})
	i.backing = &virt.Backing{Path: string(content[:size]), Format: string(format)}
	return i, true
}
