//go:build bazel

package machorun_test

// This shows mode B: an image's termination, at dlclose or
// exit, while threads go on using it.

import (
	"maps"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/tests/machorun"
)

// Memory that 2,000 times malloc and free of 64 bytes may take after the
// termination, when they take none for good.
const flat = 1 << 20

func TestTermination(t *testing.T) {
	const (
		never = 0 // malloc returns NULL, always
		heap  = 1 // malloc makes a new heap, every time
		fine  = 2
	)
	for _, test := range []struct {
		image string
		want  int
	}{
		{"keys_3_3_2", never}, // -DMI_HAS_TLS_SLOT=0
		{"upstream_3_5_0", heap},
		{"upstream_3_5_2", heap},
		{"upstream_3_6_0", heap},

		{"upstream_3_3_2", fine}, // the fixed slot's trouble is another
		{"patched_3_2_6", fine},
		{"patched_3_3_2", fine},
		{"patched_3_3_2_fork60", fine},
		{"patched_3_5_0", fine},
		{"patched_3_5_2", fine},
		{"patched_3_6_0", fine},
	} {
		t.Run(test.image, func(t *testing.T) {
			machorun.EachMachine(t, func(t *testing.T, m machorun.Machine) {
				r := m.Run(t, "termination", m.Image(t, test.image))
				if r.End != "" {
					t.Fatalf("got %v", r)
				}
				grown, nulls := r.Numbers["grown_bytes"], r.Numbers["busy_workers_null"]
				delete(r.Numbers, "grown_bytes")
				delete(r.Numbers, "busy_workers_null")
				after := int64(1)
				if test.want == never {
					after = 0
				}
				want := map[string]int64{
					"worker_before": 1, "main_before": 1,
					"worker_after": after, "worker_large_after": after,
					"fresh_thread_after": after, "fresh_thread_large_after": after,
					"main_after": after,
				}
				if !maps.Equal(r.Numbers, want) {
					t.Errorf("got %v\nwant %v", r, want)
				}
				if (nulls > 0) != (test.want == never) {
					t.Errorf("busy workers got NULL %d times", nulls)
				}
				// 2,000 heaps of more than 16 KiB each.
				if new := grown > 2000*16<<10; new != (test.want == heap) || test.want != heap && grown > flat {
					t.Errorf("2,000 times malloc and free after termination: %d bytes", grown)
				}
				t.Logf("2,000 times malloc and free after termination: %d bytes; busy workers got NULL %d times", grown, nulls)
			})
		})
	}
}
