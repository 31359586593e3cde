package truth

import (
	"fmt"
	"os"
	"slices"

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

// Compare compares what was found with what is known. A finding within the
// limits of the artefact is right.
func (a *Artefact) Compare(found []machotls.Finding) (compare.Outcome, string) {
	outcome, text := compare.Findings(a.Known(), found)
	if outcome == compare.Wrong && a.Limit != "" && len(found) == len(a.Want) && allFixed(found) {
		return compare.Right, text
	}
	return outcome, text
}

func allFixed(found []machotls.Finding) bool {
	return !slices.ContainsFunc(found, func(f machotls.Finding) bool { return f.Model != machotls.FixedSlot })
}
