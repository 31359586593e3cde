package patcher

import (
	"fmt"
	"strings"
)

// readAccessor finds what a header compiles for the thread-local model: the
// variables, the accessor with its guard, and the barrier function. All of it
// has to be what upstream writes, token by token, since the patch puts it to
// use on a platform where upstream does not.
func (d *document) readAccessor(s *selector) error {
	level, at, err := d.findDispatch(s)
	if err != nil {
		return err
	}
	if err := d.readBarrier(level[:at]); err != nil {
		return err
	}
	b := &level[at].group.branches[0]
	code, guard, err := d.foldGuard(b)
	if err != nil {
		return err
	}
	switch {
	case guard == nil:
		return d.drift(b.pos, "#if "+guardCondition+" around the guard in the thread-local accessor", "none")
	case len(guard.branches[0].items) != 1:
		return d.drift(guard.pos, "one statement in #if "+guardCondition, quote(d.text(&item{pos: guard.pos, end: guard.end})))
	}
	s.guard, s.statement = guard, guard.branches[0].items[0]
	if err := d.matchAccessor(b, code); err != nil {
		return err
	}
	statement, err := d.spellItem(&s.statement)
	if err != nil {
		return err
	}
	if s.accessor = guardStatements[statement]; s.accessor == "" || s.statement.dir != nil || s.statement.group != nil {
		return d.drift(s.statement.pos, "the guard's test of _mi_process_is_initialized, returning _mi_theap_empty_get()", quote(statement))
	}
	return nil
}

// foldGuard writes a branch the way tables hold it, with the conditional of the
// recursion guard as "#guard", and returns that conditional.
func (d *document) foldGuard(b *branch) (string, *group, error) {
	var guard *group
	var code []string
	for i := range b.items {
		it := &b.items[i]
		switch {
		case it.group != nil && guard == nil && len(it.group.branches) == 1 && spell(it.group.branches[0].tokens) == guardCondition:
			guard = it.group
			code = append(code, "#guard")
		case it.group != nil || it.dir != nil:
			code = append(code, quote(d.text(it)))
		default:
			text, err := d.spellItem(it)
			if err != nil {
				return "", nil, err
			}
			code = append(code, text)
		}
	}
	return strings.Join(code, " "), guard, nil
}

// spellItem writes a run of text the way tables hold it.
func (d *document) spellItem(it *item) (string, error) {
	tokens, err := tokenize(d.src, it.pos, it.end)
	if err != nil {
		return "", err
	}
	return spell(tokens), nil
}

// findDispatch finds the conditional that compiles one accessor per model: the
// only one whose first branch asks for the thread-local model alone. It
// returns the items around it and its place among them.
func (d *document) findDispatch(s *selector) ([]item, int, error) {
	var level []item
	at := -1
	var search func(items []item) error
	search = func(items []item) error {
		for i := range items {
			g := items[i].group
			if g == nil || g == s.group {
				continue
			}
			if spell(g.branches[0].tokens) == s.names.local {
				if at >= 0 {
					return d.drift(g.pos, "one conditional on "+s.names.local,
						fmt.Sprintf("another one beside line %d", d.line(level[at].pos)))
				}
				level, at = items, i
				continue
			}
			for j := range g.branches {
				if err := search(g.branches[j].items); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := search(d.items); err != nil {
		return nil, 0, err
	}
	if at < 0 {
		return nil, 0, d.drift(s.group.pos, "behind the selector, #if "+s.names.local+" with the thread-local accessor", "none")
	}
	if level[at].pos < s.group.end {
		return nil, 0, d.drift(level[at].pos, "the use of the model behind its selector", "it before line "+fmt.Sprint(d.line(s.group.pos)))
	}
	return level, at, nil
}

// matchAccessor checks the declarations and functions of the thread-local
// branch: each one known, none twice, the required ones there.
func (d *document) matchAccessor(b *branch, code string) error {
	seen := map[string]bool{}
	known := map[string]bool{ // whether it has to be there
		variableDefault: true,
		variableCached:  true,
		variableStarted: false,
		accessorBefore + " #guard " + accessorBehind: true,
		accessorCached: true,
	}
	for rest := code; rest != ""; {
		next := ""
		for pattern := range known {
			if strings.HasPrefix(rest, pattern) && (len(rest) == len(pattern) || rest[len(pattern)] == ' ') {
				next = pattern
			}
		}
		if next == "" || seen[next] {
			return d.drift(b.pos, "upstream's thread-local accessor", quote(rest))
		}
		seen[next] = true
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, next), " ")
	}
	for pattern, required := range known {
		if required && !seen[pattern] {
			return d.drift(b.pos, "upstream's thread-local accessor", quote(code))
		}
	}
	return nil
}

// readBarrier checks that the function the guard will return through stands
// before its use and holds upstream's barrier.
func (d *document) readBarrier(items []item) error {
	for i := 1; i+1 < len(items); i++ {
		g := items[i].group
		if g == nil || spell(g.branches[0].tokens) != barrierIf || items[i-1].dir != nil || items[i-1].group != nil {
			continue
		}
		before, err := d.spellItem(&items[i-1])
		if err != nil {
			return err
		}
		if !strings.HasSuffix(" "+before, " "+barrierBefore) || len(g.branches[0].items) != 1 {
			continue
		}
		body, err := d.spellItem(&g.branches[0].items[0])
		if err != nil {
			return err
		}
		behind, err := d.spellItem(&items[i+1])
		if err != nil {
			return err
		}
		if body == barrierBody && strings.HasPrefix(behind, "}") {
			return nil
		}
	}
	return d.drift(whole, "the function __mi_theap_empty with its empty asm, before the accessor", "none")
}
