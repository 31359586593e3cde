package machotls

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A start is the initial value of a thread-local variable that is the address
// of a heap.
type start struct {
	variable uint64 // address in the section of initial values
	heap     uint64 // address it holds, 0 if it is another object's

	descriptor uint64   // address of the variable's descriptor, 0 if there is none
	symbol     string   // of the descriptor, in an object file
	uses       []uint64 // code that reaches the variable
	stores     int      // how many of them set it
}

// A descriptor is the entry of __thread_vars through which code reaches a
// thread-local variable: three words, {thunk, key, offset in the template}
// (dyld's TLV_descriptor).
const descriptorWords = 3

func (s *start) descriptorSpan() span {
	if s.descriptor == 0 {
		return span{}
	}
	return span{s.descriptor, s.descriptor + 1}
}

// manyUses of a variable show that it is the heap pointer even if none was
// seen to set it. Builds of release 2 for other models keep a variable that
// they read once, where the process is initialised (init.c: dummy).
const manyUses = 6

// decisive reports whether code uses the variable as the heap pointer.
func (s *start) decisive() bool { return s.stores > 0 || len(s.uses) >= manyUses }

// findStarts finds the thread-local variables whose initial value is the
// address of a heap, and their descriptors.
func (p *part) findStarts(buf *[]byte) ([]start, error) {
	var starts []start
	for i := range p.m.sections {
		s := &p.m.sections[i]
		if s.kind() != sectThreadRegular || !s.stored() {
			continue
		}
		if p.m.filetype == typeObject {
			err := p.m.relocations(s, func(offset uint64, symbol int) error {
				name, addr, err := p.m.pointedTo(s, offset, symbol)
				if err != nil {
					return err
				}
				if emptyHeaps[name] || slices.ContainsFunc(p.heaps, func(h heap) bool { return addr != 0 && h.reaches(addr) }) {
					starts = append(starts, start{variable: s.addr + offset, heap: addr})
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			continue
		}
		err := p.m.pointers(s, buf, func(at uint64, low uint32) {
			for _, h := range p.heaps {
				if to, ok := p.m.lowAddress(low, h.run, h.reaches); ok && h.run != 0 {
					starts = append(starts, start{variable: at, heap: to})
					return
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for i := range starts {
		if err := p.findDescriptor(&starts[i], buf); err != nil {
			return nil, err
		}
	}
	return starts, nil
}

// pointedTo resolves the relocation of a pointer.
func (m *image) pointedTo(s *section, offset uint64, symbol int) (string, uint64, error) {
	t, err := m.pointerTarget(s, offset, symbol)
	if err != nil {
		return "", 0, err
	}
	return m.resolve(t)
}

// pointers calls f with the address and the low 32 bits of each aligned word
// of a section that is not 0. The rest of a word may belong to the loader's
// chain of fixups.
func (m *image) pointers(s *section, buf *[]byte, f func(at uint64, low uint32)) error {
	word := uint64(m.word())
	return m.chunks(s, buf, int(word-1), func(b []byte, base uint64, last bool) error {
		for i := (word - (s.addr+base)%word) % word; i+word <= uint64(len(b)); i += word {
			if low := binary.LittleEndian.Uint32(b[i:]); low != 0 {
				f(s.addr+base+i, low)
			}
		}
		return nil
	})
}

// lowAddress is the address close to near that a pointer with these low bits
// may mean, if ok says so: the address itself, or in newer chains of fixups its
// distance from the start of the image.
func (m *image) lowAddress(low uint32, near uint64, ok func(uint64) bool) (uint64, bool) {
	for _, origin := range []uint64{0, m.start} {
		if addr := near&^0xffffffff | uint64(low+uint32(origin)); ok(addr) {
			return addr, true
		}
	}
	return 0, false
}

// findDescriptor completes a start by the descriptor of its variable.
func (p *part) findDescriptor(s *start, buf *[]byte) error {
	word := uint64(p.m.word())
	template := ^uint64(0)
	for i := range p.m.sections {
		if k := p.m.sections[i].kind(); k == sectThreadRegular || k == sectThreadZerofill {
			template = min(template, p.m.sections[i].addr)
		}
	}
	each := int(descriptorWords * word)
	for i := range p.m.sections {
		vars := &p.m.sections[i]
		if vars.kind() != sectThreadVariables || !vars.stored() {
			continue
		}
		var err error
		if p.m.filetype == typeObject {
			err = p.m.relocations(vars, func(offset uint64, symbol int) error {
				if offset%uint64(each) != 2*word {
					return nil
				}
				_, addr, err := p.m.pointedTo(vars, offset, symbol)
				if err == nil && addr == s.variable {
					s.descriptor = vars.addr + offset - 2*word
				}
				return err
			})
		} else {
			err = p.m.chunks(vars, buf, chunkSize%each, func(b []byte, base uint64, last bool) error {
				for i := 0; i+each <= len(b); i += each {
					if template+uintOf(b[i+2*int(word):], word) == s.variable {
						s.descriptor = vars.addr + base + uint64(i)
					}
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// findUses completes a start by the code that reaches its variable.
func (p *part) findUses(s *start) error {
	var err error
	if p.m.filetype == typeObject {
		err = p.findRelocatedUses(s)
	} else {
		s.uses, err = p.refsIn([]span{s.descriptorSpan()})
	}
	if err != nil {
		return err
	}
	return p.findStores(s)
}

// findRelocatedUses is for object files. The relocations of code for a
// descriptor, one per use, are ARM64_RELOC_TLVP_LOAD_PAGE21 and X86_64_RELOC_TLV.
func (p *part) findRelocatedUses(s *start) error {
	want, before := uint32(8), uint64(0)
	if p.m.cpu == cpuAmd64 {
		want, before = 9, 3 // REX, opcode and ModRM stand in front
	}
	for i := range p.m.sections {
		code := &p.m.sections[i]
		if !code.code() {
			continue
		}
		err := p.m.eachRelocation(code, func(offset uint64, kind uint32, symbol int) error {
			if kind != want || symbol < 0 || offset < before || len(s.uses) == maxRefs {
				return nil
			}
			name, addr, err := p.m.resolve(target{symbol: symbol})
			if err != nil {
				return err
			}
			if sect := p.m.sectionAt(addr); sect != nil && sect.kind() == sectThreadVariables && addr == s.descriptor {
				s.symbol = name
				s.uses = append(s.uses, code.addr+offset-before)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A pointee counts what is done with a variable whose address is followed.
type pointee struct{ stores int }

func (p *pointee) read(int64, uint64)  {}
func (p *pointee) readIndexed(uint64)  {}
func (p *pointee) writeIndexed(uint64) {}
func (p *pointee) write(displacement int64, _ uint64) {
	if displacement == 0 {
		p.stores++
	}
}

// findStores finds the uses that set the variable: its address is what the
// call through the descriptor returns.
func (p *part) findStores(s *start) error {
	const window = 256 // bytes of code
	for _, use := range s.uses {
		code := p.m.sectionAt(use)
		if code == nil || !code.code() {
			continue
		}
		b, err := p.m.code(use, min(use+window, code.addr+code.size))
		if err != nil {
			return err
		}
		var seen pointee
		if p.m.cpu == cpuArm64 {
			for i := 0; i+4 <= len(b); i += 4 {
				if _, kind := branchArm64(binary.LittleEndian.Uint32(b[i:])); kind == call {
					r := noRegisters()
					r[0] = 0
					r.follow(b, i+4, use, &seen)
					break
				}
			}
		} else {
			for i := 0; i < len(b); {
				x, ok := decodeX86(b[i:])
				if !ok {
					break
				}
				i += x.length
				if x.calls() {
					followAmd64(b[min(i, len(b)):], use+uint64(i), rax, &seen)
					break
				}
			}
		}
		if seen.stores > 0 {
			s.stores++
		}
	}
	return nil
}

// describe is a start as evidence.
func (p *part) describe(s *start) string {
	name := ""
	if s.symbol != "" {
		name = " " + s.symbol[1:]
	}
	return fmt.Sprintf("thread-local variable%s starts with the empty heap: %s; %d uses in code, of which %d set it, first %s",
		name, p.at(s.variable), len(s.uses), s.stores, p.at(s.uses[0]))
}
