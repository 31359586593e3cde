//go:build bazel

package machorun_test

// This shows what threads leave behind when they end as threads
// do on Darwin: the block of an image's thread-locals is freed by a pthread
// key that is older, and so destroyed earlier, than mimalloc's own.

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/tests/machorun"
)

// A leak is what a thread leaves behind.
type leak int

const (
	none  leak = iota // less than 4 KiB: what is left is the same for any number of threads
	theap             // 6 to 40 KiB: one thread's part of a heap, 9 to 13 KB where nothing disturbs
	all               // more than 56 KiB: a thread's heaps with their pages
)

func (l leak) String() string { return [...]string{"none", "a theap", "all"}[l] }

func classify(t *testing.T, bytes int64) leak {
	switch {
	case bytes < 4<<10:
		return none
	case bytes >= 6<<10 && bytes < 40<<10:
		return theap
	case bytes >= 56<<10:
		return all
	}
	t.Errorf("%d bytes per thread are neither nothing nor what a thread has", bytes)
	return none
}

func TestExits(t *testing.T) {
	for _, test := range []struct {
		image string
		// What is expected of threads with this many own heaps, beside a key that is destroyed at this point and
		// allocates in its destructor.
		want func(heaps int, key, does string) leak
	}{
		{"upstream_3_3_2", func(int, string, string) leak { return none }},
		{"upstream_3_5_2", func(int, string, string) leak { return none }},
		{"upstream_3_6_0", func(int, string, string) leak { return none }},
		{"patched_3_3_2", func(heaps int, key, does string) leak {
			// Between the two an allocation makes the thread a new heap, and mimalloc forgets the old one.
			if key == "between" && does == "allocate" {
				return all
			}
			return ownHeaps(heaps)
		}},
		{"patched_3_5_2", func(heaps int, _, _ string) leak { return ownHeaps(heaps) }},
		{"patched_3_6_0", func(heaps int, _, _ string) leak { return ownHeaps(heaps) }},
		// Its threads are known by the address of a thread-local. Freed, and made anew, that is another one.
		{"keys_3_3_2", func(int, string, string) leak { return all }},
	} {
		t.Run(test.image, func(t *testing.T) {
			machorun.EachMachine(t, func(t *testing.T, m machorun.Machine) {
				for _, heaps := range []int{0, 1, 4} {
					for _, key := range []string{"none", "before", "between", "after"} {
						for _, does := range []string{"allocate", "release"} {
							if key == "none" && does == "release" {
								continue
							}
							want := test.want(heaps, key, does)
							t.Run(fmt.Sprintf("%d heaps key %s %s", heaps, key, does), func(t *testing.T) {
								t.Parallel()
								exits(t, m, test.image, heaps, key, does, want)
							})
						}
					}
				}
			})
		})
	}
}

// ownHeaps is the known leak of the thread-local model: mimalloc holds on to
// the heap it used last by a thread-local that is gone when it would let go.
func ownHeaps(heaps int) leak {
	if heaps > 0 {
		return theap
	}
	return none
}

func exits(t *testing.T, m machorun.Machine, image string, heaps int, key, does string, want leak) {
	threads := 10000
	if !m.Native { // an emulator takes about ten times as long
		threads = 1000
	}
	switch want { // fewer show as much, and fill less memory
	case theap:
		threads = 1000
	case all:
		threads = 200
	}
	r := m.Run(t, "exits", m.Image(t, image), strconv.Itoa(threads), strconv.Itoa(heaps), key, does)
	destructors := int64(0)
	if key != "none" {
		destructors = int64(threads + threads/10) // with those that warm up
	}
	if r.End != "" || r.Numbers["null"] != 0 || r.Numbers["destructors"] != destructors {
		t.Fatalf("got %v, want %d destructors and no NULL", r, destructors)
	}
	grown := r.Numbers["grown_bytes_per_thread"]
	if got := classify(t, grown); got != want {
		t.Errorf("each of %d threads leaves %d bytes (%v), want %v", threads, grown, got, want)
	}
	t.Logf("each of %d threads leaves %d bytes", threads, grown)
}
