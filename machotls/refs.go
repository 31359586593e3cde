package machotls

import (
	"encoding/binary"
)

// A span is a range of addresses, [from, to).
type span struct{ from, to uint64 }

func inSpans(spans []span, addr uint64) bool {
	for _, s := range spans {
		if addr >= s.from && addr < s.to {
			return true
		}
	}
	return false
}

// A ref is an instruction that forms an address, or loads it from a pointer.
type ref struct{ from, to uint64 }

// maxRefs bounds how many references are remembered.
const maxRefs = 1 << 14

// wanted are addresses that references are looked for to.
type wanted struct {
	spans    []span
	pointers map[uint64]uint64 // addresses of pointers (global offset table and the like), and what they hold
	pages    [1 << 13]byte     // a bit for each page of 4 KB that holds any of it, by the low bits of its number
	refs     []ref
}

func (m *image) newWanted(buf *[]byte, spans []span) (*wanted, error) {
	w := &wanted{spans: spans, pointers: make(map[uint64]uint64)}
	for _, s := range spans {
		for p := s.from &^ 0xfff; p < s.to; p += 0x1000 {
			w.mark(p)
		}
	}
	for i := range m.sections {
		s := &m.sections[i]
		if k := s.kind(); k != sectNonLazyPointers && k != sectThreadPointers && s.name != "__got" && s.name != "__auth_got" {
			continue
		}
		err := m.pointers(s, buf, func(at uint64, low uint32) {
			for _, sp := range spans {
				to, ok := m.lowAddress(low, sp.from, func(addr uint64) bool { return addr >= sp.from && addr < sp.to })
				if ok && len(w.pointers) < maxRefs {
					w.pointers[at] = to
					w.mark(at)
					return
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *wanted) mark(addr uint64) { w.pages[addr>>15%uint64(len(w.pages))] |= 1 << (addr >> 12 & 7) }

// maybe reports whether something on the page of an address may be wanted. It
// is what makes the scan fast: nearly all references are of other pages.
func (w *wanted) maybe(addr uint64) bool {
	return w.pages[addr>>15%uint64(len(w.pages))]>>(addr>>12&7)&1 != 0
}

// add notes a reference if it is wanted.
func (w *wanted) add(from, to uint64) {
	if p, ok := w.pointers[to]; ok {
		to = p
	} else if !inSpans(w.spans, to) {
		return
	}
	if len(w.refs) < maxRefs {
		w.refs = append(w.refs, ref{from, to})
	}
}

// scanRefs finds the references in the first end bytes of b, code at addr, that
// are PC-relative, as all of position-independent code's are. They come in the
// order of their addresses.
func (m *image) scanRefs(b []byte, end int, addr uint64, w *wanted) {
	switch m.cpu {
	case cpuArm64:
		refsArm64(b, end, addr, w)
	case cpuAmd64:
		refsAmd64(b, end, addr, w)
	}
}

// refsArm64 finds adr, and adrp with an add, ldr or str that uses its register
// within the next eight instructions.
func refsArm64(b []byte, end int, addr uint64, w *wanted) {
	for i := int((4 - addr%4) % 4); i < end && i+4 <= len(b); i += 4 {
		u := binary.LittleEndian.Uint32(b[i:])
		if u&0x1f000000 != 0x10000000 {
			continue
		}
		imm := int64(int32(u<<8)>>13)<<2 | int64(u>>29&3)
		pc := addr + uint64(i)
		if u>>31 == 0 { // adr
			if to := pc + uint64(imm); w.maybe(to) {
				w.add(pc, to)
			}
			continue
		}
		page := pc&^0xfff + uint64(imm)<<12
		if !w.maybe(page) {
			continue
		}
		d := u & 31
		for j := i + 4; j <= i+32 && j+4 <= len(b); j += 4 {
			u := binary.LittleEndian.Uint32(b[j:])
			if u>>5&31 != d {
				continue
			}
			switch {
			case u&0xffc00000 == 0x91000000: // add
				w.add(addr+uint64(j), page+uint64(u>>10&0xfff))
			case u&0xffc00000 == 0xf9400000 || u&0xffc00000 == 0xf9000000: // ldr, str
				w.add(addr+uint64(j), page+uint64(u>>10&0xfff)*8)
			default:
				continue
			}
			break
		}
	}
}

// refsAmd64 finds lea, mov and cmp with a RIP-relative operand and REX.W.
func refsAmd64(b []byte, end int, addr uint64, w *wanted) {
	const length = 7 // REX, opcode, ModRM, disp32
	end = min(end, len(b)-length+1)
	for i := 0; i < end; i++ {
		c := b[i : i+length : i+length]
		if c[2]&0xc7 != 0x05 || c[0]&0xf8 != 0x48 {
			continue
		}
		switch c[1] {
		case opLea, opLoad, opStore, 0x3b, 0x39:
			if to := addr + uint64(i) + length + uint64(int64(int32(binary.LittleEndian.Uint32(c[3:])))); w.maybe(to) {
				w.add(addr+uint64(i), to)
			}
		}
	}
}

// A callSite is an instruction that calls or jumps, and where to.
type callSite struct{ from, to uint64 }

// findCallsTo returns the calls and tail calls, directly or through a pointer,
// of what lies in the spans. In an object file it goes by relocations.
func (m *image) findCallsTo(buf *[]byte, spans []span) ([]callSite, error) {
	var calls []callSite
	if len(spans) == 0 {
		return nil, nil
	}
	add := func(from, to uint64) {
		if inSpans(spans, to) && len(calls) < maxRefs {
			calls = append(calls, callSite{from, to})
		}
	}
	if m.filetype == typeObject {
		err := m.branches(func(from uint64, symbol int) error {
			if symbol < 0 {
				return nil
			}
			_, to, err := m.resolve(target{symbol: symbol})
			if err == nil && to != 0 {
				add(from, to)
			}
			return err
		})
		return calls, err
	}
	err := m.eachCode(buf, func(b []byte, end int, addr uint64) {
		if m.cpu == cpuArm64 {
			for i := int((4 - addr%4) % 4); i < end && i+4 <= len(b); i += 4 {
				if to, kind := branchArm64(binary.LittleEndian.Uint32(b[i:])); kind == call || kind == jump {
					add(addr+uint64(i), addr+uint64(i)+uint64(to))
				}
			}
			return
		}
		for i := 0; i < end && i+6 <= len(b); i++ {
			var next int // bytes from i to behind the displacement
			switch {
			case b[i] == 0xe8 || b[i] == 0xe9: // call, jmp rel32
				next = 5
			case b[i] == 0xff && (b[i+1] == 0x15 || b[i+1] == 0x25): // call, jmp *disp32(%rip)
				next = 6
			default:
				continue
			}
			add(addr+uint64(i), addr+uint64(i+next)+uint64(int64(int32(binary.LittleEndian.Uint32(b[i+next-4:])))))
		}
	})
	return calls, err
}
