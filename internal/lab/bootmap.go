package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
)

// A disk that the s390x firmware boots from has a boot map: block 0 points to a program table, which points to
// a program. The components of the program say what to load and where to begin, and each component points to
// its blocks. zipl writes such a map for what QEMU calls the SCSI scheme, which any virtio disk may have.
//
// QEMU pc-bios/s390-ccw/bootmap.h, bootmap.c ipl_scsi(), zipl_run() and zipl_load_segment().
const (
	blockSize      = 512
	blocksAtOnce   = 1 << 16 // "blockct" has 16 bits and is one less
	diskMagic      = "zIPL"
	mapVersion     = 1
	loadComponent  = 2
	startComponent = 1
	// The status word that the program starts with: 64-bit addresses are not in use yet.
	startStatus = 0x00080000_80000000 | kernelEntry

	initrdTarget = 32 << 20 // after any kernel, and within the smallest guest
)

// The blocks of a disk. The content of the program follows them.
const (
	tableBlock = iota + 1
	programBlock
	kernelMapBlock
	initrdMapBlock
	contentBlock = 8
)

// WriteBootDisk writes a disk image from which a guest boots Kernel and Initrd, with these words on the kernel
// command line.
func WriteBootDisk(ctx context.Context, w io.Writer, words string) error {
	kernelName, err := Kernel(ctx)
	if err != nil {
		return err
	}
	initrdName, err := Initrd(ctx)
	if err != nil {
		return err
	}
	kernel, err := os.ReadFile(kernelName)
	if err != nil {
		return err
	}
	initrd, err := os.ReadFile(initrdName)
	if err != nil {
		return err
	}
	return writeBootDisk(w, kernel, initrd, words)
}

// WriteInstaller writes an initrd for Kernel: Initrd with a disk image of WriteBootDisk added. The word
// netboot.install writes that image to a disk.
func WriteInstaller(ctx context.Context, w io.Writer, words string) error {
	initrdName, err := Initrd(ctx)
	if err != nil {
		return err
	}
	initrd, err := os.ReadFile(initrdName)
	if err != nil {
		return err
	}
	var disk bytes.Buffer
	if err := WriteBootDisk(ctx, &disk, words); err != nil {
		return err
	}
	// An archive after another archive begins at a multiple of 4 bytes: Linux init/initramfs.c.
	if _, err := w.Write(append(initrd, padding(len(initrd))...)); err != nil {
		return err
	}
	return writeCPIO(w, []cpioFile{
		{name: "install", mode: cpioDirectory},
		{name: "install/disk.img", mode: cpioPlain, content: disk.Bytes()},
	})
}

func writeBootDisk(w io.Writer, kernel, initrd []byte, words string) error {
	if len(words) >= commandLineLength {
		return fmt.Errorf("a kernel command line of %d bytes is too long", len(words))
	}
	kernel = slices.Clone(kernel)
	binary.BigEndian.PutUint64(kernel[initrdAddress:], initrdTarget)
	binary.BigEndian.PutUint64(kernel[initrdSize:], uint64(len(initrd)))
	copy(kernel[commandLine:], words+"\x00")
	kernel = wholeBlocks(kernel[kernelEntry:]) // the memory before it belongs to the firmware
	initrd = wholeBlocks(initrd)
	blocks, initrdBlock := uint64(len(kernel)/blockSize), contentBlock+uint64(len(kernel)/blockSize)

	head := make([]byte, contentBlock*blockSize)
	first := head[:blockSize]
	copy(first, diskMagic)
	binary.BigEndian.PutUint32(first[4:], mapVersion)
	putPointer(first[16:], tableBlock, 1)

	table := head[tableBlock*blockSize:]
	copy(table, diskMagic)
	putPointer(table[16:], programBlock, 1) // the default, and only one

	program := head[programBlock*blockSize:]
	copy(program, diskMagic)
	putComponent(program[32:], kernelMapBlock, loadComponent, kernelEntry)
	putComponent(program[64:], initrdMapBlock, loadComponent, initrdTarget)
	putComponent(program[96:], 0, startComponent, startStatus)

	putPointers(head[kernelMapBlock*blockSize:], contentBlock, blocks)
	putPointers(head[initrdMapBlock*blockSize:], initrdBlock, uint64(len(initrd)/blockSize))
	for _, part := range [][]byte{head, kernel, initrd} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func wholeBlocks(content []byte) []byte {
	return append(content, make([]byte, (blockSize-len(content)%blockSize)%blockSize)...)
}

// putComponent writes a ComponentEntry.
func putComponent(to []byte, mapBlock uint64, kind byte, value uint64) {
	putPointer(to, mapBlock, 1)
	to[23] = kind
	binary.BigEndian.PutUint64(to[24:], value)
}

// putPointers writes as many pointers as the blocks need. The zeros after them end the list.
func putPointers(to []byte, block, count uint64) {
	for ; count > 0; to = to[16:] {
		n := min(count, blocksAtOnce)
		putPointer(to, block, n)
		block, count = block+n, count-n
	}
}

// putPointer writes a ScsiBlockPtr.
func putPointer(to []byte, block, count uint64) {
	binary.BigEndian.PutUint64(to, block)
	binary.BigEndian.PutUint16(to[8:], blockSize)
	binary.BigEndian.PutUint16(to[10:], uint16(count-1))
}
