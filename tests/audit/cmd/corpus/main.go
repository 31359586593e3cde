// Command corpus audits binaries for Apple systems that people publish, and
// compares what the audit says with what is known of them (tests/audit/corpus.tsv).
// It fetches them by name with npm and pip, which takes minutes and gigabytes
// the first time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/compare"
	"github.com/rules-mimalloc/rules_mimalloc/tests/audit/corpus"
)

const usage = `usage: corpus [flags]

Audits the binaries of a table, and prints what was right, unknown and wrong.
Exits with 1 where something is wrong or could not be fetched.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "corpus:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("corpus", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	var (
		table    = flags.String("table", "tests/audit/corpus.tsv", "the table, a `file`")
		cache    = flags.String("cache", defaultCache(), "`directory` for what is fetched; it is kept (-cache '' needs -archives)")
		ci       = flags.Bool("ci", false, "only what each test fetches")
		match    = flags.String("match", "", "only packages whose name, as it is printed, matches a `regexp`")
		archives = flags.String("archives", "", "fetch only, and leave the archives in `directory`")
		jobs     = flags.Int("jobs", max(2, runtime.NumCPU()), "packages at a time")
	)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *jobs < 1 {
		flags.Usage()
		return errors.New("want no arguments, and at least one job")
	}
	if dir := os.Getenv("BUILD_WORKSPACE_DIRECTORY"); dir != "" { // bazel run
		if err := os.Chdir(dir); err != nil {
			return err
		}
	}
	packages, err := choose(*table, *ci, *match)
	if err != nil {
		return err
	}
	if *archives != "" {
		return fetch(ctx, packages, *archives, *jobs, stderr)
	}
	if *cache == "" {
		return errors.New("no -cache, and no directory for caches on this machine")
	}
	r := &report{total: len(packages), stdout: stdout, stderr: stderr}
	c := corpus.Cache{Dir: *cache}
	start := time.Now()
	each(packages, *jobs, func(p *corpus.Package) {
		var scanner machotls.Scanner
		dir, err := c.Files(ctx, p)
		began := time.Now()
		var bytes int64
		if err == nil {
			bytes, err = p.Audit(&scanner, dir, func(e *corpus.Entry, found []machotls.Finding) { r.entry(p, e, found) })
		}
		r.done(p, bytes, time.Since(began), err)
	})
	return r.finish(time.Since(start))
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "rules_mimalloc", "corpus")
}

func choose(table string, ci bool, match string) ([]*corpus.Package, error) {
	f, err := os.Open(table)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := corpus.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", table, err)
	}
	pattern, err := regexp.Compile(match)
	if err != nil {
		return nil, err
	}
	var chosen []*corpus.Package
	for _, p := range all {
		if (!ci || p.CI()) && pattern.MatchString(p.String()) {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("no package is chosen")
	}
	return chosen, nil
}

// each calls f with each package, some at a time.
func each(packages []*corpus.Package, jobs int, f func(*corpus.Package)) {
	work := make(chan *corpus.Package)
	var wait sync.WaitGroup
	for range jobs {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for p := range work {
				f(p)
			}
		}()
	}
	for _, p := range packages {
		work <- p
	}
	close(work)
	wait.Wait()
}

// fetch leaves the archives in a directory.
func fetch(ctx context.Context, packages []*corpus.Package, dir string, jobs int, stderr io.Writer) error {
	work, err := os.MkdirTemp(dir, ".fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var mutex sync.Mutex
	var errs []error
	n := 0
	each(packages, jobs, func(p *corpus.Package) {
		to := filepath.Join(dir, p.Archive)
		_, err := os.Stat(to)
		if err != nil {
			var from string
			if from, err = (corpus.Cache{Dir: work}).Archive(ctx, p); err == nil {
				err = os.Rename(from, to)
			}
		}
		mutex.Lock()
		defer mutex.Unlock()
		n++
		fmt.Fprintf(stderr, "[%d/%d] %s\n", n, len(packages), p)
		errs = append(errs, err)
	})
	return errors.Join(errs...)
}

// A report counts and prints.
type report struct {
	mutex          sync.Mutex
	table          compare.Table
	total, n       int
	bytes          int64
	busy           time.Duration
	errs           []error
	stdout, stderr io.Writer
}

func (r *report) entry(p *corpus.Package, e *corpus.Entry, found []machotls.Finding) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known := e.Known()
	outcome, text := compare.Findings(known, found)
	r.table.Add(known, found, outcome)
	if outcome != compare.Right {
		fmt.Fprintf(r.stdout, "%s: %s, %s, %s: found %s, known %s %v %s\n", outcome, p, e.File, e.Arch, text, e.Model, e.Slots, e.Version)
		for _, f := range found {
			for _, evidence := range f.Evidence {
				fmt.Fprintf(r.stdout, "    %s\n", evidence)
			}
		}
	}
}

func (r *report) done(p *corpus.Package, bytes int64, busy time.Duration, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.n++
	r.bytes += bytes
	r.busy += busy
	if err != nil {
		r.errs = append(r.errs, err)
	}
	fmt.Fprintf(r.stderr, "[%d/%d] %s: %d MB in %d ms\n", r.n, r.total, p, bytes/1e6, busy.Milliseconds())
}

func (r *report) finish(took time.Duration) error {
	if _, err := r.table.WriteTo(r.stdout); err != nil {
		return err
	}
	fmt.Fprintf(r.stdout, "%d packages, %d MB of files audited in %.1f s of work, %.1f s in all\n",
		r.n, r.bytes/1e6, r.busy.Seconds(), took.Seconds())
	if n := r.table.Count(compare.Wrong); n > 0 {
		r.errs = append(r.errs, fmt.Errorf("%d findings are wrong", n))
	}
	return errors.Join(r.errs...)
}
