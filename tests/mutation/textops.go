package mutation

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

func continuation(e *editor) bool {
	i, ok := e.line(func(s string) bool { return len(s) > 1 })
	if !ok {
		return false
	}
	s := e.lines()[i]
	at := e.IntN(len(s))
	e.lines()[i] = s[:at] + e.pick([]string{"\\\n", "\\\n", "\\\r\n", "\\ \n"}) + s[at:]
	return true
}

var digits = regexp.MustCompile(`\b\d+\b`)

func number(e *editor) bool {
	i, ok := e.line(digits.MatchString)
	if !ok {
		return false
	}
	s := e.lines()[i]
	all := digits.FindAllStringIndex(s, -1)
	at := all[e.IntN(len(all))]
	e.lines()[i] = s[:at[0]] + e.pick([]string{"0", "1", "2", "89", "108", "126", "(1)", "-1", "1u", fmt.Sprint(e.IntN(300))}) + s[at[1]:]
	return true
}

func indentation(e *editor) bool {
	i := e.at()
	e.lines()[i] = e.pick([]string{"", " ", "  ", "\t", "        ", "/**/", "\v", " \\\n"}) + strings.TrimLeft(e.lines()[i], " \t")
	return true
}

func spelling(e *editor) bool {
	i, ok := e.line(func(s string) bool { return directive(s) != "" })
	if !ok {
		return false
	}
	e.lines()[i] = strings.Replace(e.lines()[i], "#", e.pick([]string{"# ", "#\t", "#/* */", "%:", "%: ", "/**/#", "??=", "#\\\n", "\\\n#", " #", "##", "\u00a0#"}), 1)
	return true
}

func insertSnippet(e *editor) bool {
	i := e.at()
	e.replace(i, i, e.snippet()...)
	return true
}

func snippetAtEnd(e *editor) bool {
	i := len(e.lines()) - e.IntN(min(8, len(e.lines())))
	e.replace(i, i, e.snippet()...)
	return true
}

func insertLine(e *editor) bool {
	i := e.at()
	e.replace(i, i, e.pick(harmless))
	return true
}

// secondSelector copies the conditional that defines models, here or far away.
func secondSelector(e *editor) bool {
	l := e.lines()
	for _, b := range blocks(l) {
		text := strings.Join(l[b.start:b.end+1], "\n")
		if b.end-b.start < 30 && strings.Contains(text, "define MI_TLS_") {
			at := b.end + 1
			if e.chance(50) {
				at = e.at()
			}
			e.replace(at, at, text)
			return true
		}
	}
	return false
}

// other opens another file of the tree.
func (e *editor) other() string {
	f := e.pick(e.base.others)
	e.open(f)
	return f
}

// put inserts lines into another file: at its end, its start, or anywhere.
func (e *editor) put(file string, lines []string) {
	old := e.files[file]
	at := []int{max(len(old)-3, 0), min(10, len(old)), e.IntN(len(old))}[e.IntN(3)]
	e.files[file] = slices.Concat(old[:at], lines, old[at:])
}

func toFile(e *editor) bool {
	f := e.other()
	i, j := e.span()
	taken := append([]string(nil), e.lines()[i:j]...)
	if e.chance(70) {
		e.replace(i, j)
	}
	e.put(f, taken)
	return true
}

func snippetInFile(e *editor) bool {
	e.put(e.other(), e.snippet())
	return true
}

// toNewFile moves lines to a file that the header includes in their place, or
// makes it include one with definitions.
func toNewFile(e *editor) bool {
	name := e.pick([]string{"prim-extra.h", "prim-extra.def", "prim-extra.inc", "prim-extra", "prim-extra.txt"})
	i, j := e.span()
	lines := e.snippet()
	if e.chance(50) {
		lines = append([]string(nil), e.lines()[i:j]...)
		e.replace(i, j)
	}
	if e.chance(10) {
		e.replace(i, i, "#define MI_EXTRA \""+name+"\"", "#include MI_EXTRA")
	} else {
		e.replace(i, i, "#include \""+name+"\"")
	}
	e.files[path.Join(path.Dir(e.base.header), name)] = append(lines, "")
	return true
}

func noGuard(e *editor) bool {
	l := e.lines()
	for i := range min(20, len(l)) {
		if s := l[i]; strings.HasPrefix(s, "#pragma once") || strings.HasPrefix(s, "#define") || strings.HasPrefix(s, "#ifndef") {
			if e.chance(40) {
				e.replace(i, i+1)
				return true
			}
		}
	}
	return false
}

var word = regexp.MustCompile(`\w+|[^\w\s]`)

// changeToken deletes, doubles, replaces or adds a token of a line of text.
func changeToken(e *editor) bool {
	i, ok := e.line(func(s string) bool { return word.MatchString(s) })
	if !ok {
		return false
	}
	s := e.lines()[i]
	all := word.FindAllStringIndex(s, -1)
	at := all[e.IntN(len(all))]
	token := s[at[0]:at[1]]
	with := e.pick([]string{"", token + " " + token, e.name(), token + " " + e.name(), e.pick(extraTokens), token + e.pick(extraTokens)})
	e.lines()[i] = s[:at[0]] + with + s[at[1]:]
	return true
}

var extraTokens = []string{
	"!", "(", ")", ";", "{", "}", "//", "/*", "*/", "\"", "'", "0", "1", "&&", "||", "##", "#", ",", "return __mi_theap_default;", " volatile ", " const ",
	"__thread", "\\", "=", "==", "else ", "if(0) ", "if (mi_unlikely(0)) ", "__attribute__((noinline)) ", "static ", "R\"(", ")\"", "\t", " ", "\x00", "\xff", "é", "$", "@",
}

func finalNewline(e *editor) bool {
	l := e.lines()
	if l[len(l)-1] == "" {
		e.files[e.base.header] = l[:len(l)-1]
	} else {
		e.files[e.base.header] = append(l, "")
	}
	if e.chance(10) {
		l = e.lines()
		l[len(l)-1] += "\\"
	}
	return true
}
