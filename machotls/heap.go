package machotls

import (
	"encoding/binary"
	"slices"
)

// A heap is one of mimalloc's statically initialised heaps in an image: the
// empty heap that a thread's pointer starts with, or the main thread's. It is
// known by its shape, which neither strip nor link-time optimisation changes
// (init.c of every release):
//
//	…                             up to 0x130 bytes of other fields
//	page_t*  pages_free_direct[]  129 to 257 times the address of one empty page
//	…
//	queue_t  pages[]              per size class {first, last, …, block_size, …}, all 0 but block_size
//
// A queue has 3 words in releases 1 to 3.0.1, 4 up to 3.5, 5 from 3.6 on.
type heap struct {
	table  uint64 // address of the block size of the first queue
	stride int    // bytes of a queue
	run    uint64 // address of pages_free_direct, 0 where it was not seen
	length int    // how many pointers of it are equal
	page   uint64 // what they hold: low 32 bits of an address, or in an object file what its relocations mean
}

// classes are the block sizes in words of the first size classes (MI_PAGE_QUEUES_EMPTY).
var classes = [...]uint64{1, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128,
	160, 192, 224, 256, 320, 384, 448, 512}

const (
	probe        = 9       // the class that is searched for: the first that is rare
	minStride    = 3       // words
	maxStride    = 8       // words
	minRun       = 129     // pointers (MI_PAGES_DIRECT with a small-size limit of 128 words and no padding)
	maxRun       = 257 + 8 // pointers; forks with a limit of 256 words
	maxBehindRun = 1 << 10 // bytes between the run and the table
	maxBeforeRun = 0x180   // bytes between the start of the heap and the run: 0 to 0x130 were seen, and what stands before may be another's
	maxHeaps     = 1 << 10 // in one image; real ones have three per mimalloc
)

// findHeaps searches the sections with data.
func (m *image) findHeaps(buf *[]byte) ([]heap, error) {
	var heaps []heap
	word := uint64(m.word())
	for i := range m.sections {
		s := &m.sections[i]
		if s.code() || s.kind() == sectSymbolStubs || s.segment == "__DWARF" || s.segment == "__LLVM" {
			continue
		}
		var candidates []uint64
		err := m.chunks(s, buf, 8, func(b []byte, base uint64, last bool) error {
			first := (word - (s.addr+base)%word) % word
			candidates = candidates[:0]
			if word == 8 {
				for i := first; i+8 <= uint64(len(b)); i += 8 {
					if binary.LittleEndian.Uint64(b[i:]) == classes[probe]*8 && zeroFrom(b, i+8, 16) {
						candidates = append(candidates, base+i)
					}
				}
			} else {
				for i := first; i+4 <= uint64(len(b)); i += 4 {
					if binary.LittleEndian.Uint32(b[i:]) == uint32(classes[probe]*4) && zeroFrom(b, i+4, 8) {
						candidates = append(candidates, base+i)
					}
				}
			}
			for _, at := range candidates {
				h, ok, err := m.heapAt(s, at)
				if err != nil {
					return err
				}
				if ok && len(heaps) < maxHeaps && !slices.ContainsFunc(heaps, func(o heap) bool { return o.table == h.table }) {
					heaps = append(heaps, h)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return heaps, nil
}

// zeroFrom reports whether n bytes from i on are zero, as far as b reaches.
func zeroFrom(b []byte, i, n uint64) bool {
	for ; n > 0 && i < uint64(len(b)); i, n = i+1, n-1 {
		if b[i] != 0 {
			return false
		}
	}
	return true
}

// heapAt looks at what stands around the probed class, at an offset of a section.
func (m *image) heapAt(s *section, at uint64) (heap, bool, error) {
	word := uint64(m.word())
	for stride := minStride * word; stride <= maxStride*word; stride += word {
		if at < probe*stride {
			break
		}
		table := at - probe*stride
		length := (uint64(len(classes)-1))*stride + word
		if table+length > s.size {
			continue
		}
		before := min(table, maxBehindRun+maxRun*word)
		b := make([]byte, before+length)
		if err := readFull(m.r, b, int64(s.offset+table-before)); err != nil {
			return heap{}, false, err
		}
		if !isTable(b[before:], word, stride) {
			continue
		}
		h := heap{table: s.addr + table, stride: int(stride)}
		if m.filetype == typeObject {
			err := m.findRelocatedRun(s, &h)
			return h, true, err
		}
		if at, length, page := findRun(b[:before], word); length > 0 {
			h.run, h.length, h.page = s.addr+table-before+at, length, page
		}
		return h, true, nil
	}
	return heap{}, false, nil
}

// isTable reports whether b is an array of queues, from the block size of the
// first to the block size of the last of classes.
func isTable(b []byte, word, stride uint64) bool {
	for i := uint64(0); i < uint64(len(b)); i += word {
		want := uint64(0)
		if i%stride == 0 {
			want = classes[i/stride] * word
		}
		if uintOf(b[i:], word) != want {
			return false
		}
	}
	return true
}

func uintOf(b []byte, word uint64) uint64 {
	if word == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return uint64(binary.LittleEndian.Uint32(b))
}

// findRun finds the last run of equal pointers in b, which ends where a table
// starts; at most maxBehindRun bytes lie between. Pointers are compared by
// their low 32 bits: the rest of a word may belong to the loader's chain of
// fixups (<mach-o/fixup-chains.h>).
func findRun(b []byte, word uint64) (at uint64, length int, page uint64) {
	low := func(i uint64) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
	for end := uint64(len(b)) / word * word; end >= word && end+maxBehindRun >= uint64(len(b)); {
		p := low(end - word)
		i := end - word
		for p != 0 && i >= word && low(i-word) == p {
			i -= word
		}
		if n := int((end - i) / word); p != 0 && n >= minRun {
			return i, min(n, maxRun), uint64(p)
		}
		end = i
	}
	return 0, 0, 0
}

// first is the first address of the heap that is known.
func (h *heap) first() uint64 {
	if h.run != 0 {
		return h.run
	}
	return h.table
}

// reaches reports whether an address may be that of the heap: its start is no
// more than maxBeforeRun bytes before the run.
func (h *heap) reaches(addr uint64) bool {
	return addr <= h.first() && h.first()-addr <= maxBeforeRun
}

// span is all of the heap that is known.
func (h *heap) span() span {
	return span{h.first() - min(h.first(), maxBeforeRun), h.table + uint64(h.stride)*uint64(len(classes))}
}
