//go:build bazel

// Package differential_test compares what a compiler makes of mimalloc's
// headers before and after the patch, for every release and fork whose sources
// can be had as a crate (//tests/crates). It needs the files that its BUILD
// rule brings along.
package differential_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// A tree is one row of crates.tsv.
type tree struct {
	name       string
	dir        string // holds include and src
	patched    string // the include directory after the patch
	report     patcher.Report
	generation string // what the patcher must say
	status     patcher.Status
}

func (t *tree) pristine() string { return filepath.Join(t.dir, "include") }
func (t *tree) source() string   { return filepath.Join(t.dir, "src", "static.c") }

// plain reports whether the tree has no model macros.
func (t *tree) plain() bool { return t.generation == "A" }

// env returns a path that the BUILD rule sets, without symbolic links.
func env(t *testing.T, name string) string {
	t.Helper()
	p, err := filepath.Abs(os.Getenv(name))
	if err == nil && os.Getenv(name) == "" {
		t.Fatalf("%s is not set", name)
	}
	if err == nil && name == "TREES" {
		p, err = filepath.EvalSymlinks(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compiler(t *testing.T) oracle.Compiler { return oracle.Compiler{Zig: env(t, "ZIG_CC")} }

// trees reads the table, and patches what it lists into a directory of the
// test. That the patcher says what the table says is checked here.
func trees(t *testing.T) []*tree {
	t.Helper()
	table, err := os.ReadFile(env(t, "TABLE"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*tree
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(strings.TrimSpace(line), "\t")
		if len(columns) != 7 {
			t.Fatalf("%q: %d columns, want 7", line, len(columns))
		}
		r := &tree{
			name:       columns[0],
			dir:        filepath.Join(env(t, "TREES"), columns[0]),
			generation: strings.Trim(columns[5], "-"),
			status:     patcher.Status(columns[6]),
		}
		r.patch(t)
		all = append(all, r)
	}
	if len(all) == 0 {
		t.Fatal("the table has no rows")
	}
	return all
}

// patch fills in report and patched.
func (r *tree) patch(t *testing.T) {
	t.Helper()
	headers := read(t, r.pristine())
	before := maps.Clone(headers)
	plan, err := patcher.NewPlan(headers)
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	r.report = plan.Report
	if r.report.Status != r.status || r.report.Generation != r.generation || r.report.After != patcher.ThreadLocal {
		t.Errorf("%s: the patcher says %s, generation %q, %s; want %s, %q, %s", r.name,
			r.report.Status, r.report.Generation, r.report.After, r.status, r.generation, patcher.ThreadLocal)
	}
	if !strings.HasPrefix(r.name+"_", r.report.Version+"_") {
		t.Errorf("%s: the patcher says it is %q", r.name, r.report.Version)
	}
	for name, text := range before {
		if !bytes.Equal(headers[name], text) {
			t.Errorf("%s: planning changed %s in the caller's tree", r.name, name)
		}
	}
	if plan.Report.Status == patcher.NotNeeded {
		if !bytes.Equal(plan.Content, headers[plan.Report.Header]) {
			t.Errorf("%s: %s is to change though it needs no patch", r.name, plan.Report.Header)
		}
		r.patched = r.pristine()
		return
	}
	headers[plan.Report.Header] = plan.Content
	again, err := patcher.NewPlan(headers)
	switch {
	case err != nil:
		t.Errorf("%s: the second run: %v", r.name, err)
	case again.Report.Status != patcher.AlreadyPatched || !bytes.Equal(again.Content, plan.Content):
		t.Errorf("%s: the second run says %s, and its bytes are the same: %v", r.name, again.Report.Status, bytes.Equal(again.Content, plan.Content))
	}
	r.patched = write(t, headers)
}

// read reads an include directory.
func read(t *testing.T, dir string) patcher.Tree {
	t.Helper()
	headers, err := includedir.ReadTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	return headers
}

// write writes an include directory, and returns its path.
func write(t *testing.T, headers patcher.Tree) string {
	t.Helper()
	dir := t.TempDir()
	if err := oracle.WriteHeaders(dir, headers); err != nil {
		t.Fatal(err)
	}
	return dir
}

// target finds targets of the oracle.
func target(t *testing.T, triples ...string) []oracle.Target {
	t.Helper()
	var found []oracle.Target
	for _, x := range oracle.Targets {
		if slices.Contains(triples, x.Triple) {
			found = append(found, x)
		}
	}
	if len(found) != len(triples) {
		t.Fatalf("not all of %v are targets of the oracle", triples)
	}
	return found
}

// A crowd runs functions, two at a time.
type crowd struct {
	limit chan struct{}
	wait  sync.WaitGroup
}

func newCrowd() *crowd { return &crowd{limit: make(chan struct{}, 2)} }

func (c *crowd) run(f func()) {
	c.wait.Add(1)
	c.limit <- struct{}{}
	go func() {
		defer func() { <-c.limit; c.wait.Done() }()
		f()
	}()
}
