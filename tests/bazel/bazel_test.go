//go:build bazel

// Package bazel_test runs Bazel itself on workspaces of users: each script in
// testdata is one, with what they build and what they must see.
package bazel_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("tests/bazel/testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts (%v)", err)
	}
	bazel := os.Getenv("BAZEL")
	if bazel == "" {
		bazel = "bazel"
	}
	module, err := filepath.EvalSymlinks("MODULE.bazel")
	if err != nil {
		t.Fatal(err)
	}
	// Long-lived across scripts: what is fetched for one is there for the next.
	user := t.TempDir()
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for _, tree := range []struct{ variable, dir string }{
				{"INCLUDE_FILES", "include"},
				{"SRC_FILES", "src"},
			} {
				if err := copyTree(os.Getenv(tree.variable), "/"+tree.dir+"/", filepath.Join(env.WorkDir, "mimalloc", tree.dir)); err != nil {
					return err
				}
			}
			bin := filepath.Join(env.WorkDir, ".bin")
			if err := os.Mkdir(bin, 0o755); err != nil {
				return err
			}
			rc := filepath.Join(bin, "bazelrc")
			text := fmt.Sprintf("common --override_module=rules_mimalloc=%s\n"+
				"common --color=no --curses=no --noshow_progress --show_result=0\n"+
				"common --experimental_platform_in_output_dir\n"+
				"common --lockfile_mode=off\n", filepath.Dir(module))
			if err := os.WriteFile(rc, []byte(text), 0o644); err != nil {
				return err
			}
			wrapper := fmt.Sprintf("#!/bin/sh\nexec '%s' --output_user_root='%s' --bazelrc='%s' --max_idle_secs=60 \"$@\"\n", bazel, user, rc)
			if err := os.WriteFile(filepath.Join(bin, "bazel"), []byte(wrapper), 0o755); err != nil {
				return err
			}
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("HOME", os.Getenv("HOME"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"edit":   edit,
			"copied": copied,
		},
	})
}

// copyTree copies the files of a list whose paths hold the marker, from what
// follows it, into dir.
func copyTree(list, marker, dir string) error {
	n := 0
	for _, f := range strings.Fields(list) {
		_, rel, ok := strings.Cut(f, marker)
		if !ok {
			return fmt.Errorf("%s: no %s in it", f, marker)
		}
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, text, 0o644); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("no files for %s", dir)
	}
	return nil
}

// edit FILE OLD NEW replaces the one occurrence of a text in a file.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	name := ts.MkAbs(args[0])
	text, err := os.ReadFile(name)
	ts.Check(err)
	if n := strings.Count(string(text), args[1]); n != 1 {
		ts.Fatalf("%s holds %q %d times", args[0], args[1], n)
	}
	ts.Check(os.WriteFile(name, []byte(strings.Replace(string(text), args[1], args[2], 1)), 0o644))
}

// copied FROM TO copies a file or a directory, following links.
func copied(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copied FROM TO")
	}
	from, err := filepath.EvalSymlinks(ts.MkAbs(args[0]))
	ts.Check(err)
	to := ts.MkAbs(args[1])
	ts.Check(filepath.WalkDir(from, func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o644)
	}))
}
