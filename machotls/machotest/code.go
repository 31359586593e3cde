package machotest

import (
	"encoding/binary"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// A coder writes instructions.
type coder struct {
	b     []byte
	at    int
	addr  uint64
	amd64 bool
}

func (c *coder) bytes(b ...byte) {
	copy(c.b[c.at:], b)
	c.at += len(b)
}

func (c *coder) word(w uint32) {
	binary.LittleEndian.PutUint32(c.b[c.at:], w)
	c.at += 4
}

func (c *coder) disp(v uint32) { c.word(v) }

// address forms an address: adrp and add, or lea.
func (c *coder) address(to uint64) {
	pc := c.addr + uint64(c.at)
	if c.amd64 {
		c.bytes(0x48, 0x8d, 0x3d) // lea disp(%rip), %rdi
		c.disp(uint32(to - (pc + 7)))
		return
	}
	pages := uint32(to>>12) - uint32(pc>>12)
	c.word(0x90000000 | pages&3<<29 | pages>>2&0x7ffff<<5) // adrp x0, page
	c.word(0x91000000 | uint32(to&0xfff)<<10)              // add x0, x0, #low
}

func (c *coder) readSlot(slot int) {
	if c.amd64 {
		c.bytes(0x65, 0x48, 0x8b, 0x04, 0x25) // mov %gs:disp, %rax
		c.disp(uint32(slot * 8))
		return
	}
	c.word(0xd53bd068)                    // mrs x8, TPIDRRO_EL0
	c.word(0x927df108)                    // and x8, x8, #~7
	c.word(0xf9400109 | uint32(slot)<<10) // ldr x9, [x8, #slot*8]
}

func (c *coder) writeSlot(slot int) {
	if c.amd64 {
		c.bytes(0x65, 0x48, 0x89, 0x04, 0x25) // mov %rax, %gs:disp
		c.disp(uint32(slot * 8))
		return
	}
	c.word(0xd53bd06a)                    // mrs x10, TPIDRRO_EL0
	c.word(0xf9000149 | uint32(slot)<<10) // str x9, [x10, #slot*8]
}

func (c *coder) call(to uint64) {
	pc := c.addr + uint64(c.at)
	if c.amd64 {
		c.bytes(0xe8)
		c.disp(uint32(to - (pc + 5)))
		return
	}
	c.word(0x94000000 | uint32((to-pc)/4)&0x3ffffff) // bl
}

// variable calls for the address of a thread-local variable, and sets or reads it.
func (c *coder) variable(descriptor uint64, set bool) {
	c.address(descriptor)
	switch {
	case c.amd64 && set:
		c.bytes(0xff, 0x17, 0x48, 0x89, 0x08) // call *(%rdi); mov %rcx, (%rax)
	case c.amd64:
		c.bytes(0xff, 0x17, 0x48, 0x8b, 0x08) // call *(%rdi); mov (%rax), %rcx
	case set:
		c.word(0xf9400008) // ldr x8, [x0]
		c.word(0xd63f0100) // blr x8
		c.word(0xf9000009) // str x9, [x0]
	default:
		c.word(0xf9400008)
		c.word(0xd63f0100)
		c.word(0xf9400009) // ldr x9, [x0]
	}
}

func (c *coder) ret() {
	if c.amd64 {
		c.bytes(0xc3)
		return
	}
	c.word(0xd65f03c0)
}

// printVersion calls as options.c of release 3 does: (out, arg, format, major, minor, patch).
func (c *coder) printVersion(format uint64, v [3]int) {
	pc := c.addr + uint64(c.at)
	if c.amd64 {
		c.bytes(0x48, 0x8d, 0x15) // lea format(%rip), %rdx
		c.disp(uint32(format - (pc + 7)))
		c.bytes(0xb9) // mov $major, %ecx
		c.disp(uint32(v[0]))
		c.bytes(0x41, 0xb8) // mov $minor, %r8d
		c.disp(uint32(v[1]))
		c.bytes(0x41, 0xb9) // mov $patch, %r9d
		c.disp(uint32(v[2]))
		c.bytes(0xe8)
		c.disp(0)
		return
	}
	for i, n := range v {
		c.word(0x52800000 | uint32(n)<<5 | uint32(8+i)) // mov w8+i, #n
	}
	c.word(0xa90027e8) // stp x8, x9, [sp]
	c.word(0xf9000bea) // str x10, [sp, #16]
	c.address(format)
	c.word(0x94000001) // bl
}
