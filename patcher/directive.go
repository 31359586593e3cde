package patcher

import "bytes"

// directiveStart skips blanks and comments at a line's start and reports
// whether a directive follows; it returns the position behind its '#'.
// Where none follows it returns the line's start.
func directiveStart(src []byte, pos int) (int, bool, error) {
	at := pos
	for at < len(src) && (src[at] == ' ' || src[at] == '\t') {
		at++
	}
	if at == len(src) {
		return pos, false, nil
	}
	switch src[at] {
	case '#':
		return at + 1, true, nil
	case '/', '\\', '%', '\v', '\f':
		t, err := next(src, at)
		if err != nil {
			return pos, false, err
		}
		if t.kind == tokenPunct && t.is("#") {
			return t.end, true, nil
		}
	}
	return pos, false, nil
}

// directive reads the line behind a '#' and returns the directive's name.
func (p *parser) directive(pos int) (string, error) {
	start := len(p.tokens)
	name := ""
	for first := true; ; first = false {
		t, err := next(p.d.src, pos)
		if err != nil {
			return "", err
		}
		if t.kind == tokenNewline {
			p.pos = t.end
			p.line = p.tokens[start:len(p.tokens):len(p.tokens)]
			return name, nil
		}
		pos = t.end
		if first {
			if t.kind != tokenIdent { // "# 12 \"file\"" and the like
				name = "line"
			} else {
				name = directiveName(t.text)
			}
			switch name { // their text need not be tokens
			case "error", "warning":
				return name, p.message(name, pos)
			case "include", "include_next", "import":
				return name, p.include(name, pos)
			}
			continue
		}
		p.tokens = append(p.tokens, t)
	}
}

// message reads the text of #error or #warning. Compilers disagree on whether
// a comment or a raw string can open in it, so one that could is refused.
func (p *parser) message(name string, pos int) error {
	src, end := p.d.src, pos
	var text []byte
	for end < len(src) && src[end] != '\n' {
		if n := splice(src, end); n > 0 {
			end += n
			continue
		}
		text = append(text, src[end])
		end++
	}
	if bytes.Contains(text, []byte("/*")) {
		return &lexError{pos, "what may be a comment in the text of #" + name}
	}
	if bytes.Contains(text, []byte(`R"`)) {
		return &lexError{pos, "a raw string literal"}
	}
	p.keep(token{tokenString, pos, end, bytes.TrimSpace(text)})
	p.pos = min(end+1, len(src))
	return nil
}

// include reads what an #include names. Inside <…> no comment opens.
func (p *parser) include(name string, pos int) error {
	src := p.d.src
	end, _, err := skipText(src, pos)
	if err != nil {
		return err
	}
	text := bytes.TrimSpace(src[pos:end])
	if angle := bytes.IndexByte(text, '<'); angle >= 0 {
		open := bytes.Index(text[angle:], []byte("/*"))
		if open < 0 {
			open = bytes.Index(text[angle:], []byte("//"))
		}
		if shut := bytes.IndexByte(text[angle:], '>'); open >= 0 && (shut < 0 || shut > open) {
			return &lexError{pos, "what may be a comment in the text of #" + name}
		}
	}
	p.keep(token{tokenString, pos, end, text})
	p.pos = min(end+1, len(src))
	return nil
}

// keep makes a token the only one of the line just read.
func (p *parser) keep(t token) {
	p.tokens = append(p.tokens, t)
	p.line = p.tokens[len(p.tokens)-1 : len(p.tokens) : len(p.tokens)]
}

// directiveNames are those there are, so that reading one allocates nothing.
var directiveNames = func() map[string]string {
	names := make(map[string]string)
	for name := range fields("define undef if ifdef ifndef elif elifdef elifndef else endif include include_next import error warning pragma line ident") {
		names[name] = name
	}
	return names
}()

func directiveName(text []byte) string {
	if name, ok := directiveNames[string(text)]; ok {
		return name
	}
	return string(text)
}

// plain makes the directive just read.
func (p *parser) plain(open opener) (*directive, error) {
	dir := &directive{pos: open.pos, end: p.pos, name: open.name, symbol: -1}
	dir.args = p.line
	switch open.name {
	case "define", "undef":
		if len(dir.args) == 0 || dir.args[0].kind != tokenIdent {
			return nil, &lexError{open.pos, "#" + open.name + " without a macro name"}
		}
		dir.symbol = p.d.symbol(dir.args[0].text)
		p.d.defines[dir.symbol] = true
		dir.body = dir.args[1:]
		if open.name == "undef" {
			break
		}
		// Parameters follow the name without a blank between them.
		if len(dir.body) > 0 && dir.body[0].is("(") && dir.body[0].pos == dir.args[0].end {
			dir.function = true
		} else {
			dir.value = p.d.parseBody(dir.body)
		}
	}
	return dir, nil
}

var (
	notToken     = token{kind: tokenPunct, text: []byte("!")}
	definedToken = token{kind: tokenIdent, text: []byte("defined")}
	openToken    = token{kind: tokenPunct, text: []byte("(")}
	closeToken   = token{kind: tokenPunct, text: []byte(")")}
)

// definedTokens turns the operand of #ifdef into the condition that means it.
func definedTokens(operand []token, not bool) []token {
	out := make([]token, 0, len(operand)+4)
	if not {
		out = append(out, notToken)
	}
	out = append(out, definedToken, openToken)
	return append(append(out, operand...), closeToken)
}
