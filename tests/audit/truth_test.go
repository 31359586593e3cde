//go:build bazel

package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/compare"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/truth"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// full are the trees that are built in each way that there is; one of each
// shape that mimalloc had.
var full = []string{"2.3.2", "3.3.2", "3.6.0"}

// Everything that is built is told right, or unknown where the table of
// artefacts says why; nothing is told wrong.
func TestTruth(t *testing.T) {
	dir, err := filepath.EvalSymlinks(env(t, "TREES"))
	if err != nil {
		t.Fatal(err)
	}
	trees, err := truth.ReadTrees(env(t, "TABLE"), dir)
	if err != nil {
		t.Fatal(err)
	}
	builds := truth.Product(trees, false)
	if os.Getenv("TRUTH_ALL") == "" {
		builds = truth.Cover(builds, full)
	}
	b := &truth.Builder{Compiler: oracle.Compiler{Zig: env(t, "ZIG_CC")}, Trees: trees, Dir: t.TempDir()}
	made, err := b.All(builds, func(done, of int, what string, err error) {
		if err != nil {
			t.Error(err)
		}
		if done%100 == 0 {
			t.Logf("%d of %d built", done, of)
		}
	})
	if err != nil {
		t.Fatal("not everything could be built")
	}
	for _, program := range strings.Fields(os.Getenv("GO_PROGRAMS")) {
		arch := "x86_64"
		if strings.Contains(program, "arm64") {
			arch = "arm64"
		}
		made = append(made, truth.Artefact{Path: program, Arch: arch, Kind: "negative, of Go"})
	}
	var (
		scanner machotls.Scanner
		table   compare.Table
		unknown int
	)
	for _, a := range made {
		found, err := a.Audit(&scanner)
		if err != nil {
			t.Error(err)
			continue
		}
		outcome, text := compare.Findings(a.Known(), found)
		table.Add(a.Known(), found, outcome)
		switch {
		case outcome == compare.Right:
		case outcome == compare.Unknown && a.Unknown != "":
			if a.Optimised() {
				unknown++
			}
		default:
			t.Errorf("%s: %s, %s: found %s, known %v", outcome, strings.TrimPrefix(a.Path, b.Dir), a.Arch, text, a.Want)
			for _, f := range found {
				t.Log(strings.Join(f.Evidence, "\n"))
			}
		}
	}
	var text strings.Builder
	if _, err := table.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files of %d builds\n%s", len(made), len(builds), text.String())
	if unknown*20 > len(made) {
		t.Errorf("%d of %d of optimised machine code are unknown, more than 5 %%", unknown, len(made))
	}
}
