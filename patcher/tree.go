package patcher

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds the nesting of conditionals; mimalloc's headers stay below 8.
const maxDepth = 64

// A document is a header read into its conditionals. Everything the patcher
// has no interest in (declarations, functions) is a run of text.
type document struct {
	header  string // its place in the tree
	src     []byte
	items   []item
	symbols map[string]int // identifiers of directives, numbered
	names   []string       // by number
	start   []startState   // by number: what holds where the header begins
	defines []bool         // by number: some #define or #undef names it
	nodes   []expr         // where the next nodes of conditions go
	guard   *group         // the include guard, nil where there is none
}

// An item is one of: a run of text, a directive, a group of branches.
type item struct {
	pos, end int // whole lines
	dir      *directive
	group    *group
}

// A directive is any preprocessor line that is not a conditional.
type directive struct {
	pos, end int
	name     string // "define", "undef", "error", "include", …
	symbol   int    // of define and undef; -1 otherwise
	function bool   // a macro with parameters
	body     []token
	value    *expr // of define, where the body is a single operand; see parseBody
	args     []token
}

// A group is a conditional from its #if to its #endif.
type group struct {
	pos, end int // from the start of the #if line to behind the #endif line
	endif    int // start of the #endif line
	branches []branch
}

// A branch opens with #if, #ifdef, #ifndef, #elif or #else.
type branch struct {
	pos, body int     // start of the line that opens it; start of the next line
	cond      *expr   // nil for #else
	tokens    []token // of the condition, #ifdef X as "defined ( X )"
	items     []item
}

// symbol numbers an identifier.
func (d *document) symbol(name []byte) int {
	if n, ok := d.symbols[string(name)]; ok {
		return n
	}
	n := len(d.names)
	d.names = append(d.names, string(name))
	d.start = append(d.start, startOf(string(name)))
	d.defines = append(d.defines, false)
	d.symbols[d.names[n]] = n
	return n
}

// line returns the 1-based line of a position.
func (d *document) line(pos int) int { return lineAt(d.src, pos) }

func lineAt(src []byte, pos int) int { return 1 + bytes.Count(src[:pos], []byte{'\n'}) }

var utf8BOM = []byte("\xef\xbb\xbf")

// parse reads a header. Its errors are *lexError.
func parse(src []byte) (*document, error) {
	if err := checkText(src); err != nil {
		return nil, err
	}
	d := &document{src: src, symbols: make(map[string]int, 128)}
	p := parser{d: d, tokens: make([]token, 0, 64+len(src)/64)}
	if bytes.HasPrefix(src, utf8BOM) {
		p.pos = len(utf8BOM)
	}
	items, stop, err := p.block(0)
	if err != nil {
		return nil, err
	}
	if stop.name != "" {
		return nil, &lexError{stop.pos, fmt.Sprintf("#%s without #if", stop.name)}
	}
	d.items = items
	d.guard = includeGuard(items)
	return d, nil
}

// checkText refuses bytes that compilers read in more than one way: a NUL, a
// carriage return that does not belong to a line's end, and the two trigraphs
// that change which lines are directives.
func checkText(src []byte) error {
	if i := bytes.IndexByte(src, 0); i >= 0 {
		return &lexError{i, "a NUL byte"}
	}
	if i := bytes.IndexByte(src, '\r'); i >= 0 {
		for ; i < len(src); i++ {
			if src[i] == '\r' && (i+1 == len(src) || src[i+1] != '\n') {
				return &lexError{i, "a carriage return inside a line"}
			}
		}
	}
	for _, t := range []string{"??=", "??/"} {
		if i := bytes.Index(src, []byte(t)); i >= 0 {
			return &lexError{i, fmt.Sprintf("the trigraph %s", t)}
		}
	}
	if !utf8.Valid(src) {
		for i := 0; i < len(src); {
			r, n := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && n == 1 {
				return &lexError{i, "a byte that is not UTF-8"}
			}
			i += n
		}
	}
	return nil
}

type parser struct {
	d      *document
	pos    int
	tokens []token // of all directives; documents keep parts of it
	line   []token // of the directive just read, without its name
}

// An opener is the start of a directive line.
type opener struct {
	pos  int
	name string
}

// block reads items up to a directive that ends or continues the enclosing
// group, and returns it; at the end of the file its name is "".
func (p *parser) block(depth int) ([]item, opener, error) {
	if depth > maxDepth {
		return nil, opener{}, &lexError{p.pos, fmt.Sprintf("conditionals nested deeper than %d", maxDepth)}
	}
	var items []item
	textStart := -1
	flush := func(end int) {
		if textStart >= 0 {
			items = append(items, item{pos: textStart, end: end})
			textStart = -1
		}
	}
	src := p.d.src
	for p.pos < len(src) {
		start := p.pos
		at, hash, err := directiveStart(src, start)
		if err != nil {
			return nil, opener{}, err
		}
		if !hash {
			end, text, err := skipText(src, at)
			if err != nil {
				return nil, opener{}, err
			}
			if text && textStart < 0 {
				textStart = start
			}
			p.pos = min(end+1, len(src))
			continue
		}
		name, err := p.directive(at)
		if err != nil {
			return nil, opener{}, err
		}
		open := opener{start, name}
		switch name {
		case "elifdef", "elifndef":
			return nil, opener{}, &lexError{start, "#" + name + ", which compilers before C23 ignore"}
		case "elif", "else", "endif":
			flush(start)
			return items, open, nil
		case "if", "ifdef", "ifndef":
			flush(start)
			g, err := p.group(open, depth)
			if err != nil {
				return nil, opener{}, err
			}
			items = append(items, item{pos: g.pos, end: g.end, group: g})
		case "": // a lone '#'
		default:
			flush(start)
			dir, err := p.plain(open)
			if err != nil {
				return nil, opener{}, err
			}
			items = append(items, item{pos: start, end: p.pos, dir: dir})
		}
	}
	flush(len(src))
	return items, opener{pos: len(src)}, nil
}

// group reads a conditional whose opening line was just read.
func (p *parser) group(open opener, depth int) (*group, error) {
	g := &group{pos: open.pos}
	for {
		b := branch{pos: open.pos, body: p.pos}
		if open.name != "else" {
			b.tokens = p.line
			switch open.name {
			case "ifdef":
				b.tokens = definedTokens(b.tokens, false)
			case "ifndef":
				b.tokens = definedTokens(b.tokens, true)
			}
			cond, err := p.d.parseCondition(b.tokens, open.pos)
			if err != nil {
				return nil, err
			}
			b.cond = cond
		} else if len(p.line) > 0 {
			return nil, &lexError{open.pos, "text behind #else"}
		}
		items, stop, err := p.block(depth + 1)
		if err != nil {
			return nil, err
		}
		b.items = items
		g.branches = append(g.branches, b)
		switch {
		case stop.name == "":
			return nil, &lexError{g.pos, "a conditional without #endif"}
		case stop.name == "endif":
			if len(p.line) > 0 {
				return nil, &lexError{stop.pos, "text behind #endif"}
			}
			g.endif, g.end = stop.pos, p.pos
			return g, nil
		case b.cond == nil:
			return nil, &lexError{stop.pos, "#" + stop.name + " behind #else"}
		}
		open = stop
	}
}

// includeGuard finds the group that holds the whole header:
// #ifndef X, then #define X, with nothing but directives such as #pragma once
// and #include outside.
func includeGuard(items []item) *group {
	var found *group
	for _, it := range items {
		switch {
		case it.group != nil:
			if found != nil {
				return nil
			}
			found = it.group
		case it.dir == nil || it.dir.name != "pragma" && it.dir.name != "include":
			return nil
		}
	}
	if found == nil || len(found.branches) != 1 {
		return nil
	}
	b := found.branches[0]
	if len(b.items) == 0 || b.items[0].dir == nil || b.items[0].dir.name != "define" || len(b.tokens) < 3 {
		return nil
	}
	macro := string(b.items[0].dir.args[0].text)
	if s := startOf(macro); s.known || s.defined != 0 || protectedNames[macro] {
		return nil // it means something else
	}
	switch spell(b.tokens) {
	case "! defined ( " + macro + " )", "! defined " + macro:
		return found
	}
	return nil
}
