package patcher

import (
	"strconv"
	"strings"
	"testing"
)

const testTarget = 0 // macos-arm64

// evaluate walks a header once.
func (d *document) evaluate(target int, extra ...string) *evaluation {
	e := d.newEvaluation()
	e.run(target, extra...)
	return e
}

// decide returns what #if says of a condition behind a header's lines.
func decide(t *testing.T, lines, condition string) tri {
	t.Helper()
	e := evaluated(t, lines+"\n#if "+condition+"\n#define RESULT 1\n#else\n#define RESULT 0\n#endif\n")
	return e.truth("RESULT")
}

func evaluated(t *testing.T, src string) *evaluation {
	t.Helper()
	d, err := parse([]byte(src))
	if err != nil {
		t.Fatalf("parse(%q): %v", src, err)
	}
	return d.evaluate(testTarget)
}

func TestConditions(t *testing.T) {
	tests := []struct {
		want       tri
		conditions string // one a line
	}{
		{yes, `
			1
			-1
			~0
			+3
			!0
			0x10 == 16
			010 == 8
			0b11 == 3
			10L == 10
			10ll == 10LL
			1 + 2 * 3 == 7
			(1 + 2) * 3 == 9
			10 - 4 - 3 == 3
			100 / 10 / 5 == 2
			7 % 4 == 3
			1 << 4 == 16
			16 >> 2 == 4
			1 << 2 + 1 == 8
			1 < 2 == 1
			2 > 1
			2 >= 2
			2 <= 2
			1 != 2
			(6 & 3) == 2
			(6 | 3) == 7
			(6 ^ 3) == 5
			1 || 0 && 0
			-1 < 0
			-(-1) == 1
			~0 == -1
			!!5
			1 ? 2 : 0
			0 ? 0 : 3
			1 ? 0 ? 0 : 1 : 0
			(0 ? 1 : 0) == 0
			defined(__APPLE__)
			defined __APPLE__
			! defined(__linux__)
			defined(__APPLE__) && !defined __POWERPC__
			__APPLE__
			__APPLE__ == 1
			!__linux__
			!MI_TLS_MODEL_FIXED_SLOT
			!defined(MI_TLS_RECURSE_GUARD)
			!defined(RULES_MIMALLOC_TLS)
			1 || MI_UNKNOWN
			MI_UNKNOWN || 1
			!(0 && MI_UNKNOWN)
			!(MI_UNKNOWN && 0)
			1 || F(x)
			1 || (1 / 0)
			1 ? 1 : MI_UNKNOWN`},
		{no, `
			0
			!1
			1 - 1
			6 & 3 == 3
			0 && MI_UNKNOWN
			MI_UNKNOWN && 0
			!(1 || MI_UNKNOWN)
			defined(__linux__)
			defined(__APPLE__) && defined(__OpenBSD__)
			0 || defined(_WIN32)
			MI_TLS_MODEL_THREAD_LOCAL
			__POWERPC__
			3 == 4
			0 ? MI_UNKNOWN : 0`},
		{unknown, `
			MI_UNKNOWN
			!MI_UNKNOWN
			-MI_UNKNOWN
			~MI_UNKNOWN
			defined(MI_UNKNOWN)
			!defined(MI_UNKNOWN)
			MI_UNKNOWN && 1
			1 && MI_UNKNOWN
			0 || MI_UNKNOWN
			MI_UNKNOWN || MI_UNKNOWN
			MI_UNKNOWN == MI_UNKNOWN
			MI_UNKNOWN + 1
			MI_UNKNOWN ? 1 : 1
			F(1)
			F(1, (2), G(3))
			__has_include(<stdatomic.h>)
			__has_feature(x)
			1u
			0xFFFFFFFFFFFFFFFF
			99999999999999999999
			08
			0o10
			1_000
			1.5
			'a'
			"a"
			1 / 0
			1 % 0
			-1 / 2
			-1 - 1
			0x80000000 + 1
			1 << 31
			1 << 40
			1 >> 40
			-(-0x7fffffffffffffff - 1)`},
	}
	for _, tt := range tests {
		for _, condition := range strings.Split(strings.TrimSpace(tt.conditions), "\n") {
			condition = strings.TrimSpace(condition)
			if got := decide(t, "", condition); got != tt.want {
				t.Errorf("#if %s: %s, want %s", condition, got, tt.want)
			}
		}
	}
}

func TestUnreadableConditions(t *testing.T) {
	deep := strings.Repeat("(", maxDepth) + "1" + strings.Repeat(")", maxDepth)
	for _, condition := range []string{
		"", "()", "(1", "1)", "1 2", "1 +", "* 1", "1 ? 2", "1 ? : 2", "1 ? 2 :", "defined", "defined(", "defined()",
		"defined(1)", "defined(A", "defined(A B)", "F(", "F((1)", "1 = 1", "1, 2", "#", "a.b", "1 and 1", "not 1", "true", "false", "A or B",
		"1 ++ 2 --", deep, strings.Repeat("!", maxDepth+1) + "1", strings.Repeat("1?", maxDepth+1) + "1" + strings.Repeat(":1", maxDepth+1),
	} {
		_, err := parse([]byte("\n  #if " + condition + "\n#endif\n"))
		l, ok := err.(*lexError)
		if !ok || l.pos != 1 || !strings.HasPrefix(l.msg, "a condition that cannot be read: ") {
			t.Errorf("#if %s: error %v, want one at 1", condition, err)
		}
	}
}

func TestMacrosInConditions(t *testing.T) {
	tests := []struct {
		name, lines, condition string
		want                   tri
	}{
		{"a number", "#define A 5", "A == 5", yes},
		{"in parentheses", "#define A (2+3)", "A*2 == 10", yes},
		{"not in parentheses: operators could mix", "#define A 2+3", "A*2 == 8", unknown},
		{"negative", "#define A -1", "A < 0", yes},
		{"through another macro", "#define A B\n#define B 7", "A == 7", yes},
		{"another macro at the place of use", "#define A B\n#define B 1\n#undef B\n#define B 0", "A", no},
		{"defined inside", "#define A defined(__APPLE__)", "A", yes},
		{"an undefined one inside", "#define A __linux__", "!A", yes},
		{"an unknown one inside", "#define A MI_UNKNOWN", "A", unknown},
		{"empty", "#define A", "defined(A)", yes},
		{"empty, as a condition", "#define A", "A", unknown},
		{"with parameters", "#define A(x) 1", "A(2)", unknown},
		{"with parameters, alone", "#define A(x) 1", "A", unknown},
		{"with parameters, defined", "#define A(x) 1", "defined(A)", yes},
		{"a blank before the parenthesis", "#define A (1)", "A", yes},
		{"a splice before the parenthesis", "#define A\\\n(x) 1", "A", unknown},
		{"a comment before the parenthesis", "#define A/**/(1)", "A", yes},
		{"undefined", "#define A 1\n#undef A", "defined(A) || A", no},
		{"redefined", "#define A 1\n#define A 0", "A", no},
		{"a string", "#define A \"x\"", "A", unknown},
		{"itself", "#define A A", "A", unknown},
		{"each other", "#define A B\n#define B A", "A", unknown},
		{"a platform's, undefined", "#undef __APPLE__", "defined(__APPLE__)", no},
		{"a ternary", "#define A (1 ? 3 : 4)", "A == 3", yes},
		{"a function's name", "#define A F\n#define F(x) 1", "A(1)", unknown},
	}
	for _, tt := range tests {
		if got := decide(t, tt.lines, tt.condition); got != tt.want {
			t.Errorf("%s: #if %s is %s, want %s", tt.name, tt.condition, got, tt.want)
		}
	}
}

// TestMacroExpansionIsBounded uses macros of which each doubles the other: a
// naive evaluation would take longer than the universe.
func TestMacroExpansionIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("#define A0 0\n")
	for i := 1; i < 200; i++ {
		b.WriteString(strings.NewReplacer("N", strconv.Itoa(i), "P", strconv.Itoa(i-1)).Replace("#define AN (AP || AP)\n"))
	}
	if got := decide(t, b.String(), "A199"); got != unknown {
		t.Errorf("#if of 2^199 operands: %s", got)
	}
	if got := decide(t, b.String(), "A8"); got != no {
		t.Errorf("#if of 256 operands: %s", got)
	}
	if got := decide(t, "", strings.Repeat("1 && ", 100000)+"1"); got != unknown {
		t.Errorf("#if of 100000 operands: %s", got)
	}
}
