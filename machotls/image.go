package machotls

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The parts of <mach-o/loader.h> that matter here.
const (
	magic32  = 0xfeedface
	magic64  = 0xfeedfacf
	magic32r = 0xcefaedfe // big-endian, read as little-endian
	magic64r = 0xcffaedfe

	cpuI386    = 7
	cpuAmd64   = 0x01000007
	cpuArm     = 12
	cpuArm64   = 0x0100000c
	cpuArm6432 = 0x0200000c
	cpuPpc     = 18
	cpuPpc64   = 0x01000012

	typeObject = 0x1 // MH_OBJECT
	typeDsym   = 0xa // MH_DSYM: sections without contents
	typeDylink = 0x9 // MH_DYLIB_STUB, likewise

	cmdSegment32       = 0x1
	cmdSymtab          = 0x2
	cmdDysymtab        = 0xb
	cmdSegment64       = 0x19
	cmdEncryption32    = 0x21
	cmdVersionMacOS    = 0x24
	cmdVersionIOS      = 0x25
	cmdVersionTvOS     = 0x2f
	cmdVersionWatchOS  = 0x30
	cmdEncryption64    = 0x2c
	cmdBuildVersion    = 0x32
	maxCommands        = 1 << 24 // bytes of load commands; real files have some kilobytes
	maxSectionsInImage = 1 << 16

	sectTypeMask        = 0xff
	sectZerofill        = 0x1
	sectSymbolStubs     = 0x8
	sectNonLazyPointers = 0x6
	sectLazyPointers    = 0x7
	sectGBZerofill      = 0xc
	sectThreadRegular   = 0x11
	sectThreadZerofill  = 0x12
	sectThreadVariables = 0x13
	sectThreadPointers  = 0x14
	sectPureCode        = 0x80000000
	sectSomeCode        = 0x00000400
)

// A section of an image. Offsets of files are from the start of the image.
type section struct {
	segment, name string
	addr          uint64
	size          uint64
	offset        uint64 // in the file; 0 for zero-fill
	relocOffset   uint64
	relocs        uint32
	flags         uint32
	reserved1     uint32 // index of the first indirect symbol
	reserved2     uint32 // size of a stub
}

func (s *section) kind() uint32 { return s.flags & sectTypeMask }

// stored reports whether the section has bytes in the file.
func (s *section) stored() bool {
	k := s.kind()
	return s.size > 0 && s.offset > 0 && k != sectZerofill && k != sectGBZerofill && k != sectThreadZerofill
}

// code reports whether the section holds instructions.
func (s *section) code() bool {
	return s.stored() && s.flags&(sectPureCode|sectSomeCode) != 0 && s.kind() != sectSymbolStubs
}

func (s *section) contains(addr uint64) bool { return addr >= s.addr && addr-s.addr < s.size }

// fileOffset is where the byte of an address is in the file.
func (s *section) fileOffset(addr uint64) int64 { return int64(s.offset + (addr - s.addr)) }

func (s *section) String() string { return s.segment + "," + s.name }

// symtab says where the symbol table is.
type symtab struct {
	offset, count       uint64
	strings, stringSize uint64
	indirect, indirects uint64 // of the indirect symbol table, 4 bytes each
}

// An image is one Mach-O image: a thin file, one architecture of a universal
// one or a member of an archive. What it holds is bounded by its load commands.
type image struct {
	r         io.ReaderAt
	size      int64
	cpu       uint32
	subtype   uint32
	filetype  uint32
	is64      bool
	platform  string
	encrypted bool
	start     uint64 // address of the segment that begins with the header
	sections  []section
	symtab    symtab
}

// A FormatError is a file that says it is Mach-O and is not well-formed.
type FormatError struct {
	Offset int64 // where, in bytes from the start of the image
	Msg    string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("damaged at offset %#x: %s", e.Offset, e.Msg)
}

func damaged(offset int64, format string, args ...any) error {
	return &FormatError{offset, fmt.Sprintf(format, args...)}
}

// readFull reads all of b, and says so if the file ends before.
func readFull(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return damaged(offset, "the file ends %d bytes into something of %d", n, len(b))
	}
	return err
}

// isImage tells a Mach-O image by its first four bytes, read as little-endian.
func isImage(magic uint32) bool { return magic == magic32 || magic == magic64 || isBigEndian(magic) }

// isBigEndian tells an image for PowerPC, which is not read.
func isBigEndian(magic uint32) bool { return magic == magic32r || magic == magic64r }

// parseImage reads the header and load commands of an image of size bytes. It
// checks every offset and count against the size, so that what follows may
// trust them. Its errors are *FormatError or of r.
func parseImage(r io.ReaderAt, size int64) (*image, error) {
	var head [32]byte
	if err := readFull(r, head[:28], 0); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	m := &image{r: r, size: size, cpu: le.Uint32(head[4:]), subtype: le.Uint32(head[8:]) &^ 0xff000000, filetype: le.Uint32(head[12:])}
	start := int64(28)
	switch magic := le.Uint32(head[:]); magic {
	case magic32:
	case magic64:
		m.is64 = true
		start = 32
	default:
		return nil, damaged(0, "no Mach-O image: magic %#x", magic)
	}
	count, length := le.Uint32(head[16:]), int64(le.Uint32(head[20:]))
	if length > maxCommands || start+length > size {
		return nil, damaged(20, "%d bytes of load commands in an image of %d bytes", length, size)
	}
	commands := make([]byte, length)
	if err := readFull(r, commands, start); err != nil {
		return nil, err
	}
	at := start
	for i := uint32(0); i < count; i++ {
		if len(commands) < 8 {
			return nil, damaged(at, "load command %d of %d lies outside of the commands", i+1, count)
		}
		cmd, n := le.Uint32(commands), int64(le.Uint32(commands[4:]))
		if n < 8 || n > int64(len(commands)) {
			return nil, damaged(at, "load command %d has a size of %d bytes", i+1, n)
		}
		if err := m.parseCommand(cmd&^0x80000000, commands[:n], at); err != nil {
			return nil, err
		}
		commands = commands[n:]
		at += n
	}
	return m, nil
}

func (m *image) parseCommand(cmd uint32, b []byte, at int64) error {
	le := binary.LittleEndian
	short := func(n int) error {
		if len(b) < n {
			return damaged(at, "a load command of kind %#x has %d bytes, not %d", cmd, len(b), n)
		}
		return nil
	}
	switch cmd {
	case cmdSegment64, cmdSegment32:
		return m.parseSegment(cmd == cmdSegment64, b, at)
	case cmdSymtab:
		if err := short(24); err != nil {
			return err
		}
		s := &m.symtab
		s.offset, s.count = uint64(le.Uint32(b[8:])), uint64(le.Uint32(b[12:]))
		s.strings, s.stringSize = uint64(le.Uint32(b[16:])), uint64(le.Uint32(b[20:]))
		if s.offset+s.count*m.symbolSize() > uint64(m.size) || s.strings+s.stringSize > uint64(m.size) {
			return damaged(at, "the symbol table (%d symbols) lies outside of the image", s.count)
		}
	case cmdDysymtab:
		if err := short(80); err != nil {
			return err
		}
		m.symtab.indirect, m.symtab.indirects = uint64(le.Uint32(b[56:])), uint64(le.Uint32(b[60:]))
		if m.symtab.indirect+m.symtab.indirects*4 > uint64(m.size) {
			return damaged(at, "the indirect symbol table lies outside of the image")
		}
	case cmdBuildVersion:
		if err := short(24); err != nil {
			return err
		}
		m.addPlatform(platformName(le.Uint32(b[8:])))
	case cmdVersionMacOS, cmdVersionIOS, cmdVersionTvOS, cmdVersionWatchOS:
		m.addPlatform(m.platformOfMinimum(cmd))
	case cmdEncryption32, cmdEncryption64:
		if err := short(20); err != nil {
			return err
		}
		m.encrypted = m.encrypted || le.Uint32(b[16:]) != 0
	}
	return nil
}

// addPlatform: an image can be for two, macOS and Catalyst ("zippered").
func (m *image) addPlatform(name string) {
	if m.platform == "" {
		m.platform = name
	} else if m.platform != name {
		m.platform += "+" + name
	}
}

// platformName names the platforms of LC_BUILD_VERSION, <mach-o/loader.h>.
func platformName(n uint32) string {
	names := []string{1: "macos", "ios", "tvos", "watchos", "bridgeos", "maccatalyst", "ios-simulator", "tvos-simulator",
		"watchos-simulator", "driverkit", "visionos", "visionos-simulator"}
	if n > 0 && n < uint32(len(names)) {
		return names[n]
	}
	return fmt.Sprintf("platform-%d", n)
}

// platformOfMinimum: before LC_BUILD_VERSION simulators were told by their CPU.
func (m *image) platformOfMinimum(cmd uint32) string {
	name := map[uint32]string{cmdVersionMacOS: "macos", cmdVersionIOS: "ios", cmdVersionTvOS: "tvos", cmdVersionWatchOS: "watchos"}[cmd]
	if name != "macos" && (m.cpu == cpuAmd64 || m.cpu == cpuI386) {
		name += "-simulator"
	}
	return name
}

func (m *image) parseSegment(is64 bool, b []byte, at int64) error {
	le := binary.LittleEndian
	header, each := 56, 68
	if is64 {
		header, each = 72, 80
	}
	if len(b) < header {
		return damaged(at, "a segment command has %d bytes, not %d", len(b), header)
	}
	n := int(le.Uint32(b[header-8:]))
	if n < 0 || n > (len(b)-header)/each {
		return damaged(at, "a segment command of %d bytes says it has %d sections", len(b), n)
	}
	if len(m.sections)+n > maxSectionsInImage {
		return damaged(at, "more than %d sections", maxSectionsInImage)
	}
	if is64 {
		if le.Uint64(b[40:]) == 0 && le.Uint64(b[48:]) > 0 { // fileoff, filesize
			m.start = le.Uint64(b[24:])
		}
	} else if le.Uint32(b[32:]) == 0 && le.Uint32(b[36:]) > 0 {
		m.start = uint64(le.Uint32(b[24:]))
	}
	for i := 0; i < n; i++ {
		c := b[header+i*each:]
		s := section{name: cString(c[:16]), segment: cString(c[16:32])}
		rest := c[40:]
		if is64 {
			s.addr, s.size = le.Uint64(c[32:]), le.Uint64(c[40:])
			rest = c[48:]
		} else {
			s.addr, s.size = uint64(le.Uint32(c[32:])), uint64(le.Uint32(c[36:]))
		}
		s.offset = uint64(le.Uint32(rest))
		s.relocOffset, s.relocs = uint64(le.Uint32(rest[8:])), le.Uint32(rest[12:])
		s.flags, s.reserved1, s.reserved2 = le.Uint32(rest[16:]), le.Uint32(rest[20:]), le.Uint32(rest[24:])
		if m.filetype == typeDsym || m.filetype == typeDylink {
			s.offset = 0
		}
		if s.stored() && (s.size > uint64(m.size) || s.offset > uint64(m.size)-s.size) {
			return damaged(at, "section %s, %d bytes at %#x, lies outside of the image", &s, s.size, s.offset)
		}
		if s.addr+s.size < s.addr {
			return damaged(at, "section %s has %d bytes at address %#x", &s, s.size, s.addr)
		}
		if s.relocOffset+uint64(s.relocs)*8 > uint64(m.size) {
			return damaged(at, "%d relocations of section %s lie outside of the image", s.relocs, &s)
		}
		m.sections = append(m.sections, s)
	}
	return nil
}

// cString is a name that is padded with zeros.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// arch names the architecture as Apple's tools do.
func (m *image) arch() string {
	switch m.cpu {
	case cpuArm64:
		if m.subtype == 2 {
			return "arm64e"
		}
		return "arm64"
	case cpuArm6432:
		return "arm64_32"
	case cpuAmd64:
		if m.subtype == 8 {
			return "x86_64h"
		}
		return "x86_64"
	case cpuI386:
		return "i386"
	case cpuArm:
		if name := map[uint32]string{6: "armv6", 9: "armv7", 11: "armv7s", 12: "armv7k", 15: "armv7m", 16: "armv7em"}[m.subtype]; name != "" {
			return name
		}
		return "arm"
	case cpuPpc:
		return "ppc"
	case cpuPpc64:
		return "ppc64"
	}
	return fmt.Sprintf("cpu-%#x", m.cpu)
}

// word is the size of a pointer in bytes.
func (m *image) word() int {
	if m.is64 && m.cpu != cpuArm6432 {
		return 8
	}
	return 4
}

func (m *image) symbolSize() uint64 {
	if m.is64 {
		return 16
	}
	return 12
}

// sectionAt is the section that holds an address, or nil.
func (m *image) sectionAt(addr uint64) *section {
	for i := range m.sections {
		if m.sections[i].contains(addr) {
			return &m.sections[i]
		}
	}
	return nil
}

// chunkSize is how much of a section is in memory at a time.
const chunkSize = 256 << 10

// chunks calls f with all of size bytes from offset on, in pieces that overlap
// by overlap bytes: at is where a piece begins, counted from offset, and what
// starts in its last overlap bytes is seen whole in the next piece. The last
// piece has last set. The bytes are f's until it returns; buf is their store.
func chunks(r io.ReaderAt, offset, size int64, buf *[]byte, overlap int, f func(b []byte, at int64, last bool) error) error {
	if cap(*buf) < chunkSize {
		*buf = make([]byte, chunkSize)
	}
	for at := int64(0); size > 0; {
		b := (*buf)[:min(chunkSize, size-at)]
		if err := readFull(r, b, offset+at); err != nil {
			return err
		}
		last := at+int64(len(b)) == size
		if err := f(b, at, last); err != nil || last {
			return err
		}
		at += int64(len(b) - overlap)
	}
	return nil
}

// chunks calls f with all bytes of a section that has bytes in the file.
func (m *image) chunks(s *section, buf *[]byte, overlap int, f func(b []byte, base uint64, last bool) error) error {
	if !s.stored() {
		return nil
	}
	return chunks(m.r, int64(s.offset), int64(s.size), buf, overlap, func(b []byte, at int64, last bool) error {
		return f(b, uint64(at), last)
	})
}
