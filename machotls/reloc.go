package machotls

import (
	"encoding/binary"
	"slices"
)

// A target is what a relocation of an object file refers to: a symbol, by
// index, or an address of the same object.
type target struct {
	symbol int // -1: none
	addr   uint64
}

// key tells targets apart.
func (t target) key() uint64 {
	if t.symbol >= 0 {
		return 1<<63 | uint64(t.symbol)
	}
	return t.addr
}

// eachRelocation calls f with each relocation of a section (<mach-o/reloc.h>):
// the offset in the section, the kind, and the index of the symbol or -1.
func (m *image) eachRelocation(s *section, f func(offset uint64, kind uint32, symbol int) error) error {
	var b [512 * 8]byte
	for done := uint32(0); done < s.relocs; {
		n := min(s.relocs-done, uint32(len(b)/8))
		if err := readFull(m.r, b[:n*8], int64(s.relocOffset)+int64(done)*8); err != nil {
			return err
		}
		for r := b[:n*8]; len(r) > 0; r = r[8:] {
			address, info := binary.LittleEndian.Uint32(r), binary.LittleEndian.Uint32(r[4:])
			const scattered = 1 << 31
			if address&scattered != 0 {
				continue
			}
			symbol := -1
			if info>>27&1 == 1 {
				symbol = int(info & 0xffffff)
			}
			if err := f(uint64(address), info>>28, symbol); err != nil {
				return err
			}
		}
		done += n
	}
	return nil
}

// relocations calls f with each relocation of a section that is a plain
// pointer: GENERIC_, X86_64_ and ARM64_RELOC_UNSIGNED are all 0.
func (m *image) relocations(s *section, f func(offset uint64, symbol int) error) error {
	return m.eachRelocation(s, func(offset uint64, kind uint32, symbol int) error {
		if kind != 0 {
			return nil
		}
		return f(offset, symbol)
	})
}

// pointerTarget is what the pointer at an offset of a section refers to, by
// the symbol of its relocation.
func (m *image) pointerTarget(s *section, offset uint64, symbol int) (target, error) {
	t := target{symbol: symbol}
	if symbol >= 0 {
		return t, nil
	}
	word := uint64(m.word())
	if offset > s.size || s.size-offset < word || !s.stored() {
		return t, damaged(int64(s.relocOffset), "a relocation of section %s lies outside of it", s)
	}
	var b [8]byte
	if err := readFull(m.r, b[:word], int64(s.offset+offset)); err != nil {
		return t, err
	}
	t.addr = uintOf(b[:], word)
	return t, nil
}

// findRelocatedRun finds the run of pointers in front of a table by their
// relocations. Compilers write them from the end to the start, so the order is
// not relied on.
func (m *image) findRelocatedRun(s *section, h *heap) error {
	word := uint64(m.word())
	table := h.table - s.addr
	low := uint64(0)
	if reach := maxBehindRun + maxRun*word; table > reach {
		low = table - reach
	}
	keys := make([]uint64, (table-low)/word)
	err := m.relocations(s, func(offset uint64, symbol int) error {
		if offset < low || offset >= low+uint64(len(keys))*word || (offset-low)%word != 0 {
			return nil
		}
		t, err := m.pointerTarget(s, offset, symbol)
		if err == nil {
			keys[(offset-low)/word] = t.key() + 1
		}
		return err
	})
	if err != nil {
		return err
	}
	for end := len(keys); end > 0; {
		i := end - 1
		for keys[end-1] != 0 && i > 0 && keys[i-1] == keys[end-1] {
			i--
		}
		if keys[end-1] != 0 && end-i >= minRun {
			h.run, h.length, h.page = s.addr+low+uint64(i)*word, min(end-i, maxRun), keys[end-1]-1
			return nil
		}
		end = i
	}
	return nil
}

// resolve is the name of what a pointer of an object file refers to, "" where
// it has none, and its address, 0 if another object defines it.
func (m *image) resolve(t target) (string, uint64, error) {
	if t.symbol < 0 {
		return "", t.addr, nil
	}
	if uint64(t.symbol) >= m.symtab.count {
		return "", 0, damaged(int64(m.symtab.offset), "a relocation is for symbol %d of %d", t.symbol, m.symtab.count)
	}
	var b [16]byte
	n := b[:m.symbolSize()]
	if err := readFull(m.r, n, int64(m.symtab.offset)+int64(t.symbol)*int64(len(n))); err != nil {
		return "", 0, err
	}
	name := make([]byte, maxSymbolName)
	strx := uint64(binary.LittleEndian.Uint32(n))
	if strx >= m.symtab.stringSize {
		return "", 0, damaged(int64(m.symtab.offset), "the name of symbol %d lies outside of the string table", t.symbol)
	}
	name = name[:min(uint64(len(name)), m.symtab.stringSize-strx)]
	if err := readFull(m.r, name, int64(m.symtab.strings+strx)); err != nil {
		return "", 0, err
	}
	const typeMask, inSection = 0x0e, 0x0e
	if n[4]&typeMask != inSection {
		return cString(name), 0, nil
	}
	return cString(name), uintOf(n[8:], uint64(len(n)-8)), nil
}

// branches calls f with each call and jump of an object file that has a
// relocation (ARM64_RELOC_BRANCH26 and X86_64_RELOC_BRANCH are both 2): the
// address of the instruction, and the index of the symbol or -1.
func (m *image) branches(f func(from uint64, symbol int) error) error {
	opcode := uint64(0) // bytes in front of what is relocated
	if m.cpu == cpuAmd64 {
		opcode = 1
	}
	for i := range m.sections {
		s := &m.sections[i]
		if !s.code() {
			continue
		}
		err := m.eachRelocation(s, func(offset uint64, kind uint32, symbol int) error {
			if kind != 2 || offset < opcode {
				return nil
			}
			return f(s.addr+offset-opcode, symbol)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// relocatedRefs is findRefs for an object file: the instructions whose
// relocations are for an address in the spans, or for a symbol that another
// object defines and foreign knows.
func (m *image) relocatedRefs(spans []span, foreign map[string]bool) ([]uint64, error) {
	var refs []uint64
	for i := range m.sections {
		s := &m.sections[i]
		if !s.code() {
			continue
		}
		err := m.eachRelocation(s, func(offset uint64, kind uint32, symbol int) error {
			// ARM64_RELOC_PAGE21, _PAGEOFF12, _GOT_LOAD_PAGE21, _GOT_LOAD_PAGEOFF12; X86_64_RELOC_SIGNED, _GOT_LOAD, _GOT.
			// Of the pairs the second: the instruction that has the address.
			before := uint64(0)
			switch {
			case m.cpu == cpuArm64 && (kind == 4 || kind == 6):
			case m.cpu == cpuAmd64 && (kind == 1 || kind == 3 || kind == 4):
				before = 3 // REX, opcode and ModRM
			default:
				return nil
			}
			if offset < before || len(refs) == maxRefs {
				return nil
			}
			if symbol < 0 {
				var b [4]byte
				if m.cpu != cpuAmd64 || offset+4 > s.size {
					return nil
				}
				if err := readFull(m.r, b[:], int64(s.offset+offset)); err != nil {
					return err
				}
				to := s.addr + offset + 4 + uint64(int64(int32(binary.LittleEndian.Uint32(b[:]))))
				if inSpans(spans, to) {
					refs = append(refs, s.addr+offset-before)
				}
				return nil
			}
			name, to, err := m.resolve(target{symbol: symbol})
			if err != nil {
				return err
			}
			if to != 0 && inSpans(spans, to) || to == 0 && foreign[name] {
				refs = append(refs, s.addr+offset-before)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs), nil
}
