package machotls

import (
	"bytes"
	"encoding/binary"
)

// scanAmd64 finds loads and stores relative to %gs in the first end bytes of
// b, code at addr: prefix 65, REX.W, opcode, ModRM 00 reg 100, SIB 25, disp32
// (Intel SDM, volume 2, 2.1). Slot 0 holds the address of the thread control
// block, so a register that is loaded from it is followed.
func scanAmd64(b []byte, end int, addr uint64, use accessor) {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], 0x65)
		if n < 0 || at+n >= end || at+n+9 > len(b) {
			return
		}
		i := at + n
		at = i + 1
		c := b[i:]
		if c[1]&0xf8 != 0x48 {
			continue
		}
		if rm := c[3] & 7; c[3]>>6 == 0 && rm != 4 && rm != 5 { // mov %gs:(reg), reg and back
			if c[2] == opLoad {
				use.readIndexed(addr + uint64(i))
			} else if c[2] == opStore {
				use.writeIndexed(addr + uint64(i))
			}
			continue
		}
		if c[3]&0xc7 != 0x04 {
			continue
		}
		displacement := int64(int32(binary.LittleEndian.Uint32(c[5:])))
		where := addr + uint64(i)
		switch {
		case c[4]&0xc7 == 0xc5 && c[2] == 0x8b && displacement == 0: // mov %gs:(,reg,8), reg
			use.readIndexed(where)
		case c[4] != 0x25:
		case c[2] == 0x8b: // mov %gs:disp32, reg
			use.read(displacement, where)
			if displacement == 0 {
				followAmd64(b[i+9:], where+9, int(c[3]>>3&7|c[1]&4<<1), use)
			}
		case c[2] == 0x3b || c[2] == 0x39 || c[2] == 0x83 && c[3]&0x38 == 0x38 || c[2] == 0x81 && c[3]&0x38 == 0x38: // cmp
			use.read(displacement, where)
		case c[2] == 0x89 || c[2] == 0xc7 && c[3]&0x38 == 0: // mov reg or imm32, %gs:disp32
			use.write(displacement, where)
		}
	}
}

// maxFollowedAmd64 bounds the instructions that are followed behind a load of slot 0.
const maxFollowedAmd64 = 40

// Operations of mov between a register and memory or a register.
const (
	opStore = 0x89
	opLoad  = 0x8b
	opLea   = 0x8d
	opImm   = 0xc7
)

// followAmd64 follows a register that holds an address, through straight-line code.
func followAmd64(b []byte, addr uint64, reg int, use accessor) {
	var followed [16]bool
	followed[reg] = true
	for i := 0; i < maxFollowedAmd64 && followed != [16]bool{} && len(b) > 0; i++ {
		x, ok := decodeX86(b)
		if !ok || x.leaves() {
			return
		}
		if x.calls() {
			for _, r := range []int{rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11} { // System V ABI: the callee's
				followed[r] = false
			}
		}
		if x.memory && x.base >= 0 && followed[x.base] && x.segment == 0 && x.op != opLea {
			switch {
			case x.index != noReg:
				if x.scale == 8 && x.disp == 0 {
					if x.op == opLoad {
						use.readIndexed(addr)
					} else if x.op == opStore {
						use.writeIndexed(addr)
					}
				}
			case x.op == opStore || x.op == opImm:
				use.write(x.disp, addr)
			default:
				use.read(x.disp, addr)
			}
		}
		switch to := x.written(); {
		case x.op == opStore && !x.memory && x.rex&8 != 0:
			followed[x.rm] = followed[x.reg]
		case x.op == opLoad && !x.memory && x.rex&8 != 0:
			followed[x.reg] = followed[x.rm]
		case to != noReg:
			followed[to] = false
		}
		b = b[x.length:]
		addr += uint64(x.length)
	}
}
