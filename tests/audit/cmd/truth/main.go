// Command truth builds Mach-O files of which it is known what mimalloc they
// hold, lists them in DIR/index.tsv, and compares what the audit says of them.
// //tests/audit:truth_test does the same with fewer.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/compare"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/truth"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "truth:", err)
		}
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("truth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var (
		zig   = flags.String("zig", os.Getenv("ZIG_CC"), "`path` of the zig-cc of @zig_sdk")
		table = flags.String("table", cmp.Or(os.Getenv("TABLE"), "tests/crates/crates.tsv"), "the table of trees, a `file`")
		trees = flags.String("trees", os.Getenv("TREES"), "`directory` of the trees, that of @mimalloc_trees//:trees")
		out   = flags.String("out", "", "`directory` for the files")
		lld   = flags.String("lld", "", "`path` of an ld64.lld at least as new as zig's clang: adds builds with link-time optimisation")
		match = flags.String("match", "", "only builds whose name matches a `regexp`, and no other files")
		all   = flags.Bool("all", false, "all builds, which takes hours, not only a set in which each two choices meet")
	)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *zig == "" || *trees == "" || *out == "" || flags.NArg() > 0 {
		return errors.New("want -zig, -trees and -out, and no arguments; see -help")
	}
	dir, err := filepath.Abs(*out)
	if err != nil {
		return err
	}
	source, err := truth.ReadTrees(*table, *trees)
	if err != nil {
		return err
	}
	b := &truth.Builder{Compiler: oracle.Compiler{Zig: *zig}, Trees: source, Dir: dir, LLD: *lld}
	builds := truth.Product(source, *lld != "")
	if !*all {
		var names []string
		for name := range source {
			names = append(names, name)
		}
		builds = truth.Cover(builds, names)
	}
	progress := func(done, of int, what string, err error) {
		if err != nil {
			what += ": FAILED"
		}
		fmt.Fprintf(stderr, "[%d/%d] %s\n", done, of, what)
	}
	var made []truth.Artefact
	if *match == "" {
		made, err = b.All(builds, progress)
	} else {
		pattern, bad := regexp.Compile(*match)
		if bad != nil {
			return bad
		}
		builds = slices.DeleteFunc(builds, func(x truth.Build) bool { return !pattern.MatchString(x.String()) })
		made, err = b.Builds(builds, progress)
	}
	return errors.Join(err, writeIndex(filepath.Join(dir, "index.tsv"), made), audit(made, stdout))
}

// audit prints what is not right, and the confusion table.
func audit(made []truth.Artefact, stdout io.Writer) error {
	var (
		scanner machotls.Scanner
		table   compare.Table
	)
	for _, a := range made {
		found, err := a.Audit(&scanner)
		if err != nil {
			return err
		}
		outcome, text := compare.Findings(a.Known(), found)
		table.Add(a.Known(), found, outcome)
		if outcome != compare.Right {
			fmt.Fprintf(stdout, "%s: %s, %s, %s: found %s, known %v %s\n", outcome, a.Path, a.Kind, a.Arch, text, a.Want, a.Unknown)
		}
	}
	if _, err := table.WriteTo(stdout); err != nil {
		return err
	}
	if n := table.Count(compare.Wrong); n > 0 {
		return fmt.Errorf("%d findings are wrong", n)
	}
	return nil
}

func writeIndex(name string, made []truth.Artefact) error {
	var b strings.Builder
	b.WriteString("# path\tarch\tkind\tlabel\tslots\tversion\twhy unknown is right too\n")
	for _, a := range made {
		want := a.Want
		if len(want) == 0 {
			want = []truth.Mimalloc{{Model: "none"}}
		}
		for _, m := range want {
			slots := strings.Trim(strings.ReplaceAll(fmt.Sprint(m.Slots), " ", ","), "[]")
			fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Path, a.Arch, a.Kind, m.Model, slots, m.Version, a.Unknown)
		}
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}
