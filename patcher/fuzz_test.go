package patcher

import (
	"bytes"
	"strings"
	"testing"
)

// seeds adds the headers of all cases.
func seeds(f *testing.F) {
	for _, name := range goldenNames(f) {
		f.Add(readGolden(f, name).tree[primH])
	}
}

func FuzzPlan(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		tree := Tree{"mimalloc.h": []byte("#define MI_MALLOC_VERSION 30302\n"), primH: bytes.Clone(src)}
		plan, err := NewPlan(tree)
		if !bytes.Equal(tree[primH], src) {
			t.Error("the plan changed its input")
		}
		if err != nil {
			checkDrift(t, tree, err)
			return
		}
		checkReport(t, tree, plan)
		checkIdempotent(t, tree, plan)
		checkRevert(t, tree, plan)
		checkInsertions(t, tree, plan)
	})
}

// FuzzTokenize shows that tokens lie in order, without a byte twice, and that
// what is written of them reads as the same tokens.
func FuzzTokenize(f *testing.F) {
	seeds(f)
	for _, src := range []string{"a\\\nb /* c */ 'd' \"e\" // f\n0x1.p+1..g->h", "??=%:@`"} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		tokens, err := tokenize(src, 0, len(src))
		if err != nil {
			if l := err.(*lexError); l.pos < 0 || l.pos > len(src) {
				t.Fatalf("%q at %d of %d bytes", l.msg, l.pos, len(src))
			}
			return
		}
		last, lines := 0, true
		for _, tok := range tokens {
			if tok.pos < last || tok.end < tok.pos || tok.end > len(src) || len(tok.text) > tok.end-tok.pos {
				t.Fatalf("a token at %d:%d, %q, behind %d", tok.pos, tok.end, tok.text, last)
			}
			last = tok.end
			lines = lines && tok.kind != tokenNewline
		}
		if spelled := spell(tokens); lines {
			again, err := tokenize([]byte(spelled), 0, len(spelled))
			if err != nil || spell(again) != spelled {
				t.Errorf("%q reads as %q (error %v)", spelled, spell(again), err)
			}
		}
	})
}

func FuzzRevert(f *testing.F) {
	seeds(f)
	f.Add([]byte(strings.TrimSuffix("a\n"+block("x\n")+block("x\n"), "\n")))
	f.Add([]byte("\n" + strings.TrimSuffix(block("x\n"), "\n")))
	f.Fuzz(func(t *testing.T, src []byte) {
		input := bytes.Clone(src)
		original, marked, err := Revert(primH, src)
		if !bytes.Equal(input, src) {
			t.Fatal("Revert changed its input")
		}
		if err != nil {
			checkDrift(t, Tree{err.(*DriftError).Header: src}, err)
			return
		}
		if !marked {
			if !bytes.Equal(original, src) {
				t.Error("Revert changed a file without marks")
			}
			return
		}
		if len(original) >= len(src) {
			t.Errorf("Revert took nothing away: %d bytes of %d", len(original), len(src))
		}
		if again, marked, err := Revert(primH, original); err != nil || marked || !bytes.Equal(again, original) {
			t.Errorf("Revert of what Revert made: marked %t, error %v", marked, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	seeds(f)
	for _, src := range []string{"#if 1 ? 2 : 3\n#elifdef A\n#endif", "#define A(x) x\n#if A(1) || __has_include(<a>)\n#endif\n", "%:\\\nif 1\\ \n\n%:endif", "'a'\"b\"\\"} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := parse(src)
		if err != nil {
			if l := err.(*lexError); l.pos < 0 || l.pos > len(src) {
				t.Fatalf("%q at %d of %d bytes", l.msg, l.pos, len(src))
			}
			return
		}
		if !bytes.ContainsRune(src, '\r') {
			other, err := parse(crlf(src))
			if err != nil || len(other.items) != len(d.items) || len(other.names) != len(d.names) {
				t.Errorf("with CRLF: error %v", err)
			}
		}
		if name := d.firstModelMacro(); name != "" && !mayDefineModel(src) {
			t.Errorf("%s is defined, and a quick look does not see that it may be", name)
		}
		checkPlaces(t, d, d.items, 0, len(src))
		if n := d.size(d.items); n > 2*len(src)+1 {
			t.Errorf("%d items, branches and tokens of %d bytes", n, len(src))
		}
		for i := range targets {
			e := d.evaluate(i)
			for _, name := range d.names {
				e.truth(name)
			}
		}
	})
}

// size counts what a walk visits: items, branches and tokens. That it is bounded
// by the bytes read is why a walk takes no longer than they allow; conditions
// are bounded by maxSteps.
func (d *document) size(items []item) int {
	n := 0
	for i := range items {
		n++
		if dir := items[i].dir; dir != nil {
			n += len(dir.args)
		}
		if g := items[i].group; g != nil {
			for j := range g.branches {
				n += 1 + len(g.branches[j].tokens) + d.size(g.branches[j].items)
			}
		}
	}
	return n
}

// checkPlaces shows that items lie in order inside of what holds them, on whole
// lines.
func checkPlaces(t *testing.T, d *document, items []item, pos, end int) {
	t.Helper()
	whole := func(at int) bool {
		return at == 0 || at == len(d.src) || d.src[at-1] == '\n' || at == len(utf8BOM) && bytes.HasPrefix(d.src, utf8BOM)
	}
	for i := range items {
		it := &items[i]
		if it.pos < pos || it.end < it.pos || it.end > end || !whole(it.pos) || !whole(it.end) {
			t.Fatalf("an item at %d:%d inside of %d:%d", it.pos, it.end, pos, end)
		}
		if g := it.group; g != nil {
			if g.pos != it.pos || g.end != it.end || g.endif <= g.pos || g.endif >= g.end {
				t.Fatalf("a conditional at %d:%d (#endif %d) in an item at %d:%d", g.pos, g.end, g.endif, it.pos, it.end)
			}
			for j := range g.branches {
				b := &g.branches[j]
				stop := g.endif
				if j+1 < len(g.branches) {
					stop = g.branches[j+1].pos
				}
				if b.pos >= b.body || b.body > stop {
					t.Fatalf("a branch at %d:%d, which ends at %d", b.pos, b.body, stop)
				}
				checkPlaces(t, d, b.items, b.body, stop)
			}
		}
		pos = it.end
	}
}
