package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// A sandbox is a directory with the headers of a reduced mimalloc 3.3.2 in in/
// and a place for outputs in out/.
type sandbox struct {
	t    *testing.T
	dir  string
	rels []string
}

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	s := &sandbox{t: t, dir: t.TempDir()}
	archive, err := txtar.ParseFile(filepath.Join("..", "..", "testdata", "gen_c.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if !strings.HasPrefix(f.Name, "want/") {
			s.rels = append(s.rels, f.Name)
			s.write("in/"+f.Name, f.Data)
		}
	}
	s.rels = append(s.rels, "mimalloc/types.h")
	s.write("in/mimalloc/types.h", []byte("#pragma once\r\n"))
	if err := os.MkdirAll(s.path("out/mimalloc"), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sandbox) path(rel string) string { return filepath.Join(s.dir, filepath.FromSlash(rel)) }

func (s *sandbox) write(rel string, content []byte) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(rel)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(rel), content, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sandbox) read(rel string) string {
	s.t.Helper()
	content, err := os.ReadFile(s.path(rel))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(content)
}

// edit replaces text of an input.
func (s *sandbox) edit(rel, old, new string) {
	s.t.Helper()
	text := s.read("in/" + rel)
	if strings.Count(text, old) != 1 {
		s.t.Fatalf("%q is not once in %s", old, rel)
	}
	s.write("in/"+rel, []byte(strings.Replace(text, old, new, 1)))
}

// groups are the arguments for all headers: rel in out, with -check rel in.
func (s *sandbox) groups(check bool) []string {
	var args []string
	for _, rel := range s.rels {
		args = append(args, rel, s.path("in/"+rel))
		if !check {
			args = append(args, s.path("out/"+rel))
		}
	}
	return args
}

func (s *sandbox) run(args ...string) (code int, stderr string) {
	var b bytes.Buffer
	code = run(args, &b)
	return code, b.String()
}

// outputs lists the files in the sandbox that are no inputs.
func (s *sandbox) outputs() string {
	var names []string
	err := filepath.WalkDir(s.dir, func(name string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(s.dir, name)
		if rel = filepath.ToSlash(rel); err == nil && !d.IsDir() && !strings.HasPrefix(rel, "in/") {
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(names, " ")
}

const (
	line   = "mimalloc 3.3.2: Apple TLS model fixed-slot (108/109) -> thread-local, mimalloc/prim.h:22\n"
	report = `{"schema":1,"header":"mimalloc/prim.h","version":"3.3.2","generation":"C","status":"patched","apple_model_before":"fixed-slot","apple_model_after":"thread-local","slots":[108,109],"edits":[{"kind":"selector","line":22},{"kind":"guard","line":46}]}` + "\n"
	empty  = "typedef int rules_mimalloc_witness; // a source may not be empty\n"
)

func TestPatch(t *testing.T) {
	s := newSandbox(t)
	args := append([]string{"-report=" + s.path("report.json"), "-witness=" + s.path("witness.c")}, s.groups(false)...)
	code, stderr := s.run(args...)
	if code != 0 || stderr != line {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if diff := cmp.Diff(report, s.read("report.json")); diff != "" {
		t.Error(diff)
	}
	if got := s.outputs(); got != "out/mimalloc/prim.h out/mimalloc/types.h out/mimalloc.h report.json witness.c" {
		t.Errorf("outputs: %s", got)
	}
	for _, rel := range []string{"mimalloc.h", "mimalloc/types.h"} {
		if s.read("out/"+rel) != s.read("in/"+rel) {
			t.Errorf("%s is no copy", rel)
		}
	}
	original, marked, err := patcher.Revert("mimalloc/prim.h", []byte(s.read("out/mimalloc/prim.h")))
	if err != nil || !marked || string(original) != s.read("in/mimalloc/prim.h") {
		t.Errorf("the patched header is not the input with a patch: marked %t, error %v", marked, err)
	}
	if w := s.read("witness.c"); !strings.HasPrefix(w, "#include \"mimalloc.h\"\n") || !strings.Contains(w, "!defined(RULES_MIMALLOC_TLS)\n#error ") || !strings.HasSuffix(w, empty) {
		t.Errorf("witness:\n%s", w)
	}

	// The same inputs give the same bytes, elsewhere too.
	other := newSandbox(t)
	args = append([]string{"-report=" + other.path("report.json"), "-witness=" + other.path("witness.c")}, other.groups(false)...)
	if code, stderr := other.run(args...); code != 0 || stderr != line {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	for _, rel := range strings.Fields(s.outputs()) {
		if s.read(rel) != other.read(rel) {
			t.Errorf("%s differs between two directories", rel)
		}
	}
}

func TestPatchedTreesAreCopied(t *testing.T) {
	s := newSandbox(t)
	if code, stderr := s.run(append([]string{"-report=" + s.path("report.json")}, s.groups(false)...)...); code != 0 {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	s.write("in/mimalloc/prim.h", []byte(s.read("out/mimalloc/prim.h")))
	code, stderr := s.run(append([]string{"-report=" + s.path("report.json"), "-witness=" + s.path("witness.c")}, s.groups(false)...)...)
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if s.read("out/mimalloc/prim.h") != s.read("in/mimalloc/prim.h") {
		t.Error("a patched header changed")
	}
	if got := s.status("report.json"); got != patcher.AlreadyPatched {
		t.Errorf("status %s", got)
	}
	if w := s.read("witness.c"); !strings.Contains(w, "RULES_MIMALLOC_TLS") {
		t.Errorf("witness:\n%s", w)
	}
}

func TestTreesThatNeedNoPatchAreCopied(t *testing.T) {
	s := newSandbox(t)
	s.edit("mimalloc/prim.h", "FIXED_SLOT          1", "THREAD_LOCAL        1")
	s.edit("mimalloc/prim.h", "MI_TLS_MODEL_FIXED_SLOT_DEFAULT  108", "MI_TLS_RECURSE_GUARD 1")
	code, stderr := s.run(append([]string{"-report=" + s.path("report.json"), "-witness=" + s.path("witness.c")}, s.groups(false)...)...)
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if s.read("out/mimalloc/prim.h") != s.read("in/mimalloc/prim.h") || s.read("witness.c") != empty || s.status("report.json") != patcher.NotNeeded {
		t.Errorf("witness %q, status %s", s.read("witness.c"), s.status("report.json"))
	}
}

func (s *sandbox) status(rel string) patcher.Status {
	s.t.Helper()
	var r patcher.Report
	if err := json.Unmarshal([]byte(s.read(rel)), &r); err != nil {
		s.t.Fatal(err)
	}
	return r.Status
}

func TestCheckWritesReportAndWitnessOnly(t *testing.T) {
	s := newSandbox(t)
	args := append([]string{"-check", "-report=" + s.path("report.json"), "-witness=" + s.path("witness.c")}, s.groups(true)...)
	code, stderr := s.run(args...)
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if got := s.outputs(); got != "report.json witness.c" {
		t.Errorf("outputs: %s", got)
	}
	if diff := cmp.Diff(strings.Replace(report, `"patched"`, `"needs-patch"`, 1), s.read("report.json")); diff != "" {
		t.Error(diff)
	}
	if w := s.read("witness.c"); w != empty {
		t.Errorf("a witness that does not compile against the tree that was checked:\n%s", w)
	}
}

func TestDriftFailsAndWritesNothing(t *testing.T) {
	for _, check := range []bool{false, true} {
		s := newSandbox(t)
		s.edit("mimalloc/prim.h", "!defined(__POWERPC__)", "!defined(__arm__)")
		args := []string{"-report=" + s.path("report.json"), "-witness=" + s.path("witness.c")}
		if check {
			args = append(args, "-check")
		}
		code, stderr := s.run(append(args, s.groups(check)...)...)
		if code != exitDrift || strings.Count(stderr, "\n") > 12 ||
			!strings.HasPrefix(stderr, "mimalloc-tls: mimalloc/prim.h:22: expected the Apple branch of the TLS selector ") ||
			!strings.Contains(stderr, "see docs/drift.md of rules_mimalloc\n") || !strings.Contains(stderr, "\n>   22 | #elif defined(__APPLE__)") {
			t.Errorf("check %t: exit code %d, stderr %q", check, code, stderr)
		}
		if got := s.outputs(); got != "" {
			t.Errorf("check %t: outputs: %s", check, got)
		}
	}
}

func TestRefuse(t *testing.T) {
	s := newSandbox(t)
	code, stderr := s.run("-refuse=3.5.2 is not for Apple: take 3.5.3", "-report="+s.path("report.json"))
	if code != exitDrift || stderr != "rules_mimalloc: 3.5.2 is not for Apple: take 3.5.3\n" || s.outputs() != "" {
		t.Errorf("exit code %d, stderr %q, outputs %q", code, stderr, s.outputs())
	}
}

func TestWrongArguments(t *testing.T) {
	s := newSandbox(t)
	report := "-report=" + s.path("report.json")
	in, out := s.path("in/mimalloc.h"), s.path("out/mimalloc.h")
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "want -report and groups of 3 arguments, got []"},
		{"no files", []string{report}, "want -report and groups of 3 arguments"},
		{"no report", []string{"mimalloc.h", in, out}, "want -report and groups of 3 arguments"},
		{"half a group", []string{report, "mimalloc.h", in}, "want -report and groups of 3 arguments"},
		{"too much of a group", []string{report, "mimalloc.h", in, out, "x"}, "want -report and groups of 3 arguments"},
		{"half a group with -check", []string{"-check", report, "mimalloc.h"}, "want -report and groups of 2 arguments"},
		{"a group of three with -check", []string{"-check", report, "mimalloc.h", in, out}, "want -report and groups of 2 arguments"},
		{"an unknown flag", []string{"-reprot=x"}, "flag provided but not defined: -reprot"},
		{"a flag without its value", []string{"-report"}, "flag needs an argument: -report"},
	}
	for _, tt := range tests {
		code, stderr := s.run(tt.args...)
		if code != exitUsage || !strings.Contains(stderr, tt.want) || s.outputs() != "" {
			t.Errorf("%s: exit code %d, stderr %q, outputs %q", tt.name, code, stderr, s.outputs())
		}
	}
}

func TestUnreadableAndUnwritableFiles(t *testing.T) {
	s := newSandbox(t)
	if err := os.Truncate(s.path("in/mimalloc/types.h"), patcher.MaxHeader+1); err != nil {
		t.Fatal(err)
	}
	s.write("file", nil)
	report := "-report=" + s.path("report.json")
	whole := []string{"mimalloc.h", s.path("in/mimalloc.h"), s.path("out/mimalloc.h"), "mimalloc/prim.h", s.path("in/mimalloc/prim.h")}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a missing input", []string{report, "mimalloc.h", s.path("in/nowhere.h"), s.path("out/mimalloc.h")}, "nowhere.h"},
		{"a directory as input", []string{report, "mimalloc.h", s.path("in"), s.path("out/mimalloc.h")}, "in"},
		{"an input too large for a header", append([]string{report}, s.groups(false)...), "types.h: more than 4194304 bytes, which no header has"},
		{"an output in no directory", append(append([]string{report}, whole...), s.path("nowhere/prim.h")), "prim.h"},
		{"an output that is a directory", append(append([]string{report}, whole...), s.path("out/mimalloc")), "mimalloc"},
		{"a report below a file", append(append([]string{"-report=" + s.path("file/report.json")}, whole...), s.path("out/mimalloc/prim.h")), "report.json"},
		{"a witness that is a directory", append(append([]string{report, "-witness=" + s.path("out")}, whole...), s.path("out/mimalloc/prim.h")), "out"},
	}
	for _, tt := range tests {
		code, stderr := s.run(tt.args...)
		if code != exitIO || !strings.HasPrefix(stderr, "patch_headers: ") || !strings.Contains(stderr, tt.want) || strings.Contains(stderr, "Apple TLS model") {
			t.Errorf("%s: exit code %d, stderr %q", tt.name, code, stderr)
		}
	}
}
