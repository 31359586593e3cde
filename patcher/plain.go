package patcher

import (
	"fmt"
	"slices"
	"strings"
)

// Generation A has no model macros: an embedded build reads a plain
// thread-local variable on every platform, and needs no patch. An override
// build on Apple reads a fixed slot, MI_TLS_SLOT, which is another matter.
const (
	plainReleases   = "2.1.0 to 3.1.6"
	plainGeneration = "A"
	plainAccessor   = "static inline mi_heap_t * mi_prim_get_default_heap ( void ) { #guard return _mi_heap_default ; }"
	plainSlot       = "MI_TLS_SLOT"
	overrideMacro   = "MI_MALLOC_OVERRIDE"
)

// plainOthers are the macros that choose anything but the variable.
var plainOthers = []string{plainSlot, "MI_TLS_PTHREAD", "MI_TLS_PTHREAD_SLOT_OFS"}

var (
	// What the conditional that compiles the accessor asks first.
	plainDispatch = []string{"defined ( MI_TLS_SLOT )", "MI_TLS_SLOT"}
	// The variable, with what may follow its declaration in the same text.
	plainVariables = []string{
		"extern mi_decl_hidden mi_decl_thread mi_heap_t * _mi_heap_default ;",
		"extern mi_decl_thread mi_heap_t * _mi_heap_default ;",
	}
)

// planPlain recognises generation A.
func (d *document) planPlain() (*Plan, error) {
	dispatch, err := d.findPlainDispatch(d.items, nil)
	if err != nil {
		return nil, err
	}
	if dispatch == nil {
		return nil, d.drift(whole, "a conditional that chooses the TLS model by MI_TLS_MODEL_… macros, or one on "+plainSlot, "neither")
	}
	last := &dispatch.branches[len(dispatch.branches)-1]
	code, _, err := d.foldGuard(last)
	if err != nil {
		return nil, unreadable(d.header, d.src, err)
	}
	if last.cond != nil || code != plainAccessor {
		return nil, d.drift(last.pos, "the accessor of a plain thread-local variable in the last branch", quote(code))
	}
	report := Report{
		Header: d.header, Generation: plainGeneration,
		Status: NotNeeded, Before: ThreadLocal, After: ThreadLocal,
		Slots: []int{}, Edits: []ReportEdit{},
	}
	e := d.newEvaluation()
	for i, t := range targets {
		if !t.apple {
			continue
		}
		e.run(i)
		if err := d.plainOn(&t, e, last); err != nil {
			return nil, err
		}
		e.run(i, overrideMacro)
		switch e.truth(plainSlot) {
		case unknown:
			return nil, d.drift(dispatch.pos, plainSlot+" certain in an override build for "+t.name, "it undecided")
		case yes:
			report.OverrideModel = FixedSlot
		}
	}
	return &Plan{report, d.src}, nil
}

// plainOn checks that a target compiles the last branch of the dispatch, and
// has declared its variable thread-local.
func (d *document) plainOn(t *target, e *evaluation, last *branch) error {
	accessor, declared := false, false
	for _, r := range e.active {
		if r.active != yes || r.item.dir != nil {
			continue
		}
		for i := range last.items {
			accessor = accessor || r.item == &last.items[i]
		}
		text, err := d.spellItem(r.item)
		if err != nil {
			return unreadable(d.header, d.src, err)
		}
		for _, v := range plainVariables {
			declared = declared || strings.Contains(" "+text, " "+v)
		}
	}
	for _, name := range plainOthers {
		if e.macro(name).defined != no {
			return d.drift(last.pos, name+" undefined for "+t.name+" behind the header, as sources ask for it too", "it defined, or perhaps")
		}
	}
	if !accessor || !declared {
		return d.drift(last.pos, "the accessor of a plain thread-local variable, and its declaration, for "+t.name, "another choice, or none for certain")
	}
	return nil
}

// findPlainDispatch finds the one conditional that asks for a fixed slot.
func (d *document) findPlainDispatch(items []item, found *group) (*group, error) {
	for i := range items {
		g := items[i].group
		if g == nil {
			continue
		}
		if slices.Contains(plainDispatch, spell(g.branches[0].tokens)) {
			if found != nil {
				return nil, d.drift(g.pos, "one conditional on "+plainSlot, fmt.Sprintf("another one beside line %d", d.line(found.pos)))
			}
			found = g
			continue
		}
		for j := range g.branches {
			var err error
			if found, err = d.findPlainDispatch(g.branches[j].items, found); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}
