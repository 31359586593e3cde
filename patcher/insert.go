package patcher

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strings"
)

// All edits are insertions of whole lines between two marker comments. What
// upstream wrote stays in the file, switched off for Apple, so that taking the
// marked lines out again restores every byte.
const (
	markerPrefix = "rules_mimalloc:" // in every comment and message of ours
	markerBegin  = "/* rules_mimalloc:begin "
	markerNote   = ": inserted by mimalloc-tls, which also takes it back (mimalloc-tls revert) */"
	markerEnd    = "/* rules_mimalloc:end */"
)

// marker returns the line that opens a block. The sum of the block's text in
// it lets any version of the patcher tell an intact block from an edited one.
func marker(kind string, text []byte) string {
	sum := crc32.ChecksumIEEE(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	return fmt.Sprintf("%s%s %08x%s", markerBegin, kind, sum, markerNote)
}

// Macros that patched headers define. Their prefix counts as ours.
const (
	witnessPrefix = "RULES_MIMALLOC_"
	witnessTree   = "RULES_MIMALLOC_TLS"       // on every platform: this header is the patched one
	witnessGuard  = "RULES_MIMALLOC_TLS_GUARD" // on Apple: the guard as patched is what was compiled
)

// appleCondition holds on the systems the patch is for: those on which
// upstream reads slots of the thread control block. The same test as in
// upstream's own MI_HAS_TLS_SLOT.
const appleCondition = "defined(__APPLE__) && (defined(__aarch64__) || defined(__x86_64__))"

// An insertion is lines to be put before the byte at pos.
type insertion struct {
	pos  int
	kind string // "selector", "guard" or "proof"
	text string // whole lines with \n
}

// insertions plans the edits of a header whose selector and accessor are known.
func (d *document) insertions(s *selector) []insertion {
	statement := s.statement
	return []insertion{
		{s.group.pos, "selector", selectorText(s.names)},
		{s.group.end, "selector", "#endif\n"},
		{statement.pos, "guard", guardText(s.accessor)},
		{statement.end, "guard", "  #endif\n"},
		{d.proofPos(), "proof", proofText(s.names)},
	}
}

// proofPos is where the proof goes: as late as the header allows, so that it
// sees what stands further down.
func (d *document) proofPos() int {
	if d.guard != nil {
		return d.guard.endif
	}
	return len(d.src)
}

func selectorText(names *vocabulary) string {
	return "#if " + appleCondition + "\n" +
		"  #define " + names.local + "  1\n" +
		"  #if !defined(" + guardMacro + ")\n" +
		"    #define " + guardMacro + "  1\n" +
		"  #endif\n" +
		"#else  // upstream's choice\n"
}

func guardText(statement string) string {
	return "  #if " + appleCondition + "\n" +
		"  " + statement + "  // through the barrier: the test must come before the load\n" +
		"  #define " + witnessGuard + "  1\n" +
		"  #else\n"
}

func proofText(names *vocabulary) string {
	var others []string
	for _, m := range names.models() {
		if m.model != ThreadLocal {
			others = append(others, m.macro)
		}
	}
	return "#define " + witnessTree + "  1\n" +
		"#if " + appleCondition + "\n" +
		"  #if !" + names.local + " || " + strings.Join(others, " || ") + "\n" +
		"    #error \"rules_mimalloc: the TLS model is not thread-local alone; look for a -DMI_TLS_MODEL_... or a definition behind the selector (docs/drift.md)\"\n" +
		"  #endif\n" +
		"  #if !defined(" + guardMacro + ") || !defined(" + witnessGuard + ")\n" +
		"    #error \"rules_mimalloc: the thread-local model is used without its guard, " + guardMacro + " (docs/drift.md)\"\n" +
		"  #endif\n" +
		"  #if !MI_HAS_TLS_SLOT\n" +
		"    #error \"rules_mimalloc: MI_HAS_TLS_SLOT is off, but the thread id comes from slot 0; look for a -DMI_HAS_TLS_SLOT=0 (docs/drift.md)\"\n" +
		"  #endif\n" +
		"#endif\n"
}

// insert applies insertions, which are in order of their position. Inserted
// lines end as the line they stand before does.
func insert(src []byte, list []insertion) []byte {
	size := len(src)
	for _, in := range list {
		size += len(in.text) + 256
	}
	out := make([]byte, 0, size)
	last := 0
	for _, in := range list {
		out = append(out, src[last:in.pos]...)
		last = in.pos
		text := marker(in.kind, []byte(in.text)) + "\n" + in.text + markerEnd + "\n"
		if lineEnding(src, in.pos) == "\r\n" {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		if in.pos == len(src) && in.pos > 0 && src[in.pos-1] != '\n' {
			// Behind a last line without a newline: borrow the one at
			// the end of the inserted text, so that a revert can tell.
			eol := lineEnding(src, in.pos)
			text = eol + strings.TrimSuffix(text, eol)
		}
		out = append(out, text...)
	}
	return append(out, src[last:]...)
}

// lineEnding returns how the line at pos ends; a line that does not, or the
// end of the file, goes with the file's first.
func lineEnding(src []byte, pos int) string {
	i := bytes.IndexByte(src[pos:], '\n')
	if i < 0 {
		pos = 0
		i = bytes.IndexByte(src, '\n')
	}
	if i > 0 && src[pos+i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// A removal is a marked block in a file.
type removal struct{ pos, end int }

// marked finds the marked blocks of a file.
func marked(header string, src []byte) ([]removal, error) {
	if !bytes.Contains(src, []byte(markerPrefix)) {
		return nil, nil
	}
	var blocks []removal
	open, body := -1, 0 // of the block being read
	first := 0
	if bytes.HasPrefix(src, utf8BOM) {
		first = len(utf8BOM)
	}
	for pos, n := first, 1; pos < len(src); n++ {
		end := len(src)
		if i := bytes.IndexByte(src[pos:], '\n'); i >= 0 {
			end = pos + i + 1
		}
		line := src[pos:end]
		switch {
		case bytes.HasPrefix(line, []byte(markerBegin)):
			if open >= 0 {
				return nil, drift(header, n, "the end of a marked block: "+markerEnd, "the begin of another one")
			}
			open, body = pos, end
		case bytes.HasPrefix(line, []byte(markerEnd)):
			if open < 0 {
				return nil, drift(header, n, "a marked block to begin before it ends", markerEnd)
			}
			if !intact(src[open:body], src[body:pos], line) {
				return nil, drift(header, lineAt(src, open), "a marked block as mimalloc-tls wrote it", "an edited one: restore the file from where it came")
			}
			b := removal{open, end}
			if line[len(line)-1] != '\n' && open > first { // see insert
				b.pos--
				if b.pos > first && src[b.pos-1] == '\r' {
					b.pos--
				}
				if len(blocks) > 0 && b.pos < blocks[len(blocks)-1].end {
					return nil, drift(header, n, "text between two marked blocks", "none")
				}
			}
			blocks = append(blocks, b)
			open = -1
		case open < 0 && bytes.Contains(line, []byte(markerPrefix)):
			return nil, drift(header, n, "marker comments as mimalloc-tls writes them", quote(string(bytes.TrimSpace(line))))
		}
		pos = end
	}
	if open >= 0 {
		return nil, drift(header, lineAt(src, open), "the end of this marked block: "+markerEnd, "the end of the file")
	}
	return blocks, nil
}

// intact reports whether a block is as some version of the patcher wrote it.
func intact(begin, text, end []byte) bool {
	kind, _, _ := bytes.Cut(bytes.TrimPrefix(begin, []byte(markerBegin)), []byte(" "))
	return string(bytes.TrimRight(begin, "\r\n")) == marker(string(kind), text) &&
		string(bytes.TrimRight(end, "\r\n")) == markerEnd
}

// Revert takes the marked blocks out of a header and reports whether there
// were any. It fails with a *DriftError where the markers do not pair up.
func Revert(header string, src []byte) ([]byte, bool, error) {
	blocks, err := marked(header, src)
	if err != nil {
		return nil, false, finish(err.(*DriftError), nil)
	}
	if blocks == nil {
		return src, false, nil
	}
	return remove(src, blocks), true, nil
}

func remove(src []byte, blocks []removal) []byte {
	out := make([]byte, 0, len(src))
	last := 0
	for _, b := range blocks {
		out = append(out, src[last:b.pos]...)
		last = b.end
	}
	return append(out, src[last:]...)
}
