package machotls

import (
	"fmt"
	"slices"
)

// A part is what one image says of the mimallocs in it, or one member of an
// archive of those that it is a part of.
type part struct {
	m        *image
	name     string // of the member; "" for an image by itself
	base     int64  // where the image begins in the file that offsets are of
	heaps    []heap
	symbols  []symbol
	use      *threadUse
	starts   []start
	calls    []uint64 // of pthread_getspecific
	versions []versionSite
	texts    []uint64 // addresses of mimalloc's own messages; looked for only where no heap was found
}

// A start is the initial value of a thread-local variable that is the address
// of a heap.
type start struct {
	variable uint64 // address in the section of initial values
	heap     uint64 // address it holds, 0 if it is another object's
	name     string // of the symbol it refers to, in an object file

	descriptor uint64   // address of the variable's descriptor
	symbol     string   // of the descriptor, in an object file
	uses       []uint64 // code that reaches the variable
	stores     int      // how many of them set it
}

// emptyHeaps are the names of the heap that a thread-local pointer starts
// with: since 3.2, and before.
var emptyHeaps = map[string]bool{"__mi_theap_empty": true, "__mi_heap_empty": true}

// readPart reads an image. It looks at code only where there is a mimalloc, or
// a part of one.
func readPart(m *image, name string, base int64, buf *[]byte) (*part, error) {
	p := &part{m: m, name: name, base: base}
	var err error
	if p.heaps, err = m.findHeaps(buf); err != nil {
		return nil, err
	}
	archived := name != ""
	if len(p.heaps) == 0 && !archived {
		formats, err := m.findString(buf, versionFormat)
		if err != nil || len(formats) == 0 {
			return p, err
		}
		messages, err := m.findString(buf, []byte("mimalloc: "))
		if err != nil || len(messages) == 0 {
			return p, err
		}
		p.texts = []uint64{formats[0].from, messages[0].from}
	}
	if p.symbols, err = m.readSymbols(buf); err != nil {
		return nil, err
	}
	if len(p.heaps) == 0 && !slices.ContainsFunc(p.symbols, func(s symbol) bool { return s.name != symbolGetspecific && s.name != symbolSetspecific }) {
		return p, nil
	}
	if p.starts, err = p.findStarts(buf); err != nil {
		return nil, err
	}
	if p.use, err = m.scanCode(buf); err != nil {
		return nil, err
	}
	if p.calls, err = p.findCalls(buf); err != nil {
		return nil, err
	}
	p.versions, err = m.findVersions(buf, p.symbols)
	return p, err
}

// reaches reports whether an address is one by which the heap may be known:
// from its start, which no more than maxBeforeRun bytes before the run, to the run.
func (h *heap) reaches(addr uint64) bool {
	from := h.run
	if from == 0 {
		from = h.table
	}
	return addr <= from && from-addr <= maxBeforeRun
}

// span is all of the heap that is known.
func (h *heap) span() span {
	from := h.run
	if from == 0 {
		from = h.table
	}
	return span{from - min(from, maxBeforeRun), h.table + uint64(h.stride)*uint64(len(classes))}
}

// findStarts finds the thread-local variables whose initial value is the
// address of a heap.
func (p *part) findStarts(buf *[]byte) ([]start, error) {
	var starts []start
	word := uint64(p.m.word())
	for i := range p.m.sections {
		s := &p.m.sections[i]
		if s.kind() != sectThreadRegular || !s.stored() {
			continue
		}
		if p.m.filetype == typeObject {
			err := p.m.relocations(s, func(offset uint64, symbol int) error {
				t, err := p.m.pointerTarget(s, offset, symbol)
				if err != nil {
					return err
				}
				name, addr, err := p.m.resolve(t)
				if err != nil {
					return err
				}
				if emptyHeaps[name] || slices.ContainsFunc(p.heaps, func(h heap) bool { return addr != 0 && h.reaches(addr) }) {
					starts = append(starts, start{variable: s.addr + offset, heap: addr, name: name})
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			continue
		}
		err := p.m.chunks(s, buf, int(word-1), func(b []byte, base uint64, last bool) error {
			for i := (word - (s.addr+base)%word) % word; i+word <= uint64(len(b)); i += word {
				low := uint32(uintOf(b[i:], word))
				for _, h := range p.heaps {
					// The low 32 bits of an address or, in newer chains of fixups, of an offset from the image's start.
					for _, origin := range []uint64{0, p.m.start} {
						addr := h.run&^0xffffffff | uint64(low+uint32(origin))
						if low != 0 && h.run != 0 && h.reaches(addr) {
							starts = append(starts, start{variable: s.addr + base + i, heap: addr})
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	starts = slices.CompactFunc(starts, func(a, b start) bool { return a.variable == b.variable })
	for i := range starts {
		if err := p.findUses(&starts[i], buf); err != nil {
			return nil, err
		}
	}
	return starts, nil
}

// findCalls finds the calls of pthread_getspecific.
func (p *part) findCalls(buf *[]byte) ([]uint64, error) {
	var calls []uint64
	for _, s := range p.symbols {
		if s.name != symbolGetspecific || s.defined() {
			continue
		}
		if p.m.filetype == typeObject {
			return p.m.branchesTo(s.index)
		}
		stubs, err := p.m.stubsOf(s.index)
		if err != nil {
			return nil, err
		}
		found, err := p.m.findCalls(buf, stubs)
		if err != nil {
			return nil, err
		}
		calls = append(calls, found...)
	}
	slices.Sort(calls)
	return slices.Compact(calls), nil
}

// at says where an address is, for a reader: the offset in the file and, where
// there is one, the symbol.
func (p *part) at(addr uint64) string {
	text := fmt.Sprintf("address %#x", addr)
	if s := p.m.sectionAt(addr); s != nil && s.stored() {
		text = fmt.Sprintf("%s at file offset %#x", s, p.base+s.fileOffset(addr))
	}
	if name := p.symbolOf(addr); name != "" {
		text += " (" + name + ")"
	}
	if p.name != "" {
		text += " of " + p.name
	}
	return text
}

// symbolOf is the last of mimalloc's symbols at or before an address in the
// same section, without the _ that Mach-O adds; "" where there is none.
func (p *part) symbolOf(addr uint64) string {
	sect := p.m.sectionAt(addr)
	best := symbol{}
	for _, s := range p.symbols {
		if s.defined() && sect == &p.m.sections[s.section-1] && s.value <= addr && (best.name == "" || s.value > best.value) {
			best = s
		}
	}
	if best.name == "" || addr-best.value > 1<<14 {
		return ""
	}
	return best.name[1:]
}
