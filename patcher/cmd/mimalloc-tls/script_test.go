package main

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the command prints now into testdata/*.txtar; read the difference before you commit it")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mimalloc-tls": main})
}

// TestScripts runs testdata/*.txtar. Each script finds in include/ an include
// directory of mimalloc 3.3.2, reduced to what the patcher reads.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, error %v", len(scripts), err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		Setup:               func(env *testscript.Env) error { return writeInclude(filepath.Join(env.WorkDir, "include")) },
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"apply":    cmdApply,
			"dated":    cmdDated,
			"exits":    cmdExits,
			"files":    cmdFiles,
			"large":    cmdLarge,
			"lines":    cmdLines,
			"macho":    cmdMacho,
			"regular":  cmdRegular,
			"replace":  cmdReplace,
			"truncate": cmdTruncate,
		},
	})
}

// writeInclude writes the reduced include directory that the patcher's own
// tests begin with.
func writeInclude(dir string) error {
	archive, err := txtar.ParseFile(filepath.Join("..", "..", "testdata", "gen_c.txtar"))
	if err != nil {
		return err
	}
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "want/") {
			continue
		}
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// cmdExits runs a command and wants an exit code of it:
//
//	exits CODE COMMAND ARG...
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if want := args[0]; strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

// cmdLines counts lines:
//
//	lines FILE COUNT
func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines FILE COUNT")
	}
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, "\n"); strconv.Itoa(n) != args[1] || text != "" && !strings.HasSuffix(text, "\n") {
		ts.Fatalf("%d lines in %s, want %s:\n%s", n, args[0], args[1], text)
	}
}

// cmdFiles lists the files below a directory to standard output, links as
// such:
//
//	files DIR
func cmdFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: files DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		line := filepath.ToSlash(rel) + "\n"
		if !d.Type().IsRegular() {
			line = filepath.ToSlash(rel) + " " + d.Type().String() + "\n"
		}
		_, _ = ts.Stdout().Write([]byte(line))
		return err
	}))
}

// cmdReplace replaces text that occurs once in a file; \r and \n stand for what
// they do in Go:
//
//	replace FILE OLD NEW
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	escapes := strings.NewReplacer(`\r`, "\r", `\n`, "\n")
	before, after := escapes.Replace(args[1]), escapes.Replace(args[2])
	if n := strings.Count(text, before); n != 1 {
		ts.Fatalf("%q occurs %d times in %s", before, n, args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, before, after, 1)), 0o666))
}

// cmdLarge makes a file of 100 MB that takes no room on a disk: zeros, or text
// and then zeros.
//
//	large FILE [TEXT]
func cmdLarge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: large FILE [TEXT]")
	}
	name := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(name, []byte(strings.Join(args[1:], "")), 0o666))
	ts.Check(os.Truncate(name, 100e6))
}

// cmdRegular wants a regular file (with !: anything else), of a size where one
// is given:
//
//	[!] regular FILE [SIZE]
func cmdRegular(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: [!] regular FILE [SIZE]")
	}
	info, err := os.Lstat(ts.MkAbs(args[0]))
	ts.Check(err)
	if info.Mode().IsRegular() == neg {
		ts.Fatalf("%s is %s", args[0], info.Mode())
	}
	if len(args) == 2 && strconv.FormatInt(info.Size(), 10) != args[1] {
		ts.Fatalf("%s has %d bytes, want %s", args[0], info.Size(), args[1])
	}
}

var longAgo = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// cmdDated dates a file long ago, or wants it dated so still (with !: not any
// more):
//
//	dated set FILE
//	[!] dated FILE
func cmdDated(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 2 && args[0] == "set" && !neg {
		ts.Check(os.Chtimes(ts.MkAbs(args[1]), longAgo, longAgo))
		return
	}
	if len(args) != 1 {
		ts.Fatalf("usage: dated set FILE, [!] dated FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if info.ModTime().Equal(longAgo) == neg {
		ts.Fatalf("%s was written at %s", args[0], info.ModTime())
	}
}

// cmdApply applies a unified diff in a directory, as patch -p1 would, and
// accepts no offset:
//
//	apply DIFF DIR
func cmdApply(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: apply DIFF DIR")
	}
	lines := strings.SplitAfter(ts.ReadFile(args[0]), "\n")
	if strings.HasPrefix(lines[0], "diff ") {
		lines = lines[1:]
	}
	if len(lines) < 3 || !strings.HasPrefix(lines[0], "--- a/") || !strings.HasPrefix(lines[1], "+++ b/") {
		ts.Fatalf("no unified diff with the prefixes a/ and b/: %q", lines)
	}
	rel := strings.TrimSpace(strings.TrimPrefix(lines[1], "+++ b/"))
	name := filepath.Join(ts.MkAbs(args[1]), filepath.FromSlash(rel))
	src, err := os.ReadFile(name)
	ts.Check(err)
	out, err := applyHunks(bytes.SplitAfter(src, []byte("\n")), lines[2:])
	ts.Check(err)
	ts.Check(os.WriteFile(name, out, 0o666))
}
