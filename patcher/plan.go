package patcher

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// A Tree is an include directory of mimalloc: file contents by path from the
// directory that holds mimalloc.h, with slashes.
type Tree map[string][]byte

// MaxHeader bounds what is read as a header, in bytes. Upstream's largest is below 60 KiB.
const MaxHeader = 4 << 20

// A Plan is what a tree needs, verified.
type Plan struct {
	Report  Report
	Content []byte // of the file Report.Header after the edits
}

// NewPlan decides what a tree needs: Report.Status is Patched (Content then
// differs from the input), AlreadyPatched or NotNeeded. Its error is a
// *DriftError.
func NewPlan(tree Tree) (*Plan, error) {
	p, err := plan(tree)
	if err != nil {
		var d *DriftError
		if !errors.As(err, &d) {
			panic(err) // every error of the package is a drift
		}
		return nil, finish(d, tree)
	}
	p.Report.Schema = 1
	p.Report.Version = Version(tree["mimalloc.h"])
	return p, nil
}

// finish fills in what is the same for every DriftError.
func finish(d *DriftError, tree Tree) *DriftError {
	d.Known = knownReleases()
	d.Version = Version(tree["mimalloc.h"])
	if d.Hint == "" {
		d.Hint = driftHint
	}
	d.context = d.around(tree[d.Header])
	return d
}

func plan(tree Tree) (*Plan, error) {
	d, err := selectorFile(tree)
	if err != nil {
		return nil, err
	}
	blocks, err := marked(d.header, d.src)
	if err != nil {
		return nil, err
	}
	if blocks != nil {
		return alreadyPatched(d, blocks)
	}
	return d.plan()
}

// plan plans the edits of a header without marks.
func (d *document) plan() (*Plan, error) {
	s, err := d.readSelector()
	if err != nil {
		return nil, err
	}
	if err := d.unprotected(s); err != nil {
		return nil, err
	}
	if s == nil {
		return d.planPlain()
	}
	report := Report{
		Header: d.header,
		Status: NotNeeded,
		Before: s.before,
		After:  ThreadLocal,
		Slots:  s.slots,
		Edits:  []ReportEdit{},
	}
	if err := d.readAccessor(s); err != nil {
		return nil, unreadable(d.header, d.src, err)
	}
	if s.before == ThreadLocal {
		if err := d.guarded(s); err != nil {
			return nil, err
		}
		return &Plan{report, d.src}, nil
	}
	report.Status = Patched
	report.Generation = s.generation.id
	report.Edits = []ReportEdit{{"selector", d.line(s.apple.pos)}, {"guard", d.line(s.guard.pos)}}
	out := insert(d.src, d.insertions(s))
	if err := d.verify(out, s); err != nil {
		return nil, err
	}
	return &Plan{report, out}, nil
}

// parseHeader parses a header; its errors are drift.
func parseHeader(header string, src []byte) (*document, error) {
	if len(src) > MaxHeader {
		return nil, drift(header, 0, fmt.Sprintf("a header of at most %d bytes", MaxHeader), fmt.Sprintf("%d bytes", len(src)))
	}
	d, err := parse(src)
	if err != nil {
		return nil, unreadable(header, src, err)
	}
	d.header = header
	return d, nil
}

// unreadable turns a *lexError into drift.
func unreadable(header string, src []byte, err error) error {
	var l *lexError
	if errors.As(err, &l) {
		return drift(header, lineAt(src, min(l.pos, len(src))), "a header that every compiler reads alike", l.msg)
	}
	return err
}

// alreadyPatched verifies marked blocks: without them, the header has to plan
// to exactly what it is.
func alreadyPatched(d *document, blocks []removal) (*Plan, error) {
	original, err := parseHeader(d.header, remove(d.src, blocks))
	if err != nil {
		return nil, err
	}
	p, err := original.plan()
	if err != nil {
		var e *DriftError
		if errors.As(err, &e) {
			e.Found += " (lines counted without the marked blocks)"
		}
		return nil, err
	}
	if !bytes.Equal(p.Content, d.src) {
		e := d.drift(blocks[0].pos, "the marked blocks as this mimalloc-tls writes them", "other text in them, or around them")
		e.Hint = "where another version of mimalloc-tls wrote them: take them out with `mimalloc-tls revert`, then patch again"
		return nil, e
	}
	p.Report.Status = AlreadyPatched
	p.Report.Before = ThreadLocal
	p.Report.Slots = []int{}
	p.Report.Edits = []ReportEdit{}
	return p, nil
}

// guarded checks that a header whose owner chose thread-local has the guard on
// as well.
func (d *document) guarded(s *selector) error {
	e := d.newEvaluation()
	for i, t := range targets {
		if !t.apple {
			continue
		}
		for _, build := range builds {
			e.run(i, build...)
			if err := d.guardedOn(&t, e, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *document) guardedOn(t *target, e *evaluation, s *selector) error {
	for _, m := range s.names.models() {
		if want := known(m.model == ThreadLocal); e.truth(m.macro) != want {
			return d.drift(s.apple.pos, "thread-local alone for "+t.name+", in an override build too", m.macro+" "+e.truth(m.macro).String())
		}
	}
	guarded := false
	for _, r := range e.active {
		guarded = guarded || r.active == yes && *r.item == s.statement
	}
	if e.truth("MI_HAS_TLS_SLOT") != yes {
		return d.drift(s.apple.pos, "MI_HAS_TLS_SLOT on for "+t.name, "it "+e.truth("MI_HAS_TLS_SLOT").String())
	}
	if !guarded {
		return d.drift(s.apple.pos, guardMacro+" where thread-local is chosen for "+t.name, "an accessor that is compiled without its guard, or not for certain with it")
	}
	return nil
}

// unprotected refuses a header that redefines what the patch relies on.
func (d *document) unprotected(s *selector) error {
	if i := bytes.Index(d.src, []byte("_Pragma")); i >= 0 {
		return d.drift(i, "no _Pragma in this header", "one")
	}
	head := d.head()
	var walk func(items []item) error
	walk = func(items []item) error {
		for i := range items {
			it := &items[i]
			if it.group != nil && (s == nil || it.group != s.group) {
				for j := range it.group.branches {
					if err := walk(it.group.branches[j].items); err != nil {
						return err
					}
				}
			}
			if it.dir != nil && includes[it.dir.name] && !d.harmlessInclude(it, head) {
				return d.drift(it.pos, "headers of mimalloc to be included at the top of this one alone, by name", quote(d.text(it)))
			}
			if it.dir != nil && it.dir.name == "pragma" && bytes.Contains(d.src[it.pos:it.end], []byte("_macro")) {
				return d.drift(it.pos, "macros that change by #define and #undef alone", quote(d.text(it)))
			}
			if it.dir == nil || it.dir.symbol < 0 {
				continue
			}
			name := d.names[it.dir.symbol]
			if protectedNames[name] && name != guardMacro || strings.HasPrefix(name, witnessPrefix) || it.dir.name == "undef" && name == "MI_HAS_TLS_SLOT" {
				return d.drift(it.pos, name+" as it is everywhere else in mimalloc", quote(d.text(it)))
			}
		}
		return nil
	}
	return walk(d.items)
}

// selectorFile finds the one file of a tree that defines models, or else the
// one that would.
func selectorFile(tree Tree) (*document, error) {
	var found *document
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		src := tree[name]
		if !sourceExtensions[path.Ext(name)] || !mayDefineModel(src) && !mayRedefine(src) {
			continue
		}
		isHeader := slices.Contains(headers, name)
		d, err := parseHeader(name, src)
		if err != nil {
			return nil, err
		}
		first := d.firstModelMacro()
		switch {
		case first == "":
			if err := d.redefines(); err != nil {
				return nil, err
			}
		case !isHeader:
			return nil, d.drift(definition(d.items, d.symbols[first]), "the macros of the TLS model to be defined in "+strings.Join(headers, " or "), "a definition of "+first+" here")
		case found != nil:
			return nil, d.drift(definition(d.items, d.symbols[first]), "the macros of the TLS model to be defined in one file", "a definition of "+first+" here and others in "+found.header)
		default:
			found = d
		}
	}
	for _, h := range headers {
		if src, ok := tree[h]; ok && found == nil {
			d, err := parseHeader(h, src)
			if err != nil {
				return nil, err
			}
			found = d
		}
	}
	if found == nil {
		return nil, drift(headers[0], 0, "the header that chooses the TLS model", "no such file")
	}
	return found, found.alone(tree)
}

// sourceExtensions are those of files that a header would include. Others
// (prose, an editor's copy of a header) are not looked at.
var sourceExtensions = map[string]bool{".h": true, ".hh": true, ".hpp": true, ".hxx": true, ".inc": true, ".inl": true, ".ipp": true, ".def": true, ".c": true, ".cc": true, ".cpp": true}

// firstModelMacro returns the first macro that the header defines or undefines
// and that belongs to the choice of the model.
func (d *document) firstModelMacro() string {
	for i, name := range d.names {
		if d.defines[i] && (strings.HasPrefix(name, "MI_TLS_") || name == "MI_HAS_TLS_SLOT" || strings.HasPrefix(name, witnessPrefix)) {
			return name
		}
	}
	return ""
}

// definition returns where a macro is first defined or undefined.
func definition(items []item, symbol int) int {
	for i := range items {
		it := &items[i]
		if it.dir != nil && it.dir.symbol == symbol {
			return it.pos
		}
		if it.group == nil {
			continue
		}
		for j := range it.group.branches {
			if pos := definition(it.group.branches[j].items, symbol); pos != whole {
				return pos
			}
		}
	}
	return whole
}

// mayDefineModel is a quick look at whether firstModelMacro could find any: it
// finds the names outside of line comments, and line splices that could hide one.
func mayDefineModel(src []byte) bool {
	for _, name := range []string{"MI_TLS_", "MI_HAS_TLS_SLOT", witnessPrefix} {
		for pos := 0; ; {
			i := bytes.Index(src[pos:], []byte(name))
			if i < 0 {
				break
			}
			pos += i + len(name)
			if !inLineComment(src, pos) {
				return true
			}
			end := bytes.IndexByte(src[pos:], '\n') // of the comment
			if end < 0 {
				break
			}
			pos += end
		}
	}
	return splitsName(src)
}

// splitsName reports whether a name may go on in another line.
func splitsName(src []byte) bool {
	for i := 1; i < len(src); i++ {
		n := bytes.IndexByte(src[i:], '\\')
		if n < 0 {
			return false
		}
		if i += n; isIdent(src[i-1]) && splice(src, i) > 0 {
			return true
		}
	}
	return false
}

// inLineComment reports whether a position is certain to be in a line comment:
// the line has nothing else before it that could hide one.
func inLineComment(src []byte, pos int) bool {
	start := bytes.LastIndexByte(src[:pos], '\n') + 1
	if start >= 2 && bytes.ContainsRune([]byte("\\ \t\r"), rune(src[start-2])) {
		return false // perhaps a continued line
	}
	line := src[start:pos]
	return bytes.Contains(line, []byte("//")) && !bytes.ContainsAny(line, "*\"'\\")
}

// Witness returns a C source. Where the header was patched, as written says, it
// compiles only against the header of this plan: a wrong include path, on which
// upstream's own header comes first, becomes an error of the build.
func (p *Plan) Witness(written bool) string {
	text := ""
	if written && (p.Report.Status == Patched || p.Report.Status == AlreadyPatched) {
		text = "#include \"mimalloc.h\"\n" +
			"#include \"mimalloc/types.h\"\n" +
			"#include \"" + p.Report.Header + "\"\n" +
			"#if !defined(" + witnessTree + ")\n" +
			"#error \"rules_mimalloc: " + p.Report.Header + " is not the patched one; look for another include directory of mimalloc on the command line\"\n" +
			"#endif\n"
	}
	return text + "typedef int rules_mimalloc_witness; // a source may not be empty\n"
}
