package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/machotls/audit"
	_ "github.com/rules-mimalloc/rules_mimalloc/machotls/unpack/formats"
)

var auditCommand = command{
	name:  "audit",
	args:  "[--json] [--deny MODEL,…] [--allow-unknown] [--process] [--evidence] [--quiet] [--sarif FILE] PATH…",
	short: "say which mimalloc is in Mach-O files, and how it keeps its heap pointer",
	long: `Looks for mimalloc in Mach-O files: images of one or several architectures,
object files, static libraries, and any of them in .tar, .zip (.whl, .ipa),
.gz, .bz2, .xz and .zst files. Directories are searched; symbolic links are
followed, each file once. PATH - reads names from standard input, one per line
or separated by NUL.

  fixed-slot    a slot of every thread, the same in every copy: two of them in
                one process corrupt each other's heap
  thread-local  a variable of the image: safe
  pthread-key   a key of its own; threads that outlive the image lose their heap
  unknown       there is a mimalloc, and what is there does not tell

Exits with 4 when a model is denied (without --deny: fixed-slot), or unknown.
`,
	run: runAudit,
	flags: func(f *flag.FlagSet, o *options) {
		f.BoolVar(&o.json, "json", false, "write one JSON object per line: for each mimalloc, and for images without")
		f.StringVar(&o.deny, "deny", "", "`MODEL`s that are findings, with commas between; none: no model is")
		f.BoolVar(&o.allowUnknown, "allow-unknown", false, "a model that cannot be told is no finding")
		f.BoolVar(&o.process, "process", false, "the images are loaded in one process: findings are the pairs that share a slot")
		f.BoolVar(&o.evidence, "evidence", false, "say what was seen, and where in the file")
		f.BoolVar(&o.quiet, "quiet", false, "write no results: the exit code tells")
		f.StringVar(&o.sarif, "sarif", "", "write the findings to `FILE` as well, as SARIF 2.1.0")
	},
	operands: func(inv *invocation, paths []string) error {
		if len(paths) == 0 {
			return &usageError{"no PATH given: a file, a directory or an archive, or - for names on standard input"}
		}
		for _, p := range paths {
			if p == "" {
				return &usageError{"a PATH is empty"}
			}
		}
		inv.paths = paths
		return nil
	},
}

func runAudit(inv *invocation) error {
	var scan audit.Scan
	scan.Policy.AllowUnknown = inv.allowUnknown
	switch {
	case inv.deny == "none":
	case inv.deny != "":
		models, err := audit.ParseModels(inv.deny)
		if err != nil {
			return &usageError{"--deny: " + err.Error() + ", or none"}
		}
		scan.Policy.Deny = models
	case !inv.process:
		scan.Policy.Deny = []machotls.Model{machotls.FixedSlot}
	}
	paths, err := readNames(inv.paths, inv.stdin)
	if err != nil {
		return err
	}
	stop := showProgress(inv, &scan.Progress)
	var shown, offending []*audit.Result // shown: what a table has
	var writeErr error
	out := bufio.NewWriter(inv.stdout)
	errs := scan.Run(paths, func(r *audit.Result) {
		if inv.json && !inv.quiet && writeErr == nil {
			writeErr = audit.WriteJSON(out, r)
		}
		if r.Mimalloc || r.Verdict != audit.Safe {
			shown = append(shown, r)
		}
		if scan.Policy.Offends(r) && (!inv.process || r.Verdict == audit.Unsafe || audit.Matters(r)) {
			offending = append(offending, r)
		}
	})
	stop()
	for _, err := range errs {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(inv.stderr, "mimalloc-tls audit: %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	var conflicts []audit.Conflict
	if inv.process {
		conflicts = audit.Conflicts(shown)
	}
	if !inv.quiet {
		writeErr = errors.Join(writeErr, writeResults(out, inv, shown, conflicts))
	}
	if err := errors.Join(writeErr, out.Flush()); err != nil {
		return err
	}
	if inv.sarif != "" {
		var log bytes.Buffer
		if err := audit.WriteSARIF(&log, offending, conflicts); err != nil {
			return err
		}
		if err := write(inv.sarif, &log); err != nil {
			return err
		}
	}
	if !inv.quiet {
		fmt.Fprintln(inv.stderr, summary(&scan.Progress, shown, len(offending)+len(conflicts)))
	}
	switch {
	case len(errs) > 0:
		return errIncomplete
	case len(offending)+len(conflicts) > 0:
		return errFinding
	}
	return nil
}

// readNames replaces - by the names on standard input.
func readNames(paths []string, stdin io.Reader) ([]string, error) {
	var names []string
	for _, p := range paths {
		if p != "-" {
			names = append(names, p)
			continue
		}
		text, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		separator := "\n"
		if bytes.IndexByte(text, 0) >= 0 {
			separator = "\x00"
		}
		for _, name := range strings.Split(string(text), separator) {
			if name = strings.TrimSuffix(name, "\r"); name != "" {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func writeResults(w io.Writer, inv *invocation, shown []*audit.Result, conflicts []audit.Conflict) error {
	if !inv.json {
		if err := audit.WriteTable(w, shown, inv.evidence); err != nil {
			return err
		}
	}
	for i := range conflicts {
		write := audit.WriteConflict
		if inv.json {
			write = audit.WriteConflictJSON
		}
		if err := write(w, &conflicts[i]); err != nil {
			return err
		}
	}
	return nil
}

func summary(p *audit.Progress, shown []*audit.Result, findings int) string {
	mimallocs := 0
	for _, r := range shown {
		if r.Mimalloc {
			mimallocs++
		}
	}
	return fmt.Sprintf("%s, %s, %s, %s", count(int(p.Files.Load()), "file"), count(int(p.Images.Load()), "Mach-O file"),
		count(mimallocs, "mimalloc"), count(findings, "finding"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// showProgress writes to a terminal, once a second from the second on, what
// was done so far. It returns a function that ends it.
func showProgress(inv *invocation, p *audit.Progress) (stop func()) {
	f, ok := inv.stderr.(*os.File)
	if !ok || inv.quiet {
		return func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(time.Second)
		defer t.Stop()
		shown := false
		for {
			select {
			case <-t.C:
				shown = true
				fmt.Fprintf(f, "\r%s, %d MB …\x1b[K", count(int(p.Files.Load()), "file"), p.Bytes.Load()>>20)
			case <-done:
				if shown {
					fmt.Fprint(f, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}
