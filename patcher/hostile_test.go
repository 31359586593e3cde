package patcher

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

type hostile struct{ name, src string }

// hostileHeaders returns headers of that many bytes, each of which a quadratic
// reader would take long for.
func hostileHeaders(size int) []hostile {
	repeat := func(s string) string { return strings.Repeat(s, size/len(s)) }
	var chain strings.Builder
	for i := 1; chain.Len() < size; i++ {
		fmt.Fprintf(&chain, "#define A%d (A%d||A%d)\n#if A%d\n#endif\n", i, i-1, i-1, i)
	}
	return []hostile{
		{"characters side by side", repeat("'a'")},
		{"characters without a blank", repeat("'a'a")},
		{"escaped quotes", repeat(`'\`)},
		{"escaped double quotes", `"` + repeat(`\"`)},
		{"lines of one quote", repeat("'\n")},
		{"quotes behind splices", repeat("\\\n'\\\n")},
		{"quotes behind blanks", repeat("   \n'")},
		{"quotes behind spliced blanks", repeat("\\    \n") + repeat("'")},
		{"backslashes", repeat(`\ `)},
		{"splices", repeat("\\\n")},
		{"a spliced word", repeat("a\\\n")},
		{"stars", repeat("*")},
		{"comments of stars", "/" + repeat("*")},
		{"slashes", repeat("/ ")},
		{"slashes and splices", repeat("/\\\n")},
		{"stars and splices", "/*" + repeat("*\\\n")},
		{"comments", repeat("/*'*/")},
		{"an endless line comment", "//" + repeat(" \\\n")},
		{"conditionals", repeat("#if A\n#endif\n")},
		{"branches", "#if A\n" + repeat("#elif B\n") + "#endif\n"},
		{"definitions", repeat("#define A B\n")},
		{"definitions in unknown branches", "#if U\n" + repeat("#define A B\n#if V\n#undef A\n#endif\n") + "#endif\n"},
		{"a long condition", "#if " + repeat("A&&") + "1\n#endif\n"},
		{"a condition of signs", "#if " + repeat("!") + "1\n#endif\n"},
		{"a condition of parentheses", "#if " + repeat("(") + "\n#endif\n"},
		{"a call with many arguments", "#if F(" + repeat("a,") + ")\n#endif\n"},
		{"macros of macros", chain.String()},
		{"markers", repeat(block("x\n"))},
		{"open markers", repeat("/* rules_mimalloc:begin x */\n")},
	}
}

// TestHostileHeadersTakeNoLongerThanOthers shows that a header of eight times
// the size takes about eight times as long, not 64 times, or below a second,
// where a quadratic reader would need half a minute: in one of a few attempts,
// since a machine may be busy.
func TestHostileHeadersTakeNoLongerThanOthers(t *testing.T) {
	const size, growth = 1 << 18, 8
	small := hostileHeaders(size / growth)
	for i, large := range hostileHeaders(size) {
		t.Run(large.name, func(t *testing.T) {
			var short, long time.Duration
			for range 5 {
				short, long = planHostile(t, small[i].src), planHostile(t, large.src)
				if long < time.Second || long < 3*growth*short {
					return
				}
			}
			t.Errorf("%d bytes took %s, %d bytes %s", len(small[i].src), short, len(large.src), long)
		})
	}
}

// planHostile returns how long it takes to refuse a header.
func planHostile(t *testing.T, src string) time.Duration {
	t.Helper()
	start := time.Now()
	for _, src := range []string{src, src + "\n#if defined(__APPLE__)\n#define MI_TLS_MODEL_FIXED_SLOT 1\n#endif\n"} {
		tree := Tree{primH: []byte("// MI_TLS_\n" + src)}
		if _, err := NewPlan(tree); err == nil {
			t.Error("a plan for such a header")
		} else {
			checkDrift(t, tree, err)
		}
		if _, _, err := Revert(primH, tree[primH]); err != nil {
			checkDrift(t, tree, err)
		}
	}
	return time.Since(start)
}
