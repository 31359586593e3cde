package machotls

import (
	"encoding/binary"
	"slices"
)

// In unoptimised code the accessors of slots are functions, and the number of
// a slot is their first argument (prim.h: mi_prim_tls_slot and
// mi_prim_tls_slot_set). This file finds their calls with a constant.

// maxAccessor is how far behind its first instruction such a function may
// touch the slot: in bytes, compilers need 32 to 60.
const maxAccessor = 128

// findArguments adds to the use of slots what is passed to functions that
// read or write a slot whose number is in a register.
func (p *part) findArguments(buf *[]byte) error {
	for _, f := range []struct {
		sites sites
		add   func(displacement int64, addr uint64)
	}{{p.use.indexed, p.use.read}, {p.use.indexedWrites, p.use.write}} {
		spans := make([]span, 0, len(f.sites.addrs))
		for _, site := range f.sites.addrs {
			spans = append(spans, span{site - min(site, maxAccessor), site + 1})
		}
		calls, err := p.m.findCallsTo(buf, spans)
		if err != nil {
			return err
		}
		for _, c := range calls {
			site, ok := p.siteOf(c.to, f.sites.addrs)
			if !ok {
				continue
			}
			if straight, err := p.m.straight(c.to, site); err != nil {
				return err
			} else if !straight {
				continue
			}
			slot, ok, err := p.m.firstArgument(c.from)
			if err != nil {
				return err
			}
			if ok && slot < maxSlot {
				f.add(int64(slot)*8, c.from)
			}
		}
	}
	return nil
}

// siteOf is the first site at or behind an address, within maxAccessor bytes.
func (p *part) siteOf(from uint64, sorted []uint64) (uint64, bool) {
	i, _ := slices.BinarySearch(sorted, from)
	if i == len(sorted) || sorted[i]-from > maxAccessor {
		return 0, false
	}
	return sorted[i], true
}

// straight reports whether code runs from one address to another without a
// branch: what begins at the first is the function that the second is in.
func (m *image) straight(from, to uint64) (bool, error) {
	b, err := m.code(from, to)
	if err != nil || b == nil {
		return false, err
	}
	for i := 0; i < len(b); {
		if m.cpu == cpuArm64 {
			if i+4 > len(b) {
				return false, nil
			}
			if _, kind := branchArm64(binary.LittleEndian.Uint32(b[i:])); kind != noBranch {
				return false, nil
			}
			i += 4
			continue
		}
		x, ok := decodeX86(b[i:])
		if !ok || x.leaves() || x.calls() || i+x.length > len(b) {
			return false, nil
		}
		i += x.length
	}
	return true, nil
}

// code reads what lies between two addresses of one section of code, or nil.
func (m *image) code(from, to uint64) ([]byte, error) {
	s := m.sectionAt(from)
	if s == nil || !s.code() || to < from || to-from > 1<<10 || to-s.addr > s.size {
		return nil, nil
	}
	b := make([]byte, to-from)
	return b, readFull(m.r, b, s.fileOffset(from))
}

// firstArgument is the constant that a call is given as its first argument, in
// x0 or edi, if the instructions before it say so.
func (m *image) firstArgument(call uint64) (uint64, bool, error) {
	s := m.sectionAt(call)
	if s == nil {
		return 0, false, nil
	}
	const before = 48
	b, err := m.code(max(s.addr, call-min(call, before)), call)
	if err != nil || b == nil {
		return 0, false, err
	}
	if m.cpu == cpuArm64 {
		for i := len(b) - 4; i >= 0; i -= 4 {
			w := binary.LittleEndian.Uint32(b[i:])
			if w&0x7fe0001f == 0x52800000 { // mov w0 or x0, #imm
				return uint64(w >> 5 & 0xffff), true, nil
			}
			if _, kind := branchArm64(w); kind != noBranch || w&31 == 0 && w&0x0a400000 != 0x08000000 {
				return 0, false, nil
			}
		}
		return 0, false, nil
	}
	var value uint64
	known := false
	for i := synchronised(b, len(b)); i < len(b); {
		x, ok := decodeX86(b[i:])
		if !ok {
			return 0, false, nil
		}
		switch {
		case x.op == 0xbf && x.rex&1 == 0: // mov $imm, %edi
			value, known = uint64(x.imm), true
		case x.op == 0x31 && !x.memory && x.reg == rdi && x.rm == rdi:
			value, known = 0, true
		case x.calls() || x.leaves() || x.written() == rdi:
			known = false
		}
		i += x.length
	}
	return value, known, nil
}
