//go:build bazel

package machorun_test

// This shows why the rule refuses an override of malloc together
// with the thread-local model on Apple platforms, release by release: dyld
// takes the storage of thread-locals from malloc, and malloc is the image's.

import (
	"maps"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/tests/machorun"
)

func TestEarly(t *testing.T) {
	// How the program ends when a thread-local's first touch is nested 50 deep: a real thread runs out of stack.
	const recursion = "exit status 77"
	for _, test := range []struct {
		image   string
		version int64
		end     string
		deepest int64 // nesting of first touches: 0 where no thread-local is touched
	}{
		{"patched_3_1_5", 315, recursion, 0},
		{"patched_3_2_6", 3206, recursion, 0},
		{"patched_3_3_2", 30302, recursion, 0},
		{"patched_3_3_2_fork60", 30302, recursion, 0},
		{"patched_3_5_0", 30500, recursion, 0},
		{"patched_3_5_2", 30502, recursion, 0},
		{"patched_3_6_0", 30600, recursion, 0},

		// Upstream's switch to pthread keys knows threads by the address of a thread-local.
		{"keys_3_3_2", 30302, recursion, 0},
		// Upstream's slot 89 of 3.1 is for overrides alone: this is its embedded build, which is thread-local unpatched.
		{"upstream_3_1_5", 315, recursion, 0},

		// The models that override_on_apple = "upstream" builds: fixed slots, since 3.5 pthread keys.
		{"upstream_3_2_6", 3206, "", 1},
		{"upstream_3_3_2", 30302, "", 1},
		{"upstream_3_5_0", 30500, "", 0},
		{"upstream_3_5_2", 30502, "", 0},
		{"upstream_3_6_0", 30600, "", 0},
	} {
		t.Run(test.image, func(t *testing.T) {
			machorun.EachMachine(t, func(t *testing.T, m machorun.Machine) {
				r := m.Run(t, "early", m.Image(t, test.image))
				want := map[string]int64{
					"version": test.version, "initialized": 1, "main": 1, "thread": 1, "deepest": test.deepest,
				}
				if test.end == recursion {
					want = map[string]int64{"version": test.version, "tlv_recursion": 1}
				}
				if r.End != test.end || !maps.Equal(r.Numbers, want) {
					t.Errorf("got %v\nwant %v, end %q", r, want, test.end)
				}
			})
		})
	}
}
