package truth

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// Of <mach-o/nlist.h> and <mach-o/loader.h>.
const (
	nExt          = 0x01
	nType         = 0x0e
	nUndf         = 0x00
	nlistSize     = 16
	indirectAbs   = 0x40000000
	indirectLocal = 0x80000000
)

// strip copies an image without the symbols that dyld can do without, as
// `strip -x` leaves a library and strip an executable. zig's linker has no
// option that does. The signature is then wrong, which nobody here looks at.
func strip(from, to string, exported bool) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	symtab, dysymtab, err := symbolTables(content)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	le := binary.LittleEndian
	table := content[symtab.Symoff:][:symtab.Nsyms*nlistSize]
	names := content[symtab.Stroff:][:symtab.Strsize]
	index := make(map[uint32]uint32) // of what is kept, old to new
	var kept []byte
	var defined, undefined uint32
	newNames := []byte{' ', 0}
	for i := range symtab.Nsyms {
		entry := bytes.Clone(table[i*nlistSize:][:nlistSize])
		undef := entry[4]&nType == nUndf
		if !undef && (!exported || entry[4]&nExt == 0) {
			continue
		}
		if undef {
			undefined++
		} else if undefined > 0 {
			return fmt.Errorf("%s: symbol %d is behind undefined ones", from, i)
		} else {
			defined++
		}
		name, _, _ := bytes.Cut(names[le.Uint32(entry):], []byte{0})
		le.PutUint32(entry, uint32(len(newNames)))
		newNames = append(append(newNames, name...), 0)
		index[i] = uint32(len(kept) / nlistSize)
		kept = append(kept, entry...)
	}
	clear(table)
	copy(table, kept)
	clear(names)
	copy(names, newNames)

	// The stubs and pointers that the linker made know their symbols by number.
	indirect := content[dysymtab.Indirectsymoff:][:dysymtab.Nindirectsyms*4]
	for i := 0; i < len(indirect); i += 4 {
		old := le.Uint32(indirect[i:])
		if old&(indirectAbs|indirectLocal) != 0 {
			continue
		}
		new, ok := index[old]
		if !ok {
			new = indirectLocal
		}
		le.PutUint32(indirect[i:], new)
	}

	symtab.Nsyms, symtab.Strsize = defined+undefined, uint32(len(newNames))
	dysymtab.Ilocalsym, dysymtab.Nlocalsym = 0, 0
	dysymtab.Iextdefsym, dysymtab.Nextdefsym = 0, defined
	dysymtab.Iundefsym, dysymtab.Nundefsym = defined, undefined
	if err := setSymbolTables(content, symtab, dysymtab); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}

// symbolTables are the commands of an image that say where its symbols are;
// debug/macho reads them and keeps what they point to only.
func symbolTables(content []byte) (s macho.SymtabCmd, d macho.DysymtabCmd, err error) {
	err = eachSymbolTable(content, func(command []byte, symtab bool) error {
		var err error
		if symtab {
			_, err = binary.Decode(command, binary.LittleEndian, &s)
		} else {
			_, err = binary.Decode(command, binary.LittleEndian, &d)
		}
		return err
	})
	if err == nil && s.Nsyms == 0 {
		err = errors.New("no symbols")
	}
	return s, d, err
}

func setSymbolTables(content []byte, s macho.SymtabCmd, d macho.DysymtabCmd) error {
	return eachSymbolTable(content, func(command []byte, symtab bool) error {
		var err error
		if symtab {
			_, err = binary.Encode(command, binary.LittleEndian, &s)
		} else {
			_, err = binary.Encode(command, binary.LittleEndian, &d)
		}
		return err
	})
}

func eachSymbolTable(content []byte, f func(command []byte, symtab bool) error) error {
	image, err := macho.NewFile(bytes.NewReader(content))
	if err != nil {
		return err
	}
	rest := content[32:] // behind a header of 64 bits
	for _, l := range image.Loads {
		command := rest[:len(l.Raw())]
		rest = rest[len(command):]
		c := macho.LoadCmd(binary.LittleEndian.Uint32(command))
		if c == macho.LoadCmdSymtab || c == macho.LoadCmdDysymtab {
			if err := f(command, c == macho.LoadCmdSymtab); err != nil {
				return err
			}
		}
	}
	return nil
}
