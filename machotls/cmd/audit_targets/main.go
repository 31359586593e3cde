// Command audit_targets is the auditor of the rule mimalloc_tls_test and of the
// aspect mimalloc_tls_audit. It is for them alone: people have
// `mimalloc-tls audit`.
//
// As an action it is called as
//
//	audit_targets @PARAMS
//
// and as a test without arguments, with the variable MIMALLOC_TLS_AUDIT for
// PARAMS, a file of one argument a line:
//
//	-platform=LABEL   that a test builds its targets for
//	-report=FILE      gets a JSON object for each finding, a line each
//	-deny=MODEL       must not be found; may be repeated
//	-expect=MODEL     of all mimallocs, and there has to be one; none: there must be no mimalloc
//	-allow-empty      passes without anything to audit
//	-allow-unknown    passes with a mimalloc whose model cannot be told
//	-process          all images are loaded in one process
//	-target=LABEL     whose files follow
//	PATH              a file or a directory
//
// It exits with 0, 1 (an error: the answer is incomplete), 2 (usage) or
// 4 (a finding).
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rules-mimalloc/rules_mimalloc/machotls"
	"github.com/rules-mimalloc/rules_mimalloc/machotls/audit"
)

const (
	exitError   = 1
	exitUsage   = 2
	exitFinding = 4
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv("MIMALLOC_TLS_AUDIT"), os.Stderr))
}

func run(args []string, params string, stderr io.Writer) int {
	if params == "" && len(args) == 1 {
		if name, ok := strings.CutPrefix(args[0], "@"); ok {
			params = name
		}
	}
	if params == "" {
		fmt.Fprintln(stderr, "audit_targets: want @PARAMS, or a file in MIMALLOC_TLS_AUDIT; this program is for Bazel's rules, yours is `mimalloc-tls audit`")
		return exitUsage
	}
	runfiles, err := readManifest()
	if err != nil {
		fmt.Fprintln(stderr, "audit_targets:", err)
		return exitError
	}
	text, err := os.ReadFile(runfiles.path(params))
	if err != nil {
		fmt.Fprintln(stderr, "audit_targets:", err)
		return exitError
	}
	job, err := parse(string(text))
	if err != nil {
		fmt.Fprintf(stderr, "audit_targets: %s: %v\n", params, err)
		return exitUsage
	}
	a := &auditor{job: job, runfiles: runfiles}
	a.scan()
	if err := a.writeReport(); err != nil {
		a.errs = append(a.errs, err)
	}
	return a.judge(stderr)
}

// A job is what the parameters say.
type job struct {
	platform, report    string
	policy              audit.Policy
	expect              machotls.Model
	allowEmpty, process bool
	targets             []string // labels
	files               []targetFile
}

// A targetFile is a file or directory, and the target that it comes from.
type targetFile struct{ target, path string }

func parse(text string) (*job, error) {
	j := new(job)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		option, value, _ := strings.Cut(line, "=")
		switch option {
		case "-platform":
			j.platform = apparent(value)
		case "-report":
			j.report = value
		case "-deny":
			models, err := audit.ParseModels(value)
			if err != nil {
				return nil, fmt.Errorf("deny: %w", err)
			}
			j.policy.Deny = append(j.policy.Deny, models...)
		case "-expect":
			if j.expect = machotls.Model(value); j.expect != machotls.None {
				if _, err := audit.ParseModels(value); err != nil {
					return nil, fmt.Errorf("expect: %w, or none", err)
				}
			}
		case "-allow-empty":
			j.allowEmpty = true
		case "-allow-unknown":
			j.policy.AllowUnknown = true
		case "-process":
			j.process = true
		case "-target":
			j.targets = append(j.targets, apparent(value))
		default:
			if strings.HasPrefix(line, "-") || len(j.targets) == 0 {
				return nil, fmt.Errorf("expected an option, or -target before the first path, found %q", line)
			}
			j.files = append(j.files, targetFile{j.targets[len(j.targets)-1], line})
		}
	}
	return j, nil
}

// apparent is a label as people write it: Bazel's own names have @@ before the
// main repository's, too.
func apparent(label string) string {
	if strings.HasPrefix(label, "@@//") {
		return label[2:]
	}
	return label
}

// An auditor does a job.
type auditor struct {
	job      *job
	runfiles manifest
	results  []*audit.Result
	targets  []string // of each result
	errs     []error
}

// scan looks at all files, each once; those that hold no Mach-O are passed over.
func (a *auditor) scan() {
	byPath := make(map[string]targetFile)
	var paths []string
	for _, f := range a.job.files {
		path := a.runfiles.path(f.path)
		if _, seen := byPath[path]; seen {
			continue
		}
		byPath[path] = f
		paths = append(paths, path)
	}
	scan := audit.Scan{Policy: a.job.policy, PassOver: true}
	errs := scan.Run(paths, func(r *audit.Result) {
		// A result's path is one that was given, or lies below it.
		given := r.Path
		for byPath[given].target == "" && given != filepath.Dir(given) {
			given = filepath.Dir(given)
		}
		a.results = append(a.results, r)
		a.targets = append(a.targets, byPath[given].target)
	})
	a.errs = append(a.errs, errs...)
}

func (a *auditor) writeReport() error {
	if a.job.report == "" {
		return nil
	}
	var b bytes.Buffer
	for _, r := range a.results {
		if err := audit.WriteJSON(&b, r); err != nil {
			return err
		}
	}
	return os.WriteFile(a.job.report, b.Bytes(), 0o644)
}
