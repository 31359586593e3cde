package patcher

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestHostileHeadersTakeNoLongerThanOthers plans headers of a quarter of a
// megabyte that a quadratic reader would need half a minute for, each.
func TestHostileHeadersTakeNoLongerThanOthers(t *testing.T) {
	const size = 1 << 18
	repeat := func(s string) string { return strings.Repeat(s, size/len(s)) }
	var chain strings.Builder
	for i := 1; chain.Len() < size; i++ {
		fmt.Fprintf(&chain, "#define A%d (A%d||A%d)\n#if A%d\n#endif\n", i, i-1, i-1, i)
	}
	tests := []struct{ name, src string }{
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
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			for _, src := range []string{tt.src, tt.src + "\n#if defined(__APPLE__)\n#define MI_TLS_MODEL_FIXED_SLOT 1\n#endif\n"} {
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
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %s", d)
			}
		})
	}
}
