package mutation

import (
	"regexp"
	"strings"
)

// An operator changes the header and reports whether it could.
type operator struct {
	name string
	do   func(e *editor) bool
}

// operators are drawn from with equal chances: what is meant to be frequent
// stands there more than once.
var operators = []operator{
	{"delete a line", func(e *editor) bool { i := e.at(); e.replace(i, i+1); return len(e.lines()) > 50 }},
	{"duplicate a line", func(e *editor) bool { i := e.at(); e.replace(i, i, e.lines()[i]); return true }},
	{"swap lines", swapLines},
	{"move lines", moveLines},
	{"delete a block", func(e *editor) bool { b, ok := e.block(); return ok && e.cut(b.start, b.end+1) }},
	{"duplicate a block", duplicateBlock},
	{"unwrap a block", unwrap},
	{"swap branches", swapBranches},
	{"delete a branch", deleteBranch},
	{"insert a branch", insertBranch},
	{"negate", condition(func(e *editor, c string) string { return "!(" + c + ")" })},
	{"other condition", condition(func(e *editor, c string) string { return e.pick(conditions) })},
	{"and", condition(func(e *editor, c string) string { return c + " && " + e.pick(conditions) })},
	{"or", condition(func(e *editor, c string) string { return c + " || (" + e.pick(conditions) + ")" })},
	{"or before", condition(func(e *editor, c string) string { return e.pick(conditions) + " || " + c })},
	{"parentheses", condition(func(e *editor, c string) string { return "(" + c + ")" })},
	{"and to or", condition(func(e *editor, c string) string { return strings.Replace(c, "&&", "||", 1) })},
	{"or to and", condition(func(e *editor, c string) string { return strings.Replace(c, "||", "&&", 1) })},
	{"not", condition(func(e *editor, c string) string { return strings.Replace(c, "!", "", 1) })},
	{"another form of #if", formOfIf},
	{"else and elif", elseElif},
	{"rename once", renameOnce},
	{"rename everywhere", renameAll},
	{"wrap", wrap}, {"wrap", wrap},
	{"line comment", func(e *editor) bool { i := e.at(); e.lines()[i] = "//" + e.lines()[i]; return true }},
	{"block comment", blockComment},
	{"open comment", func(e *editor) bool { i := e.at(); e.lines()[i] += " /* "; return true }},
	{"continuation in a line", continuation},
	{"continuation behind a line", func(e *editor) bool {
		i := e.at()
		e.lines()[i] += e.pick([]string{"\\", " \\", "\\ ", " // \\"})
		return true
	}},
	{"number", number}, {"indentation", indentation}, {"indentation", indentation},
	{"spelling of a directive", spelling},
	{"crlf", func(e *editor) bool { e.crlf = true; return true }},
	{"crlf in a line", func(e *editor) bool { i := e.at(); e.lines()[i] += "\r"; return true }},
	{"insert a snippet", insertSnippet}, {"insert a snippet", insertSnippet}, {"insert a snippet", insertSnippet},
	{"insert a snippet", insertSnippet}, {"insert a snippet", insertSnippet},
	{"snippet at the end", snippetAtEnd},
	{"insert a line", insertLine}, {"insert a line", insertLine}, {"insert a line", insertLine},
	{"second selector", secondSelector},
	{"to another file", toFile}, {"snippet in another file", snippetInFile},
	{"to a new file", toNewFile},
	{"no include guard", noGuard},
	{"token", changeToken}, {"token", changeToken}, {"token", changeToken},
	{"final newline", finalNewline},
}

func (e *editor) cut(i, j int) bool { e.replace(i, j); return true }

func swapLines(e *editor) bool {
	i := e.at()
	if i+1 >= len(e.lines()) {
		return false
	}
	e.lines()[i], e.lines()[i+1] = e.lines()[i+1], e.lines()[i]
	return true
}

// span returns lines from one on: a whole conditional, or a few.
func (e *editor) span() (int, int) {
	if b, ok := e.block(); ok && e.chance(50) {
		return b.start, b.end + 1
	}
	i := e.at()
	return i, min(i+1+e.IntN(4), len(e.lines()))
}

func moveLines(e *editor) bool {
	i, j := e.span()
	taken := append([]string(nil), e.lines()[i:j]...)
	e.replace(i, j)
	at := e.at()
	e.replace(at, at, taken...)
	return true
}

func duplicateBlock(e *editor) bool {
	b, ok := e.block()
	if !ok {
		return false
	}
	at := b.end + 1
	if e.chance(40) {
		at = e.at()
	}
	e.replace(at, at, append([]string(nil), e.lines()[b.start:b.end+1]...)...)
	return true
}

// unwrap deletes the #if and the #endif of a conditional.
func unwrap(e *editor) bool {
	b, ok := e.block()
	if !ok || len(b.parts) > 1 {
		return false
	}
	e.replace(b.end, b.end+1)
	e.replace(b.start, b.start+1)
	return true
}

// swapBranches exchanges what stands in two neighbouring branches.
func swapBranches(e *editor) bool {
	b, ok := e.block()
	if !ok || len(b.parts) < 2 {
		return false
	}
	ends := append(append([]int(nil), b.parts...), b.end)
	k := e.IntN(len(b.parts) - 1)
	l := e.lines()
	first, second := l[ends[k]+1:ends[k+1]], l[ends[k+1]+1:ends[k+2]]
	var all []string
	all = append(append(append(all, second...), l[ends[k+1]]), first...)
	e.replace(ends[k]+1, ends[k+2], all...)
	return true
}

func deleteBranch(e *editor) bool {
	b, ok := e.block()
	if !ok || len(b.parts) < 2 {
		return false
	}
	ends := append(append([]int(nil), b.parts...), b.end)
	k := 1 + e.IntN(len(b.parts)-1)
	return e.cut(ends[k], ends[k+1])
}

func insertBranch(e *editor) bool {
	b, ok := e.block()
	if !ok {
		return false
	}
	at := append(append([]int(nil), b.parts[1:]...), b.end)[e.IntN(len(b.parts))]
	e.replace(at, at, append([]string{"#elif " + e.pick(conditions)}, e.statement()...)...)
	return true
}

var ifLine = regexp.MustCompile(`^(\s*#\s*(?:el)?if\s)(.*?)(\s*(?:\\|//.*|/\*.*)?)$`)

// condition makes an operator that rewrites the condition of an #if or #elif.
func condition(change func(e *editor, c string) string) func(e *editor) bool {
	return func(e *editor) bool {
		i, ok := e.line(func(s string) bool { d := directive(s); return d == "if" || d == "elif" })
		if !ok {
			return false
		}
		m := ifLine.FindStringSubmatch(e.lines()[i])
		if m == nil {
			return false
		}
		c := change(e, m[2])
		e.lines()[i] = m[1] + c + m[3]
		return c != m[2]
	}
}

var definedIf = regexp.MustCompile(`^(\s*#\s*)if\s+(!?)defined\s*\(\s*(\w+)\s*\)\s*((?://.*)?)$`)

func formOfIf(e *editor) bool {
	i, ok := e.line(func(s string) bool { return definedIf.MatchString(s) || strings.Contains(s, "#if MI_") })
	if !ok {
		return false
	}
	l := e.lines()
	if m := definedIf.FindStringSubmatch(l[i]); m != nil {
		l[i] = m[1] + map[string]string{"": "ifdef ", "!": "ifndef "}[m[2]] + m[3] + " " + m[4]
		return true
	}
	l[i] = strings.Replace(l[i], "#if MI_", e.pick([]string{"#ifdef MI_", "#ifndef MI_", "#if 0+MI_", "#if !!MI_", "#if 1&&MI_"}), 1)
	return true
}

func elseElif(e *editor) bool {
	i, ok := e.line(func(s string) bool { d := directive(s); return d == "else" || d == "elif" })
	if !ok {
		return false
	}
	if directive(e.lines()[i]) == "else" {
		e.lines()[i] = "#elif " + e.pick(conditions)
	} else {
		e.lines()[i] = "#else"
	}
	return true
}

var identifier = regexp.MustCompile(`[A-Za-z_]\w*`)

func (e *editor) rename(old string) string {
	return e.pick([]string{e.name(), e.name(), old + "_X", "_" + old, strings.TrimSuffix(old, "_default") + "_x"})
}

func renameOnce(e *editor) bool {
	i, ok := e.line(func(s string) bool { return identifier.MatchString(s) })
	if !ok {
		return false
	}
	l := e.lines()
	all := identifier.FindAllStringIndex(l[i], -1)
	at := all[e.IntN(len(all))]
	l[i] = l[i][:at[0]] + e.rename(l[i][at[0]:at[1]]) + l[i][at[1]:]
	return true
}

func renameAll(e *editor) bool {
	i, ok := e.line(near)
	if !ok {
		return false
	}
	all := identifier.FindAllString(e.lines()[i], -1)
	if all == nil {
		return false
	}
	old := e.pick(all)
	word, with := regexp.MustCompile(`\b`+old+`\b`), e.rename(old)
	for j, s := range e.lines() {
		e.lines()[j] = word.ReplaceAllLiteralString(s, with)
	}
	return true
}

func wrap(e *editor) bool {
	i, j := e.span()
	lines := append([]string{"#if " + e.pick(conditions)}, e.lines()[i:j]...)
	if e.chance(25) {
		lines = append(append(lines, "#else"), e.statement()...)
	}
	e.replace(i, j, append(lines, "#endif")...)
	return true
}

func blockComment(e *editor) bool {
	i, j := e.span()
	l := e.lines()
	l[j-1] += " */"
	l[i] = "/* " + l[i]
	return true
}
