package machotls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// versionFormat is how mimalloc's options.c has printed its version since 2.1;
// the numbers are constants of the call. Releases differ in what follows.
var versionFormat = []byte("v%i.%i.%i%s%s")

// A versionSite is a place in the code that says which mimalloc it is part of.
type versionSite struct {
	version string
	addr    uint64
	what    string
}

// findVersions reads the function mi_version where its symbol is there, and
// the calls that print the version. It finds nothing where neither is: a
// version is for the reader, no verdict rests on it.
func (p *part) findVersions(formats []span) ([]versionSite, error) {
	var sites []versionSite
	for _, s := range p.symbols {
		if s.name != "_mi_version" || !s.defined() {
			continue
		}
		code := &p.m.sections[s.section-1]
		if !code.contains(s.value) {
			continue
		}
		b, err := p.m.code(s.value, s.value+min(32, code.size-(s.value-code.addr)))
		if err != nil {
			return nil, err
		}
		if v := patcher.VersionString(p.m.returnedConstant(b)); v != "" {
			sites = append(sites, versionSite{v, s.value, "returned by mi_version"})
		}
	}
	refs, err := p.refsIn(formats)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		v, err := p.m.printedVersion(ref)
		if err != nil {
			return nil, err
		}
		if v != "" {
			sites = append(sites, versionSite{v, ref, "in the call that prints it"})
		}
	}
	return sites, nil
}

// findString returns the first bytes of all places where data begins with
// text, in sections that hold constants.
func (m *image) findString(buf *[]byte, text []byte) ([]span, error) {
	var found []span
	for i := range m.sections {
		s := &m.sections[i]
		if s.code() || s.segment != "__TEXT" && s.name != "__cstring" && s.name != "__const" {
			continue
		}
		err := m.chunks(s, buf, len(text), func(b []byte, base uint64, last bool) error {
			for at := 0; len(found) < 64; {
				n := bytes.Index(b[at:], text)
				if n < 0 {
					break
				}
				addr := s.addr + base + uint64(at+n)
				if len(found) == 0 || found[len(found)-1].from != addr {
					found = append(found, span{addr, addr + 1})
				}
				at += n + 1
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// returnedConstant is what a function of two instructions returns, or 0.
func (m *image) returnedConstant(b []byte) int {
	switch m.cpu {
	case cpuArm64: // mov w0, #imm; ret
		if len(b) >= 8 && binary.LittleEndian.Uint32(b)&0xffe0001f == 0x52800000 && binary.LittleEndian.Uint32(b[4:]) == 0xd65f03c0 {
			return int(binary.LittleEndian.Uint32(b) >> 5 & 0xffff)
		}
	case cpuAmd64: // perhaps push %rbp; mov %rsp, %rbp; then mov $imm, %eax
		b = bytes.TrimPrefix(b, []byte{0x55, 0x48, 0x89, 0xe5})
		if len(b) >= 6 && b[0] == 0xb8 && (b[5] == 0xc3 || b[5] == 0x5d) {
			return int(binary.LittleEndian.Uint32(b[1:]))
		}
	}
	return 0
}

// printedVersion reads the arguments of the call that the instruction at ref
// prepares: it forms the address of the format. "" if they are no constants.
func (m *image) printedVersion(ref uint64) (string, error) {
	s := m.sectionAt(ref)
	if s == nil || !s.code() {
		return "", nil
	}
	const before, behind = 192, 128
	from := max(s.addr, ref-min(ref, before))
	b, err := m.code(from, min(s.addr+s.size, ref+behind))
	if err != nil || b == nil {
		return "", err
	}
	var numbers [3]uint64
	var ok bool
	if m.cpu == cpuArm64 {
		numbers, ok = argumentsArm64(b, int(ref-from))
	} else {
		numbers, ok = argumentsAmd64(b, int(ref-from))
	}
	if !ok || numbers[0] < 1 || numbers[0] > 9 || numbers[1] > 99 || numbers[2] > 99 {
		return "", nil
	}
	return fmt.Sprintf("%d.%d.%d", numbers[0], numbers[1], numbers[2]), nil
}

// argumentsArm64 runs straight over b to the first call behind b[ref]. Apple
// passes variadic arguments on the stack, 8 bytes each ("Writing ARM64 code
// for Apple platforms").
func argumentsArm64(b []byte, ref int) (numbers [3]uint64, ok bool) {
	regs := make(map[uint32]uint64)
	stack := make(map[int64]uint64)
	store := func(at int64, reg uint32) {
		if v, known := regs[reg]; known || reg == 31 {
			stack[at] = v
		} else {
			delete(stack, at)
		}
	}
	for i := ref % 4; i+4 <= len(b); i += 4 {
		w := binary.LittleEndian.Uint32(b[i:])
		d, n := w&31, w>>5&31
		_, kind := branchArm64(w)
		switch {
		case kind == call && i > ref:
			for a := range numbers {
				v, known := stack[int64(a)*8]
				if !known {
					return numbers, false
				}
				numbers[a] = v
			}
			return numbers, true
		case kind == call:
			clear(regs)
			clear(stack)
		case kind == leave || kind == jump:
			if i > ref {
				return numbers, false
			}
			clear(regs)
			clear(stack)
		case kind == conditional:
		case w&0x7f800000 == 0x52800000: // movz
			regs[d] = uint64(w>>5&0xffff) << (w >> 21 & 3 * 16)
		case w&0x7fe0ffe0 == 0x2a0003e0: // mov
			if v, known := regs[w>>16&31]; known {
				regs[d] = v
			} else {
				delete(regs, d)
			}
		case w&0x7fe003e0 == 0x320003e0: // orr wD, wzr, #bitmask
			if v, known := bitmask(w); known {
				regs[d] = v
			} else {
				delete(regs, d)
			}
		case w&0xbfc00000 == 0xb9000000 && n == 31: // str to [sp, #imm]
			store(int64(w>>10&0xfff)<<(w>>30), d)
		case (w&0xffc00000 == 0xa9000000 || w&0xffc00000 == 0x29000000) && n == 31: // stp
			size := int64(4 << (w >> 31))
			at := int64(int32(w<<10)>>25) * size
			store(at, d)
			store(at+size, w>>10&31)
		case w&0x0a400000 == 0x08000000: // another store: d is read
		default:
			delete(regs, d)
		}
	}
	return numbers, false
}

// bitmask decodes the logical immediates of one run of ones in 32 bits, which
// is how small numbers such as 1, 2, 3, 4, 6, 7 appear (Arm ARM, DecodeBitMasks).
func bitmask(w uint32) (uint64, bool) {
	immr, imms := w>>16&63, w>>10&63
	if w>>22&1 != 0 || imms >= 32 {
		return 0, false
	}
	ones := uint64(1)<<(imms+1) - 1
	r := immr & 31
	return (ones>>r | ones<<(32-r)) & 0xffffffff, true
}

// argumentsAmd64 decodes b so that an instruction begins at b[ref], and runs
// to the first call behind it. The register that receives the format's address
// tells which argument it is (System V ABI: rdi, rsi, rdx, rcx, r8, r9).
func argumentsAmd64(b []byte, ref int) (numbers [3]uint64, ok bool) {
	order := []int{rdi, rsi, rdx, rcx, r8, r9}
	lea, ok := decodeX86(b[ref:])
	format := slices.Index(order, lea.reg)
	if !ok || lea.op != opLea || format < 0 || format+3 >= len(order) {
		return numbers, false
	}
	regs := make(map[int]uint64)
	var pushed []uint64
	for i := synchronised(b, ref); i < len(b); {
		x, ok := decodeX86(b[i:])
		if !ok {
			return numbers, false
		}
		switch to := x.written(); {
		case x.calls() && i > ref:
			for a := range numbers {
				v, known := regs[order[format+1+a]]
				if !known {
					return numbers, false
				}
				numbers[a] = v
			}
			return numbers, true
		case x.calls() || x.leaves():
			if i > ref {
				return numbers, false
			}
			clear(regs)
		case x.op == 0x6a || x.op == 0x68: // push $imm
			pushed = append(pushed, uint64(x.imm))
		case x.op >= 0x50 && x.op < 0x58: // push reg
			pushed = pushed[:0]
		case x.op >= 0x58 && x.op < 0x60: // pop reg
			delete(regs, to)
			if n := len(pushed); n > 0 {
				regs[to], pushed = pushed[n-1], pushed[:n-1]
			}
		case x.op >= 0xb8 && x.op < 0xc0, x.op == opImm && !x.memory: // mov $imm, reg
			regs[to] = uint64(x.imm)
		case (x.op == opStore || x.op == opLoad) && !x.memory:
			from := x.reg + x.rm - to
			if v, known := regs[from]; known {
				regs[to] = v
			} else {
				delete(regs, to)
			}
		case (x.op == 0x31 || x.op == 0x33) && !x.memory && x.reg == x.rm: // xor reg, reg
			regs[to] = 0
		default:
			delete(regs, to)
		}
		i += x.length
	}
	return numbers, false
}

// synchronised is the earliest place from which decoding meets b[ref] as the
// start of an instruction, with nothing undecodable between.
func synchronised(b []byte, ref int) int {
	for start := 0; start < ref; start++ {
		i := start
		for i < ref {
			x, ok := decodeX86(b[i:])
			if !ok {
				break
			}
			i += x.length
		}
		if i == ref {
			return start
		}
	}
	return ref
}
