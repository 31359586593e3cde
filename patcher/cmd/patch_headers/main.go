// Command patch_headers is the binary of the Bazel action MimallocTlsPatch: it
// writes the include directory of a mimalloc with the TLS model for Apple
// patched in. It uses the standard library and the patcher only, so that the
// action runs again for no other reason than a change of these.
//
// Usage:
//
//	patch_headers -report=FILE [-witness=FILE] {REL IN OUT}...
//	patch_headers -check -report=FILE [-witness=FILE] {REL IN}...
//	patch_headers -refuse=REASON
//
// REL is a file's path from the include directory, IN where it is and OUT
// where its copy goes. The witness is a C source that compiles only against
// the include directory just written. With -check no file is copied, and the
// witness compiles anywhere.
//
// With -refuse it prints the reason and fails as with drift: Bazel has no action
// of its own that does so on every host.
//
// It prints one line to standard error where it patched. Exit codes: 0 done or
// nothing to do, 1 I/O error, 2 usage, 3 drift.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
)

const (
	exitIO    = 1
	exitUsage = 2
	exitDrift = 3
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("patch_headers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	check := flags.Bool("check", false, "patch nothing")
	report := flags.String("report", "", "write the report to `FILE`, as JSON")
	witness := flags.String("witness", "", "write the witness to `FILE`, a C source")
	refuse := flags.String("refuse", "", "fail with `REASON`")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if *refuse != "" {
		fmt.Fprintln(stderr, "rules_mimalloc:", *refuse)
		return exitDrift
	}
	width := 3
	if *check {
		width = 2
	}
	if *report == "" || flags.NArg() == 0 || flags.NArg()%width != 0 {
		fmt.Fprintf(stderr, "patch_headers: want -report and groups of %d arguments, got %q\n", width, args)
		return exitUsage
	}
	tree := patcher.Tree{}
	var files []file
	for rest := flags.Args(); len(rest) > 0; rest = rest[width:] {
		content, err := includedir.Read(rest[1])
		if err != nil {
			fmt.Fprintln(stderr, "patch_headers:", err)
			return exitIO
		}
		if len(content) > patcher.MaxHeader {
			fmt.Fprintf(stderr, "patch_headers: %s: more than %d bytes, which no header has\n", rest[1], patcher.MaxHeader)
			return exitIO
		}
		tree[rest[0]] = content
		files = append(files, file{rest[0], rest[width-1]})
	}
	plan, err := patcher.NewPlan(tree)
	if err != nil {
		fmt.Fprintln(stderr, "mimalloc-tls:", err)
		var drift *patcher.DriftError
		if errors.As(err, &drift) {
			fmt.Fprint(stderr, drift.Details())
			return exitDrift
		}
		return exitIO
	}
	if !*check {
		tree[plan.Report.Header] = plan.Content
		for _, f := range files {
			if err := os.WriteFile(f.out, tree[f.rel], 0o644); err != nil {
				fmt.Fprintln(stderr, "patch_headers:", err)
				return exitIO
			}
		}
	} else if plan.Report.Status == patcher.Patched {
		plan.Report.Status = patcher.NeedsPatch
	}
	if err := writeReport(*report, &plan.Report); err != nil {
		fmt.Fprintln(stderr, "patch_headers:", err)
		return exitIO
	}
	if *witness != "" {
		if err := os.WriteFile(*witness, []byte(plan.Witness(!*check)), 0o644); err != nil {
			fmt.Fprintln(stderr, "patch_headers:", err)
			return exitIO
		}
	}
	if line := plan.Report.Summary(); line != "" && !*check {
		fmt.Fprintln(stderr, line)
	}
	return 0
}

type file struct{ rel, out string }

func writeReport(name string, r *patcher.Report) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
