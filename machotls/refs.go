package machotls

import (
	"encoding/binary"
	"slices"
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

// maxRefs bounds how many references are remembered.
const maxRefs = 1 << 14

// findRefs returns the sorted addresses of instructions that form an address
// in one of the spans, or read a pointer in one: PC-relative, as all position-
// independent code does.
func (m *image) findRefs(buf *[]byte, spans []span) ([]uint64, error) {
	var refs []uint64
	add := func(addr uint64) {
		if len(refs) < maxRefs {
			refs = append(refs, addr)
		}
	}
	for i := range m.sections {
		s := &m.sections[i]
		if !s.code() {
			continue
		}
		err := m.chunks(s, buf, 64, func(b []byte, base uint64, last bool) error {
			end := len(b)
			if !last {
				end -= 64
			}
			switch m.cpu {
			case cpuArm64:
				refsArm64(b, end, s.addr+base, spans, add)
			case cpuAmd64:
				refsAmd64(b, end, s.addr+base, spans, add)
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

// refsArm64 finds adr, and adrp with an add or ldr that uses its register
// within the next eight instructions.
func refsArm64(b []byte, end int, addr uint64, spans []span, add func(uint64)) {
	pages := make(map[uint64]bool)
	for _, s := range spans {
		for p := s.from &^ 0xfff; p < s.to; p += 0x1000 {
			pages[p] = true
		}
	}
	for i := int((4 - addr%4) % 4); i < end && i+4 <= len(b); i += 4 {
		w := binary.LittleEndian.Uint32(b[i:])
		if w&0x1f000000 != 0x10000000 {
			continue
		}
		imm := int64(int32(w<<8)>>13)<<2 | int64(w>>29&3)
		pc := addr + uint64(i)
		if w>>31 == 0 { // adr
			if inSpans(spans, pc+uint64(imm)) {
				add(pc)
			}
			continue
		}
		page := pc&^0xfff + uint64(imm)<<12
		if !pages[page] {
			continue
		}
		d := w & 31
		for j := i + 4; j <= i+32 && j+4 <= len(b); j += 4 {
			u := binary.LittleEndian.Uint32(b[j:])
			if u>>5&31 != d {
				continue
			}
			var low uint64
			switch {
			case u&0xffc00000 == 0x91000000: // add
				low = uint64(u >> 10 & 0xfff)
			case u&0xffc00000 == 0xf9400000 || u&0xffc00000 == 0xf9000000: // ldr, str
				low = uint64(u>>10&0xfff) * 8
			default:
				continue
			}
			if inSpans(spans, page+low) {
				add(addr + uint64(j))
			}
			break
		}
	}
}

// refsAmd64 finds lea, mov and cmp with a RIP-relative operand and REX.W.
func refsAmd64(b []byte, end int, addr uint64, spans []span, add func(uint64)) {
	for i := 0; i < end && i+7 <= len(b); i++ {
		if b[i]&0xf8 != 0x48 || b[i+2]&0xc7 != 0x05 {
			continue
		}
		switch b[i+1] {
		case 0x8d, 0x8b, 0x39, 0x3b:
			target := addr + uint64(i) + 7 + uint64(int64(int32(binary.LittleEndian.Uint32(b[i+3:]))))
			if inSpans(spans, target) {
				add(addr + uint64(i))
			}
		}
	}
}

// findCalls returns the addresses of calls and tail calls of what begins in
// the spans: stubs, or pointers to call through.
func (m *image) findCalls(buf *[]byte, spans []span) ([]uint64, error) {
	var calls []uint64
	if len(spans) == 0 {
		return nil, nil
	}
	for i := range m.sections {
		s := &m.sections[i]
		if !s.code() {
			continue
		}
		err := m.chunks(s, buf, 16, func(b []byte, base uint64, last bool) error {
			addr := s.addr + base
			if m.cpu == cpuArm64 {
				for i := int((4 - addr%4) % 4); i+4 <= len(b); i += 4 {
					to, kind := branchArm64(binary.LittleEndian.Uint32(b[i:]))
					if (kind == call || kind == jump) && inSpans(spans, addr+uint64(i)+uint64(to)) && len(calls) < maxRefs {
						calls = append(calls, addr+uint64(i))
					}
				}
				return nil
			}
			for i := 0; i+6 <= len(b); i++ {
				var next int // bytes from i to behind the displacement
				switch {
				case b[i] == 0xe8 || b[i] == 0xe9: // call, jmp rel32
					next = 5
				case b[i] == 0xff && (b[i+1] == 0x15 || b[i+1] == 0x25): // call, jmp *disp32(%rip)
					next = 6
				default:
					continue
				}
				to := addr + uint64(i+next) + uint64(int64(int32(binary.LittleEndian.Uint32(b[i+next-4:]))))
				if inSpans(spans, to) && len(calls) < maxRefs {
					calls = append(calls, addr+uint64(i))
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return calls, nil
}
