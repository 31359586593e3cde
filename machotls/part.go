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
	starts   []start
	refs     []ref // of code, to the heaps, to descriptors of the starts and to formats
	use      *threadUse
	calls    []uint64 // of pthread_getspecific; nil until getspecific is called
	versions []versionSite
	texts    []uint64 // addresses of mimalloc's own messages; looked for only where no heap was found
}

// emptyHeaps are the names of the heap that a thread-local pointer starts
// with: since 3.2, and before.
var emptyHeaps = map[string]bool{"__mi_theap_empty": true, "__mi_heap_empty": true}

// readPart reads an image. It looks at code only where there is a mimalloc, or
// a part of one, and once.
func readPart(m *image, name string, base int64, buf *[]byte) (*part, error) {
	p := &part{m: m, name: name, base: base}
	var err error
	if p.heaps, err = m.findHeaps(buf); err != nil {
		return nil, err
	}
	var formats, messages []span
	if len(p.heaps) == 0 && name == "" {
		if formats, err = m.findString(buf, versionFormat); err != nil || len(formats) == 0 {
			return p, err
		}
		if messages, err = m.findString(buf, []byte("mimalloc: ")); err != nil || len(messages) == 0 {
			return p, err
		}
	}
	if p.symbols, err = m.readSymbols(buf); err != nil {
		return nil, err
	}
	if len(p.heaps) == 0 && !slices.ContainsFunc(p.symbols, func(s symbol) bool { return s.name != symbolGetspecific }) && name != "" {
		return p, nil // a member that has nothing to do with mimalloc
	}
	if p.starts, err = p.findStarts(buf); err != nil {
		return nil, err
	}
	if len(formats) == 0 {
		if formats, err = m.findString(buf, versionFormat); err != nil {
			return nil, err
		}
	}
	if err := p.readCode(buf, formats); err != nil {
		return nil, err
	}
	if p.versions, err = p.findVersions(formats); err != nil {
		return nil, err
	}
	// Texts alone may be of a program that uses a mimalloc, or talks of one.
	if len(p.heaps) == 0 && name == "" && (len(p.versions) > 0 || slices.ContainsFunc(p.symbols, func(s symbol) bool { return s.name == "_mi_malloc" && s.defined() })) {
		p.texts = []uint64{formats[0].from, messages[0].from}
	}
	return p, nil
}

// readCode finds what the code does with the thread control block, and what
// of the heaps, the variables that start with one and formats it refers to.
func (p *part) readCode(buf *[]byte, formats []span) error {
	spans := slices.Clone(formats)
	for i := range p.heaps {
		spans = append(spans, p.heaps[i].span())
	}
	for i := range p.starts {
		spans = append(spans, p.starts[i].descriptorSpan())
	}
	var err error
	p.use = new(threadUse)
	if p.m.filetype == typeObject {
		// Addresses are relocations there; see refsIn.
		if err = p.m.eachCode(buf, func(b []byte, end int, addr uint64) { p.m.scanSlots(b, end, addr, p.use) }); err != nil {
			return err
		}
	} else {
		var w *wanted
		if w, err = p.m.newWanted(buf, spans); err != nil {
			return err
		}
		if err = p.m.eachCode(buf, func(b []byte, end int, addr uint64) {
			p.m.scanSlots(b, end, addr, p.use)
			p.m.scanRefs(b, end, addr, w)
		}); err != nil {
			return err
		}
		p.refs = w.refs
	}
	for i := range p.starts {
		if err := p.findUses(&p.starts[i]); err != nil {
			return err
		}
	}
	return nil
}

// refsIn returns the sorted addresses of the code that refers to what is in
// the spans. They must be among those that readCode looked for.
func (p *part) refsIn(spans []span) ([]uint64, error) {
	if p.m.filetype == typeObject {
		return p.m.relocatedRefs(spans, nil)
	}
	var refs []uint64
	for _, r := range p.refs {
		if inSpans(spans, r.to) {
			refs = append(refs, r.from)
		}
	}
	return refs, nil
}

// getspecific returns the calls of pthread_getspecific. They are looked for
// when they are asked for: most models are told without.
func (p *part) getspecific(buf *[]byte) ([]uint64, error) {
	if p.calls != nil || p.use == nil {
		return p.calls, nil
	}
	p.calls = []uint64{}
	for _, s := range p.symbols {
		if s.name != symbolGetspecific || s.defined() {
			continue
		}
		if p.m.filetype == typeObject {
			err := p.m.branches(func(from uint64, symbol int) error {
				if symbol == s.index && len(p.calls) < maxRefs {
					p.calls = append(p.calls, from)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			continue
		}
		stubs, err := p.m.stubsOf(s.index)
		if err != nil {
			return nil, err
		}
		found, err := p.m.findCallsTo(buf, stubs)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			p.calls = append(p.calls, c.from)
		}
	}
	slices.Sort(p.calls)
	p.calls = slices.Compact(p.calls)
	return p.calls, nil
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
	const far = 1 << 14 // behind a symbol: it is something else's
	sect := p.m.sectionAt(addr)
	best := symbol{}
	for _, s := range p.symbols {
		if s.defined() && sect == &p.m.sections[s.section-1] && s.value <= addr && (best.name == "" || s.value > best.value) {
			best = s
		}
	}
	if best.name == "" || addr-best.value > far {
		return ""
	}
	return best.name[1:]
}
