package patcher

import "math"

// A macro is what is known of one macro at one place.
type macro struct {
	defined tri
	value   *expr // of a definition; nil where unknown or empty
	empty   bool  // defined as nothing, or a function-like macro
}

// An evaluation is a header as one target's compiler walks through it.
type evaluation struct {
	doc    *document
	macros []macro // by symbol, where the walk stands; at the end: what holds behind the header
	active []run   // what is or may be compiled, in order

	log           []change
	visits, index []int // scratch of attempt and join, by symbol
	steps         int
}

// A change is a macro and a state of it: the old one in a log, the new one in
// the outcome of a branch.
type change struct {
	symbol int
	state  macro
}

// A run is a piece of text or a directive that is compiled, or may be.
type run struct {
	item   *item
	active tri // yes or unknown
}

var one = &expr{kind: exprNumber, num: 1}

// newEvaluation makes an evaluation for runs over the document.
func (d *document) newEvaluation() *evaluation {
	n := len(d.names)
	return &evaluation{doc: d, macros: make([]macro, n), visits: make([]int, n), index: make([]int, n)}
}

// run walks the header for the target of that number. The extra macros are
// defined as 1 beforehand. What an earlier run found is lost.
func (e *evaluation) run(target int, extra ...string) {
	d := e.doc
	e.log, e.active = e.log[:0], e.active[:0]
	for i, start := range d.start {
		e.macros[i] = macro{defined: start.predefined(target)}
		if e.macros[i].defined == yes && platformMacros[d.names[i]] {
			e.macros[i].value = one
		}
	}
	if d.guard != nil {
		e.macros[d.guard.branches[0].items[0].dir.symbol] = macro{defined: no}
	}
	for _, name := range extra {
		if i, ok := d.symbols[name]; ok {
			e.macros[i] = macro{defined: yes, value: one}
		}
	}
	e.walk(d.items, yes)
}

// macro returns what holds for a macro behind the header.
func (e *evaluation) macro(name string) macro {
	if i, ok := e.doc.symbols[name]; ok {
		return e.macros[i]
	}
	return macro{defined: no}
}

// last returns the last directive that defines or undefines a macro, or may.
func (e *evaluation) last(name string) *item {
	symbol, ok := e.doc.symbols[name]
	for i := len(e.active) - 1; ok && i >= 0; i-- {
		if it := e.active[i].item; it.dir != nil && it.dir.symbol == symbol {
			return it
		}
	}
	return nil
}

// truth returns what #if NAME would say behind the header.
func (e *evaluation) truth(name string) tri {
	i, ok := e.doc.symbols[name]
	if !ok {
		return no
	}
	return e.condition(&expr{kind: exprMacro, symbol: i})
}

func (e *evaluation) walk(items []item, active tri) {
	for i := range items {
		it := &items[i]
		if it.group != nil {
			e.group(it.group, active)
			continue
		}
		e.active = append(e.active, run{it, active})
		if it.dir == nil || it.dir.symbol < 0 {
			continue
		}
		if it.dir.name == "undef" {
			e.set(it.dir.symbol, macro{defined: no})
		} else {
			e.set(it.dir.symbol, macro{yes, it.dir.value, it.dir.function || len(it.dir.body) == 0})
		}
	}
}

func (e *evaluation) set(symbol int, m macro) {
	e.log = append(e.log, change{symbol, e.macros[symbol]})
	e.macros[symbol] = m
}

// group walks the branches that are or may be taken. Where that is unknown,
// each is walked from the same state and what they leave behind is joined.
func (e *evaluation) group(g *group, active tri) {
	var outcomes [][]change // of the branches that may be taken: their new states
	settled := false        // one of them is taken for certain
	for i := range g.branches {
		b := &g.branches[i]
		taken := yes
		if b.cond != nil {
			taken = e.condition(b.cond)
		}
		if taken == no {
			continue
		}
		if settled = taken == yes; settled && outcomes == nil {
			e.walk(b.items, active)
			return
		}
		outcomes = append(outcomes, e.attempt(b.items))
		if settled {
			break
		}
	}
	e.join(outcomes, settled)
}

// attempt walks a branch that may be taken, takes back what it did to the
// macros, and returns their new states.
func (e *evaluation) attempt(items []item) []change {
	mark := len(e.log)
	e.walk(items, unknown)
	var outcome []change
	for i := len(e.log) - 1; i >= mark; i-- {
		c := e.log[i]
		if e.visits[c.symbol] == 0 {
			e.visits[c.symbol] = 1
			outcome = append(outcome, change{c.symbol, e.macros[c.symbol]})
		}
		e.macros[c.symbol] = c.state
	}
	for _, c := range outcome {
		e.visits[c.symbol] = 0
	}
	e.log = e.log[:mark]
	return outcome
}

// join sets each macro to what all outcomes agree on. Where none of them is
// settled, no branch at all is an outcome too.
func (e *evaluation) join(outcomes [][]change, settled bool) {
	var joined []change
	for _, outcome := range outcomes {
		for _, c := range outcome {
			if e.visits[c.symbol]++; e.visits[c.symbol] == 1 {
				joined = append(joined, c)
				e.index[c.symbol] = len(joined) - 1
				continue
			}
			state := &joined[e.index[c.symbol]].state
			*state = agree(*state, c.state)
		}
	}
	for _, c := range joined {
		if !settled || e.visits[c.symbol] < len(outcomes) {
			c.state = agree(c.state, e.macros[c.symbol])
		}
		e.visits[c.symbol] = 0
		e.set(c.symbol, c.state)
	}
}

// agree returns what two states have in common.
func agree(a, b macro) macro {
	if a.defined != b.defined {
		return macro{}
	}
	if a.value != b.value && (a.value == nil || b.value == nil ||
		a.value.kind != exprNumber || b.value.kind != exprNumber || a.value.num != b.value.num) {
		a.value = nil
	}
	a.empty = a.empty && b.empty
	return a
}

// maxSteps bounds the work for one condition: macros that refer to each other
// could otherwise make it exponential.
const maxSteps = 4096

// condition returns what #if says of e in the present state.
func (e *evaluation) condition(cond *expr) tri {
	e.steps = 0
	if v, ok := e.value(cond); ok {
		return known(v != 0)
	}
	return unknown
}

// value returns a condition's value, false where it cannot be known.
func (e *evaluation) value(x *expr) (int64, bool) {
	if e.steps++; e.steps > maxSteps {
		return 0, false
	}
	switch x.kind {
	case exprNumber:
		return x.num, true
	case exprDefined:
		d := e.macros[x.symbol].defined
		return truth(d == yes), d != unknown
	case exprMacro:
		m := e.macros[x.symbol]
		switch {
		case m.defined == no:
			return 0, true
		case m.defined == unknown || m.value == nil:
			return 0, false
		}
		return e.value(m.value)
	case exprNot:
		v, ok := e.value(x.a)
		return truth(v == 0), ok
	case exprNegate:
		v, ok := e.value(x.a)
		return -v, ok && v != math.MinInt64
	case exprComplement:
		v, ok := e.value(x.a)
		return ^v, ok
	case exprConditional:
		v, ok := e.value(x.a)
		if !ok {
			return 0, false
		}
		if v != 0 {
			return e.value(x.b)
		}
		return e.value(x.c)
	case exprBinary:
		return e.binary(x)
	}
	return 0, false
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (e *evaluation) binary(x *expr) (int64, bool) {
	a, knownA := e.value(x.a)
	b, knownB := e.value(x.b)
	switch string(x.op) { // one side can settle these
	case "&&":
		if knownA && a == 0 || knownB && b == 0 {
			return 0, true
		}
		return 1, knownA && knownB
	case "||":
		if knownA && a != 0 || knownB && b != 0 {
			return 1, true
		}
		return 0, knownA && knownB
	}
	if !knownA || !knownB {
		return 0, false
	}
	switch string(x.op) {
	case "==":
		return truth(a == b), true
	case "!=":
		return truth(a != b), true
	case "<":
		return truth(a < b), true
	case "<=":
		return truth(a <= b), true
	case ">":
		return truth(a > b), true
	case ">=":
		return truth(a >= b), true
	case "&":
		return a & b, true
	case "|":
		return a | b, true
	case "^":
		return a ^ b, true
	}
	// Arithmetic: only where no compiler's integer type could matter.
	const small = 1 << 31
	if a < 0 || b < 0 || a >= small || b >= small {
		return 0, false
	}
	switch string(x.op) {
	case "+":
		return a + b, true
	case "-":
		return a - b, true
	case "*":
		return a * b, true
	case "/", "%":
		if b == 0 {
			return 0, false
		}
		if x.op[0] == '/' {
			return a / b, true
		}
		return a % b, true
	case "<<":
		return a << uint(b), b < 31
	case ">>":
		return a >> uint(b), b < 31
	}
	return 0, false
}
