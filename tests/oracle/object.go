package oracle

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
)

// An Object is what the machine code of one Mach-O object says of the model.
type Object struct {
	Arch  string
	TLV   bool  // the variable of the heap pointer is a thread-local one of the image
	Slots []int // slots of the thread control block that are read or written, without slot 0, the thread id
}

// heapPointers are the names of the heap pointer in a symbol table.
var heapPointers = map[string]bool{
	"___mi_theap_default": true, // from 3.2 on
	"__mi_heap_default":   true, // before
}

// Model names the model as the patcher's reports do.
func (o Object) Model() string {
	switch {
	case o.TLV && len(o.Slots) == 0:
		return "thread-local"
	case !o.TLV && len(o.Slots) > 0:
		return "fixed-slot"
	}
	return "none"
}

// Evidence says in a few words what was seen.
func (o Object) Evidence() string {
	var seen []string
	if o.TLV {
		seen = append(seen, "the heap pointer in __thread_vars")
	}
	for _, s := range o.Slots {
		seen = append(seen, fmt.Sprintf("slot %d", s))
	}
	if seen == nil {
		return "nothing"
	}
	return strings.Join(seen, ", ")
}

// ReadObject reads an unstripped object file.
func ReadObject(name string) (Object, error) {
	f, err := macho.Open(name)
	if err != nil {
		return Object{}, err
	}
	defer f.Close()
	var o Object
	if f.Symtab != nil {
		for _, s := range f.Symtab.Syms {
			if heapPointers[s.Name] && s.Sect > 0 && int(s.Sect) <= len(f.Sections) {
				o.TLV = o.TLV || f.Sections[s.Sect-1].Name == "__thread_vars"
			}
		}
	}
	slots := map[int]bool{}
	for _, s := range f.Sections {
		if s.Name != "__text" {
			continue
		}
		code, err := s.Data()
		if err != nil {
			return Object{}, err
		}
		switch f.Cpu {
		case macho.CpuArm64:
			o.Arch = "arm64"
			slotsArm64(code, slots)
		case macho.CpuAmd64:
			o.Arch = "x86_64"
			slotsAmd64(code, slots)
		default:
			return Object{}, fmt.Errorf("%s: a CPU that is not looked at: %v", name, f.Cpu)
		}
	}
	delete(slots, 0)
	for s := range slots {
		o.Slots = append(o.Slots, s)
	}
	sort.Ints(o.Slots)
	return o, nil
}

// slotsArm64 finds loads and stores relative to the thread control block:
// mrs xN, TPIDRRO_EL0, perhaps and xN, xN, #~7, then ldr or str xT, [xN, #8*slot]
// before xN is written again. Encodings: Arm ARM, C6.2 (LDR immediate, STR
// immediate, AND immediate) and C5.2 (MRS).
func slotsArm64(code []byte, slots map[int]bool) {
	const window = 8 // instructions; the compiler keeps them close
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(code[i*4:]) }
	n := len(code) / 4
	for i := 0; i < n; i++ {
		if word(i)&^0x1f != 0xd53bd060 { // mrs xN, TPIDRRO_EL0
			continue
		}
		base := word(i) & 0x1f
		for j := i + 1; j < n && j <= i+window; j++ {
			w := word(j)
			if from := w >> 5 & 0x1f; from == base {
				switch {
				case w&0xff800000 == 0x92000000: // and xD, xN, #imm
					base = w & 0x1f
					continue
				case w&0xff800000 == 0xf9000000: // str or ldr xT, [xN, #imm]
					slots[int(w>>10&0xfff)] = true
				}
			}
			if w&0x1f == base { // perhaps written: no longer the control block
				break
			}
		}
	}
}

// slotsAmd64 finds mov between a register and %gs:disp32 (Intel SDM: prefix
// 65, REX.W, opcode 8b or 89, ModRM 00 reg 100, SIB 25, disp32).
func slotsAmd64(code []byte, slots map[int]bool) {
	for i := 0; ; {
		n := bytes.IndexByte(code[i:], 0x65)
		if n < 0 || i+n+9 > len(code) {
			return
		}
		c := code[i+n:]
		i += n + 1
		if c[1]&0xf8 == 0x48 && (c[2] == 0x8b || c[2] == 0x89) && c[3]&0xc7 == 0x04 && c[4] == 0x25 {
			slots[int(binary.LittleEndian.Uint32(c[5:])/8)] = true
		}
	}
}
