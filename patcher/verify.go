package patcher

import (
	"bytes"
	"fmt"
)

// verify reads the edited header again, as a compiler for each target would,
// and refuses it unless it is right on 64-bit Apple systems and the same as
// before everywhere else. Nothing that planned the edits is trusted here.
func (d *document) verify(out []byte, s *selector) error {
	blocks, err := marked(d.header, out)
	if err != nil {
		return err
	}
	if !bytes.Equal(remove(out, blocks), d.src) {
		return d.drift(s.group.pos, "edits that can be taken back", "a header in which they cannot")
	}
	patched, err := parseHeader(d.header, out)
	if err != nil {
		return err
	}
	before, after := d.newEvaluation(), patched.newEvaluation()
	for i := range targets {
		t := &targets[i]
		for _, build := range builds {
			before.run(i, build...)
			after.run(i, build...)
			if t.apple {
				err = d.rightOnApple(t, before, after, s)
			} else {
				err = d.untouched(t, before, after, blocks)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// builds are what whoever builds mimalloc may define: what embeds it nothing,
// what overrides malloc this.
var builds = [][]string{nil, {overrideMacro}}

// rightOnApple checks what the proof in the header will check again: exactly
// the thread-local model, its guard compiled as patched, MI_HAS_TLS_SLOT as it
// was.
func (d *document) rightOnApple(t *target, before, after *evaluation, s *selector) error {
	refuse := func(found string) error {
		return d.drift(s.apple.pos, "thread-local with its guard for "+t.name+" after the patch", found)
	}
	for _, m := range s.names.models() {
		if want := known(m.model == ThreadLocal); after.truth(m.macro) != want {
			return refuse(fmt.Sprintf("%s %s", m.macro, after.truth(m.macro)))
		}
	}
	for _, macro := range []string{guardMacro, witnessGuard, witnessTree} {
		if after.macro(macro).defined != yes {
			return refuse(macro + " not defined for certain")
		}
	}
	if v := after.truth("MI_HAS_TLS_SLOT"); v != yes || before.truth("MI_HAS_TLS_SLOT") != yes {
		return refuse(fmt.Sprintf("MI_HAS_TLS_SLOT %s (%s before)", v, before.truth("MI_HAS_TLS_SLOT")))
	}
	errors := make(map[string]bool)
	for _, r := range before.active {
		if r.item.dir != nil && r.item.dir.name == "error" {
			errors[spell(r.item.dir.args)] = true
		}
	}
	for _, r := range after.active {
		if r.item.dir != nil && r.item.dir.name == "error" && !errors[spell(r.item.dir.args)] {
			return refuse("an #error in force: " + quote(spell(r.item.dir.args)))
		}
	}
	return nil
}

// untouched checks that a target compiles what it compiled before, and
// defines the same macros, but for the one that marks a patched header.
func (d *document) untouched(t *target, before, after *evaluation, blocks []removal) error {
	refuse := func(pos int, found string) error {
		return d.drift(pos, "the patch to change nothing for "+t.name, found)
	}
	i, shift, next := 0, 0, 0
	for _, r := range after.active {
		for next < len(blocks) && blocks[next].end <= r.item.pos {
			shift += blocks[next].end - blocks[next].pos
			next++
		}
		if next < len(blocks) && blocks[next].pos <= r.item.pos { // inserted
			if r.active == yes && r.item.dir != nil && r.item.dir.symbol >= 0 && after.doc.names[r.item.dir.symbol] == witnessTree {
				continue
			}
			return refuse(blocks[next].pos-shift, "inserted text that it compiles")
		}
		pos := r.item.pos - shift
		if i == len(before.active) || before.active[i].item.pos != pos || before.active[i].active != r.active {
			return refuse(pos, "text that it compiles only with the patch, or only without")
		}
		i++
	}
	if i < len(before.active) {
		return refuse(before.active[i].item.pos, "text that it no longer compiles")
	}
	for _, name := range d.names {
		a, b := before.macro(name), after.macro(name)
		if a.defined != b.defined || before.truth(name) != after.truth(name) {
			return refuse(whole, "another state of the macro "+name)
		}
	}
	return nil
}
