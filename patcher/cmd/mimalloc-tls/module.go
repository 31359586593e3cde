package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/rules-mimalloc/rules_mimalloc/mimalloc"
	"github.com/rules-mimalloc/rules_mimalloc/mimalloc/module"
	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// moduleOptions are the flags of the commands that edit a MODULE.bazel.
type moduleOptions struct {
	dryRun, remove     bool
	dir, repo, version string
}

var adoptCommand = command{
	name:  "adopt",
	args:  "[--dry-run] [--remove] [--version VERSION] [--repo NAME] [--dir DIR]",
	short: "bring rules_mimalloc into a MODULE.bazel, or take it out",
	long: `Adds to DIR/MODULE.bazel the bazel_dep, the extension, a mimalloc.release and
its use_repo. A mimalloc that is there already (the registry's module with its
overrides, http_archive, new_git_repository, new_local_repository) becomes a
tag with the same sources. What no tag can say is reported with its line, and
nothing is written: exit code 4. Where nothing is missing nothing is changed;
use_repo is mended as bazel mod tidy would. With --remove all of it goes.
Files that the MODULE.bazel takes in by include() are not read.
`,
	flags: func(f *flag.FlagSet, o *options) {
		moduleFlags(f, o)
		f.BoolVar(&o.module.remove, "remove", false, "take rules_mimalloc out of the MODULE.bazel")
		f.StringVar(&o.module.version, "version", "", "use release `VERSION`, also in the place of a mimalloc that is there")
	},
	operands: func(_ *invocation, operands []string) error {
		if len(operands) > 0 {
			return &usageError{fmt.Sprintf("no operand wanted, got %q; --dir says where the MODULE.bazel is", operands)}
		}
		return nil
	},
	run: runAdopt,
}

var bumpCommand = command{
	name:  "bump",
	args:  "[--dry-run] [--repo NAME] [--dir DIR] [VERSION]",
	short: "move a MODULE.bazel to another release of mimalloc",
	long: `Moves the mimalloc.release of DIR/MODULE.bazel to VERSION, else to the newest
release that is known to work, and shows what that changes for Apple before it
writes. A release that rules_mimalloc refuses is not written: exit code 4.
`,
	flags: moduleFlags,
	operands: func(inv *invocation, operands []string) error {
		switch {
		case len(operands) > 1:
			return &usageError{fmt.Sprintf("one VERSION wanted, got %q", operands)}
		case len(operands) == 1 && operands[0] == "":
			return &usageError{"VERSION is empty"}
		case len(operands) == 1:
			inv.version = operands[0]
		}
		return nil
	},
	run: runBump,
}

func moduleFlags(f *flag.FlagSet, o *options) {
	f.BoolVar(&o.module.dryRun, "dry-run", false, "show a unified diff, write nothing")
	f.StringVar(&o.module.dir, "dir", ".", "the directory that holds the MODULE.bazel is `DIR`")
	f.StringVar(&o.module.repo, "repo", "", "the repository of mimalloc is `NAME`")
}

func runAdopt(inv *invocation) error {
	o := inv.options.module
	if o.remove && (o.version != "" || o.repo != "") {
		return &usageError{"--remove goes with neither --version nor --repo"}
	}
	return inv.editModule(func(m *module.Module, table *mimalloc.Table) error {
		var done []string
		var err error
		if o.remove {
			done = m.Remove()
		} else {
			done, err = m.Adopt(table, module.AdoptOptions{Version: o.version, Repo: o.repo})
		}
		inv.say(done)
		return err
	})
}

func runBump(inv *invocation) error {
	return inv.editModule(func(m *module.Module, table *mimalloc.Table) error {
		change, err := m.Bump(table, inv.version, inv.options.module.repo)
		if err != nil {
			return err
		}
		if err := inv.showChange(change); err != nil {
			return err
		}
		inv.say(change.Done)
		return nil
	})
}

func (inv *invocation) say(lines []string) {
	for _, line := range lines {
		fmt.Fprintln(inv.stderr, line)
	}
}

// editModule reads the MODULE.bazel, has it edited and writes it, or shows the
// difference. Where the edit leaves the file as it is nothing is written.
func (inv *invocation) editModule(edit func(*module.Module, *mimalloc.Table) error) error {
	table, err := mimalloc.Releases()
	if err != nil {
		return err
	}
	name := filepath.Join(inv.options.module.dir, "MODULE.bazel")
	src, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; it is wanted at the root of the workspace, and may be empty", err)
	}
	if err != nil {
		return err
	}
	m, err := module.Parse(name, src)
	if err != nil {
		return err
	}
	before := m.Format()
	if err := edit(m, table); err != nil {
		return inv.moduleError(err)
	}
	after := m.Format()
	if bytes.Equal(before, after) {
		return nil // also where the layout is not buildifier's
	}
	if inv.options.module.dryRun {
		_, text, _ := bytes.Cut(diff.Diff("a/MODULE.bazel", src, "b/MODULE.bazel", after), []byte("\n"))
		_, err := inv.stdout.Write(text)
		return err
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	return replace(real, src, after)
}

// moduleError tells what a person has to decide from what went wrong.
func (inv *invocation) moduleError(err error) error {
	var findings *module.FindingsError
	var version *module.VersionError
	switch {
	case errors.As(err, &findings):
		fmt.Fprintln(inv.stderr, findings)
		return errFinding
	case errors.As(err, &version):
		return &usageError{version.Error()}
	}
	return err
}

// showChange prints what another release changes for Apple.
func (inv *invocation) showChange(c *module.Change) error {
	var text bytes.Buffer
	if c.From.Version == c.To.Version {
		fmt.Fprintf(&text, "%s: @%s is mimalloc %s already\n", c.Place, c.Repo, c.To.Version)
	} else {
		fmt.Fprintf(&text, "%s: @%s: mimalloc %s -> %s\n", c.Place, c.Repo, c.From.Version, c.To.Version)
		row := func(name string, of func(*mimalloc.Release) string) {
			fmt.Fprintf(&text, "  %-20s %-22s -> %s\n", name, of(c.From), of(c.To))
		}
		row("generation", func(r *mimalloc.Release) string { return cmp.Or(r.Generation, "not seen") })
		row("upstream on Apple", func(r *mimalloc.Release) string {
			return cmp.Or(string(patcher.UpstreamModel(r.Generation)), "not known")
		})
		row("the patch", patchOf)
	}
	if c.To.Note != "" {
		fmt.Fprintf(&text, "  note: %s\n", c.To.Note)
	}
	_, err := inv.stdout.Write(text.Bytes())
	return err
}

// patchOf says what the patch does to a release.
func patchOf(r *mimalloc.Release) string {
	switch model := patcher.UpstreamModel(r.Generation); {
	case model == "":
		return "seen when it is built"
	case r.RefuseThreadLocal != "":
		return "refused"
	case model == patcher.ThreadLocal:
		return "nothing to do"
	}
	return "to " + string(patcher.ThreadLocal)
}
