package patcher

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyGolden runs a law on every case of testdata.
func everyGolden(t *testing.T, law func(t *testing.T, tree Tree)) {
	for _, name := range goldenNames(t) {
		t.Run(name, func(t *testing.T) { law(t, readGolden(t, name).tree) })
	}
}

// plans calls law for the trees that have a plan.
func plans(law func(t testing.TB, tree Tree, plan *Plan)) func(*testing.T, Tree) {
	return func(t *testing.T, tree Tree) {
		if plan, err := NewPlan(tree); err == nil {
			law(t, tree, plan)
		}
	}
}

func TestPatchingAgainChangesNothing(t *testing.T) { everyGolden(t, plans(checkIdempotent)) }

func TestRevertRestoresEveryByte(t *testing.T) { everyGolden(t, plans(checkRevert)) }

func TestOnlyMarkedLinesAreInserted(t *testing.T) { everyGolden(t, plans(checkInsertions)) }

func TestReportIsOfTheInput(t *testing.T) { everyGolden(t, plans(checkReport)) }

func TestDriftNamesItsPlace(t *testing.T) {
	everyGolden(t, func(t *testing.T, tree Tree) {
		if _, err := NewPlan(tree); err != nil {
			checkDrift(t, tree, err)
		}
	})
}

func TestPlansAreDeterministicAndLeaveTheirInputAlone(t *testing.T) {
	everyGolden(t, func(t *testing.T, tree Tree) {
		before := Tree{}
		for name, src := range tree {
			before[name] = bytes.Clone(src)
		}
		want := outcome(t, tree)
		for range 5 {
			if diff := cmp.Diff(want, outcome(t, maps.Clone(tree))); diff != "" {
				t.Errorf("another plan for the same tree:\n%s", diff)
			}
		}
		for name, src := range before {
			if !bytes.Equal(tree[name], src) {
				t.Errorf("the plan changed its input %s", name)
			}
		}
	})
}

// TestFormIsNoMatter shows that a plan does not depend on what compilers do
// not see either.
func TestFormIsNoMatter(t *testing.T) {
	directive := regexp.MustCompile(`(?m)^([ \t]*)#([a-z])`)
	forms := []struct {
		name   string
		lines  int // inserted above
		change func(src []byte) []byte
	}{
		{"crlf", 0, crlf},
		{"final newline", 0, func(src []byte) []byte { return append(bytes.TrimRight(src, "\n"), '\n') }},
		{"no final newline", 0, func(src []byte) []byte { return bytes.TrimRight(src, "\n") }},
		{"byte order mark", 0, func(src []byte) []byte { return append([]byte("\xef\xbb\xbf"), src...) }},
		{"comment above", 3, func(src []byte) []byte { return append([]byte("/* #if 0\n */\n// '\"\n"), src...) }},
		{"blank before the name", 0, func(src []byte) []byte { return directive.ReplaceAll(src, []byte("$1# \t$2")) }},
		{"tab before the hash", 0, func(src []byte) []byte { return directive.ReplaceAll(src, []byte("\t$1#$2")) }},
	}
	everyGolden(t, func(t *testing.T, tree Tree) {
		want, wantErr := NewPlan(tree)
		name := primH
		if wantErr == nil {
			name = want.Report.Header
		}
		if src := tree[name]; len(src) == 0 || bytes.ContainsRune(src, '\r') || bytes.HasPrefix(src, utf8BOM) || bytes.Contains(src, []byte("rules_mimalloc:")) {
			return // a case about form itself
		}
		for _, f := range forms {
			changed := maps.Clone(tree)
			changed[name] = f.change(tree[name])
			got, err := NewPlan(changed)
			if err != nil || wantErr != nil {
				checkSameDrift(t, f.name, wantErr, err, f.lines)
				continue
			}
			if got.Report.Status == Patched {
				checkIdempotent(t, changed, got)
				checkRevert(t, changed, got)
				checkInsertions(t, changed, got)
			}
			for i := range got.Report.Edits {
				got.Report.Edits[i].Line -= f.lines
			}
			if diff := cmp.Diff(want.Report, got.Report); diff != "" {
				t.Errorf("%s: another report:\n%s", f.name, diff)
			}
		}
	})
}

func checkSameDrift(t *testing.T, form string, want, got error, lines int) {
	t.Helper()
	var w, g *DriftError
	if !errors.As(want, &w) || !errors.As(got, &g) {
		t.Errorf("%s: got %v, want %v", form, got, want)
		return
	}
	line := w.Line
	if line > 0 && w.Header == primH {
		line += lines
	}
	if g.Expected != w.Expected || g.Line != line {
		t.Errorf("%s: got %v in line %d, want %v in line %d", form, got, g.Line, want, line)
	}
}

func checkIdempotent(t testing.TB, tree Tree, plan *Plan) {
	t.Helper()
	tree = maps.Clone(tree)
	tree[plan.Report.Header] = plan.Content
	again, err := NewPlan(tree)
	if err != nil {
		t.Fatalf("the patched header: %v", err)
	}
	want := AlreadyPatched
	if plan.Report.Status == NotNeeded {
		want = NotNeeded
	}
	if again.Report.Status != want || !bytes.Equal(again.Content, plan.Content) {
		t.Errorf("patching again: status %s, want %s; change:\n%s", again.Report.Status, want, cmp.Diff(plan.Content, again.Content))
	}
}

func checkRevert(t testing.TB, tree Tree, plan *Plan) {
	t.Helper()
	original, marked, err := Revert(plan.Report.Header, plan.Content)
	if err != nil {
		t.Fatalf("Revert: %v", err)
	}
	if want := plan.Report.Status != NotNeeded; marked != want {
		t.Errorf("Revert found a patch: %t, want %t", marked, want)
	}
	if plan.Report.Status != AlreadyPatched && !bytes.Equal(original, tree[plan.Report.Header]) {
		t.Errorf("Revert:\n%s", cmp.Diff(tree[plan.Report.Header], original))
	}
	again, marked, err := Revert(plan.Report.Header, original)
	if err != nil || marked || !bytes.Equal(again, original) {
		t.Errorf("Revert of what is no longer patched: marked %t, error %v", marked, err)
	}
}

// checkInsertions shows line by line that the output is the input and whole
// lines between markers.
func checkInsertions(t testing.TB, tree Tree, plan *Plan) {
	t.Helper()
	if plan.Report.Status != Patched {
		if !bytes.Equal(plan.Content, tree[plan.Report.Header]) {
			t.Errorf("status %s, and another content", plan.Report.Status)
		}
		return
	}
	chomp := func(line string) string { return strings.TrimRight(line, "\r\n") }
	src, out := tree[plan.Report.Header], plan.Content
	if bytes.HasPrefix(src, utf8BOM) { // stays the file's first bytes
		src, out = bytes.TrimPrefix(src, utf8BOM), bytes.TrimPrefix(out, utf8BOM)
	}
	input := strings.SplitAfter(string(src), "\n")
	inside, inserted := false, 0
	for _, line := range strings.SplitAfter(string(out), "\n") {
		switch {
		case strings.HasPrefix(line, "/* rules_mimalloc:begin "):
			inside = true
			inserted++
		case inside:
			inside = chomp(line) != "/* rules_mimalloc:end */"
		case len(input) == 0:
			t.Fatalf("a line behind the input's last: %q", line)
		case line != input[0] && (len(input) > 1 || chomp(line) != input[0]): // a borrowed newline
			t.Fatalf("the line %q stands where the input has %q", line, input[0])
		default:
			input = input[1:]
		}
	}
	if left := strings.Join(input, ""); left != "" || inside || inserted == 0 {
		t.Errorf("%d marked blocks, the last one open: %t; of the input are missing %q", inserted, inside, left)
	}
}

func checkReport(t testing.TB, tree Tree, plan *Plan) {
	t.Helper()
	r := plan.Report
	if r.Schema != 1 || r.Version != Version(tree["mimalloc.h"]) || r.After != ThreadLocal || r.Slots == nil || r.Edits == nil || r.Error != nil {
		t.Errorf("report: %+v", r)
	}
	switch r.Status {
	case Patched:
		lines := strings.SplitAfter(string(tree[r.Header]), "\n")
		for i, kind := range []string{"selector", "guard"} {
			mark := map[string]string{"selector": "__APPLE__", "guard": "MI_TLS_RECURSE_GUARD"}[kind]
			e := r.Edits[i]
			if e.Kind != kind || e.Line < 1 || e.Line > len(lines) || !strings.Contains(strings.Join(lines[e.Line-1:min(e.Line+4, len(lines))], ""), mark) {
				t.Errorf("edit %d: %+v, want a %s at %s", i, e, kind, mark)
			}
		}
		want := fmt.Sprintf(" -> thread-local, %s:%d", r.Header, r.Edits[0].Line)
		if s := r.Summary(); !strings.HasPrefix(s, r.Name()+": Apple TLS model ") || !strings.HasSuffix(s, want) || strings.Contains(s, "\n") {
			t.Errorf("summary: %q", s)
		}
	case AlreadyPatched, NotNeeded:
		if r.Before != ThreadLocal || len(r.Edits) != 0 || r.Summary() != "" {
			t.Errorf("report: %+v, summary %q", r, r.Summary())
		}
	default:
		t.Errorf("status %s of a plan", r.Status)
	}
}

func checkDrift(t testing.TB, tree Tree, err error) {
	t.Helper()
	var d *DriftError
	if !errors.As(err, &d) {
		t.Fatalf("%v is no *DriftError", err)
	}
	lines := bytes.Count(tree[d.Header], []byte("\n")) + 1
	if d.Header == "" || d.Line < 0 || d.Line > lines || d.Expected == "" || d.Found == "" || d.Hint == "" || d.Known == "" {
		t.Errorf("drift lacks something, or is in line %d of %d: %+v", d.Line, lines, d)
	}
	if d.Version != Version(tree["mimalloc.h"]) {
		t.Errorf("drift of version %q", d.Version)
	}
	if text := err.Error(); strings.ContainsAny(text, "\r\n\x00") || len(text) > 2000 {
		t.Errorf("no single line: %q", text)
	}
	r := DriftReport(d)
	if r.Schema != 1 || r.Header != d.Header || r.Status != Drifted || r.Slots == nil || r.Edits == nil || r.Summary() != "" ||
		*r.Error != (ReportedDrift{d.Line, d.Expected, d.Found, err.Error(), d.Hint}) {
		t.Errorf("report: %+v", r)
	}
}
