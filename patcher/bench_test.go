package patcher

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkPlanReduced plans a header of 61 lines that holds nothing but what
// the patcher reads.
func BenchmarkPlanReduced(b *testing.B) {
	benchmarkPlan(b, readGolden(b, "gen_c").tree)
}

// BenchmarkPlanAlreadyPatched plans the same header again after the patch.
func BenchmarkPlanAlreadyPatched(b *testing.B) {
	benchmarkPlan(b, readGolden(b, "patched_c").tree)
}

// BenchmarkPlanTree plans a real tree: the include directory that the
// environment variable MIMALLOC_INCLUDE names. Without it there is nothing to
// measure, and it is skipped:
//
//	MIMALLOC_INCLUDE=$HOME/mimalloc-3.3.2/include go test -bench PlanTree ./patcher
func BenchmarkPlanTree(b *testing.B) {
	dir := os.Getenv("MIMALLOC_INCLUDE")
	if dir == "" {
		b.Skip("MIMALLOC_INCLUDE names no include directory of mimalloc")
	}
	tree := Tree{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		tree[filepath.ToSlash(rel)], err = os.ReadFile(name)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	benchmarkPlan(b, tree)
}

// benchmarkPlan counts the bytes of the header that the plan is about.
func benchmarkPlan(b *testing.B, tree Tree) {
	plan, err := NewPlan(tree)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(tree[plan.Report.Header])))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewPlan(tree); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRevert(b *testing.B) {
	src := readGolden(b, "patched_c").tree[primH]
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, marked, err := Revert(primH, src); err != nil || !marked {
			b.Fatalf("marked %t, error %v", marked, err)
		}
	}
}
