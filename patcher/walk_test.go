package patcher

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWalk reads what holds behind a header for some macros: "-" undefined,
// "?" undecided, "=" defined as nothing or as more than a number, "~" defined
// as one of several, or the number.
func TestWalk(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"nothing", "", "A- B-"},
		{"defined", "#define A 1", "A1 B-"},
		{"defined as nothing", "#define A", "A= B-"},
		{"defined, then not", "#define A 1\n#undef A", "A- B-"},
		{"a branch that is taken", "#if 1\n#define A 1\n#else\n#define B 1\n#endif", "A1 B-"},
		{"a branch that is not taken", "#if 0\n#define A 1\n#else\n#define B 1\n#endif", "A- B1"},
		{"the first of two", "#if 1\n#define A 1\n#elif 1\n#define B 1\n#endif", "A1 B-"},
		{"the second of three", "#if 0\n#define A 1\n#elif 1\n#define B 1\n#else\n#define A 2\n#endif", "A- B1"},
		{"inside a branch that is not taken", "#if 0\n#if 1\n#define A 1\n#endif\n#endif", "A- B-"},
		{"an unknown branch", "#if U\n#define A 1\n#endif", "A? B-"},
		{"an unknown branch that undefines", "#define A 1\n#if U\n#undef A\n#endif", "A? B-"},
		{"an unknown branch that says the same", "#define A 1\n#if U\n#define A 1\n#endif", "A1 B-"},
		{"an unknown branch that says it otherwise", "#define A 1\n#if U\n#define A (0x1)\n#endif", "A1 B-"},
		{"an unknown branch that says another number", "#define A 1\n#if U\n#define A 2\n#endif", "A~ B-"},
		{"an unknown branch that undefines what is not defined", "#if U\n#undef A\n#endif", "A- B-"},
		{"both branches say the same", "#if U\n#define A 1\n#else\n#define A 1\n#endif", "A1 B-"},
		{"both branches define it", "#if U\n#define A 1\n#else\n#define A 2\n#endif", "A~ B-"},
		{"one branch as nothing", "#if U\n#define A\n#else\n#define A 2\n#endif", "A~ B-"},
		{"both branches as nothing", "#if U\n#define A\n#else\n#define A\n#endif", "A= B-"},
		{"one branch of two", "#if U\n#define A 1\n#else\n#define B 1\n#endif", "A? B?"},
		{"all of three", "#if U\n#define A 1\n#elif V\n#define A 1\n#else\n#define A 1\n#endif", "A1 B-"},
		{"all of two, but a third is left", "#if U\n#define A 1\n#elif V\n#define A 1\n#endif", "A? B-"},
		{"a certain branch behind an unknown one", "#if U\n#define A 1\n#elif 1\n#define B 1\n#else\n#define A 2\n#endif", "A? B?"},
		{"a certain branch behind an unknown one says the same", "#if U\n#define A 1\n#elif 1\n#define A 1\n#else\n#define B 1\n#endif", "A1 B-"},
		{"a branch that is out behind an unknown one", "#if U\n#define A 1\n#elif 0\n#define B 1\n#endif", "A? B-"},
		{"the state in an unknown branch is its own", "#if U\n#define A 1\n#if A\n#define B 1\n#endif\n#else\n#define B 1\n#endif", "A? B1"},
		{"a branch sees nothing of the one before", "#if U\n#define A 1\n#else\n#if A == 1\n#define B 1\n#endif\n#endif", "A? B-"},
		{"unknown inside unknown", "#if U\n#if V\n#define A 1\n#endif\n#endif", "A? B-"},
		{"unknown inside unknown, all the same", "#if U\n#if V\n#define A 1\n#else\n#define A 1\n#endif\n#else\n#define A 1\n#endif", "A1 B-"},
		{"changed twice in an unknown branch", "#if U\n#define A 1\n#undef A\n#define A 2\n#else\n#define A 2\n#endif", "A2 B-"},
		{"changed and changed back in an unknown branch", "#define A 1\n#if U\n#undef A\n#define A 1\n#endif", "A1 B-"},
		{"a condition on an undecided macro", "#if U\n#define A 1\n#endif\n#ifdef A\n#define B 1\n#endif", "A? B?"},
		{"a condition on one of several values", "#if U\n#define A 1\n#else\n#define A 2\n#endif\n#if A\n#define B 1\n#endif", "A~ B?"},
		{"a condition that decides", "#if U\n#define A 1\n#endif\n#if defined(A) && 0\n#define B 1\n#endif", "A? B-"},
		{"a test of itself tells nothing", "#if U\n#define A 1\n#endif\n#if U && !defined(A)\n#define B 1\n#endif", "A? B?"},
		{"ifdef", "#ifdef __APPLE__\n#define A 1\n#endif\n#ifdef __linux__\n#define B 1\n#endif", "A1 B-"},
		{"ifndef", "#ifndef __APPLE__\n#define A 1\n#endif\n#ifndef __linux__\n#define B 1\n#endif", "A- B1"},
		{"a function-like macro", "#define A(x) 1", "A= B-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// A and B are undefined at first; U and V are anybody's guess.
			e := evaluated(t, "#undef A\n#undef B\n"+tt.src+"\n")
			got := "A" + state(e, "A") + " B" + state(e, "B")
			if got != tt.want {
				t.Errorf("got %s, want %s, behind\n%s", got, tt.want, tt.src)
			}
		})
	}
}

func state(e *evaluation, name string) string {
	m := e.macro(name)
	switch {
	case m.defined == no:
		return "-"
	case m.defined == unknown:
		return "?"
	case m.empty:
		return "="
	case m.value == nil || m.value.kind != exprNumber:
		return "~"
	}
	return string(rune('0' + m.value.num))
}

func TestWalkKnowsWhatIsCompiled(t *testing.T) {
	const src = "one\n" +
		"#ifdef __APPLE__\ntwo\n#else\nthree\n#endif\n" +
		"#ifdef U\nfour\n#ifdef __linux__\nfive\n#endif\n#ifdef __MACH__\nsix\n#endif\n#elif 1\nseven\n#else\neight\n#endif\n" +
		"#pragma nine\n"
	e := evaluated(t, src)
	var got []string
	for _, r := range e.active {
		text := strings.TrimSpace(src[r.item.pos:r.item.end])
		if r.active == unknown {
			text += "?"
		}
		got = append(got, text)
	}
	want := []string{"one", "two", "four?", "six?", "seven?", "#pragma nine"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMacrosThatNoHeaderNames(t *testing.T) {
	e := evaluated(t, "#define A 1\n")
	if m := e.macro("B"); m.defined != no {
		t.Errorf("a macro that does not occur is %s", m.defined)
	}
	if v := e.truth("B"); v != no {
		t.Errorf("a macro that does not occur is %s in a condition", v)
	}
}

func TestExtraMacrosAreDefinedAsOne(t *testing.T) {
	d, err := parse([]byte("#if MI_MALLOC_OVERRIDE == 1\n#define A 1\n#endif\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := state(d.evaluate(testTarget), "A"); got != "?" && got != "-" {
		t.Errorf("without the extra macro: A%s", got)
	}
	if got := state(d.evaluate(testTarget, "MI_MALLOC_OVERRIDE", "MI_NOWHERE"), "A"); got != "1" {
		t.Errorf("with the extra macro: A%s, want A1", got)
	}
}
