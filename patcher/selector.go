package patcher

import (
	"fmt"
	"slices"
	"strings"
)

// A selector is the conditional that chooses the model, and what the header
// builds on the choice.
type selector struct {
	group      *group  // from #if to #endif
	apple      *branch // the innermost branch that 64-bit Apple systems take
	outer      string  // the conditions around apple, inside group
	names      *vocabulary
	before     Model
	slots      []int
	generation *generation // nil where upstream's choice is thread-local already

	guard     *group // #if defined(MI_TLS_RECURSE_GUARD) in the accessor
	statement item   // the guard itself
	accessor  string // what takes the statement's place on Apple
}

// definesModel reports whether a directive defines or undefines a model: a
// macro of any vocabulary, or of one to come. Slot numbers are none.
func (d *document) definesModel(dir *directive) bool {
	if dir.symbol < 0 || !strings.HasPrefix(d.names[dir.symbol], modelPrefix) {
		return false
	}
	name := d.names[dir.symbol]
	return !slices.Contains(longNames.slots[:], name) && !slices.Contains(shortNames.slots[:], name)
}

// findSelector finds the one group that holds every definition of a model. It
// is the outermost one, the include guard left aside. It returns nil where no
// model is defined anywhere.
func (d *document) findSelector() (*group, error) {
	items := d.items
	for {
		var found *item
		for i := range items {
			if !d.mentions(&items[i]) {
				continue
			}
			if found != nil {
				return nil, d.drift(items[i].pos, "all definitions of the TLS model in one conditional",
					fmt.Sprintf("another one: the first begins in line %d", d.line(found.pos)))
			}
			found = &items[i]
		}
		switch {
		case found == nil:
			return nil, nil
		case found.group == nil:
			return nil, d.drift(found.pos, "the TLS model to be chosen in a conditional", quote(d.text(found)))
		case found.group == d.guard:
			items = d.guard.branches[0].items
		default:
			return found.group, nil
		}
	}
}

// mentions reports whether an item defines a model, or holds one that does.
func (d *document) mentions(it *item) bool {
	if it.group == nil {
		return it.dir != nil && d.definesModel(it.dir)
	}
	for i := range it.group.branches {
		b := &it.group.branches[i]
		for j := range b.items {
			if d.mentions(&b.items[j]) {
				return true
			}
		}
	}
	return false
}

// text returns an item's source on one line.
func (d *document) text(it *item) string {
	return strings.Join(strings.Fields(string(d.src[it.pos:it.end])), " ")
}

// onlyModels refuses a selector that does anything but define models: the
// patch takes all of it away from Apple.
func (d *document) onlyModels(g *group) error {
	for i := range g.branches {
		for j := range g.branches[i].items {
			it := &g.branches[i].items[j]
			switch {
			case it.group != nil:
				if err := d.onlyModels(it.group); err != nil {
					return err
				}
			case it.dir != nil && it.dir.name == "define" && !it.dir.function &&
				(strings.HasPrefix(d.names[it.dir.symbol], modelPrefix) || d.names[it.dir.symbol] == guardMacro):
			default:
				return d.drift(it.pos, "nothing but definitions of the model in its selector", quote(d.text(it)))
			}
		}
	}
	return nil
}

// guardMacro turns the guard on.
const guardMacro = "MI_TLS_RECURSE_GUARD"

// pathTo returns the branches of g around a directive, outermost first.
func (g *group) pathTo(dir *directive) []*branch {
	for i := range g.branches {
		b := &g.branches[i]
		for j := range b.items {
			if b.items[j].dir == dir {
				return []*branch{b}
			}
			if inner := b.items[j].group; inner != nil {
				if path := inner.pathTo(dir); path != nil {
					return append([]*branch{b}, path...)
				}
			}
		}
	}
	return nil
}

// chosen returns the model that an evaluation ended with, and the directive
// that chose it.
func (d *document) chosen(g *group, names *vocabulary, t *target, e *evaluation) (Model, *directive, error) {
	var model Model
	var by *directive
	for _, m := range names.models() {
		switch e.truth(m.macro) {
		case unknown:
			pos := g.pos
			if it := e.last(m.macro); it != nil {
				pos = it.pos
			}
			return "", nil, d.drift(pos, "a model that is certain for "+t.name, m.macro+" undecided")
		case yes:
			if by != nil {
				return "", nil, d.drift(by.pos, "one model for "+t.name, fmt.Sprintf("%s and %s", model, m.model))
			}
			if it := e.last(m.macro); it != nil {
				by = it.dir
			}
			model = m.model
		}
	}
	if by == nil {
		return "", nil, d.drift(g.pos, "a model for "+t.name, "none")
	}
	return model, by, nil
}

// readSelector finds the selector and checks that it is of a known shape.
// It returns nil where the header defines no model at all.
func (d *document) readSelector() (*selector, error) {
	g, err := d.findSelector()
	if g == nil || err != nil {
		return nil, err
	}
	if err := d.onlyModels(g); err != nil {
		return nil, err
	}
	s := &selector{group: g, names: d.vocabulary()}
	if err := d.oneVocabulary(s.names); err != nil {
		return nil, err
	}
	var choice *directive
	e := d.newEvaluation()
	for i := range targets {
		t := &targets[i]
		if !t.apple {
			continue
		}
		e.run(i)
		model, by, err := d.chosen(g, s.names, t, e)
		if err != nil {
			return nil, err
		}
		if choice != nil && choice != by {
			return nil, d.drift(by.pos, "one branch of the selector for all 64-bit Apple systems",
				fmt.Sprintf("another one for %s than in line %d", t.name, d.line(choice.pos)))
		}
		choice, s.before = by, model
		if s.slots, err = d.slots(e, s.names, model, by.pos); err != nil {
			return nil, err
		}
	}
	path := g.pathTo(choice) // all definitions of a model are in g
	s.apple = path[len(path)-1]
	var outer []string
	for _, b := range path[:len(path)-1] {
		outer = append(outer, spell(b.tokens))
	}
	s.outer = strings.Join(outer, " ; ")
	return s, d.recognise(s)
}

// oneVocabulary refuses a header that defines a model in both vocabularies.
func (d *document) oneVocabulary(names *vocabulary) error {
	other := &longNames
	if names == other {
		other = &shortNames
	}
	for _, m := range other.models() {
		if i, ok := d.symbols[m.macro]; ok && d.defines[i] {
			return d.drift(definition(d.items, i), "models under the names of one release, such as "+names.local, "a definition of "+m.macro+" too")
		}
	}
	return nil
}

// vocabulary returns the names a header uses.
func (d *document) vocabulary() *vocabulary {
	if _, ok := d.symbols[shortNames.local]; ok {
		return &shortNames
	}
	return &longNames
}

// slots reads the slot numbers of a fixed-slot model.
func (d *document) slots(e *evaluation, names *vocabulary, model Model, pos int) ([]int, error) {
	numbers := []int{}
	if model != FixedSlot {
		return numbers, nil
	}
	for _, name := range names.slots {
		m := e.macro(name)
		if it := e.last(name); it != nil {
			pos = it.pos
		}
		if m.defined != yes || m.value == nil || m.value.kind != exprNumber || m.value.num < 1 || m.value.num > 1<<16 {
			return nil, d.drift(pos, "a slot number in "+name, "none that can be read")
		}
		numbers = append(numbers, int(m.value.num))
	}
	return numbers, nil
}

// recognise finds the generation of a selector. A header whose owner has
// chosen thread-local already belongs to none.
func (d *document) recognise(s *selector) error {
	if s.before == ThreadLocal {
		return nil
	}
	apple := spell(s.apple.tokens)
	var expected []string
	for i := range generations {
		g := &generations[i]
		if g.header != d.header || g.names != s.names {
			continue
		}
		if g.outer == s.outer && g.apple == apple && g.before == s.before {
			s.generation = g
			return nil
		}
		expected = append(expected, g.id+": "+g.apple)
	}
	found := fmt.Sprintf("%s for %s", quote(apple), s.before)
	if s.outer != "" {
		found += " inside " + quote(s.outer)
	}
	if expected == nil {
		return d.drift(s.apple.pos, "no TLS selector in this file, in these names", found)
	}
	return d.drift(s.apple.pos, "the Apple branch of the TLS selector as in "+strings.Join(expected, ", "), found)
}
