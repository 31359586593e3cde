package machotls

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// A symbol of a symbol table that may say something of mimalloc.
type symbol struct {
	name    string
	index   int
	section int // 1-based index of a section; 0: undefined or absolute
	value   uint64
}

func (s symbol) defined() bool { return s.section > 0 }

// interesting reports whether a symbol is kept: mimalloc's own, which begin
// with mi_, _mi_ or __mi_ in C, and pthread_getspecific. Mach-O puts
// another _ in front of a name of C.
func interesting(name string) bool {
	return strings.HasPrefix(name, "_mi_") || strings.HasPrefix(name, "__mi_") || strings.HasPrefix(name, "___mi_") ||
		name == symbolGetspecific
}

const (
	symbolGetspecific = "_pthread_getspecific"

	maxSymbols    = 1 << 14
	maxSymbolName = 128
)

// readSymbols returns the interesting symbols of an image. Its memory does
// not grow with the size of the symbol table: it looks for the names first,
// then for what has one of them.
func (m *image) readSymbols(buf *[]byte) ([]symbol, error) {
	if m.symtab.count == 0 || m.symtab.stringSize == 0 {
		return nil, nil
	}
	names, err := m.interestingNames(buf)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	var symbols []symbol
	each := m.symbolSize()
	table := section{name: "symbols", size: m.symtab.count * each, offset: m.symtab.offset}
	le := binary.LittleEndian
	const typeMask, inSection, stab = 0x0e, 0x0e, 0xe0
	// Chunks that end between two symbols.
	err = m.chunks(&table, buf, chunkSize%int(each), func(b []byte, base uint64, last bool) error {
		for at := uint64(0); at+each <= uint64(len(b)); at += each {
			n := b[at:]
			name, ok := names[le.Uint32(n)]
			if !ok || n[4]&stab != 0 || len(symbols) == maxSymbols {
				continue
			}
			s := symbol{name: name, index: int((base + at) / each)}
			if n[4]&typeMask == inSection && int(n[5]) <= len(m.sections) {
				s.section = int(n[5])
			}
			if m.is64 {
				s.value = le.Uint64(n[8:])
			} else {
				s.value = uint64(le.Uint32(n[8:]))
			}
			symbols = append(symbols, s)
		}
		return nil
	})
	return symbols, err
}

// interestingNames finds interesting names in the string table, by offset.
func (m *image) interestingNames(buf *[]byte) (map[uint32]string, error) {
	names := make(map[uint32]string)
	strings := section{name: "strings", size: m.symtab.stringSize, offset: m.symtab.strings}
	err := m.chunks(&strings, buf, maxSymbolName+2, func(b []byte, base uint64, last bool) error {
		for at := 0; ; {
			n := bytes.IndexByte(b[at:], '_')
			if n < 0 {
				return nil
			}
			start := at + n
			// On to the end of this name, whatever it is.
			end := bytes.IndexByte(b[start:], 0)
			switch {
			case end < 0 && !last:
				return nil // whole in the next chunk, or too long to be of interest
			case end < 0:
				end = len(b)
			default:
				end += start
			}
			at = end
			if start > 0 && b[start-1] != 0 || start == 0 && base > 0 || end-start > maxSymbolName {
				continue // the middle of a name, one that the chunk before had whole, or a long one
			}
			if name := string(b[start:end]); interesting(name) && len(names) < maxSymbols {
				names[uint32(base)+uint32(start)] = name
			}
		}
	})
	return names, err
}

// stubsOf returns the addresses of the stubs and of the pointers through which
// code calls or reads an undefined symbol, by the indirect symbol table. Both
// are there in stripped images too: the loader needs the name.
func (m *image) stubsOf(index int) ([]span, error) {
	var found []span
	for i := range m.sections {
		s := &m.sections[i]
		each := uint64(m.word())
		switch s.kind() {
		case sectSymbolStubs:
			each = uint64(s.reserved2)
		case sectNonLazyPointers, sectLazyPointers:
		default:
			continue
		}
		if each == 0 || m.symtab.indirects == 0 {
			continue
		}
		n := min(s.size/each, m.symtab.indirects-min(m.symtab.indirects, uint64(s.reserved1)))
		table := make([]byte, min(n*4, 1<<22))
		if err := readFull(m.r, table, int64(m.symtab.indirect+uint64(s.reserved1)*4)); err != nil {
			return nil, err
		}
		for j := 0; j+4 <= len(table); j += 4 {
			if binary.LittleEndian.Uint32(table[j:]) == uint32(index) {
				from := s.addr + uint64(j/4)*each
				found = append(found, span{from, from + each})
			}
		}
	}
	return found, nil
}
