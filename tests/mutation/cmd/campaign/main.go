// Command campaign tries many mutants of mimalloc's headers on the patcher and
// reports how many it refused, and whether a compiler finds those it accepted
// right.
//
//	go run ./tests/mutation/cmd/campaign -n 1000000 -seed 1 -include DIR…
//
// Exit codes: 0 no silent wrong, 1 some, 2 usage or an error.
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
	"github.com/rules-mimalloc/rules_mimalloc/tests/mutation"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// dirs is a flag that may repeat, or be followed by more directories.
type dirs []string

func (d *dirs) String() string     { return strings.Join(*d, " ") }
func (d *dirs) Set(s string) error { *d = append(*d, s); return nil }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("campaign", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var include dirs
	n := flags.Uint64("n", 10000, "how many mutants")
	seed := flags.Uint64("seed", 1, "of the mutants")
	first := flags.Uint64("first", 0, "number of the first mutant, to see one again")
	workers := flags.Int("workers", 2, "mutants at once")
	compiler := flags.String("cc", "gcc", "a C compiler's command line, GCC's or clang's (`zig cc -target …`); empty: the patcher's laws alone")
	verbose := flags.Bool("v", false, "print the mutants that are stopped late, too")
	scratch := flags.String("tmp", os.TempDir(), "directory for scratch files, best one in memory")
	flags.Var(&include, "include", "an include directory of mimalloc; may repeat")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	var bases []*mutation.Base
	for _, dir := range append(include, flags.Args()...) {
		tree, err := includedir.ReadTree(dir)
		if err == nil {
			bases, err = mutation.AddBases(bases, dir, tree)
		}
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 2
		}
	}
	if len(bases) == 0 {
		fmt.Fprintln(stderr, "campaign: no -include")
		return 2
	}
	c := mutation.Campaign{
		Bases: bases, Seed: *seed, First: *first, N: *n, Workers: *workers,
		Compiler: strings.Fields(*compiler), Dir: *scratch,
		Report: func(f *mutation.Finding) {
			if *verbose || f.Verdict == mutation.Silent || f.Verdict == mutation.Unlaw {
				fmt.Fprintln(stdout, f)
			}
		},
	}
	start := time.Now()
	figures, err := c.Run()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	took := time.Since(start)
	fmt.Fprintf(stdout, "%d mutants of %d trees, seed %d, in %s (%.0f/s)\n", *n, len(bases), *seed, took.Round(time.Second), float64(*n)/took.Seconds())
	for _, v := range slices.Sorted(maps.Keys(figures.Verdicts)) {
		fmt.Fprintf(stdout, "%10d %s\n", figures.Verdicts[v], v)
	}
	for _, s := range slices.Sorted(maps.Keys(figures.Statuses)) {
		fmt.Fprintf(stdout, "%10d accepted as %s\n", figures.Statuses[s], s)
	}
	fmt.Fprintf(stdout, "%10d seen by the compiler, %d the same as an earlier one\n", figures.Judged, figures.Same)
	if figures.Verdicts[mutation.Silent]+figures.Verdicts[mutation.Unlaw] > 0 {
		return 1
	}
	return 0
}
