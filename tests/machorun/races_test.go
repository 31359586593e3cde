//go:build bazel

package machorun_test

// This shows ends and beginnings that meet: termination beside
// threads that begin, keys that change hands, a first thread that goes, a
// thread that begins with realloc.

import (
	"maps"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/tests/machorun"
)

const crash = "signal: segmentation fault"

func TestRaces(t *testing.T) {
	for _, test := range []struct {
		race   string
		images []string
		want   map[string]int64
		end    string
	}{
		{"terminate", []string{
			"upstream_3_3_2", "patched_3_3_2", "patched_3_5_2", "patched_3_6_0", "upstream_3_6_0",
		}, map[string]int64{"null": 0}, ""},

		// 3.3.2 gives its key back at termination and goes on using the number, in every model: threads' heaps end up
		// as values of whichever component has the key next. Upstream mended that later.
		{"recycle", []string{
			"upstream_3_3_2", "patched_3_3_2",
		}, map[string]int64{"null": 0, "strange_values": 100, "strange_destructions": 100}, ""},
		{"recycle", []string{
			"upstream_3_5_2", "patched_3_5_2", "upstream_3_6_0", "patched_3_6_0",
		}, map[string]int64{"null": 0, "strange_values": 0, "strange_destructions": 0}, ""},

		// 3.3.2 crashes when the thread that loaded it is gone and another gets its number, in both models; so it does
		// on Linux, without any loader. Upstream mended that later.
		{"worker", []string{"upstream_3_3_2", "patched_3_3_2"}, map[string]int64{}, crash},
		{"worker", []string{
			"upstream_3_5_2", "patched_3_5_2", "upstream_3_6_0", "patched_3_6_0",
		}, map[string]int64{"null": 0, "wrong": 0}, ""},

		// Where the heap pointer is null at first (slots, keys), realloc of 3.3.2 looks into it.
		{"realloc", []string{"upstream_3_3_2", "keys_3_3_2"}, map[string]int64{}, crash},
		{"realloc", []string{
			"patched_3_3_2", "upstream_3_5_2", "patched_3_5_2", "upstream_3_6_0", "patched_3_6_0",
		}, map[string]int64{"kept": 1}, ""},
	} {
		for _, image := range test.images {
			t.Run(test.race+" "+image, func(t *testing.T) {
				machorun.EachMachine(t, func(t *testing.T, m machorun.Machine) {
					r := m.Run(t, "races", m.Image(t, image), test.race)
					if r.End != test.end || !maps.Equal(r.Numbers, test.want) {
						t.Errorf("got %v\nwant %v, end %q", r, test.want, test.end)
					}
				})
			})
		}
	}
}

// TestPthreadKeysLoseAll: what the build with pthread keys does in these is
// mode B again.
func TestPthreadKeysLoseAll(t *testing.T) {
	machorun.EachMachine(t, func(t *testing.T, m machorun.Machine) {
		r := m.Run(t, "races", m.Image(t, "keys_3_3_2"), "terminate")
		if r.End != "" || r.Numbers["null"] == 0 {
			t.Errorf("got %v, want NULLs", r)
		}
		r = m.Run(t, "races", m.Image(t, "keys_3_3_2"), "recycle")
		// All 40 allocations of each of 100 threads.
		if r.End != "" || r.Numbers["null"] != 4000 {
			t.Errorf("got %v, want 4000 NULLs", r)
		}
	})
}
