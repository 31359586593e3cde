package patcher

import (
	"fmt"
	"strings"
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
