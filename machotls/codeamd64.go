package machotls

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/arch/x86/x86asm"
)

// scanAmd64 finds loads and stores relative to %gs in the first end bytes of
// b, code at addr: prefix 65, REX.W, opcode, ModRM 00 reg 100, SIB 25, disp32
// (Intel SDM, volume 2, 2.1). Slot 0 holds the address of the thread control
// block, so a register that is loaded from it is followed.
func scanAmd64(b []byte, end int, addr uint64, use *threadUse) {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], 0x65)
		if n < 0 || at+n >= end || at+n+9 > len(b) {
			return
		}
		i := at + n
		at = i + 1
		c := b[i:]
		if c[1]&0xf8 != 0x48 || c[3]&0xc7 != 0x04 {
			continue
		}
		displacement := int64(int32(binary.LittleEndian.Uint32(c[5:])))
		where := addr + uint64(i)
		switch {
		case c[4]&0xc7 == 0xc5 && c[2] == 0x8b && displacement == 0: // mov %gs:(,reg,8), reg
			use.indexed.add(where)
		case c[4] != 0x25:
		case c[2] == 0x8b: // mov %gs:disp32, reg
			if displacement == 0 {
				reg := x86asm.RAX + x86asm.Reg(c[3]>>3&7|c[1]&4<<1)
				followAmd64(b[i+9:], where+9, reg, use)
			}
			use.read(displacement, where)
		case c[2] == 0x3b || c[2] == 0x39 || c[2] == 0x83 && c[3]&0x38 == 0x38 || c[2] == 0x81 && c[3]&0x38 == 0x38: // cmp
			use.read(displacement, where)
		case c[2] == 0x89 || c[2] == 0xc7 && c[3]&0x38 == 0: // mov reg or imm32, %gs:disp32
			use.write(displacement, where)
		}
	}
}

// maxFollowedAmd64 bounds the instructions that are followed behind a load of slot 0.
const maxFollowedAmd64 = 40

// followAmd64 follows a register that holds the address of the thread control
// block, through straight-line code.
func followAmd64(b []byte, addr uint64, reg x86asm.Reg, use *threadUse) {
	block := map[x86asm.Reg]bool{reg: true}
	for i := 0; i < maxFollowedAmd64 && len(block) > 0 && len(b) > 0; i++ {
		inst, err := x86asm.Decode(b[:min(len(b), 15)], 64)
		if err != nil || inst.Len == 0 {
			return
		}
		switch inst.Op {
		case x86asm.RET, x86asm.JMP, x86asm.UD2, x86asm.HLT, x86asm.INT:
			return
		case x86asm.CALL:
			for _, r := range []x86asm.Reg{x86asm.RAX, x86asm.RCX, x86asm.RDX, x86asm.RSI, x86asm.RDI, x86asm.R8, x86asm.R9, x86asm.R10, x86asm.R11} {
				delete(block, r)
			}
		}
		for n, arg := range inst.Args[:2] {
			mem, ok := arg.(x86asm.Mem)
			if !ok || !block[mem.Base] || inst.Op == x86asm.LEA || mem.Segment != 0 {
				continue
			}
			switch {
			case mem.Index != 0:
				if n == 1 && inst.Op == x86asm.MOV && mem.Scale == 8 && mem.Disp == 0 {
					use.indexed.add(addr)
				}
			case n == 0 && inst.Op == x86asm.MOV:
				use.write(mem.Disp, addr)
			default:
				use.read(mem.Disp, addr)
			}
		}
		if to, ok := inst.Args[0].(x86asm.Reg); ok && writesFirst(inst.Op) {
			from, isReg := inst.Args[1].(x86asm.Reg)
			to = wide(to)
			if inst.Op == x86asm.MOV && isReg && block[from] {
				block[to] = true
			} else {
				delete(block, to)
			}
		}
		b = b[inst.Len:]
		addr += uint64(inst.Len)
	}
}

// writesFirst reports whether an instruction writes its first operand.
func writesFirst(op x86asm.Op) bool {
	return op != x86asm.CMP && op != x86asm.TEST && op != x86asm.PUSH && op != x86asm.BT
}

// wide is the 64-bit register that a register is a part of.
func wide(r x86asm.Reg) x86asm.Reg {
	switch {
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return x86asm.RAX + (r - x86asm.EAX)
	case r >= x86asm.AX && r <= x86asm.R15W:
		return x86asm.RAX + (r - x86asm.AX)
	case r >= x86asm.AL && r <= x86asm.BL:
		return x86asm.RAX + (r - x86asm.AL)
	case r >= x86asm.AH && r <= x86asm.BH:
		return x86asm.RAX + (r - x86asm.AH)
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return x86asm.RSP + (r - x86asm.SPB)
	}
	return r
}
