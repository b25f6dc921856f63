package lab

import (
	"encoding/binary"
	"strings"
)

// The offsets in a GreetingKernel of its code, of the field with the longest command line that it takes, and of the block with which
// it asks the machine to write to the console. The block comes after the command line.
const (
	greetingCode   = 0x10040
	maxCommandLine = 0x10430
	greetingBlock  = 0x12000
	greetingEvent  = 14 // the size of the headers of the block and of its only event
	greetingSize   = greetingBlock + 0x1000
)

// GreetingKernel is a kernel for s390x that writes a text and its command line to the first console, and waits. It is for tests
// that need a guest that boots, and not what it boots. It takes command lines of up to 3600 bytes from a loader that can pass them.
func GreetingKernel(text string) []byte {
	text += strings.Repeat(" ", len(text)%2) // an instruction can only name an even address
	kernel := make([]byte, greetingSize)
	copy(kernel[kernelEntry:], []byte{0xa7, 0xf4, 0, 0x20}) // j greetingCode
	copy(kernel[kernelMagic:], "S390EP")
	binary.BigEndian.PutUint64(kernel[maxCommandLine:], 4096)
	copy(kernel[greetingCode:], []byte{
		0xc0, 0x20, 0, 0, 0x0f, 0xe0, // larl %r2,greetingBlock
		0xc0, 0x30, 0, 0, 0x02, 0x1d, // larl %r3,commandLine
		0xc0, 0x40, 0, 0, 0, 0, // larl %r4,end of the text, which is set below
		0xa7, 0x58, 3600 >> 8, 3600 & 0xff, // lhi %r5,3600
		0x95, 0x00, 0x30, 0x00, // next: cli 0(%r3),0
		0xa7, 0x84, 0, 0x0b, // je end
		0xd2, 0x00, 0x40, 0x00, 0x30, 0x00, // mvc 0(1,%r4),0(%r3)
		0xa7, 0x3a, 0, 1, // ahi %r3,1
		0xa7, 0x4a, 0, 1, // ahi %r4,1
		0xa7, 0x56, 0xff, 0xf5, // brct %r5,next
		0x92, '\n', 0x40, 0x00, // end: mvi 0(%r4),'\n'
		0xa7, 0x4a, 0, 1, // ahi %r4,1
		0x18, 0x64, // lr %r6,%r4
		0x1b, 0x62, // sr %r6,%r2
		0x40, 0x60, 0x20, 0x00, // sth %r6,0(%r2), the length of the block
		0xa7, 0x6a, 0xff, 0xf8, // ahi %r6,-8
		0x40, 0x60, 0x20, 0x08, // sth %r6,8(%r2), the length of the event
		0xc0, 0x11, 0x00, 0x76, 0x00, 0x05, // lgfi %r1,0x760005, the command that writes the data of events
		0xb2, 0x20, 0x00, 0x12, // servc %r1,%r2
		0xc0, 0x70, 0, 0, 0, 7, // larl %r7,wait
		0xb7, 0x00, 0x70, 0x08, // lctl %c0,%c0,8(%r7), which is 0: no interruption ends the wait
		0xb2, 0xb2, 0x70, 0x00, // lpswe 0(%r7)
		0x03, 0x02, 0, 1, 0x80, 0, 0, 0, // wait: a program status word that waits with interruptions enabled
	})
	kernel[greetingBlock+10] = 0x1a // the type of an event for a console of type sclp
	end := greetingBlock + greetingEvent + copy(kernel[greetingBlock+greetingEvent:], text)
	const larl = greetingCode + 12
	binary.BigEndian.PutUint32(kernel[larl+2:], uint32((end-larl)/2))
	return kernel
}
