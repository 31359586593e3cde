// Command campaign tries many mutants of mimalloc's headers on the patcher and
// reports how many it refused, and whether a compiler finds those it accepted
// right.
//
//	go run ./tests/mutation/cmd/campaign -n 1000000 -seed 1 -zig …/zig-cc DIR…
//
// Each DIR is an include directory of mimalloc. Every -chunk mutants it prints
// the figures so far; a campaign that ended early goes on with -first.
//
// With -history it tries no mutants, but every include directory that the
// commits of a git repository have.
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
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
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
	compiler := flags.String("cc", "gcc", "a C compiler's `command` line, GCC's or clang's, to preprocess with; empty: the patcher's laws alone")
	zig := flags.String("zig", "", "`path` of the zig-cc of @zig_sdk, to compile for Apple what seems wrong")
	bare := flags.Bool("bare", false, "take comments and blank lines out of the headers first, which is quicker")
	others := flags.Int("others", 0, "on how many of the platforms that the patch is not for a mutant is compared, in turn; 0: on all of them")
	chunk := flags.Uint64("chunk", 10000, "report the figures after so many mutants each")
	history := flags.String("history", "", "a git `repository` of mimalloc, whose include directories to try as they are")
	scratch := flags.String("tmp", os.TempDir(), "directory for scratch files, best one in memory")
	flags.Var(&include, "include", "an include directory of mimalloc; may repeat")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	var bases []*mutation.Base
	for _, dir := range append(include, flags.Args()...) {
		tree, err := includedir.ReadTree(dir)
		if err == nil && *bare {
			tree = mutation.Bare(tree)
		}
		if err == nil {
			bases, err = mutation.AddBases(bases, dir, tree)
		}
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 2
		}
	}
	if len(bases) == 0 && *history == "" {
		fmt.Fprintln(stderr, "campaign: no -include")
		return 2
	}
	if *compiler != "" && *zig == "" {
		fmt.Fprintln(stderr, "campaign: no -zig (./bazelw build @zig_sdk//:zig_cc makes one)")
		return 2
	}
	c := mutation.Campaign{
		Bases: bases, Seed: *seed, Workers: *workers, Others: *others,
		Compiler: strings.Fields(*compiler), Proper: oracle.Compiler{Zig: *zig}, Dir: *scratch,
		Report: func(f *mutation.Finding) { fmt.Fprintln(stdout, f) },
	}
	total := &mutation.Figures{}
	start := time.Now()
	if *history != "" {
		figures, err := c.History(*history, func(done uint64, f *mutation.Figures) {
			fmt.Fprintf(stdout, "%d include directories in %s\n", done, time.Since(start).Round(time.Second))
			reportFigures(stdout, f)
		})
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 2
		}
		return exitCode(figures)
	}
	for done := uint64(0); done < *n; {
		c.First, c.N = *first+done, min(*chunk, *n-done)
		figures, err := c.Run()
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 2
		}
		total.Add(figures)
		done += c.N
		report(stdout, total, done, bases, *seed, *first, time.Since(start))
	}
	return exitCode(total)
}

func exitCode(f *mutation.Figures) int {
	if f.Verdicts[mutation.Silent]+f.Verdicts[mutation.Unlaw] > 0 {
		return 1
	}
	return 0
}

// report prints the figures so far, and the number to go on from.
func report(w io.Writer, f *mutation.Figures, done uint64, bases []*mutation.Base, seed, first uint64, took time.Duration) {
	fmt.Fprintf(w, "%d mutants of %d trees, seed %d from %d up to %d, in %s (%.0f/s)\n",
		done, len(bases), seed, first, first+done, took.Round(time.Second), float64(done)/took.Seconds())
	reportFigures(w, f)
}

func reportFigures(w io.Writer, f *mutation.Figures) {
	for _, v := range slices.Sorted(maps.Keys(f.Verdicts)) {
		fmt.Fprintf(w, "%10d %s\n", f.Verdicts[v], v)
	}
	for _, s := range slices.Sorted(maps.Keys(f.Statuses)) {
		fmt.Fprintf(w, "%10d accepted as %s\n", f.Statuses[s], s)
	}
	fmt.Fprintf(w, "%10d seen by the compiler, %d the same as an earlier one\n", f.Judged, f.Same)
}
