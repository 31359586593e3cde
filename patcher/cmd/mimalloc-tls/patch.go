package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
)

var patchCommand = command{
	name:  "patch",
	args:  "[--json] (--out DIR | --in-place) INCLUDE_DIR",
	short: "patch the header that chooses the TLS model",
	long: `Makes the thread-local model with its recursion guard the one that mimalloc
uses on 64-bit Apple systems. Everything else stays as it is, on Apple and on
every other platform. Running it again changes nothing.

With --out, DIR becomes a complete include directory: every file of
INCLUDE_DIR, links followed, the header patched. With --in-place the header is
replaced where it is; mimalloc-tls revert takes that back.
A header the patcher does not know is left alone: exit code 3.

Killed at any moment, it leaves the old file or the new one, and at most a
temporary file beside it, .NAME.mimalloc-tls-…, that may be deleted. Several may
run at once. The new file has the mode of the old one, and its owner and group
as far as whoever runs this may set them. Behind a symbolic link the file it
points to is replaced; other hard links to the old file keep the old text.
`,
	flags: func(f *flag.FlagSet, o *options) {
		jsonFlag(f, o)
		f.StringVar(&o.out, "out", "", "write a complete include directory to `DIR`")
		f.BoolVar(&o.inPlace, "in-place", false, "replace the header in INCLUDE_DIR")
	},
	run: runPatch,
}

var checkCommand = command{
	name:  "check",
	args:  "[--json] INCLUDE_DIR",
	short: "say whether the header is safe, without writing anything",
	long: `Exits with 0 where the header is patched or needs no patch, with 4 where it
still needs the patch, and with 3 where the patcher does not know it.
`,
	flags: jsonFlag,
	run:   runCheck,
}

var diffCommand = command{
	name:  "diff",
	args:  "INCLUDE_DIR",
	short: "show what patch would change, as a unified diff",
	long: `Prints nothing where patch would change nothing. The exit code is 0 either way.
The diff applies in INCLUDE_DIR with patch -p1.
`,
	run: runDiff,
}

var revertCommand = command{
	name:  "revert",
	args:  "INCLUDE_DIR",
	short: "take an in-place patch back, byte for byte",
	long: `Takes the marked lines out of the header. Where there are none it does nothing;
where they were edited it leaves them alone: exit code 3.
`,
	run: runRevert,
}

func jsonFlag(f *flag.FlagSet, o *options) {
	f.BoolVar(&o.json, "json", false, "print the report as one JSON object")
}

// plan reads the directory and plans; with --json a drift is reported on
// standard output too.
func (inv *invocation) plan() (patcher.Tree, *patcher.Plan, error) {
	tree, err := includedir.ReadTree(inv.dir)
	if err != nil {
		return nil, nil, err
	}
	plan, err := patcher.NewPlan(tree)
	var drift *patcher.DriftError
	if errors.As(err, &drift) && inv.json {
		report := patcher.DriftReport(drift)
		if err := inv.print(&report); err != nil {
			return nil, nil, err
		}
	}
	return tree, plan, err
}

func (inv *invocation) print(r *patcher.Report) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(inv.stdout, "%s\n", text)
	return err
}

func runPatch(inv *invocation) error {
	switch {
	case inv.inPlace && inv.out != "":
		return &usageError{"--out and --in-place exclude each other"}
	case !inv.inPlace && inv.out == "":
		return &usageError{"either --out DIR or --in-place is wanted"}
	}
	tree, plan, err := inv.plan()
	if err != nil {
		return err
	}
	if inv.inPlace {
		err = inv.replaceHeader(plan.Report.Header, tree[plan.Report.Header], plan.Content)
	} else {
		err = inv.copyOut(tree, plan)
	}
	if err != nil {
		return err
	}
	if line := plan.Report.Summary(); line != "" {
		fmt.Fprintln(inv.stderr, line)
	}
	if inv.json {
		return inv.print(&plan.Report)
	}
	return nil
}

// replaceHeader replaces a header where it is; behind a link, what the link
// points to.
func (inv *invocation) replaceHeader(rel string, old, content []byte) error {
	name, err := filepath.EvalSymlinks(inv.path(rel))
	if err != nil {
		return err
	}
	return replace(name, old, content)
}

// path returns where a file of the include directory is.
func (inv *invocation) path(rel string) string {
	return filepath.Join(inv.dir, filepath.FromSlash(rel))
}

// outside refuses to write files of --out into a directory that files are read
// from, by whatever links, or that is inside INCLUDE_DIR: upstream's tree stays
// as it is, and what was written would be read by the next run.
func (inv *invocation) outside(files []string) error {
	in, err := resolve(inv.dir)
	if err != nil {
		return err
	}
	read, written := map[string]bool{}, map[string]bool{}
	for _, rel := range files {
		for dir, set := range map[string]map[string]bool{inv.dir: read, inv.out: written} {
			real, err := resolve(filepath.Dir(filepath.Join(dir, filepath.FromSlash(rel))))
			if err != nil {
				return err
			}
			set[real] = true
		}
	}
	for _, out := range slices.Sorted(maps.Keys(written)) {
		rel, err := filepath.Rel(in, out)
		inside := err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
		if inside || read[out] {
			return &usageError{fmt.Sprintf("--out %s would write into INCLUDE_DIR, %s; --in-place patches it where it is", inv.out, out)}
		}
	}
	return nil
}

// resolve makes a path absolute and follows links, as far as it exists.
func resolve(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	for tail := ""; ; {
		real, err := filepath.EvalSymlinks(abs)
		if err == nil {
			return filepath.Join(real, tail), nil
		}
		if !errors.Is(err, os.ErrNotExist) || filepath.Dir(abs) == abs {
			return "", fmt.Errorf("%s: %w", abs, err)
		}
		abs, tail = filepath.Dir(abs), filepath.Join(filepath.Base(abs), tail)
	}
}

// copyOut writes the include directory to --out.
func (inv *invocation) copyOut(tree patcher.Tree, plan *patcher.Plan) error {
	tree[plan.Report.Header] = plan.Content
	files := slices.Sorted(maps.Keys(tree))
	if err := inv.outside(files); err != nil {
		return err
	}
	for _, rel := range files {
		name := filepath.Join(inv.out, filepath.FromSlash(rel))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		content := tree[rel]
		if len(content) > patcher.MaxHeader { // no header: read in part only
			if err := copyFile(name, inv.path(rel)); err != nil {
				return err
			}
			continue
		}
		old, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
			old = nil // --out writes regular files
		}
		if err := replace(name, old, content); err != nil {
			return err
		}
	}
	return nil
}

func runCheck(inv *invocation) error {
	_, plan, err := inv.plan()
	if err != nil {
		return err
	}
	r := &plan.Report
	if r.Status == patcher.Patched {
		r.Status = patcher.NeedsPatch
	}
	if inv.json {
		if err := inv.print(r); err != nil {
			return err
		}
	} else {
		says := map[patcher.Status]string{
			patcher.NeedsPatch:     "needs the patch: " + r.Summary(),
			patcher.AlreadyPatched: fmt.Sprintf("%s: patched, %s", r.Name(), r.Header),
			patcher.NotNeeded:      fmt.Sprintf("%s: %s on Apple as it is, no patch needed, %s", r.Name(), r.After, r.Header),
		}
		if _, err := fmt.Fprintln(inv.stdout, says[r.Status]); err != nil {
			return err
		}
	}
	if r.Status == patcher.NeedsPatch {
		return errFinding
	}
	return nil
}

func runDiff(inv *invocation) error {
	tree, plan, err := inv.plan()
	if err != nil {
		return err
	}
	h := plan.Report.Header
	// Without the command line that Diff puts first.
	_, text, _ := bytes.Cut(diff.Diff("a/"+h, tree[h], "b/"+h, plan.Content), []byte("\n"))
	_, err = inv.stdout.Write(text)
	return err
}

func runRevert(inv *invocation) error {
	tree, err := includedir.ReadTree(inv.dir)
	if err != nil {
		return err
	}
	for _, rel := range patcher.Headers() {
		content, ok := tree[rel]
		if !ok || len(content) > patcher.MaxHeader {
			continue
		}
		original, marked, err := patcher.Revert(rel, content)
		if err != nil {
			return err
		}
		if !marked {
			continue
		}
		if err := inv.replaceHeader(rel, content, original); err != nil {
			return err
		}
		fmt.Fprintf(inv.stderr, "%s: the patch is taken back\n", rel)
	}
	return nil
}
