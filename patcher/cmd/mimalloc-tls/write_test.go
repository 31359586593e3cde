package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// entries returns the names in a directory, one a line.
func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return strings.Join(names, "\n")
}

func checkFile(t *testing.T, name, want string) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s holds %q (error %v), want %q", filepath.Base(name), got, err, want)
	}
}

func TestWriteThatFailsHalfWayLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "prim.h")
	if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the disk is full")
	err := write(name, io.MultiReader(strings.NewReader("new, but not all of"), iotest.ErrReader(broken)))
	if err == nil || !strings.Contains(err.Error(), broken.Error()) {
		t.Errorf("error %v, want %v", err, broken)
	}
	checkFile(t, name, "old")
	if got := entries(t, dir); got != "prim.h" {
		t.Errorf("left behind:\n%s", got)
	}
}

func TestWriteThatCannotRenameLeavesEverything(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "prim.h")
	if err := os.MkdirAll(filepath.Join(name, "sub"), 0o755); err != nil { // a file cannot take its place
		t.Fatal(err)
	}
	if err := write(name, strings.NewReader("new")); err == nil {
		t.Error("a file took the place of a directory")
	}
	if got := entries(t, dir) + "/" + entries(t, name); got != "prim.h/sub" {
		t.Errorf("the directory holds now:\n%s", got)
	}
}

func TestWriteIntoNoDirectoryFails(t *testing.T) {
	if err := write(filepath.Join(t.TempDir(), "nowhere", "prim.h"), strings.NewReader("new")); err == nil {
		t.Error("no error")
	}
}

// TestWriteShowsNothingUnfinished looks at a file while it is being written,
// at the moment when a kill would leave it half done.
func TestWriteShowsNothingUnfinished(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "prim.h")
	if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- write(name, r) }()
	if _, err := io.WriteString(w, "half of "); err != nil { // returns when it has been read
		t.Fatal(err)
	}
	checkFile(t, name, "old")
	if _, err := io.WriteString(w, "new"); err != nil {
		t.Fatal(err)
	}
	checkFile(t, name, "old")
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	checkFile(t, name, "half of new")
	if got := entries(t, dir); got != "prim.h" {
		t.Errorf("left behind:\n%s", got)
	}
}

func TestWriteKeepsTheMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are the file system's own there")
	}
	dir := t.TempDir()
	for _, mode := range []os.FileMode{0o444, 0o600, 0o644, 0o755} {
		name := filepath.Join(dir, mode.String())
		if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		if err := write(name, strings.NewReader("new")); err != nil {
			t.Fatal(err)
		}
		checkMode(t, name, mode)
	}
	name := filepath.Join(dir, "created")
	if err := write(name, strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	checkMode(t, name, 0o644)
}

func checkMode(t *testing.T, name string, want os.FileMode) {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != want {
		t.Errorf("%s: mode %s, want %s", filepath.Base(name), got, want)
	}
}

func TestReplaceLeavesWhatIsRightAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "prim.h") // writing it would create it
	if err := replace(name, []byte("same"), []byte("same")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("written though nothing changed: %v", err)
	}
	for _, content := range []string{"", "new"} {
		if err := replace(name, nil, []byte(content)); err != nil {
			t.Error(err)
		}
		checkFile(t, name, content)
	}
}

// TestInPlaceThatFailsLeavesTheHeader makes the header's own name so long that
// no temporary file can stand beside it, which stops root as well.
func TestInPlaceThatFailsLeavesTheHeader(t *testing.T) {
	dir := t.TempDir()
	if err := writeInclude(dir); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "mimalloc", "prim.h")
	long := filepath.Join(dir, "mimalloc", strings.Repeat("x", 250))
	if err := os.Rename(link, long); err != nil {
		t.Skipf("names of 250 bytes are too long here: %v", err)
	}
	if err := os.Symlink(filepath.Base(long), link); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
	before, err := os.ReadFile(long)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"patch", "--in-place", "--json", dir}, nil, &stdout, &stderr); code != exitIO {
		t.Errorf("exit code %d, want %d", code, exitIO)
	}
	if stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "mimalloc-tls patch: ") || strings.Contains(stderr.String(), "Apple TLS model") {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
	checkFile(t, long, string(before))
	if got, want := entries(t, filepath.Join(dir, "mimalloc")), "prim.h\n"+filepath.Base(long); got != want {
		t.Errorf("left behind:\n%s", got)
	}
}

// TestReadersSeeTheOldHeaderOrTheNew patches and reverts while others read.
func TestReadersSeeTheOldHeaderOrTheNew(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is being read cannot be replaced there")
	}
	dir := t.TempDir()
	if err := writeInclude(dir); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "mimalloc", "prim.h")
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	seen := make(chan map[string]int)
	go func() {
		contents := map[string]int{}
		for {
			text, err := os.ReadFile(name)
			if err != nil {
				text = []byte(err.Error())
			}
			contents[string(text)]++
			select {
			case <-stop:
				seen <- contents
				return
			default:
			}
		}
	}()
	for range 20 {
		for _, args := range [][]string{{"patch", "--in-place", dir}, {"revert", dir}} {
			if code := run(args, nil, io.Discard, io.Discard); code != exitOK {
				t.Errorf("%s: exit code %d", args[0], code)
			}
		}
	}
	close(stop)
	contents := <-seen
	delete(contents, string(old))
	for text := range contents {
		if !strings.Contains(text, "rules_mimalloc:begin proof") || !strings.HasSuffix(text, "#endif\n") {
			t.Errorf("a reader saw %d bytes that are neither the old header nor the new one:\n%s", len(text), text)
		}
	}
	if len(contents) > 1 {
		t.Errorf("%d different headers beside the old one", len(contents))
	}
}

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := writeInclude(dir); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", dir}, {"check", "--json", dir}, {"diff", dir}, {"patch", "--json", "--in-place", dir}} {
		var stderr bytes.Buffer
		if code := run(args, nil, brokenWriter{}, &stderr); code != exitIO || !strings.Contains(stderr.String(), "the pipe is closed") {
			t.Errorf("%s: exit code %d, stderr %q", args[0], code, stderr.String())
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("the pipe is closed") }

// TestSeveralAtOnce patches a tree by several processes at a time.
func TestSeveralAtOnce(t *testing.T) {
	dir := t.TempDir()
	if err := writeInclude(dir); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		var all []*exec.Cmd
		for range 6 {
			cmd := exec.Command("mimalloc-tls", "patch", "--in-place", dir)
			cmd.Stderr = new(strings.Builder)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			all = append(all, cmd)
		}
		for _, cmd := range all {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, cmd.Stderr)
			}
		}
		var stdout, stderr bytes.Buffer
		if code := run([]string{"check", dir}, nil, &stdout, &stderr); code != exitOK {
			t.Errorf("check: exit code %d, %s%s", code, stdout.String(), stderr.String())
		}
		if code := run([]string{"revert", dir}, nil, io.Discard, &stderr); code != exitOK {
			t.Errorf("revert: exit code %d, %s", code, stderr.String())
		}
	}
	if got := entries(t, filepath.Join(dir, "mimalloc")); got != "prim.h" {
		t.Errorf("left behind:\n%s", got)
	}
}

func TestWriteLeavesOtherHardLinks(t *testing.T) {
	dir := t.TempDir()
	name, other := filepath.Join(dir, "prim.h"), filepath.Join(dir, "other.h")
	if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(name, other); err != nil {
		t.Skipf("no hard links: %v", err)
	}
	if err := write(name, strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	checkFile(t, name, "new")
	checkFile(t, other, "old")
}
