package machotls

import (
	"bytes"
	"encoding/binary"
)

// mrsThread is mrs xN, TPIDRRO_EL0 without the register, which is in the low
// five bits (Arm ARM, C6.2 MRS; D24.2 TPIDRRO_EL0: op0 3, op1 3, CRn 13, CRm 0, op2 3).
const mrsThread = 0xd53bd060

// maxFollowed bounds the instructions that are followed behind an mrs, on all
// paths together: compilers keep the register over dozens of them.
const maxFollowed = 160

// maxPaths bounds the branches that are followed.
const maxPaths = 8

// scanArm64 follows the thread control block from each mrs in the first end
// bytes of b, code at addr. Code is 4-byte aligned; instructions are little-endian.
func scanArm64(b []byte, end int, addr uint64, use accessor) {
	// The upper three bytes of the instruction: bytes.Index is many times faster than a loop over words.
	needle := []byte{mrsThread >> 8 & 0xff, mrsThread >> 16 & 0xff, mrsThread >> 24}
	for at := 0; ; {
		n := bytes.Index(b[at:], needle)
		if n < 0 || at+n-1 >= end {
			return
		}
		i := at + n - 1
		at += n + 1
		if i < 0 || (addr+uint64(i))%4 != 0 || b[i]&0xe0 != mrsThread&0xe0 {
			continue
		}
		followArm64(b, i, addr, use)
	}
}

// registers of a path: which hold the address of the thread control block,
// and how many bytes behind it they point; notBlock otherwise. Behind x0 to x30
// are the words of the stack from sp on, to which unoptimised code saves them.
type registers [32 + stackWords]int64

const stackWords = 8

const notBlock = -1 << 32

func noRegisters() (r registers) {
	for i := range r {
		r[i] = notBlock
	}
	return r
}

// followArm64 follows the register that the mrs at b[i] writes.
func followArm64(b []byte, i int, addr uint64, use accessor) {
	first := noRegisters()
	first[binary.LittleEndian.Uint32(b[i:])&31] = 0
	first.follow(b, i+4, addr, use)
}

// follow runs over the code at b[i], on both sides of branches.
func (r *registers) follow(b []byte, i int, addr uint64, use accessor) {
	type path struct {
		at   int
		regs registers
	}
	paths := []path{{i, *r}}
	seen := make(map[int]bool)
	budget, branches := maxFollowed, 0
	for len(paths) > 0 {
		p := paths[len(paths)-1]
		paths = paths[:len(paths)-1]
		for ; p.at >= 0 && p.at+4 <= len(b) && budget > 0 && !seen[p.at] && p.regs.any(); p.at += 4 {
			budget--
			seen[p.at] = true
			w := binary.LittleEndian.Uint32(b[p.at:])
			to, kind := branchArm64(w)
			if kind == leave {
				break
			}
			switch kind {
			case noBranch:
				p.regs.step(w, addr+uint64(p.at), use)
			case call:
				p.regs.called()
			case jump:
				p.at += to - 4
			case conditional:
				if branches < maxPaths {
					branches++
					paths = append(paths, path{p.at + to, p.regs})
				}
			}
		}
	}
}

// called forgets what a callee may change (AAPCS64: x0 to x18, and x30).
func (r *registers) called() {
	for i := 0; i <= 18; i++ {
		r[i] = notBlock
	}
	r[30] = notBlock
}

func (r *registers) any() bool {
	for _, offset := range r {
		if offset != notBlock {
			return true
		}
	}
	return false
}

// kinds of branches
const (
	noBranch = iota
	conditional
	jump
	call
	leave // ret, br: nobody knows where to
)

// branchArm64 is the kind of branch that an instruction is, and how many bytes
// it goes (Arm ARM, C4.1: Branches, Exception Generating and System instructions).
func branchArm64(w uint32) (to int, kind int) {
	signed := func(v uint32, bits int) int { return int(int32(v<<(32-bits))>>(32-bits)) * 4 }
	switch {
	case w&0xfc000000 == 0x14000000: // b
		return signed(w&0x3ffffff, 26), jump
	case w&0xfc000000 == 0x94000000: // bl
		return signed(w&0x3ffffff, 26), call
	case w&0xfffffc1f == 0xd63f0000, // blr
		w&0xfffff800 == 0xd63f0800, // blraaz, blrabz
		w&0xfffff800 == 0xd73f0800: // blraa, blrab
		return 0, call
	case w&0xff000000 == 0x54000000, // b.cond, bc.cond
		w&0x7e000000 == 0x34000000: // cbz, cbnz
		return signed(w>>5&0x7ffff, 19), conditional
	case w&0x7e000000 == 0x36000000: // tbz, tbnz
		return signed(w>>5&0x3fff, 14), conditional
	case w&0xfe000000 == 0xd6000000, // br, ret and the like
		w&0xffe0001f == 0xd4200000, // brk
		w>>16 == 0:                 // udf
		return 0, leave
	}
	return 0, noBranch
}

// step executes one instruction that is no branch, as far as the address of
// the thread control block is concerned (Arm ARM, C4.1).
func (r *registers) step(w uint32, addr uint64, use accessor) {
	d, n, m := w&31, w>>5&31, w>>16&31
	base := int64(notBlock)
	if n != 31 {
		base = r[n]
	}
	switch {
	case w&0xff800000 == 0x92000000 || w&0x7f800000 == 0x12000000: // and xD, xN, #imm: clears the low bits
		r.set(d, base)
	case w&0xffe0ffe0 == 0xaa0003e0: // mov xD, xM
		offset := int64(notBlock)
		if m != 31 {
			offset = r[m]
		}
		r.set(d, offset)
	case w&0xff800000 == 0x91000000: // add xD, xN, #imm{, lsl #12}
		imm := int64(w >> 10 & 0xfff)
		if w>>22&1 == 1 {
			imm <<= 12
		}
		if base != notBlock {
			base += imm
		}
		r.set(d, base)
	case n == 31 && w&0xffc00000 == 0xf9000000 && w>>10&0xfff < stackWords: // str xD, [sp, #imm]
		r[32+(w>>10&0xfff)] = notBlock
		if d != 31 {
			r[32+(w>>10&0xfff)] = r[d]
		}
	case n == 31 && w&0xffc00000 == 0xf9400000 && w>>10&0xfff < stackWords: // ldr xD, [sp, #imm]
		r.set(d, r[32+(w>>10&0xfff)])
	case w&0xffc00000 == 0xf9400000: // ldr xD, [xN, #imm]
		r.load(d, base, int64(w>>10&0xfff)*8, addr, use)
	case w&0xffc00000 == 0xf9000000: // str xD, [xN, #imm]
		if base != notBlock {
			use.write(base+int64(w>>10&0xfff)*8, addr)
		}
	case w&0xffe00c00 == 0xf8400000: // ldur
		r.load(d, base, int64(int32(w<<11)>>23), addr, use)
	case w&0xffe00c00 == 0xf8000000: // stur
		if base != notBlock {
			use.write(base+int64(int32(w<<11)>>23), addr)
		}
	case w&0xffe00c00 == 0xf8600800: // ldr xD, [xN, xM{, lsl #3}]
		if base != notBlock && w>>12&1 == 1 && (m == 31 || r[m] == notBlock) {
			use.readIndexed(addr)
		}
		r.set(d, notBlock)
	case w&0xffe00c00 == 0xf8200800: // str xD, [xN, xM{, lsl #3}]
		if base != notBlock && w>>12&1 == 1 && (m == 31 || r[m] == notBlock) {
			use.writeIndexed(addr)
		}
	case w&0xffc00000 == 0xa9400000 || w&0xffc00000 == 0xa9000000: // ldp, stp xD, xT2, [xN, #imm]
		imm, isLoad := int64(int32(w<<10)>>25)*8, w>>22&1 == 1
		if isLoad {
			second := base
			r.load(d, base, imm, addr, use)
			r.load(w>>10&31, second, imm+8, addr, use)
		} else if base != notBlock {
			use.write(base+imm, addr)
			use.write(base+imm+8, addr)
		}
	case w&0x0a000000 == 0x08000000: // other loads and stores
		switch {
		case w&0x3b000000 == 0x18000000: // load literal
			r.set(d, notBlock)
		case w&0x3a000000 == 0x28000000: // pairs; the forms that write the base back as well
			if w>>22&1 == 1 && w>>26&1 == 0 {
				r.set(d, notBlock)
				r.set(w>>10&31, notBlock)
			}
			if w>>23&1 == 1 {
				r.set(n, notBlock)
			}
		default:
			if w>>26&1 == 0 { // no vector register
				r.set(d, notBlock)
				r.set(m, notBlock) // the status of an exclusive store, the result of an atomic operation
			}
			if w&0x3b200400 == 0x38000400 { // pre- and post-indexed
				r.set(n, notBlock)
			}
		}
	case w&0xfff00000 == 0xd5300000: // mrs
		r.set(d, notBlock) // another one of TPIDRRO_EL0 is followed by itself
	case w&0xff000000 == 0xd5000000: // msr, hints, barriers: no register written
	case w&0x7f000000 == 0x6b000000 && d == 31, w&0x7f000000 == 0x71000000 && d == 31: // cmp
	case w&0x0e000000 == 0x0e000000: // vector instructions
		if w&0x7f20fc00 == 0x1e200000 || w&0xbfe0fc00 == 0x0e003c00 { // to a general register: fmov and umov
			r.set(d, notBlock)
		}
	default:
		r.set(d, notBlock)
	}
}

func (r *registers) set(reg uint32, offset int64) {
	if reg != 31 {
		r[reg] = offset
	}
}

func (r *registers) load(d uint32, base, imm int64, addr uint64, use accessor) {
	offset := int64(notBlock)
	if base != notBlock {
		use.read(base+imm, addr)
		if base+imm == 0 {
			offset = 0 // slot 0 holds the address of the block (tsd_private.h: __TSD_THREAD_SELF is its pthread_t)
		}
	}
	r.set(d, offset)
}
