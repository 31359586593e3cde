package includedir

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
)

// writeTree writes files below a new directory.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for rel, content := range files {
		name := filepath.Join(dir, filepath.FromSlash(rel))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(filepath.FromSlash(target), name); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
}

func TestFilesAreSortedAndHaveSlashes(t *testing.T) {
	dir := writeTree(t, map[string]string{"mimalloc.h": "", "mimalloc/prim.h": "", "mimalloc/a/b.h": "", "a.h": "", "mimalloc-new.h": ""})
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a.h", "mimalloc-new.h", "mimalloc.h", "mimalloc/a/b.h", "mimalloc/prim.h"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFilesFollowsLinks(t *testing.T) {
	dir := writeTree(t, map[string]string{"mimalloc.h": "", "real/a.h": ""})
	symlink(t, "real", filepath.Join(dir, "linked"))
	symlink(t, "real/a.h", filepath.Join(dir, "b.h"))
	top := filepath.Join(t.TempDir(), "top")
	symlink(t, dir, top)
	for _, dir := range []string{dir, top} {
		got, err := Files(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"b.h", "linked/a.h", "mimalloc.h", "real/a.h"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// withSocket makes an include directory that holds something that is neither a
// file nor a directory.
func withSocket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "") // t.TempDir is too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "mimalloc.h"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Skipf("no sockets in directories: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return dir
}

func TestDirectoriesThatAreNoIncludeDirectory(t *testing.T) {
	whole := writeTree(t, map[string]string{"include/mimalloc.h": "", "src/alloc.c": ""})
	linked := func(target, name string) string {
		dir := writeTree(t, map[string]string{"mimalloc.h": "", "sub/a.h": ""})
		symlink(t, target, filepath.Join(dir, filepath.FromSlash(name)))
		return dir
	}
	tests := []struct{ name, dir, want string }{
		{"missing", filepath.Join(whole, "nowhere"), "nowhere"},
		{"a file", filepath.Join(whole, "src", "alloc.c"), "alloc.c: not a directory; an include directory of mimalloc is wanted, the one that holds mimalloc.h"},
		{"without mimalloc.h", filepath.Join(whole, "src"), "src: no mimalloc.h in this directory"},
		{"above the right one", whole, ": no mimalloc.h in this directory; did you mean " + filepath.Join(whole, "include") + "?"},
		{"a socket", withSocket(t), "socket: not a regular file"},
		{"a link to a parent", linked("..", "sub/up"), filepath.Join("sub", "up") + ": a link to one of its own parent directories"},
		{"a link to itself", linked("loop", "loop"), "loop"},
		{"a link to nowhere", linked("nowhere.h", "sub/b.h"), "b.h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files, err := Files(tt.dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) || files != nil {
				t.Errorf("files %q, error %v, want %q in it", files, err, tt.want)
			}
			if tree, err := ReadTree(tt.dir); err == nil || tree != nil {
				t.Errorf("ReadTree: %d files, error %v", len(tree), err)
			}
		})
	}
}

func TestTreeHasEveryFile(t *testing.T) {
	want := patcher.Tree{"mimalloc.h": []byte("#pragma once\r\n"), "mimalloc/prim.h": {}, "x/a b.txt": []byte("\x00\xff")}
	files := map[string]string{}
	for rel, content := range want {
		files[rel] = string(content)
	}
	got, err := ReadTree(writeTree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLargeFilesAreReadInPart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "large.h")
	for _, tt := range []struct{ size, want int }{
		{0, 0}, {1, 1}, {patcher.MaxHeader, patcher.MaxHeader}, {patcher.MaxHeader + 1, patcher.MaxHeader + 1}, {100e6, patcher.MaxHeader + 1},
	} {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, int64(tt.size)); err != nil {
			t.Fatal(err)
		}
		got, err := Read(name)
		if err != nil || !bytes.Equal(got, make([]byte, tt.want)) {
			t.Errorf("of %d bytes: %d, error %v, want %d", tt.size, len(got), err, tt.want)
		}
	}
	if _, err := Read(name + "x"); err == nil {
		t.Error("a file that is not there: no error")
	}
	if _, err := Read(filepath.Dir(name)); err == nil {
		t.Error("a directory: no error")
	}
}

func TestTemporaryFilesAreNoPartOfATree(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{Marker, "a.h"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.CreateTemp(dir, TempPattern("a.h"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	files, err := Files(dir)
	if got, want := fmt.Sprint(files), fmt.Sprint([]string{"a.h", Marker}); err != nil || got != want {
		t.Errorf("%s (error %v), want %s", got, err, want)
	}
}
