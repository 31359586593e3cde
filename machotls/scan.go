package machotls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// HeadSize is how many bytes of a file Recognise wants to see.
const HeadSize = 16

// Recognise reports whether a file may be one that Scan reads, by its first
// HeadSize bytes or, if it is shorter, all of them.
func Recognise(head []byte) bool { return kindOf(head) != kindNone }

type kind int

const (
	kindNone kind = iota
	kindImage
	kindFat32
	kindFat64
	kindArchive
	kindThinArchive
	kindBitcode
)

var (
	archiveMagic = []byte("!<arch>\n")
	thinMagic    = []byte("!<thin>\n")
)

// maxSlices tells a universal file from a class of Java, which has the same
// magic and then its version, 45 or more.
const maxSlices = 42

func kindOf(head []byte) kind {
	if len(head) < 8 {
		return kindNone
	}
	if bytes.HasPrefix(head, archiveMagic) {
		return kindArchive
	}
	if bytes.HasPrefix(head, thinMagic) {
		return kindThinArchive
	}
	switch le, be := binary.LittleEndian.Uint32(head), binary.BigEndian.Uint32(head); {
	case isImage(le):
		return kindImage
	case be == 0xcafebabe && binary.BigEndian.Uint32(head[4:]) <= maxSlices:
		return kindFat32
	case be == 0xcafebabf && binary.BigEndian.Uint32(head[4:]) <= maxSlices:
		return kindFat64
	case be == 0x4243c0de, le == 0x0b17c0de: // LLVM bitcode, bare and in its wrapper (llvm/Bitcode/LLVMBitCodes.h)
		return kindBitcode
	}
	return kindNone
}

// A Scanner scans files, one at a time. Its memory does not depend on the size
// of a file. The zero Scanner is ready to use.
type Scanner struct {
	buf []byte
}

// Scan says which mimallocs are in a file: a Mach-O image, a universal file or
// an archive of object files. The findings are one for each mimalloc of an
// architecture, or one that says there is none; those of an archive are of all
// its members together. There are none in an archive without any object file
// of Mach-O.
//
// Where something is damaged Scan returns, beside a *FormatError, what it found
// elsewhere in the file.
func (s *Scanner) Scan(r io.ReaderAt, size int64) ([]Finding, error) {
	return s.scan(r, size, 0, true)
}

// scan reads what begins at base of the file.
func (s *Scanner) scan(r io.ReaderAt, size, base int64, fat bool) ([]Finding, error) {
	head := make([]byte, min(size, HeadSize))
	if err := readFull(r, head, 0); err != nil {
		return nil, err
	}
	switch k := kindOf(head); {
	case k == kindImage && isBigEndian(binary.LittleEndian.Uint32(head)):
		return []Finding{{Arch: "ppc", Kind: OtherKind, Model: Unknown, Evidence: []string{"images for PowerPC are not read"}}}, nil
	case k == kindImage:
		m, err := parseImage(r, size)
		if err != nil {
			return nil, err
		}
		if packed, err := isPacked(r, size); err != nil || packed {
			return []Finding{{Arch: m.arch(), Platform: m.platform, Kind: kindOfFile(m.filetype), Model: Unknown,
				Evidence: []string{"packed by UPX: what is inside cannot be seen"}}}, err
		}
		p, err := readPart(m, "", base, &s.buf)
		if err != nil {
			return nil, err
		}
		return judge([]*part{p}, &s.buf)
	case (k == kindFat32 || k == kindFat64) && fat:
		return s.scanFat(r, size, k == kindFat64)
	case k == kindArchive:
		return s.scanArchive(r, size, base)
	case k == kindThinArchive:
		return nil, damaged(0, "a thin archive: its members are files of their own; scan those")
	case k == kindBitcode:
		return s.scanBitcode(r, size, base, "")
	}
	return nil, damaged(0, "neither Mach-O nor an archive")
}

// isPacked tells what UPX made: its mark stands behind the load commands.
func isPacked(r io.ReaderAt, size int64) (bool, error) {
	b := make([]byte, min(size, 4<<10))
	err := readFull(r, b, 0)
	return bytes.Contains(b, []byte("UPX!")), err
}

// scanFat reads the slices of a universal file (<mach-o/fat.h>; big-endian).
func (s *Scanner) scanFat(r io.ReaderAt, size int64, wide bool) ([]Finding, error) {
	be := binary.BigEndian
	var head [8]byte
	if err := readFull(r, head[:], 0); err != nil {
		return nil, err
	}
	count, each := int64(be.Uint32(head[4:])), int64(20)
	if wide {
		each = 32
	}
	table := make([]byte, count*each)
	if err := readFull(r, table, 8); err != nil {
		return nil, err
	}
	var findings []Finding
	var firstErr error
	for i := int64(0); i < count; i++ {
		entry := table[i*each:]
		offset, length := uint64(be.Uint32(entry[8:])), uint64(be.Uint32(entry[12:]))
		if wide {
			offset, length = be.Uint64(entry[8:]), be.Uint64(entry[16:])
		}
		if length > uint64(size) || offset > uint64(size)-length || offset < 8+uint64(count*each) {
			err := damaged(8+i*each, "slice %d, %d bytes at %#x, lies outside of the file", i+1, length, offset)
			firstErr = firstOf(firstErr, err)
			continue
		}
		found, err := s.scan(io.NewSectionReader(r, int64(offset), int64(length)), int64(length), int64(offset), false)
		findings = append(findings, found...)
		if err != nil {
			firstErr = firstOf(firstErr, fmt.Errorf("slice %d at %#x: %w", i+1, offset, err))
		}
	}
	return findings, firstErr
}

// firstOf is the first of two errors.
func firstOf(first, err error) error {
	if first != nil {
		return first
	}
	return err
}

// maxParts bounds the members of an archive that are kept: those that have to
// do with mimalloc. A mimalloc that is not built as one file has about thirty.
const maxParts = 1 << 10

// scanArchive reads the members of an archive and judges those of an
// architecture together: the heaps may be in one and the code in others.
func (s *Scanner) scanArchive(r io.ReaderAt, size, base int64) ([]Finding, error) {
	var arches []string // in the order of their first members
	parts := make(map[string][]*part)
	var findings []Finding
	var firstErr error
	bitcode := false
	err := members(r, size, func(name string, offset, length int64) error {
		member := io.NewSectionReader(r, offset, length)
		head := make([]byte, min(length, HeadSize))
		if err := readFull(member, head, 0); err != nil {
			return err
		}
		switch kindOf(head) {
		case kindImage:
			m, err := parseImage(member, length)
			if err == nil {
				var p *part
				if p, err = readPart(m, name, base+offset, &s.buf); err == nil {
					arch := m.arch()
					if parts[arch] == nil {
						arches = append(arches, arch)
					} else if p.use == nil {
						return nil // nothing of mimalloc; one such part stands for all
					}
					if len(parts[arch]) == maxParts {
						return damaged(offset, "more than %d members have to do with mimalloc", maxParts)
					}
					parts[arch] = append(parts[arch], p)
					return nil
				}
			}
			firstErr = firstOf(firstErr, fmt.Errorf("member %s: %w", name, err))
		case kindBitcode:
			if found, err := s.scanBitcode(member, length, base+offset, name); err != nil {
				return err
			} else if !bitcode {
				bitcode = found[0].Mimalloc
				if bitcode {
					findings = append(findings, found...)
				}
			}
		}
		return nil
	})
	firstErr = firstOf(firstErr, err)
	for _, arch := range arches {
		found, err := judge(parts[arch], &s.buf)
		findings = append(findings, found...)
		firstErr = firstOf(firstErr, err)
	}
	return findings, firstErr
}

// scanBitcode looks for the names of mimalloc's heaps in LLVM bitcode, whose
// table of strings is plain text. What the code does cannot be told.
func (s *Scanner) scanBitcode(r io.ReaderAt, size, base int64, name string) ([]Finding, error) {
	f := Finding{Kind: Bitcode, Model: None}
	text := []byte("heap_empty") // _mi_heap_empty, _mi_theap_empty
	err := chunks(r, 0, size, &s.buf, 32, func(b []byte, at int64, last bool) error {
		for i := 0; !f.Mimalloc; i++ {
			n := bytes.Index(b[i:], text)
			if n < 0 {
				return nil
			}
			i += n
			if before := b[:i]; bytes.HasSuffix(before, []byte("_mi_")) || bytes.HasSuffix(before, []byte("_mi_t")) {
				f.Mimalloc, f.Model = true, Unknown
				where := fmt.Sprintf("file offset %#x", base+at+int64(i))
				if name != "" {
					where += " of " + name
				}
				f.Evidence = []string{"LLVM bitcode, no machine code yet, names mimalloc's empty heap: " + where}
			}
		}
		return nil
	})
	return []Finding{f}, err
}
