package gazelle_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	// The C++ extension that Gazelle's users have: the goldens run with it.
	_ "github.com/EngFlow/gazelle_cc/language/cc"
	"github.com/bazelbuild/bazel-gazelle/testtools"
)

// langs.go of Gazelle's command, as gazelle_binary would write it.
const langs = `package main

import (
	cc "github.com/EngFlow/gazelle_cc/language/cc"
	"github.com/bazelbuild/bazel-gazelle/language"
	golang "github.com/bazelbuild/bazel-gazelle/language/go"
	"github.com/bazelbuild/bazel-gazelle/language/proto"
	%s
)

var languages = []language.Language{proto.NewLanguage(), golang.NewLanguage(), cc.NewLanguage(), %s}
`

// buildGazelle builds Gazelle's command from its own sources, with the C++
// extension and, if asked, this one. What gazelle_binary does in Bazel, the go
// command does here: the module is copied, for nothing else may import its
// internal packages, and its list of languages replaced.
func buildGazelle(tb testing.TB, withMimalloc bool) string {
	tb.Helper()
	tmp := tb.TempDir()
	run := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		out, err := cmd.Output()
		if err != nil {
			var stderr []byte
			if exit, ok := err.(*exec.ExitError); ok {
				stderr = exit.Stderr
			}
			tb.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr)
		}
		return strings.TrimSpace(string(out))
	}
	module := run("list", "-m", "-f", "{{.Dir}}", "github.com/bazelbuild/bazel-gazelle")
	dir := filepath.Join(tmp, "gazelle")
	err := filepath.WalkDir(module, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(module, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" || rel == "vendor" || rel == "tests" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(dir, rel), 0o777)
		}
		if ext := filepath.Ext(name); ext != ".go" && d.Name() != "go.mod" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), text, 0o666)
	})
	if err != nil {
		tb.Fatal(err)
	}
	text := fmt.Sprintf(langs, "", "")
	if withMimalloc {
		text = fmt.Sprintf(langs, `mimalloc "github.com/rules-mimalloc/rules_mimalloc/gazelle"`, "mimalloc.NewLanguage()")
	}
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			tb.Fatal(err)
		}
	}
	write(filepath.Join(dir, "cmd", "gazelle", "langs.go"), text)
	for _, name := range []string{"go.mod", "go.sum"} {
		own, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		write(filepath.Join(tmp, name), string(own))
	}
	modfile := filepath.Join(tmp, "go.mod")
	run("mod", "edit", "-replace", "github.com/bazelbuild/bazel-gazelle="+dir, modfile)
	binary := filepath.Join(tmp, "gazelle.exe")
	run("build", "-trimpath", "-modfile", modfile, "-o", binary, "github.com/bazelbuild/bazel-gazelle/cmd/gazelle")
	return binary
}

// TestGoldens runs Gazelle on testdata/*/: BUILD.in becomes BUILD.out, with
// what arguments.txt, expectedStderr.txt and expectedExitCode.txt say. Where
// it succeeds, a second run has nothing to change.
func TestGoldens(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join("testdata", "*", "MODULE.bazel"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, error %v", len(cases), err)
	}
	binary := buildGazelle(t, true)
	for _, module := range cases {
		dir, err := filepath.Abs(filepath.Dir(module))
		if err != nil {
			t.Fatal(err)
		}
		testtools.TestGazelleGenerationOnPath(t, &testtools.TestGazelleGenerationArgs{
			Name:                 filepath.Base(dir),
			TestDataPathAbsolute: dir,
			TestDataPathRelative: filepath.Join("testdata", filepath.Base(dir)),
			GazelleBinaryPath:    binary,
			Timeout:              time.Minute,
		})
		t.Run(filepath.Base(dir)+"/again", func(t *testing.T) { runAgain(t, binary, dir) })
	}
}

func runAgain(t *testing.T, binary, dir string) {
	var files []testtools.FileSpec
	args := []string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		switch base := filepath.Base(name); base {
		case "BUILD.in", "expectedStderr.txt", "expectedStdout.txt":
		case "arguments.txt":
			args = strings.Split(strings.TrimSpace(string(text)), "\n")
		case "expectedExitCode.txt":
			t.Skip("the first run fails, as it is to")
		case "BUILD.out":
			files = append(files, testtools.FileSpec{Path: filepath.Join(filepath.Dir(rel), "BUILD.bazel"), Content: string(text)})
		default:
			files = append(files, testtools.FileSpec{Path: rel, Content: string(text)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	root, cleanup := testtools.CreateFiles(t, files)
	defer cleanup()
	cmd := exec.Command(binary, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "BUILD_WORKSPACE_DIRECTORY="+root)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testtools.CheckFiles(t, root, files)
	// No file is new.
	n := 0
	err = filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil || n != len(files) {
		t.Errorf("%d files, want %d (error %v)", n, len(files), err)
	}
}
