//go:build bazel

package apple_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// What mimalloc-embedded compiles to for each Apple platform, by the public
// rules: tls_model = "thread_local" beside tls_model = "upstream".
func TestObjects(t *testing.T) {
	for _, test := range []struct {
		env, model string
		slots      []int
	}{
		{"UPSTREAM_OBJECTS", "fixed-slot", []int{108, 109}},
		{"PATCHED_OBJECTS", "thread-local", nil},
	} {
		read := 0
		for _, name := range strings.Fields(env(t, test.env)) {
			if !strings.HasPrefix(filepath.Base(name), "static.") {
				continue // the witness has no code
			}
			read++
			o, err := oracle.ReadObject(name)
			if err != nil {
				t.Error(err)
				continue
			}
			if o.Model() != test.model || !slices.Equal(o.Slots, test.slots) {
				t.Errorf("%s: %s (%s), want %s", name, o.Model(), o.Evidence(), test.model)
			}
		}
		if want := len(strings.Fields(env(t, "PLATFORMS"))); read != want {
			t.Errorf("%s: read %d objects, want one for each of %d platforms", test.env, read, want)
		}
	}
}
