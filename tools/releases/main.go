// Command releases keeps mimalloc/releases.json, the table of mimalloc
// releases: it computes the row of a release from its archive or directory,
// and writes the table sorted, one row a line.
//
// Run it with -h for its flags and exit codes.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/natefinch/atomic"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

const usage = `usage: releases [--table FILE] [--version V] [--sha256 DIGEST] [--dry-run] ARCHIVE|DIRECTORY
       releases [--table FILE] --check [ARCHIVE…]

Computes the row of a mimalloc release, and writes it into the table. ARCHIVE is the .tar.gz that the table's URL names;
with --sha256 it must have that sum. A DIRECTORY has no sum: it takes --sha256, or a row that is there.
Fields of a row that no archive tells (note, refuse_thread_local) stay.

--check writes nothing: the table must be as this program writes it, and the rows of the ARCHIVEs as it computes them.

exit codes: 0 done or nothing to do, 1 I/O error, 2 usage, 3 drift (a header the patcher does not know), 4 the check
found a difference, or the archive has another sum

flags:
`

const (
	exitOK = iota
	exitIO
	exitUsage
	exitDrift
	exitFinding
)

// A finding is a difference between the table and what it should be.
type finding string

func (f finding) Error() string { return string(f) }

type options struct {
	table, version, sha256 string
	check, dryRun          bool
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("releases", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.table, "table", "mimalloc/releases.json", "the table")
	flags.StringVar(&o.version, "version", "", "the release; as a rule the name of the archive's directory tells it")
	flags.StringVar(&o.sha256, "sha256", "", "the archive's sum, in hexadecimal")
	flags.BoolVar(&o.check, "check", false, "write nothing, and compare")
	flags.BoolVar(&o.dryRun, "dry-run", false, "write nothing, and print the row")
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	var err error
	switch {
	case o.check && o.version+o.sha256 == "":
		err = check(o, flags.Args())
	case !o.check && flags.NArg() == 1:
		err = add(o, flags.Arg(0), stdout)
	default:
		flags.Usage()
		return exitUsage
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "releases:", err)
	var drift *patcher.DriftError
	var found finding
	switch {
	case errors.As(err, &drift):
		return exitDrift
	case errors.As(err, &found):
		return exitFinding
	}
	return exitIO
}

// add writes the row of a release.
func add(o options, source string, stdout io.Writer) error {
	t, text, err := readTable(o.table)
	if err != nil {
		return err
	}
	rel, err := readRelease(source)
	if err != nil {
		return err
	}
	r, err := t.rowOf(rel, o.version, o.sha256)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	t.put(r)
	fmt.Fprintln(stdout, r)
	written := t.format()
	if o.dryRun || bytes.Equal(written, text) {
		return nil
	}
	return atomic.WriteFile(o.table, bytes.NewReader(written))
}

// check compares the table, and the rows of archives, with what add would write.
func check(o options, archives []string) error {
	t, text, err := readTable(o.table)
	if err != nil {
		return err
	}
	if err := t.validate(); err != nil {
		return fmt.Errorf("%s: %w", o.table, err)
	}
	for _, name := range archives {
		rel, err := readRelease(name)
		if err != nil {
			return err
		}
		want, err := t.rowOf(rel, "", "")
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if have := t.find(want["version"]); have == nil {
			return finding(fmt.Sprintf("%s: the table has no release %s", name, want["version"]))
		} else if have.String() != want.String() {
			return finding(fmt.Sprintf("%s: the table has\n  %s\nand the archive says\n  %s", name, have, want))
		}
	}
	if !bytes.Equal(t.format(), text) {
		return finding(o.table + ": not as this program writes it; run it on any release that is there, and see git diff")
	}
	return nil
}
