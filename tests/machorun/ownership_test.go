//go:build bazel

package machorun_test

// This shows mode A: two images in one process, each with a
// mimalloc of its own. With the heap pointer in a fixed slot the second image
// takes the first one's heap for its own.

import (
	"maps"
	"strings"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/tests/machorun"
)

// What each of two images sees of its own memory and of the other's, on the
// main thread and on one that the second image saw first.
var (
	healthy = map[string]int64{
		"first_in_first": 1, "first_in_second": 0,
		"second_in_first": 0, "second_in_second": 1,
		"second_usable_size_fits": 1, "second_usable_size_is_0": 0,
		"second_contents_kept": 1, "first_contents_kept": 1,
	}
	// The second image's memory is the first one's. Its own page map knows
	// nothing of it: a block has no size, and realloc copies that much.
	corrupt = map[string]int64{
		"first_in_first": 1, "first_in_second": 0,
		"second_in_first": 1, "second_in_second": 0,
		"second_usable_size_fits": 0, "second_usable_size_is_0": 1,
		"second_contents_kept": 0, "first_contents_kept": 1,
	}
)

func onBothThreads(numbers map[string]int64) map[string]int64 {
	all := map[string]int64{}
	for name, n := range numbers {
		all["main_"+name], all["thread_"+name] = n, n
	}
	return all
}

// pairs are the two images of a process, and what becomes of them.
var pairs = []struct {
	first, second string
	want          map[string]int64
}{
	{"upstream_3_3_2", "upstream_3_3_2", corrupt},
	{"upstream_3_2_6", "upstream_3_2_6", corrupt},

	{"patched_3_3_2", "patched_3_3_2", healthy},
	{"patched_3_2_6", "patched_3_2_6", healthy},
	{"patched_3_2_6", "patched_3_3_2", healthy},
	{"patched_3_3_2_fork60", "patched_3_3_2_fork60", healthy},
	{"patched_3_5_2", "patched_3_5_2", healthy},
	{"patched_3_6_0", "patched_3_6_0", healthy},
	{"patched_3_6_0", "patched_3_3_2", healthy},

	// Pthread keys.
	{"keys_3_3_2", "keys_3_3_2", healthy},
	{"upstream_3_5_2", "upstream_3_5_2", healthy},
	{"upstream_3_6_0", "upstream_3_6_0", healthy},

	// It takes two that use the same slots.
	{"upstream_3_3_2", "patched_3_3_2", healthy},
	{"patched_3_3_2", "upstream_3_3_2", healthy},
	{"upstream_3_3_2", "patched_3_6_0", healthy},
	{"slots_126_127", "upstream_3_3_2", healthy},
	{"slots_126_127", "patched_3_3_2", healthy},
}

func TestOwnership(t *testing.T) {
	for _, test := range pairs {
		t.Run(test.first+" "+test.second, func(t *testing.T) {
			machorun.EachMachine(t, func(t *testing.T, m machorun.Machine) {
				r := m.Run(t, "ownership", m.Image(t, test.first), m.Image(t, test.second))
				if want := onBothThreads(test.want); r.End != "" || !maps.Equal(r.Numbers, want) {
					t.Errorf("got %v\nwant %v", r, want)
				}
			})
		})
	}
}

// TestSharedSlotsCrash shows what happens where the two are not the same code,
// or check less: the process ends within a few calls.
func TestSharedSlotsCrash(t *testing.T) {
	for _, test := range []struct{ first, second string }{
		{"upstream_3_2_6", "upstream_3_3_2"},
		{"upstream_3_3_2", "upstream_3_2_6"},
		{"slots_126_127", "slots_126_127"},
	} {
		t.Run(test.first+" "+test.second, func(t *testing.T) {
			machorun.EachMachine(t, func(t *testing.T, m machorun.Machine) {
				r := m.Run(t, "ownership", m.Image(t, test.first), m.Image(t, test.second))
				// Reading another release's structures: which signal it is depends on what lies there.
				if !strings.HasPrefix(r.End, "signal: ") || r.End == "signal: alarm clock" {
					t.Errorf("got %v, want a crash", r)
				}
			})
		})
	}
}

// TestInterleaved uses both images on 64 threads, most blocks being released
// by another thread than the one that allocated them.
func TestInterleaved(t *testing.T) {
	for _, test := range pairs {
		if maps.Equal(test.want, corrupt) {
			continue
		}
		t.Run(test.first+" "+test.second, func(t *testing.T) {
			machorun.EachMachine(t, func(t *testing.T, m machorun.Machine) {
				operations, want := "1000000", int64(1000000)
				if !m.Native { // an emulator takes about ten times as long
					operations, want = "100000", 99968 // 1562 on each
				}
				r := m.Run(t, "interleave", m.Image(t, test.first), m.Image(t, test.second), "64", operations)
				numbers := map[string]int64{"operations": want, "null": 0, "foreign": 0, "lost": 0}
				if r.End != "" || !maps.Equal(r.Numbers, numbers) {
					t.Errorf("got %v\nwant %v", r, numbers)
				}
			})
		})
	}
}
