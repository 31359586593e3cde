// Package machotest makes small Mach-O images for tests: as much of a mimalloc
// as its audit looks at, and no more. They are right in form, and would not run.
package machotest

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A Spec says what to make.
type Spec struct {
	Amd64    bool   // not arm64
	Model    string // fixed-slot, thread-local, pthread-key; "": code that does not tell; "messages": texts and the code that prints the version; "none": no mimalloc
	Slots    []int  // fixed-slot
	Words    int    // of a queue: 3, 4 or 5; 0 is 4
	Version  [3]int // printed, where the first is not 0
	Filetype uint32 // of <mach-o/loader.h>; 0 is MH_DYLIB
	Platform uint32 // of LC_BUILD_VERSION; 0 is macOS
	Heaps    int    // mimallocs of this model in the image; 0 is 1. Their code lies Apart bytes apart.
	Apart    int
	Unused   bool // a thread-local variable that starts with the heap and that no code reaches
	ReadOnly bool // thread-local: the variable is read once and not set, which release 2 does in all models
}

// Addresses of sections; each is also the offset in the file. What stands
// behind the constants depends on how many there are.
const (
	textAddr   = 0x400
	stubsAddr  = 0x1000
	cstrAddr   = 0x1040
	gotAddr    = 0x10c0
	constAddr  = 0x1100
	heapSize   = 0xb00 // of one mimalloc's constants
	heapFields = 0x80  // in front of the run
	pages      = 129
)

var classes = []uint64{1, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160,
	192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024}

// Image makes an image. It is what a linker makes, with pointers as dyld's
// opcodes leave them: the addresses that they have without sliding.
func Image(s Spec) []byte {
	le := binary.LittleEndian
	heaps := max(s.Heaps, 1)
	varsAddr := uint64(constAddr + heaps*heapSize)
	tdataAddr := varsAddr + uint64(heaps*24)
	linkAddr := tdataAddr + uint64(heaps*8)
	b := make([]byte, linkAddr)
	text, tdata, vars := b[textAddr:stubsAddr], b[tdataAddr:linkAddr], b[varsAddr:tdataAddr]
	if s.Model == "none" || s.Model == "messages" {
		heaps = 0
	}
	words := max(s.Words, 3)
	if s.Words == 0 {
		words = 4
	}
	if s.Model != "none" {
		copy(b[cstrAddr:], "mimalloc: warning: \x00v%i.%i.%i%s%s (built on %s, %s)\n\x00")
	}
	const format = cstrAddr + len("mimalloc: warning: \x00")
	c := &coder{b: text, addr: textAddr, amd64: s.Amd64}
	for h := range heaps {
		heap := constAddr + uint64(h)*heapSize
		page := heap + heapSize - 0x40
		run := heap + heapFields
		for i := range uint64(pages) {
			le.PutUint64(b[run+i*8:], page)
		}
		for i, class := range classes {
			blockSize := min(words-1, 3) // {first, last, block_size}, later {first, last, count, block_size, …}
			le.PutUint64(b[run+uint64(pages+i*words+blockSize)*8:], class*8)
		}
		c.at = h * s.Apart
		switch s.Model {
		case "fixed-slot":
			c.address(heap)
			for _, slot := range s.Slots {
				c.readSlot(slot)
				c.writeSlot(slot)
			}
		case "thread-local":
			c.address(heap)
			c.variable(varsAddr+uint64(h)*24, !s.ReadOnly)
		case "pthread-key":
			c.address(heap)
			c.call(stubsAddr)
			c.call(stubsAddr)
		default:
			c.address(heap)
		}
		if s.Model == "thread-local" || s.Unused {
			le.PutUint64(tdata[h*8:], heap)
			le.PutUint64(vars[h*24+16:], uint64(h*8))
		}
		if s.Version[0] != 0 {
			c.printVersion(uint64(format), s.Version)
		}
		c.ret()
	}

	if s.Model == "messages" && s.Version[0] != 0 {
		c.printVersion(uint64(format), s.Version)
	}
	filetype, platform := s.Filetype, s.Platform
	if filetype == 0 {
		filetype = 6
	}
	if platform == 0 {
		platform = 1
	}
	b = append(b, symbols()...)
	const code, stubs, gotType, regular, variables, cstrings = 0x80000400, 0x80000408, 0x6, 0x11, 0x13, 0x2
	sections := []sect{
		{"__TEXT", "__text", textAddr, stubsAddr - textAddr, code, 0, 0},
		{"__TEXT", "__stubs", stubsAddr, 12, stubs, 0, 12},
		{"__TEXT", "__cstring", cstrAddr, 0x80, cstrings, 0, 0},
		{"__DATA", "__got", gotAddr, 8, gotType, 1, 0},
		{"__DATA", "__const", constAddr, heapSize * uint64(max(heaps, 1)), 0, 0, 0},
		{"__DATA", "__thread_vars", varsAddr, 24 * uint64(max(heaps, 1)), variables, 0, 0},
		{"__DATA", "__thread_data", tdataAddr, 8 * uint64(max(heaps, 1)), regular, 0, 0},
	}
	cpu := uint32(0x0100000c)
	if s.Amd64 {
		cpu = 0x01000007
	}
	copy(b, header(cpu, filetype, platform, sections, uint32(linkAddr), uint32(len(b))))
	return b
}

type sect struct {
	segment, name string
	addr, size    uint64
	flags         uint32
	reserved1     uint32
	reserved2     uint32
}

// header is the Mach header with its load commands.
func header(cpu, filetype, platform uint32, sections []sect, link, size uint32) []byte {
	le := binary.LittleEndian
	var cmds []byte
	seg := le.AppendUint32(nil, 0x19)
	seg = le.AppendUint32(seg, uint32(72+80*len(sections)))
	seg = append(seg, name16("__ALL")...)
	for _, v := range []uint64{0, uint64(size), 0, uint64(size)} { // vmaddr, vmsize, fileoff, filesize
		seg = le.AppendUint64(seg, v)
	}
	for _, v := range []uint32{7, 7, uint32(len(sections)), 0} {
		seg = le.AppendUint32(seg, v)
	}
	for _, s := range sections {
		seg = append(append(seg, name16(s.name)...), name16(s.segment)...)
		seg = le.AppendUint64(le.AppendUint64(seg, s.addr), s.size)
		for _, v := range []uint32{uint32(s.addr), 3, 0, 0, s.flags, s.reserved1, s.reserved2, 0} {
			seg = le.AppendUint32(seg, v)
		}
	}
	cmds = append(cmds, seg...)
	for _, v := range []uint32{0x32, 24, platform, 0, 0, 0} { // LC_BUILD_VERSION
		cmds = le.AppendUint32(cmds, v)
	}
	for _, v := range []uint32{0x2, 24, link, 1, link + 16 + 8, uint32(len(stringTable))} { // LC_SYMTAB
		cmds = le.AppendUint32(cmds, v)
	}
	dysymtab := make([]byte, 80)
	le.PutUint32(dysymtab, 0xb)
	le.PutUint32(dysymtab[4:], 80)
	le.PutUint32(dysymtab[56:], link+16)
	le.PutUint32(dysymtab[60:], 2)
	cmds = append(cmds, dysymtab...)
	var b []byte
	for _, v := range []uint32{0xfeedfacf, cpu, 0, filetype, 4, uint32(len(cmds)), 0, 0} {
		b = le.AppendUint32(b, v)
	}
	return append(b, cmds...)
}

func name16(s string) []byte { return append([]byte(s), make([]byte, 16-len(s))...) }

const stringTable = "\x00_pthread_getspecific\x00"

// symbols is what stands at the end: one undefined symbol, the indirect
// symbols of the stub and the pointer, and the strings.
func symbols() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 1) // n_strx
	b = append(b, 1, 0, 0, 1)    // N_UNDF|N_EXT, no section, library 1
	b = le.AppendUint64(b, 0)
	b = append(b, make([]byte, 8)...) // both are symbol 0
	return append(b, stringTable...)
}

// Fat makes a universal file of images, in the order of arm64 and x86_64.
func Fat(images ...[]byte) []byte {
	be := binary.BigEndian
	b := be.AppendUint32(be.AppendUint32(nil, 0xcafebabe), uint32(len(images)))
	at := uint32(0x1000)
	for _, m := range images {
		for _, v := range []uint32{binary.LittleEndian.Uint32(m[4:]), 0, at, uint32(len(m)), 12} {
			b = be.AppendUint32(b, v)
		}
		at += uint32(len(m)+0xfff) &^ 0xfff
	}
	for _, m := range images {
		b = append(b, make([]byte, (0x1000-len(b)%0x1000)%0x1000)...)
		b = append(b, m...)
	}
	return b
}

// A Member is one of an archive.
type Member struct {
	Name string
	Data []byte
}

// Archive makes an ar archive with names as BSD has them.
func Archive(members ...Member) []byte {
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range members {
		name := append([]byte(m.Name), make([]byte, (8-len(m.Name)%8)%8)...)
		b.WriteString(arHeader("#1/"+itoa(len(name)), len(name)+len(m.Data)))
		b.Write(name)
		b.Write(m.Data)
		if (len(name)+len(m.Data))%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func arHeader(name string, size int) string {
	pad := func(s string, n int) string { return s + string(slices.Repeat([]byte(" "), n-len(s))) }
	return pad(name, 16) + pad("0", 12) + pad("0", 6) + pad("0", 6) + pad("100644", 8) + pad(itoa(size), 10) + "`\n"
}
