package truth

import (
	"fmt"
	"os"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/compare"
)

// Known is what is known of an artefact, empty where it holds no mimalloc.
func (a *Artefact) Known() []compare.Known {
	var known []compare.Known
	for _, m := range a.Want {
		known = append(known, compare.Known{Model: machotls.Model(m.Model), Slots: m.Slots, Version: m.Version})
	}
	return known
}

// Audit audits the artefact's architecture of its file.
func (a *Artefact) Audit(s *machotls.Scanner) ([]machotls.Finding, error) {
	f, err := os.Open(a.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	all, err := s.Scan(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Path, err)
	}
	var found []machotls.Finding
	for _, f := range all {
		if f.Arch == a.Arch || f.Arch == "" && a.Unknown != "" { // bitcode does not say
			found = append(found, f)
		}
	}
	return found, nil
}
