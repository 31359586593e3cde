//go:build bazel

package guard_test

import (
	"debug/macho"
	"fmt"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"
)

// An instruction, as far as the order of test and call is concerned.
type instruction struct {
	at, size    int
	text        string
	flag        bool // has the address of _mi_process_is_initialized
	takes       bool // if so, leaves it where a branch finds it: state.ready
	conditional bool // branches, or goes on behind itself
	jump        bool // branches without a condition, or returns
	target      int  // of a branch, -1 where that is not in the code
	thunk       bool // calls through a pointer: the thread-local's thunk
	reads       arm64asm.Reg
	writes      arm64asm.Reg
}

// flag is the variable that the guard tests, as a symbol table spells it.
const flag = "__mi_process_is_initialized"

// guarded walks all ways from the entry of a function, as a symbol table
// spells it, to its first calls through a pointer, which are those of the
// thread-local's thunk. It reports
// whether each way goes through a conditional branch on
// _mi_process_is_initialized, and one way as evidence.
func guarded(object, function string) (bool, []string, error) {
	f, err := macho.Open(object)
	if err != nil {
		return false, nil, err
	}
	defer f.Close()
	text := f.Section("__text")
	if text == nil || f.Symtab == nil {
		return false, nil, fmt.Errorf("%s: no code or no symbols", object)
	}
	code, err := text.Data()
	if err != nil {
		return false, nil, err
	}
	entry := -1
	for _, s := range f.Symtab.Syms {
		if s.Name == function && s.Sect > 0 {
			entry = int(s.Value - text.Addr)
		}
	}
	if entry < 0 {
		return false, nil, fmt.Errorf("%s: no %s", object, function)
	}
	flags := map[int]bool{} // where the address of the flag goes
	for _, r := range text.Relocs {
		arm := f.Cpu == macho.CpuArm64
		if r.Extern && f.Symtab.Syms[r.Value].Name == flag && (!arm || r.Type == uint8(macho.ARM64_RELOC_PAGEOFF12)) {
			flags[int(r.Addr)] = true
		}
	}
	decode := decodeAMD64
	if f.Cpu == macho.CpuArm64 {
		decode = decodeARM64
	}
	w := walker{code: code, flags: flags, decode: decode, seen: map[state]bool{}}
	if err := w.walk(state{at: entry}, nil); err != nil {
		return false, nil, fmt.Errorf("%s: %w", object, err)
	}
	if w.thunks == 0 {
		return false, nil, fmt.Errorf("%s: no call of a thread-local's thunk in %s", object, function)
	}
	return w.bare == nil, w.bare, nil
}

// A state is where a way is, and what it has done: whether the last
// instruction left the flag to be branched on (x86_64: in the status flags;
// arm64: in a register), and whether it has been branched on.
type state struct {
	at     int
	ready  bool
	reg    arm64asm.Reg
	tested bool
}

type walker struct {
	code   []byte
	flags  map[int]bool
	decode func(code []byte, at int) (instruction, error)
	seen   map[state]bool
	thunks int
	bare   []string // a way to a thunk without a test
}

func (w *walker) walk(s state, way []string) error {
	for !w.seen[s] {
		w.seen[s] = true
		i, err := w.decode(w.code, s.at)
		if err != nil {
			return fmt.Errorf("at %#x: %w", s.at, err)
		}
		for at := i.at; at < i.at+i.size; at++ {
			i.flag = i.flag || w.flags[at]
		}
		way = append(way[:len(way):len(way)], i.text)
		if i.thunk {
			w.thunks++
			if !s.tested && w.bare == nil {
				w.bare = way
			}
			return nil
		}
		branch := s
		switch {
		case i.flag && i.takes:
			s.ready, s.reg = true, i.writes
		case i.conditional:
			s.tested = s.tested || s.ready && i.reads == s.reg
			branch.tested = s.tested
			s.ready = s.ready && s.reg != 0
		case s.reg == 0 || i.writes == s.reg:
			s.ready = false // x86_64: perhaps other status flags; arm64: another value
		}
		if (i.conditional || i.jump) && i.target >= 0 {
			branch.at, branch.ready, branch.reg = i.target, s.ready, s.reg
			if err := w.walk(branch, way); err != nil {
				return err
			}
		}
		if i.jump {
			return nil
		}
		s.at += i.size
	}
	return nil
}

func decodeARM64(code []byte, at int) (instruction, error) {
	if at+4 > len(code) {
		return instruction{}, fmt.Errorf("behind the code")
	}
	d, err := arm64asm.Decode(code[at:])
	if err != nil {
		// What the decoder does not know is no branch: those are all in it.
		return instruction{at: at, size: 4, text: "?", target: -1}, nil
	}
	i := instruction{at: at, size: 4, text: d.String(), target: -1}
	for _, a := range d.Args {
		if rel, ok := a.(arm64asm.PCRel); ok {
			i.target = at + int(rel)
		}
	}
	first, _ := d.Args[0].(arm64asm.Reg)
	switch d.Op {
	case arm64asm.B:
		if _, i.conditional = d.Args[0].(arm64asm.Cond); !i.conditional {
			i.jump = true
		}
	case arm64asm.CBZ, arm64asm.CBNZ, arm64asm.TBZ, arm64asm.TBNZ:
		i.conditional, i.reads = true, wide(first)
	case arm64asm.BLR:
		i.thunk = true
	case arm64asm.RET, arm64asm.BR, arm64asm.BRK:
		i.jump, i.target = true, -1
	default:
		i.writes = wide(first)
		i.takes = i.writes != 0
	}
	return i, nil
}

// wide names a register by its 64 bits.
func wide(r arm64asm.Reg) arm64asm.Reg {
	if arm64asm.W0 <= r && r <= arm64asm.W30 {
		return r - arm64asm.W0 + arm64asm.X0
	}
	return r
}

func decodeAMD64(code []byte, at int) (instruction, error) {
	if at >= len(code) {
		return instruction{}, fmt.Errorf("behind the code")
	}
	d, err := x86asm.Decode(code[at:], 64)
	if err != nil {
		return instruction{}, err
	}
	i := instruction{at: at, size: d.Len, text: d.String(), target: -1}
	if rel, ok := d.Args[0].(x86asm.Rel); ok {
		i.target = at + d.Len + int(rel)
	}
	switch d.Op {
	case x86asm.JMP, x86asm.RET, x86asm.UD2:
		i.jump = true
	case x86asm.CALL:
		i.thunk = i.target < 0
	default:
		i.takes = d.Op == x86asm.CMP || d.Op == x86asm.TEST
		i.conditional = i.target >= 0 // all that is left with such an argument
	}
	return i, nil
}
