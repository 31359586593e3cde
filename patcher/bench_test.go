package patcher

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
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

// BenchmarkPlanGrowth plans headers of 2, 4, 8 … times the size: the
// throughput stays what it is where the time grows with the size alone.
func BenchmarkPlanGrowth(b *testing.B) {
	more := `
// Comments are a good third of upstream's header: this is one of its lines.
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define MI_FILLER_%d  (%d + 1)
static inline size_t mi_filler_%d(const void* p, size_t n) {
  return (p == NULL ? 0 : ((size_t)p %% n) * 'a');  /* and some text */
}
#elif !defined(_WIN32)
#undef MI_FILLER_%d
#endif
`
	for factor := 1; factor <= 64; factor *= 2 {
		tree := maps.Clone(readGolden(b, "gen_c").tree)
		src := tree[primH]
		head, tail, _ := bytes.Cut(src, []byte("#if defined(_WIN32) || defined(__GNUC__)"))
		text := bytes.NewBuffer(bytes.Clone(head))
		for n := 0; text.Len() < factor*24<<10-len(src); n++ { // upstream's has 24 KiB
			fmt.Fprintf(text, more, n, n, n, n)
		}
		text.WriteString("#if defined(_WIN32) || defined(__GNUC__)")
		text.Write(tail)
		tree[primH] = text.Bytes()
		b.Run(fmt.Sprintf("%dKiB", text.Len()>>10), func(b *testing.B) { benchmarkPlan(b, tree) })
	}
}

// BenchmarkPlanTree plans real trees: the include directories that the
// environment variable MIMALLOC_INCLUDE names, as PATH names directories.
// Without it there is nothing to measure, and it is skipped:
//
//	MIMALLOC_INCLUDE=$HOME/mimalloc-3.3.2/include go test -bench PlanTree ./patcher
func BenchmarkPlanTree(b *testing.B) {
	dirs := filepath.SplitList(os.Getenv("MIMALLOC_INCLUDE"))
	if len(dirs) == 0 {
		b.Skip("MIMALLOC_INCLUDE names no include directory of mimalloc")
	}
	for _, dir := range dirs {
		tree := Tree{}
		root, err := filepath.EvalSymlinks(dir)
		if err != nil {
			b.Fatal(err)
		}
		err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			tree[filepath.ToSlash(rel)], err = os.ReadFile(name)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(Version(tree["mimalloc.h"]), func(b *testing.B) { benchmarkPlan(b, tree) })
	}
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
