//go:build bazel

package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/compare"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/corpus"
)

// What people published is told right; nothing is unknown.
func TestCorpus(t *testing.T) {
	f, err := os.Open(env(t, "TABLE"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	packages, err := corpus.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.EvalSymlinks(env(t, "CORPUS"))
	if err != nil {
		t.Fatal(err)
	}
	var (
		scanner machotls.Scanner
		table   compare.Table
	)
	for _, p := range packages {
		if !p.CI() {
			continue
		}
		_, err := p.Audit(&scanner, filepath.Join(files, p.Archive), func(e *corpus.Entry, found []machotls.Finding) {
			outcome, text := compare.Findings(e.Known(), found)
			table.Add(e.Known(), found, outcome)
			if outcome != compare.Right {
				t.Errorf("%s: %s, %s, %s: found %s, known %s %v %s", outcome, p, e.File, e.Arch, text, e.Model, e.Slots, e.Version)
				for _, f := range found {
					t.Log(strings.Join(f.Evidence, "\n"))
				}
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
	var text strings.Builder
	if _, err := table.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", text.String())
	if table.Count(compare.Right) < 25 {
		t.Errorf("%d findings, want at least 25", table.Count(compare.Right))
	}
}
