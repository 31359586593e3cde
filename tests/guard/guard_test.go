//go:build bazel

// Package guard_test shows in machine code what the patch's edit of the guard
// is for: with it, _mi_malloc tests whether mimalloc is initialised before it
// touches the thread-local variable; with the guard as upstream has it, the
// compiler moves that access before the test. See docs/guard.md.
package guard_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// A release of each form of the guard and of its surroundings.
var releases = []string{"3.3.2", "3.5.2_repaired", "3.6.0"}

var levels = []string{"-O1", "-O2", "-O3", "-Os"}

func env(t *testing.T, name string) string {
	t.Helper()
	if os.Getenv(name) == "" {
		t.Fatalf("%s is not set", name)
	}
	p, err := filepath.Abs(os.Getenv(name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTestBeforeAccess(t *testing.T) {
	cc, dir := oracle.Compiler{Zig: env(t, "ZIG_CC")}, t.TempDir()
	trees, err := filepath.EvalSymlinks(env(t, "TREES"))
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	defer wait.Wait()
	limit := make(chan struct{}, 2)
	for _, release := range releases {
		with, without := patched(t, filepath.Join(trees, release, "include"))
		for _, target := range oracle.Targets[:2] { // macOS
			for _, level := range levels {
				for _, edited := range []bool{true, false} {
					include, name := with, strings.Join([]string{release, target.Triple, level, "edited"}, " ")
					if !edited {
						include, name = without, strings.Join([]string{release, target.Triple, level, "upstream's guard"}, " ")
					}
					wait.Add(1)
					limit <- struct{}{}
					go func() {
						defer func() { <-limit; wait.Done() }()
						object := filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".o")
						if err := cc.Compile(target, include, filepath.Join(trees, release, "src", "static.c"), object, level, "-w"); err != nil {
							t.Errorf("%s: %v", name, err)
							return
						}
						got, way, err := guarded(object, "_mi_malloc")
						if err != nil {
							t.Errorf("%s: %v", name, err)
							return
						}
						if got != edited {
							t.Errorf("%s: every way to the thunk has passed the test: %v; one that has not:\n%s", name, got, strings.Join(way, "\n"))
						}
					}()
				}
			}
		}
	}
}

// loop is a loop around the accessor.
const loop = `
#include "mimalloc.h"
#include "mimalloc/internal.h"
#include "mimalloc/prim.h"
extern int more(void);
extern void use(mi_theap_t* theap);
void loop(void) { while (more()) use(_mi_theap_default()); }
`

// A limit of the patch, which docs/guard.md and the README state: clang takes
// the thunk's call out of a loop, and so before the test. If this fails because
// each way passes the test now, tell it there.
func TestLoopIsNotGuarded(t *testing.T) {
	cc, dir := oracle.Compiler{Zig: env(t, "ZIG_CC")}, t.TempDir()
	trees, err := filepath.EvalSymlinks(env(t, "TREES"))
	if err != nil {
		t.Fatal(err)
	}
	include, _ := patched(t, filepath.Join(trees, "3.3.2", "include"))
	source, object := filepath.Join(dir, "loop.c"), filepath.Join(dir, "loop.o")
	if err := os.WriteFile(source, []byte(loop), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, target := range oracle.Targets[:2] {
		for _, level := range levels {
			if err := cc.Compile(target, include, source, object, level, "-w"); err != nil {
				t.Errorf("%s %s: %v", target.Triple, level, err)
				continue
			}
			got, way, err := guarded(object, "_loop")
			if err != nil {
				t.Errorf("%s %s: %v", target.Triple, level, err)
			} else if got {
				t.Errorf("%s %s: every way to the thunk has passed the test", target.Triple, level)
			}
			t.Logf("%s %s: %s", target.Triple, level, strings.Join(way, "; "))
		}
	}
}

// patched returns two include directories: the patched one, and one where the
// guard returns as upstream's does and the rest is patched.
func patched(t *testing.T, include string) (with, without string) {
	t.Helper()
	headers, err := includedir.ReadTree(include)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := patcher.NewPlan(headers)
	if err != nil {
		t.Fatal(err)
	}
	headers[plan.Report.Header] = plan.Content
	with = write(t, headers)
	barrier := []byte("return __mi_theap_empty();  // through the barrier")
	if bytes.Count(plan.Content, barrier) != 1 {
		t.Fatalf("%s does not hold %q once", plan.Report.Header, barrier)
	}
	headers[plan.Report.Header] = bytes.Replace(plan.Content, barrier, []byte("return _mi_theap_empty_get(); //"), 1)
	return with, write(t, headers)
}

func write(t *testing.T, headers patcher.Tree) string {
	t.Helper()
	dir := t.TempDir()
	if err := oracle.WriteHeaders(dir, headers); err != nil {
		t.Fatal(err)
	}
	return dir
}
