//go:build bazel

package differential_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// A compile takes seconds. So trees without model macros, which are all alike,
// are compiled for one target, and what upstream's own choice compiles to is
// looked at in one tree of each generation.
var upstreamToo = []string{"3.2.6", "3.3.2", "3.3.2_fork60", "3.5.2_repaired", "3.6.0"}

// What mimalloc compiles to with the headers as they are after the patch, and,
// where that changed them, before it.
func TestObjects(t *testing.T) {
	cc, all, dir := compiler(t), trees(t), t.TempDir()
	c := newCrowd()
	defer c.wait.Wait()
	for _, r := range all {
		targets := target(t, "aarch64-macos", "x86_64-macos", "aarch64-ios")
		if r.plain() {
			targets = targets[:1]
		}
		for _, x := range targets {
			c.run(func() {
				got, err := compiled(cc, r, x, r.patched, filepath.Join(dir, fmt.Sprintf("%s-%s.o", r.name, x.Triple)))
				if err != nil {
					t.Error(err)
				} else if got.Model() != "thread-local" {
					t.Errorf("%s, %s: %s (%s), want thread-local", r.name, x.Triple, got.Model(), got.Evidence())
				}
			})
		}
		if !slices.Contains(upstreamToo, r.name) {
			continue
		}
		c.run(func() {
			x := target(t, "aarch64-macos")[0]
			got, err := compiled(cc, r, x, r.pristine(), filepath.Join(dir, r.name+"-upstream.o"))
			if err != nil {
				t.Error(err)
				return
			}
			// The oracle does not see calls of pthread_getspecific.
			want := map[patcher.Model]string{patcher.FixedSlot: "fixed-slot", patcher.PthreadKey: "none"}[r.report.Before]
			if d := cmp.Diff(want, got.Model()); d != "" {
				t.Errorf("%s as upstream has it (%s): (-want +got)\n%s", r.name, got.Evidence(), d)
			}
		})
	}
}

func compiled(cc oracle.Compiler, r *tree, x oracle.Target, include, object string) (oracle.Object, error) {
	// Warnings are upstream's affair.
	if err := cc.Compile(x, include, r.source(), object, "-O1", "-w"); err != nil {
		return oracle.Object{}, fmt.Errorf("%s: %w", r.name, err)
	}
	return oracle.ReadObject(object)
}
