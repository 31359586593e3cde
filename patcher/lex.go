package patcher

import "bytes"

type tokenKind uint8

const (
	tokenIdent tokenKind = iota
	tokenNumber
	tokenString // string or character literal
	tokenPunct
	tokenNewline // ends a logical line; never inside a comment
)

// A token is a preprocessing token with its place in the file.
// text has line splices removed, so it can differ from src[pos:end].
type token struct {
	kind     tokenKind
	pos, end int
	text     []byte
}

func (t token) is(s string) bool { return string(t.text) == s }

// A lexError is a place where the file cannot be read the way a compiler
// would be sure to read it.
type lexError struct {
	pos int
	msg string
}

func (e *lexError) Error() string { return e.msg }

// byteClass says what a byte can start in the text between directives.
// Text is only skipped, so all that matters is what hides a line's end or a
// comment's start.
var byteClass [256]bool

func init() {
	for _, c := range []byte("/\"'\\\n") {
		byteClass[c] = true
	}
}

func isIdentStart(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isIdent(c byte) bool { return isIdentStart(c) || isDigit(c) }

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' }

// splice returns the length of the line splice at src[pos], or 0. Like clang
// and gcc it lets blanks stand between the backslash and the line's end.
func splice(src []byte, pos int) int {
	if src[pos] != '\\' {
		return 0
	}
	for i := pos + 1; i < len(src); i++ {
		if src[i] == '\n' {
			return i + 1 - pos
		}
		if !isBlank(src[i]) {
			return 0
		}
	}
	return 0
}

// skipComment returns the position behind the comment at src[pos], pos itself
// where there is none. A line comment ends before its newline.
func skipComment(src []byte, pos int) (int, error) {
	i := pos + 1
	for i < len(src) && src[i] == '\\' { // "/\<newline>*" opens a comment too
		n := splice(src, i)
		if n == 0 {
			break
		}
		i += n
	}
	if i >= len(src) {
		return pos, nil
	}
	switch src[i] {
	case '*':
		for i++; ; {
			n := bytes.IndexByte(src[i:], '*')
			if n < 0 {
				return pos, &lexError{pos, "a comment that does not end"}
			}
			i += n + 1
			j := i
			for j < len(src) {
				n := splice(src, j)
				if n == 0 {
					break
				}
				j += n
			}
			if j < len(src) && src[j] == '/' {
				return j + 1, nil
			}
		}
	case '/':
		for {
			n := bytes.IndexByte(src[i:], '\n')
			if n < 0 {
				return len(src), nil
			}
			i += n
			// A backslash before the newline, blanks between them or
			// not, makes the next line part of the comment.
			j := i - 1
			for j > pos && isBlank(src[j]) {
				j--
			}
			if src[j] != '\\' {
				return i, nil
			}
			i++
		}
	}
	return pos, nil
}

// skipLiteral returns the position behind the string or character literal that
// opens at src[pos]. Like clang and gcc it lets a quote without a partner take
// the rest of its line.
func skipLiteral(src []byte, pos int) (int, error) {
	switch c := byteBefore(src, pos); {
	case src[pos] == '"' && c == 'R':
		return pos, &lexError{pos, "a raw string literal"}
	case src[pos] == '\'' && isIdent(c) && !literalPrefix(src[:pos]):
		// A digit separator in C23 and C++14, a literal before.
		return pos, &lexError{pos, "a quote behind a number or a name"}
	}
	for i := pos + 1; i < len(src); {
		switch c := src[i]; {
		case c == src[pos]:
			return i + 1, nil
		case c == '\n':
			return i, nil
		case c == '\\':
			if n := splice(src, i); n > 0 {
				i += n
			} else {
				i += 2
			}
		default:
			i++
		}
	}
	return len(src), nil
}

// literalPrefix reports whether text ends in the prefix of a character literal.
func literalPrefix(text []byte) bool {
	for _, prefix := range []string{"u8", "u", "U", "L"} {
		if rest, ok := bytes.CutSuffix(text, []byte(prefix)); ok {
			return !isIdent(byteBefore(rest, len(rest)))
		}
	}
	return false
}

// byteBefore returns the byte before src[pos], line splices skipped; 0 at the
// file's start.
func byteBefore(src []byte, pos int) byte {
	for pos--; pos >= 0; pos-- {
		if src[pos] != '\n' {
			return src[pos]
		}
		i := pos - 1
		for i >= 0 && isBlank(src[i]) {
			i--
		}
		if i < 0 || src[i] != '\\' {
			return '\n'
		}
		pos = i
	}
	return 0
}

// next returns the token at or behind src[pos], comments and splices skipped.
// At the end of the file it returns a newline token of length 0.
func next(src []byte, pos int) (token, error) {
	for pos < len(src) {
		c := src[pos]
		switch {
		case c == '\n':
			return token{tokenNewline, pos, pos + 1, nil}, nil
		case isBlank(c):
			pos++
			continue
		case c == '\\':
			if n := splice(src, pos); n > 0 {
				pos += n
				continue
			}
		case c == '/':
			end, err := skipComment(src, pos)
			if err != nil {
				return token{}, err
			}
			if end > pos {
				pos = end
				continue
			}
		}
		return lexToken(src, pos)
	}
	return token{tokenNewline, pos, pos, nil}, nil
}

func lexToken(src []byte, pos int) (token, error) {
	c := src[pos]
	if c == '"' || c == '\'' {
		end, err := skipLiteral(src, pos)
		if err != nil {
			return token{}, err
		}
		return token{tokenString, pos, end, src[pos:end]}, nil
	}
	kind := tokenPunct
	switch {
	case isIdentStart(c):
		kind = tokenIdent
	case isDigit(c), c == '.' && pos+1 < len(src) && isDigit(src[pos+1]):
		kind = tokenNumber
	default:
		return lexPunct(src, pos), nil
	}
	end := pos
	var clean []byte // set at the first splice
	for end < len(src) {
		if n := splice(src, end); n > 0 {
			if clean == nil {
				clean = append(make([]byte, 0, 32), src[pos:end]...)
			}
			end += n
			continue
		}
		if c := src[end]; isIdent(c) || kind == tokenNumber && (c == '.' || isExponentSign(src, pos, end)) {
			if clean != nil {
				clean = append(clean, c)
			}
			end++
			continue
		}
		break
	}
	if clean == nil {
		clean = src[pos:end]
	}
	return token{kind, pos, end, clean}, nil
}

// lexPunct reads an operator of #if, a '#' or any other single character.
func lexPunct(src []byte, pos int) token {
	at := pos + 1
	for at < len(src) {
		n := splice(src, at)
		if n == 0 {
			break
		}
		at += n
	}
	if at < len(src) {
		a, b := src[pos], src[at]
		switch {
		case a == '%' && b == ':': // the digraph
			return token{tokenPunct, pos, at + 1, hash}
		case a == b && (a == '&' || a == '|' || a == '=' || a == '<' || a == '>' || a == '#'),
			b == '=' && (a == '!' || a == '<' || a == '>'):
			if at == pos+1 {
				return token{tokenPunct, pos, at + 1, src[pos : at+1]}
			}
			return token{tokenPunct, pos, at + 1, []byte{a, b}} // spliced
		}
	}
	return token{tokenPunct, pos, pos + 1, src[pos : pos+1]}
}

var hash = []byte("#")

// isExponentSign reports whether src[i] is the sign in a number such as 1e+5.
func isExponentSign(src []byte, start, i int) bool {
	if src[i] != '+' && src[i] != '-' || i == start {
		return false
	}
	switch src[i-1] | 0x20 {
	case 'e', 'p':
		return true
	}
	return false
}

// skipText returns the position of the newline that ends the logical line at
// src[pos], or len(src). It reports whether anything but blanks and comments
// stood there.
func skipText(src []byte, pos int) (end int, text bool, err error) {
	for pos < len(src) {
		c := src[pos]
		if !byteClass[c] {
			text = text || !isBlank(c)
			pos++
			continue
		}
		switch c {
		case '\n':
			return pos, text, nil
		case '\\':
			if n := splice(src, pos); n > 0 {
				pos += n
				continue
			}
		case '/':
			end, err := skipComment(src, pos)
			if err != nil {
				return pos, text, err
			}
			if end > pos {
				pos = end
				continue
			}
		case '"', '\'':
			end, err := skipLiteral(src, pos)
			if err != nil {
				return pos, text, err
			}
			pos, text = end, true
			continue
		}
		text = true
		pos++
	}
	return pos, text, nil
}

// spell writes tokens with one blank between them, the form in which tables
// hold them. Newline tokens are left out.
func spell(tokens []token) string {
	var b bytes.Buffer
	for _, t := range tokens {
		if t.kind == tokenNewline {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.Write(t.text)
	}
	return b.String()
}

// tokenize returns the tokens of src[pos:end], newlines included.
func tokenize(src []byte, pos, end int) ([]token, error) {
	var tokens []token
	for {
		t, err := next(src[:end], pos)
		if err != nil {
			return nil, err
		}
		if t.pos == end {
			return tokens, nil
		}
		tokens = append(tokens, t)
		pos = t.end
	}
}
