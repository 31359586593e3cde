// Package mutation changes real headers of mimalloc at random, in the ways in
// which a preprocessor can be led astray, and asks a C compiler whether what
// the patcher accepts among them is right.
//
// The generator and the judge share no code with the patcher: the generator
// sees lines, the judge sees what a compiler's preprocessor printed. The judge
// does not compile: a mutant that is no C any more, before the patch and
// after, is of no interest.
package mutation

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// A Base is an include tree that mutants are made of.
type Base struct {
	Name    string
	Tree    patcher.Tree
	header  string   // the file that holds the selector
	others  []string // files that another one of the tree can include
	patched bool
}

// NewBase finds what the generator aims at in a tree. The model's macros have
// two vocabularies and three places; in releases without any, the header that
// reads MI_TLS_SLOT is meant.
func NewBase(name string, tree patcher.Tree) (*Base, error) {
	b := &Base{Name: name, Tree: tree}
	for _, mark := range []string{"#define MI_TLS_MODEL_", "MI_TLS_SLOT"} {
		for _, h := range []string{"mimalloc/prim.h", "mimalloc/prim-tls.h", "mimalloc/prim/prim-tls.h"} {
			if b.header == "" && strings.Contains(string(tree[h]), mark) {
				b.header = h
			}
		}
	}
	if b.header == "" {
		return nil, fmt.Errorf("%s: no header with a TLS selector", name)
	}
	for _, f := range slices.Sorted(maps.Keys(tree)) {
		if f != b.header && strings.HasPrefix(f, "mimalloc/") && path.Ext(f) == ".h" {
			b.others = append(b.others, f)
		}
	}
	return b, nil
}

// Patched returns the tree as the patcher leaves it, as a base of its own: its
// mutants are patched trees that were edited afterwards.
func (b *Base) Patched() (*Base, error) {
	plan, err := patcher.NewPlan(b.Tree)
	if err != nil {
		return nil, err
	}
	tree := maps.Clone(b.Tree)
	tree[b.header] = plan.Content
	return &Base{b.Name + "+patch", tree, b.header, b.others, true}, nil
}

// Bare returns a tree without comments and blank lines, so that less of a
// campaign goes into what no compiler looks at.
func Bare(tree patcher.Tree) patcher.Tree {
	tree = maps.Clone(tree)
	for name, src := range tree {
		if path.Ext(name) == ".h" {
			tree[name] = bare(src)
		}
	}
	return tree
}

func bare(src []byte) []byte {
	var out []byte
	for i := 0; i < len(src); {
		c, end := src[i], i+1
		switch {
		case bytes.HasPrefix(src[i:], []byte("//")):
			if end = bytes.IndexByte(src[i:], '\n') + i; end < i {
				end = len(src)
			}
			i = end
			continue
		case bytes.HasPrefix(src[i:], []byte("/*")):
			if end = bytes.Index(src[i+2:], []byte("*/")) + i + 4; end < i+4 {
				end = len(src)
			}
			out = append(out, ' ')
			i = end
			continue
		case c == '"' || c == '\'':
			for end < len(src) && src[end] != c && src[end] != '\n' {
				if src[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(src))
		}
		if c == '\n' {
			out = bytes.TrimRight(out, " \t")
			if len(out) == 0 || out[len(out)-1] == '\n' {
				i = end
				continue
			}
		}
		out = append(out, src[i:end]...)
		i = end
	}
	return out
}

// A Mutant is a tree with random changes.
type Mutant struct {
	Base    *Base
	Number  uint64
	Changed map[string][]byte // by path: files that differ from the base's
	Ops     []string          // what was done, in order
}

// Tree returns the mutant's files.
func (m *Mutant) Tree() patcher.Tree {
	tree := maps.Clone(m.Base.Tree)
	maps.Copy(tree, m.Changed)
	return tree
}

// New makes the mutant of that number: the same one for the same seed and
// bases, whatever was made before.
func New(bases []*Base, seed, number uint64) *Mutant {
	r := rand.New(rand.NewPCG(seed, number))
	b := bases[r.IntN(len(bases))]
	e := &editor{Rand: r, base: b, files: map[string][]string{}, long: strings.Contains(string(b.Tree[b.header]), "MI_TLS_MODEL_THREAD_LOCAL")}
	e.open(b.header)
	m := &Mutant{Base: b, Number: number, Changed: map[string][]byte{}}
	for n := 1 + r.IntN(3); n > 0; {
		op := operators[r.IntN(len(operators))]
		if op.do(e) {
			m.Ops = append(m.Ops, op.name)
			n--
		}
	}
	for name, lines := range e.files {
		text := strings.Join(lines, "\n")
		if e.crlf {
			text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
		}
		if text != string(b.Tree[name]) {
			m.Changed[name] = []byte(text)
		}
	}
	return m
}

// An editor is a mutant in the making.
type editor struct {
	*rand.Rand
	base  *Base
	files map[string][]string // lines without their newline, of files in work
	crlf  bool
	long  bool // the vocabulary: MI_TLS_MODEL_THREAD_LOCAL
}

func (e *editor) open(name string) []string {
	if _, ok := e.files[name]; !ok {
		e.files[name] = strings.Split(string(e.base.Tree[name]), "\n")
	}
	return e.files[name]
}

func (e *editor) lines() []string { return e.files[e.base.header] }

// replace puts lines in the place of those from i up to j.
func (e *editor) replace(i, j int, with ...string) {
	e.files[e.base.header] = slices.Concat(e.lines()[:i], with, e.lines()[j:])
}

func (e *editor) pick(list []string) string { return list[e.IntN(len(list))] }

func (e *editor) chance(percent int) bool { return e.IntN(100) < percent }

// directive returns the name of the directive on a line, "" where there is none.
func directive(line string) string {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, " \t")
	end := 0
	for end < len(rest) && rest[end] >= 'a' && rest[end] <= 'z' {
		end++
	}
	return rest[:end]
}

// A block is a conditional, as far as lines tell.
type block struct {
	start, end int   // lines of #if and #endif
	parts      []int // of #if, #elif, #else
}

func blocks(lines []string) []block {
	var found, open []block
	for i, line := range lines {
		switch d := directive(line); d {
		case "if", "ifdef", "ifndef":
			open = append(open, block{start: i, parts: []int{i}})
		case "elif", "else":
			if n := len(open); n > 0 {
				open[n-1].parts = append(open[n-1].parts, i)
			}
		case "endif":
			if n := len(open); n > 0 {
				open[n-1].end = i
				found = append(found, open[n-1])
				open = open[:n-1]
			}
		}
	}
	return found
}

// near reports whether a line speaks of the model, its guard or its variables.
func near(line string) bool {
	for _, mark := range []string{"MI_TLS_", "_theap_default", "__mi_theap_", "MI_HAS_TLS_SLOT", "_mi_heap_default", "rules_mimalloc", "RULES_MIMALLOC"} {
		if strings.Contains(line, mark) {
			return true
		}
	}
	return false
}

// at returns a line that something can be done to: mostly one around the
// selector and the accessors, of directives rather than of text.
func (e *editor) at() int {
	lines := e.lines()
	want := e.IntN(100)
	for range 50 {
		i := e.IntN(len(lines))
		switch {
		case want < 20, want < 35 && directive(lines[i]) != "":
			return i
		case near(lines[i]):
			return min(max(i+e.IntN(5)-2, 0), len(lines)-1)
		}
	}
	return e.IntN(len(lines))
}

// line returns a line for which ok holds, mostly one around the selector.
func (e *editor) line(ok func(string) bool) (int, bool) {
	for range 60 {
		if i := e.at(); ok(e.lines()[i]) {
			return i, true
		}
	}
	return 0, false
}

// block returns a conditional, mostly one around the selector; not the
// include guard.
func (e *editor) block() (block, bool) {
	lines := e.lines()
	var all, close []block
	for _, b := range blocks(lines) {
		if b.start < 12 && b.end > len(lines)-5 {
			continue
		}
		all = append(all, b)
		for _, p := range b.parts {
			if near(lines[p]) || p+1 < len(lines) && near(lines[p+1]) {
				close = append(close, b)
				break
			}
		}
	}
	if len(close) > 0 && e.chance(80) {
		all = close
	}
	if len(all) == 0 {
		return block{}, false
	}
	return all[e.IntN(len(all))], true
}

// AddBases adds a tree to the bases and, where the patcher changes it, the
// patched tree as well.
func AddBases(bases []*Base, name string, tree patcher.Tree) ([]*Base, error) {
	b, err := NewBase(name, tree)
	if err != nil {
		return nil, err
	}
	bases = append(bases, b)
	p, err := b.Patched()
	if err == nil && string(p.Tree[b.header]) != string(tree[b.header]) {
		bases = append(bases, p)
	}
	return bases, err
}
