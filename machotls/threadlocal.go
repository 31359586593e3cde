package machotls

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A descriptor is the entry of __thread_vars through which code reaches a
// thread-local variable: three words, {thunk, key, offset in the template}
// (dyld's TLV_descriptor).
const descriptorWords = 3

// findUses completes a start: the code that reaches its variable. A variable
// that nothing uses decides nothing: override builds of release 2 have one.
func (p *part) findUses(s *start, buf *[]byte) error {
	word := uint64(p.m.word())
	template := ^uint64(0)
	for i := range p.m.sections {
		if k := p.m.sections[i].kind(); k == sectThreadRegular || k == sectThreadZerofill {
			template = min(template, p.m.sections[i].addr)
		}
	}
	for i := range p.m.sections {
		vars := &p.m.sections[i]
		if vars.kind() != sectThreadVariables || !vars.stored() {
			continue
		}
		if p.m.filetype == typeObject {
			err := p.m.relocations(vars, func(offset uint64, symbol int) error {
				if offset%(descriptorWords*word) != 2*word {
					return nil
				}
				t, err := p.m.pointerTarget(vars, offset, symbol)
				if err != nil {
					return err
				}
				if _, addr, err := p.m.resolve(t); err != nil || addr != s.variable {
					return err
				}
				s.descriptor = vars.addr + offset - 2*word
				return nil
			})
			if err != nil {
				return err
			}
			continue
		}
		each := int(descriptorWords * word)
		err := p.m.chunks(vars, buf, chunkSize%each, func(b []byte, base uint64, last bool) error {
			for i := 0; i+each <= len(b); i += each {
				if template+uintOf(b[i+2*int(word):], word) == s.variable {
					s.descriptor = vars.addr + base + uint64(i)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if s.descriptor == 0 && p.m.filetype != typeObject {
		return nil
	}
	if p.m.filetype == typeObject {
		return p.findRelocatedUses(s)
	}
	spans, err := p.m.withPointers(buf, []span{{s.descriptor, s.descriptor + 1}})
	if err != nil {
		return err
	}
	if s.uses, err = p.m.findRefs(buf, spans); err != nil {
		return err
	}
	return p.findStores(s)
}

// A pointee counts what is done with a variable whose address is followed.
type pointee struct{ stores int }

func (p *pointee) read(int64, uint64) {}
func (p *pointee) readIndexed(uint64) {}
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
		b := make([]byte, min(window, code.addr+code.size-use))
		if err := readFull(p.m.r, b, code.fileOffset(use)); err != nil {
			return err
		}
		var seen pointee
		if p.m.cpu == cpuArm64 {
			for i := 0; i+4 <= len(b); i += 4 {
				if _, kind := branchArm64(binary.LittleEndian.Uint32(b[i:])); kind == call {
					var r registers
					for n := range r {
						r[n] = notBlock
					}
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
					followAmd64(b[i:], use+uint64(i), rax, &seen)
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

// manyUses of a variable show that it is the heap pointer even if none was
// seen to set it. Builds of release 2 for other models keep a variable that
// they read once, where the process is initialised (init.c: dummy).
const manyUses = 6

// decisive reports whether code uses the variable as the heap pointer.
func (s *start) decisive() bool { return s.stores > 0 || len(s.uses) >= manyUses }

// isThreadReloc tells the relocations of code that refer to a descriptor, one
// per use: ARM64_RELOC_TLVP_LOAD_PAGE21, X86_64_RELOC_TLV.
func isThreadReloc(cpu, kind uint32) bool {
	return cpu == cpuArm64 && kind == 8 || cpu == cpuAmd64 && kind == 9
}

// findRelocatedUses is findUses for an object file.
func (p *part) findRelocatedUses(s *start) error {
	for i := range p.m.sections {
		code := &p.m.sections[i]
		if !code.code() {
			continue
		}
		err := p.m.eachRelocation(code, func(offset uint64, kind uint32, symbol int) error {
			if !isThreadReloc(p.m.cpu, kind) || symbol < 0 || len(s.uses) == maxRefs {
				return nil
			}
			name, addr, err := p.m.resolve(target{symbol: symbol})
			if err != nil {
				return err
			}
			if sect := p.m.sectionAt(addr); sect != nil && sect.kind() == sectThreadVariables && addr == s.descriptor {
				s.symbol = name
				s.uses = append(s.uses, code.addr+offset)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return p.findStores(s)
}

// withPointers adds to spans the pointers of the image (global offset table and
// the like) that hold an address in one of them.
func (m *image) withPointers(buf *[]byte, spans []span) ([]span, error) {
	all := slices.Clone(spans)
	word := uint64(m.word())
	for i := range m.sections {
		s := &m.sections[i]
		if k := s.kind(); k != sectNonLazyPointers && k != sectThreadPointers && s.name != "__got" && s.name != "__auth_got" {
			continue
		}
		err := m.chunks(s, buf, int(word-1), func(b []byte, base uint64, last bool) error {
			for i := (word - (s.addr+base)%word) % word; i+word <= uint64(len(b)) && len(all) < maxRefs; i += word {
				low := uint32(uintOf(b[i:], word))
				for _, sp := range spans {
					if high := sp.from &^ 0xffffffff; low != 0 && (inSpans([]span{sp}, high|uint64(low)) || inSpans([]span{sp}, high|uint64(low+uint32(m.start)))) {
						all = append(all, span{s.addr + base + i, s.addr + base + i + word})
						break
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
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
