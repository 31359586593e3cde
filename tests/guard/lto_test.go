//go:build bazel

package guard_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// program is what is linked with mimalloc: one call, and calls in a loop.
const program = `
#include <mimalloc.h>
void* caller(unsigned long n) { return mi_malloc(n); }
void many(void** out, unsigned long n) { for (unsigned long i = 0; i < n; i++) out[i] = mi_malloc(64); }
`

// TestLinkTimeOptimisation merges the bitcode of a program and of mimalloc and
// optimises them as one, as full link-time optimisation does; zig's linker does
// none for Apple. The accessor is then inlined into the program's functions:
// with the patch one call is guarded there too, and calls in a loop are not,
// which docs/guard.md states. 3.5.2 is left out: more of its slow path is
// inlined, with calls through pointers that are no thunk's.
func TestLinkTimeOptimisation(t *testing.T) {
	cc, dir := oracle.Compiler{Zig: env(t, "ZIG_CC")}, t.TempDir()
	trees, err := filepath.EvalSymlinks(env(t, "TREES"))
	if err != nil {
		t.Fatal(err)
	}
	source, object := filepath.Join(dir, "program.c"), filepath.Join(dir, "program.o")
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, release := range []string{"3.3.2", "3.6.0"} {
		with, without := patched(t, filepath.Join(trees, release, "include"))
		for _, triple := range []string{"arm64-apple-macos11", "x86_64-apple-macos11"} {
			for include, edited := range map[string]bool{with: true, without: false} {
				library := filepath.Join(trees, release, "src", "static.c")
				if err := cc.CompileMerged(triple, include, source, library, object, "-O2", "-w"); err != nil {
					t.Errorf("%s %s: %v", release, triple, err)
					continue
				}
				for function, want := range map[string]bool{"_mi_malloc": edited, "_caller": edited, "_many": false} {
					got, way, err := guarded(object, function)
					if err != nil {
						t.Errorf("%s %s: %v", release, triple, err)
					} else if got != want {
						t.Errorf("%s %s, edited: %t: every way to the thunk in %s has passed the test: %t, want %t; one that has not:\n%s",
							release, triple, edited, function, got, want, strings.Join(way, "\n"))
					}
				}
			}
		}
	}
}
