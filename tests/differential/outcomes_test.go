//go:build bazel

package differential_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

var update = flag.Bool("update", false, "write docs/releases.md")

// outcomes are what the compiler found, for docs/releases.md.
type outcomes struct {
	mutex sync.Mutex
	cells map[[2]string]string // by tree and system
}

// systems are the columns: the targets of the oracle by their system.
var systems = []string{"macos", "ios", "tvos", "watchos", "visionos", "linux", "windows", "freebsd", "openbsd", "netbsd"}

// short are the models as the table spells them.
var short = strings.NewReplacer("thread-local", "local", "fixed-slot", "slot", "pthread-key", "key")

// note takes down the models of a plain build in C.
func (o *outcomes) note(r *tree, x oracle.Target, b build, before, after map[string]string) {
	if b.String() != plainBuild.String() {
		return
	}
	system := strings.Split(x.Triple, "-")[1]
	model := func(macros map[string]string) string {
		if r.plain() { // checkPlain looked at the variable and its accessor
			return "local"
		}
		return short.Replace(oracle.Model(macros))
	}
	cell := model(before)
	if m := model(after); m != cell {
		cell += " → " + m
	}
	key := [2]string{r.name, system}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	switch old := o.cells[key]; old {
	case "", cell:
		o.cells[key] = cell
	default: // targets of one system differ
		o.cells[key] = old + "; " + cell + " (" + x.Triple + ")"
	}
}

const intro = `# What the patch does, release by release

Made by a test that patches every tree that can be had as a crate and has a compiler preprocess it before and after; it fails
where this page is not what it found. The rows are trees: releases, and forks and later states of one
([crates.tsv](../tests/crates/crates.tsv) says which). The columns are systems, each with all the processors and simulators of
[the oracle](../tests/oracle/compiler.go); a cell is the model of an embedded build, before → after the patch where that
changes it.

local: a thread-local variable. slot: a fixed slot of the thread control block. key: a pthread key. win32: a slot that Windows
gives. –: not a byte of the header changes.

All releases that rules_mimalloc knows by name, with their generation and what upstream chooses, are in
[releases.json](../mimalloc/releases.json); those without ` + "`patch`" + ` were not seen, and are checked in every build. 3.6.0 is
not among them, since the digest of its archive was not known: name it with ` + "`mimalloc.archive`" + `.

`

// table is docs/releases.md.
func (o *outcomes) table(all []*tree) string {
	var b strings.Builder
	b.WriteString(intro)
	fmt.Fprintf(&b, "| tree | generation | outcome | %s |\n|---|---|---|%s\n", strings.Join(systems, " | "), strings.Repeat("---|", len(systems)))
	for _, r := range all {
		generation := r.generation
		if generation == "" {
			generation = "by hand"
		}
		cells := []string{r.name, generation, string(r.report.Status)}
		for _, s := range systems {
			cell := o.cells[[2]string{r.name, s}]
			if cell == "" && r.report.Status == patcher.NotNeeded {
				cell = "–"
			}
			cells = append(cells, cell)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// check compares the page with what was found.
func (o *outcomes) check(t *testing.T, all []*tree) {
	t.Helper()
	got := o.table(all)
	if strings.Contains(got, "|  |") {
		t.Errorf("a cell that no compiler filled:\n%s", got)
	}
	if *update {
		page := filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "docs", "releases.md")
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(env(t, "PAGE"))
	if err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff("docs/releases.md", want, "what the compiler found", []byte(got)); d != nil {
		t.Errorf("%s\nif that is as it should be: ./bazelw run //tests/differential:models_test -- -test.run=TestModels -update", d)
	}
	for _, x := range oracle.Targets {
		if !slices.Contains(systems, strings.Split(x.Triple, "-")[1]) {
			t.Errorf("no column for %s", x.Triple)
		}
	}
}
