package machotls

import "encoding/binary"

// An x86 is one instruction of x86-64, as far as it matters here: its length,
// its operation and where its operands are (Intel SDM, volume 2, chapter 2 and
// the opcode maps of appendix A). It knows the length of every instruction that
// compilers emit; it is no disassembler.
type x86 struct {
	length   int
	op       int // 0x8b; 0x0f8b, 0x0f388b and 0x0f3a8b for the longer maps; vex for all VEX and EVEX
	rex      byte
	segment  byte // 0x64 (fs), 0x65 (gs) or 0
	modrm    bool
	mod      byte
	reg, rm  int // registers, 0 to 15; rm is one if mod is 3, else see base
	memory   bool
	base     int // register of an operand in memory, noReg, or ripReg
	index    int
	scale    int
	disp     int64
	imm      int64
	hasImm   bool
	prefix16 bool
}

const (
	noReg  = -1
	ripReg = -2

	vex = 0x1000000
)

// Registers by their numbers.
const (
	rax = iota
	rcx
	rdx
	rbx
	rsp
	rbp
	rsi
	rdi
	r8
	r9
	r10
	r11
)

// decodeX86 decodes the instruction that b begins with.
func decodeX86(b []byte) (x x86, ok bool) {
	i := 0
	next := func() byte {
		if i < len(b) && i < 15 {
			i++
			return b[i-1]
		}
		i = 16 // too long, or cut off
		return 0
	}
	x.base, x.index = noReg, noReg
	op := next()
	short := false // addresses of 32 bits
	for {
		switch op {
		case 0x64, 0x65:
			x.segment = op
		case 0x66:
			x.prefix16 = true
		case 0x67:
			short = true
		case 0x26, 0x2e, 0x36, 0x3e, 0xf0, 0xf2, 0xf3:
		default:
			goto opcode
		}
		op = next()
	}
opcode:
	if op&0xf0 == 0x40 {
		x.rex = op
		op = next()
	}
	immBytes := 0
	x.op = int(op)
	switch {
	case op == 0xc5 || op == 0xc4 || op == 0x62:
		m := 1 // opcode map
		switch op {
		case 0xc5:
			next()
		case 0xc4:
			m = int(next() & 0x1f)
			next()
		case 0x62:
			m = int(next() & 7)
			next()
			next()
		}
		op = next()
		x.op = vex
		x.modrm = !(m == 1 && op == 0x77) // vzeroupper
		if m == 3 || m == 1 && imm8In0f(op) {
			immBytes = 1
		}
	case op == 0x0f:
		op = next()
		x.op = 0x0f00 | int(op)
		switch {
		case op == 0x38 || op == 0x3a:
			if op == 0x3a {
				immBytes = 1
			}
			x.op = x.op<<8 | int(next())
			x.modrm = true
		case op&0xf0 == 0x80:
			immBytes = 4
		case op&0xf8 == 0xc8, op&0xf8 == 0x30, op == 0x05, op == 0x0b, op == 0x77, op >= 0x06 && op <= 0x09,
			op >= 0xa0 && op <= 0xa2, op >= 0xa8 && op <= 0xaa:
		default:
			x.modrm = true
			if imm8In0f(op) || op == 0x0f {
				immBytes = 1
			}
		}
	default:
		var valid bool
		if x.modrm, immBytes, valid = oneByte(op, x.rex&8 != 0); !valid {
			return x, false
		}
		if immBytes == 4 && x.prefix16 && x.rex&8 == 0 && op != 0xe8 && op != 0xe9 {
			immBytes = 2
		}
		if short && op >= 0xa0 && op <= 0xa3 {
			immBytes = 4
		}
	}
	if x.modrm {
		m := next()
		x.mod = m >> 6
		x.reg = int(m>>3&7 | x.rex&4<<1)
		x.rm = int(m&7 | x.rex&1<<3)
		dispBytes := [4]int{0, 1, 4, 0}[x.mod]
		if x.mod != 3 {
			x.memory = true
			x.base = x.rm
			if m&7 == 4 {
				s := next()
				x.scale = 1 << (s >> 6)
				if x.index = int(s>>3&7 | x.rex&2<<2); x.index == rsp {
					x.index = noReg
				}
				x.base = int(s&7 | x.rex&1<<3)
				if s&7 == 5 && x.mod == 0 {
					x.base, dispBytes = noReg, 4
				}
			} else if m&7 == 5 && x.mod == 0 {
				x.base, dispBytes = ripReg, 4
			}
		}
		switch dispBytes {
		case 1:
			x.disp = int64(int8(next()))
		case 4:
			x.disp = int64(int32(little(next, 4)))
		}
		if x.op == 0xf6 && x.reg&7 < 2 {
			immBytes = 1
		} else if x.op == 0xf7 && x.reg&7 < 2 {
			immBytes = 4
			if x.prefix16 && x.rex&8 == 0 {
				immBytes = 2
			}
		}
	}
	if immBytes > 0 {
		x.hasImm = true
		v := little(next, immBytes)
		shift := 64 - 8*immBytes
		x.imm = int64(v) << shift >> shift
	}
	x.length = i
	return x, i <= 15
}

func little(next func() byte, n int) uint64 {
	var b [8]byte
	for i := range n {
		b[i] = next()
	}
	return binary.LittleEndian.Uint64(b[:])
}

// imm8In0f are the operations of map 0f with ModRM and an immediate byte.
func imm8In0f(op byte) bool {
	return op >= 0x70 && op <= 0x73 || op == 0xa4 || op == 0xac || op == 0xba || op == 0xc2 || op >= 0xc4 && op <= 0xc6
}

// oneByte tells of an operation of the first map whether it has ModRM, and how
// many bytes of immediate.
func oneByte(op byte, wide bool) (modrm bool, imm int, valid bool) {
	switch {
	case op < 0x40:
		switch op & 7 {
		case 4:
			return false, 1, true
		case 5:
			return false, 4, true
		case 6, 7:
			return false, 0, false
		}
		return true, 0, true
	case op >= 0x50 && op < 0x60, op >= 0x90 && op < 0xa0 && op != 0x9a:
		return false, 0, true
	case op == 0x63, op >= 0x84 && op < 0x90, op >= 0xd0 && op < 0xd4, op >= 0xd8 && op < 0xe0, op == 0xf6, op == 0xf7, op >= 0xfe:
		return true, 0, true
	case op == 0x68, op == 0xa9, op == 0xe8, op == 0xe9:
		return false, 4, true
	case op == 0x69, op == 0x81, op == 0xc7:
		return true, 4, true
	case op == 0x6b, op == 0x80, op == 0x83, op == 0xc0, op == 0xc1, op == 0xc6:
		return true, 1, true
	case op == 0x6a, op >= 0x70 && op < 0x80, op == 0xa8, op >= 0xb0 && op < 0xb8, op == 0xcd, op >= 0xe0 && op < 0xe8, op == 0xeb:
		return false, 1, true
	case op >= 0xa0 && op < 0xa4:
		return false, 8, true
	case op >= 0xb8 && op < 0xc0:
		if wide {
			return false, 8, true
		}
		return false, 4, true
	case op == 0xc2, op == 0xca:
		return false, 2, true
	case op == 0xc8:
		return false, 3, true
	case op == 0x60, op == 0x61, op == 0x82, op == 0x9a, op == 0xce, op >= 0xd4 && op < 0xd7, op == 0xea:
		return false, 0, false
	}
	return false, 0, true
}

// leaves reports whether an instruction goes elsewhere for good: ret, jmp, ud2, hlt, int3.
func (x *x86) leaves() bool {
	switch x.op {
	case 0xc3, 0xc2, 0xe9, 0xeb, 0x0f0b, 0xf4, 0xcc:
		return true
	}
	return x.op == 0xff && x.reg&7 == 4
}

func (x *x86) calls() bool { return x.op == 0xe8 || x.op == 0xff && x.reg&7 == 2 }

// written is the register that an instruction writes as a whole or in part,
// or noReg. Where it is not sure, it names the register.
func (x *x86) written() int {
	switch {
	case x.op == 0x89 || x.op == 0x88 || x.op&^0x38 == 0 || x.op&^0x38 == 1: // to ModRM.rm; also add, or, and, …
		if x.op&0x3e == 0x38 && x.op < 0x40 || x.memory { // cmp, or a store
			return noReg
		}
		return x.rm
	case x.op < 0x40: // from ModRM.rm, or an immediate to eax
		if x.op&0x38 == 0x38 {
			return noReg
		}
		if !x.modrm {
			return rax
		}
		return x.reg
	case x.op == 0x84 || x.op == 0x85 || x.op == 0xa8 || x.op == 0xa9 || x.op == 0x90 || x.op == 0x0f1f: // test, nop
		return noReg
	case x.op >= 0x58 && x.op < 0x60, x.op >= 0xb0 && x.op < 0xc0:
		return x.op&7 | int(x.rex&1)<<3
	case x.op >= 0x50 && x.op < 0x58, x.op == 0x68, x.op == 0x6a, x.op >= 0x70 && x.op < 0x80, x.op&^0xf == 0x0f80:
		return noReg
	case x.op == 0x80 || x.op == 0x81 || x.op == 0x83: // immediate group 1
		if x.memory || x.reg&7 == 7 {
			return noReg
		}
		return x.rm
	case x.op == 0xc6 || x.op == 0xc7 || x.op == 0xc0 || x.op == 0xc1 || x.op >= 0xd0 && x.op < 0xd4 || x.op >= 0xf6 && x.op < 0x100:
		if x.memory {
			return noReg
		}
		return x.rm
	case x.op&^0xf == 0x0f90 && !x.memory: // setcc
		return x.rm
	case !x.modrm:
		return rax
	}
	return x.reg
}
