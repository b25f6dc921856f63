package virttest

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// image is what the header of a qcow2 file says, so that a host in memory knows an image that was
// uploaded. The fields' places: qemu docs/interop/qcow2.txt, "Header".
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
	imageFileSize = 193 << 10 // an empty image has its tables, too
)

// newImage is an image as libvirt has qemu-img make it, of the older version where nobody says.
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

// header is the beginning of an image without content. The backing file's format follows its name
// here; QEMU has it in an extension of the header.
func (i image) header() []byte {
	header := make([]byte, imageFileSize)
	copy(header, imageMagic)
	header[imageVersion] = i.version
	header[clusterBits] = i.clusterBits
	binary.BigEndian.PutUint64(header[imageSize:], i.capacity)
	if i.backing != nil {
		binary.BigEndian.PutUint64(header[backingOffset:], headerSize)
		binary.BigEndian.PutUint32(header[backingSize:], uint32(len(i.backing.Path)))
		copy(header[headerSize:], i.backing.Path+i.backing.Format)
	}
	return header
}

// readImage tells whether content is an image, and what its header says.
func readImage(content []byte) (i image, isImage bool) {
	if len(content) < headerSize || !bytes.HasPrefix(content, []byte(imageMagic)) {
		return image{}, false
	}
	i.version, i.clusterBits = content[imageVersion], content[clusterBits]
	i.capacity = binary.BigEndian.Uint64(content[imageSize:])
	offset := binary.BigEndian.Uint64(content[backingOffset:])
	size := uint64(binary.BigEndian.Uint32(content[backingSize:]))
	if offset == 0 || offset > uint64(len(content)) || size > uint64(len(content))-offset {
		return i, true
	}
	name, rest := content[offset:offset+size], content[offset+size:]
	format, _, _ := bytes.Cut(rest, []byte{0})
	i.backing = &virt.Backing{Path: string(name), Format: string(format)}
	return i, true
}
