package corpus

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/compare"
)

// Known is what the entry says, as a list that is empty where there is no mimalloc.
func (e *Entry) Known() []compare.Known {
	if e.Model == string(machotls.None) {
		return nil
	}
	return []compare.Known{{Model: machotls.Model(e.Model), Slots: e.Slots, AnySlots: e.AnySlots, Version: e.Version}}
}

// Audit audits the files of a package below a directory, calls each with every
// entry and what was found of it, and returns how many bytes were audited.
func (p *Package) Audit(s *machotls.Scanner, dir string, each func(*Entry, []machotls.Finding)) (int64, error) {
	var bytes int64
	for _, name := range p.Files() {
		found, size, err := scan(s, filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return bytes, fmt.Errorf("%s: %s: %w", p, name, err)
		}
		bytes += size
		for i := range p.Entries {
			e := &p.Entries[i]
			if e.File != name {
				continue
			}
			var of []machotls.Finding
			for _, f := range found {
				if f.Arch == e.Arch {
					of = append(of, f)
				}
			}
			each(e, of)
		}
	}
	return bytes, nil
}

func scan(s *machotls.Scanner, name string) ([]machotls.Finding, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	found, err := s.Scan(f, info.Size())
	return found, info.Size(), err
}
