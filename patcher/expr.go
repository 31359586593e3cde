package patcher

import "strconv"

// Conditions are evaluated with three values: where a compiler's answer cannot
// be told from the header, the answer is unknown, and every decision that
// rests on it is a refusal. This is not a complete C preprocessor: an operand
// it does not model (a function-like macro, __has_include, an unsigned
// literal) is unknown, not an error.

type exprKind uint8

const (
	exprUnknown exprKind = iota
	exprNumber
	exprMacro
	exprDefined
	exprNot
	exprNegate
	exprComplement
	exprBinary
	exprConditional
)

// An expr is a node of a parsed #if condition.
type expr struct {
	kind    exprKind
	op      []byte // of exprBinary
	num     int64
	symbol  int
	a, b, c *expr
}

// Precedence of C's binary operators in #if, higher binds tighter.
var precedence = map[string]int{
	"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6,
	"<": 7, "<=": 7, ">": 7, ">=": 7, "<<": 8, ">>": 8,
	"+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}

type exprParser struct {
	d      *document
	tokens []token
	depth  int
	bad    bool
}

// parseCondition parses a whole condition. pos is the place of its line.
func (d *document) parseCondition(tokens []token, pos int) (*expr, error) {
	p := exprParser{d: d, tokens: tokens}
	e := p.conditional()
	if p.bad || len(p.tokens) > 0 || len(tokens) == 0 {
		return nil, &lexError{pos, "a condition that cannot be read: " + quote(spell(tokens))}
	}
	return e, nil
}

// parseBody parses a macro's body as an operand. Bodies that would mix with
// the operators around a use of the macro, because they are not a single
// operand, are unknown; an empty body is nil.
func (d *document) parseBody(tokens []token) *expr {
	if len(tokens) == 0 {
		return nil
	}
	p := exprParser{d: d, tokens: tokens}
	e := p.primary()
	if p.bad || len(p.tokens) > 0 {
		return &expr{}
	}
	return e
}

func (p *exprParser) peek(s string) bool { return len(p.tokens) > 0 && p.tokens[0].is(s) }

func (p *exprParser) accept(s string) bool {
	if p.peek(s) {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

// node allocates a node; in chunks, since a header has hundreds.
func (p *exprParser) node(e expr) *expr {
	if len(p.d.nodes) == cap(p.d.nodes) {
		p.d.nodes = make([]expr, 0, 64)
	}
	p.d.nodes = append(p.d.nodes, e)
	return &p.d.nodes[len(p.d.nodes)-1]
}

func (p *exprParser) fail() *expr {
	p.bad = true
	return &expr{}
}

func (p *exprParser) conditional() *expr {
	if p.depth++; p.depth > maxDepth {
		return p.fail()
	}
	defer func() { p.depth-- }()
	cond := p.binary(1)
	if !p.accept("?") {
		return cond
	}
	yes := p.conditional()
	if !p.accept(":") {
		return p.fail()
	}
	return p.node(expr{kind: exprConditional, a: cond, b: yes, c: p.conditional()})
}

func (p *exprParser) binary(level int) *expr {
	left := p.primary()
	for !p.bad && len(p.tokens) > 0 && p.tokens[0].kind == tokenPunct {
		prec := precedence[string(p.tokens[0].text)]
		if prec == 0 || prec < level {
			break
		}
		op := p.tokens[0].text
		p.tokens = p.tokens[1:]
		left = p.node(expr{kind: exprBinary, op: op, a: left, b: p.binary(prec + 1)})
	}
	return left
}

func (p *exprParser) primary() *expr {
	if p.bad || len(p.tokens) == 0 {
		return p.fail()
	}
	if p.depth++; p.depth > maxDepth {
		return p.fail()
	}
	defer func() { p.depth-- }()
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	switch t.kind {
	case tokenNumber:
		if n, err := strconv.ParseInt(trimSuffix(string(t.text)), 0, 64); err == nil {
			return p.node(expr{kind: exprNumber, num: n})
		}
		return &expr{}
	case tokenString:
		return &expr{}
	case tokenIdent:
		return p.identifier(t)
	}
	switch string(t.text) {
	case "(":
		e := p.conditional()
		if !p.accept(")") {
			return p.fail()
		}
		return e
	case "!":
		return p.node(expr{kind: exprNot, a: p.primary()})
	case "-":
		return p.node(expr{kind: exprNegate, a: p.primary()})
	case "~":
		return p.node(expr{kind: exprComplement, a: p.primary()})
	case "+":
		return p.primary()
	}
	return p.fail()
}

func (p *exprParser) identifier(t token) *expr {
	switch string(t.text) {
	case "defined":
		paren := p.accept("(")
		if len(p.tokens) == 0 || p.tokens[0].kind != tokenIdent {
			return p.fail()
		}
		e := p.node(expr{kind: exprDefined, symbol: p.d.symbol(p.tokens[0].text)})
		p.tokens = p.tokens[1:]
		if paren && !p.accept(")") {
			return p.fail()
		}
		return e
	case "and", "or", "not", "bitand", "bitor", "xor", "compl", "not_eq", "true", "false":
		return p.fail() // operators in C++, names in C
	}
	if p.accept("(") { // a function-like macro or a built-in test
		for depth := 1; depth > 0; p.tokens = p.tokens[1:] {
			if len(p.tokens) == 0 {
				return p.fail()
			}
			if p.peek("(") {
				depth++
			} else if p.peek(")") {
				depth--
			}
		}
		return &expr{}
	}
	return p.node(expr{kind: exprMacro, symbol: p.d.symbol(t.text)})
}

// trimSuffix removes the suffix of a signed integer literal. Unsigned ones
// keep theirs and so stay unknown: they change the type of a comparison.
// Go's octal 0o and underscores are not C's.
func trimSuffix(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] == '_' || s[i]|0x20 == 'o' {
			return ""
		}
	}
	for i := 0; i < 2 && len(s) > 0 && s[len(s)-1]|0x20 == 'l'; i++ {
		s = s[:len(s)-1]
	}
	return s
}
