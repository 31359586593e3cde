package patcher

import (
	"fmt"
	"strings"
	"unicode"
)

// A DriftError says that a header is not one the patcher can prove itself on.
// Nothing is wrong with the header as such: it differs from the releases this
// version knows, and a person has to look.
type DriftError struct {
	Header   string // from the include directory, with slashes
	Line     int    // 1-based, of the input; 0 where the file as a whole is meant
	Expected string
	Found    string
	Version  string // of mimalloc, "" where it cannot be told
	Known    string // the releases known to work
	Hint     string

	context []string // lines of the header around Line
}

// Error is one line: place, what was wanted, what stands there, what to do.
func (e *DriftError) Error() string {
	var b strings.Builder
	b.WriteString(e.Header)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	fmt.Fprintf(&b, ": expected %s, found %s", e.Expected, e.Found)
	if e.Version != "" {
		fmt.Fprintf(&b, "; this is mimalloc %s", e.Version)
	}
	fmt.Fprintf(&b, "; known to work: %s; %s", e.Known, e.Hint)
	return b.String()
}

// Details shows the lines around the place and says what can be done: several
// lines for a person to read behind the message of Error, each with its
// newline.
func (e *DriftError) Details() string {
	var b strings.Builder
	for i, line := range e.context {
		n := max(e.Line-contextLines, 1) + i
		mark := ' '
		if n == e.Line {
			mark = '>'
		}
		fmt.Fprintf(&b, "%c%5d | %s\n", mark, n, line)
	}
	if e.Hint == driftHint {
		b.WriteString(advice)
	}
	return b.String()
}

const advice = `What to do: take a newer rules_mimalloc, or a mimalloc known to work; if the lines are a change of your own, drop it
(thread-local with MI_TLS_RECURSE_GUARD, chosen by hand for Apple, is accepted as it is); else docs/new-generation.md
says how to teach the patcher.
`

// contextLines is how many lines around the place are shown on either side.
const contextLines = 3

// around returns the lines around the place, as a terminal can show them.
func (e *DriftError) around(src []byte) []string {
	if e.Line == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(string(src), "\n"), "\n")
	first, last := max(e.Line-contextLines, 1), min(e.Line+contextLines, len(lines))
	var shown []string
	for n := first; n <= last; n++ {
		line := strings.Map(func(r rune) rune {
			switch {
			case r == '\t':
				return ' '
			case !unicode.IsPrint(r):
				return -1
			}
			return r
		}, lines[n-1])
		if runes := []rune(line); len(runes) > maxQuote {
			line = string(runes[:maxQuote]) + "…"
		}
		shown = append(shown, line)
	}
	return shown
}

const driftHint = "the mimalloc-tls patcher changed nothing: see docs/drift.md of rules_mimalloc"

// knownReleases lists the releases of every generation.
func knownReleases() string {
	list := []string{plainReleases}
	for _, g := range generations {
		if g.releases != "" {
			list = append(list, g.releases)
		}
	}
	return strings.Join(list, ", ")
}

// drift makes a DriftError for a place in a header. Version, Known and Hint
// are filled in where the plan ends.
func drift(header string, line int, expected, found string) *DriftError {
	return &DriftError{Header: header, Line: line, Expected: expected, Found: found}
}

// whole is the position of what is true of a header as a whole.
const whole = -1

// drift makes a DriftError for a position in the header.
func (d *document) drift(pos int, expected, found string) *DriftError {
	line := 0
	if pos != whole {
		line = d.line(pos)
	}
	return drift(d.header, line, expected, found)
}

// maxQuote bounds how much of a header a message repeats.
const maxQuote = 120

func quote(s string) string {
	if len(s) > maxQuote {
		s = s[:maxQuote] + "…"
	}
	return fmt.Sprintf("%q", s)
}
