package gazelle

import (
	"log"
	"slices"
	"strings"

	"github.com/bazelbuild/bazel-gazelle/rule"
)

// An answer is what is known of a mimalloc in a target.
type answer int

const (
	no answer = iota
	unknown
	yes
)

// decideTests takes back the tests of targets without a mimalloc, now that the
// dependencies of all rules are known. Of those that depend on packages which
// this run did not read, tests that are there stay, and none are added.
func (l *mimallocLang) decideTests(raw map[*rule.Rule]bool) {
	s := &search{l: l, known: map[target]answer{}, raw: raw}
	for _, c := range l.tests {
		s.settings = settingsOf(c.config)
		switch s.of(c.target) {
		case yes:
			continue
		case unknown:
			if c.had {
				continue
			}
		}
		c.rule.Delete()
		if c.file == nil {
			continue
		}
		for _, r := range c.file.Rules {
			if r.Kind() == testKind && r.Name() == c.name && !r.ShouldKeep() {
				r.Delete()
			}
		}
	}
}

// reportMissing says where a library could not be made.
func (l *mimallocLang) reportMissing() {
	for _, t := range l.sortedTrees() {
		if t.made || len(t.cuts) > 0 || len(l.compiledFromAbove(t)) == 0 {
			continue
		}
		log.Printf("%s: this mimalloc gets its %s when no rule above compiles it any more; run gazelle again then", t.dir, libraryKind)
	}
}

// A search looks for mimalloc behind targets.
type search struct {
	l        *mimallocLang
	settings *settings
	known    map[target]answer
	raw      map[*rule.Rule]bool
}

func (s *search) of(t target) answer {
	if a, ok := s.known[t]; ok {
		return a
	}
	s.known[t] = no // of a cycle, which Bazel refuses
	a := s.compute(t)
	s.known[t] = a
	return a
}

func (s *search) compute(t target) answer {
	p := s.l.packages[t.pkg]
	if p == nil {
		return unknown
	}
	if s.l.libraryTarget(p, t.name) {
		return yes
	}
	r := s.l.find(t)
	if r == nil {
		return no // a file, or what a macro makes
	}
	if s.raw[r] {
		return yes
	}
	found := no
	for _, attr := range linkAttrs {
		for _, value := range valuesOf(r.Attr(attr)).strings {
			lab, ok := s.l.parse(t.pkg, value)
			switch {
			case !ok:
			case lab.Repo == "":
				found = max(found, s.of(target{lab.Pkg, lab.Name}))
			case slices.Contains(s.settings.repos, lab.Repo) && lab.Pkg == "" && ships(lab.Name, lab.Repo):
				found = yes
			}
			if found == yes {
				return yes
			}
		}
	}
	return found
}

// ships reports whether a target of a repository that rules_mimalloc makes has
// a mimalloc in it, and not its headers alone.
func ships(name, repo string) bool {
	return name == repo || name == "mimalloc" || name == "mimalloc-embedded"
}

// libraryTarget reports whether a name is one of those that a mimalloc_library
// of the package gives to a mimalloc.
func (l *mimallocLang) libraryTarget(p *pkg, name string) bool {
	return slices.ContainsFunc(p.rules(), func(r *rule.Rule) bool {
		return r.Kind() == libraryKind && (name == r.Name() || name == r.Name()+"-embedded")
	})
}

// libraries lists the mimalloc_library rules of the workspace.
func (l *mimallocLang) libraries() []target {
	var found []target
	for rel, p := range l.packages {
		for _, r := range p.rules() {
			if r.Kind() == libraryKind {
				found = append(found, target{rel, r.Name()})
			}
		}
	}
	for _, t := range l.trees {
		if t.made && !slices.Contains(found, target{t.pkg, t.name}) {
			found = append(found, target{t.pkg, t.name})
		}
	}
	slices.SortFunc(found, func(a, b target) int { return strings.Compare(a.pkg+":"+a.name, b.pkg+":"+b.name) })
	return found
}
