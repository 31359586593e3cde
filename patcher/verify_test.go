package patcher

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// planned reads a case's header up to where its edits are planned.
func planned(t *testing.T, tree Tree) (*document, *selector) {
	t.Helper()
	d, err := selectorFile(tree)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.readSelector()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.readAccessor(s); err != nil {
		t.Fatal(err)
	}
	return d, s
}

// TestVerifyTrustsNoEdit gives verify edits that the planner would not make.
func TestVerifyTrustsNoEdit(t *testing.T) {
	replace := func(old, new string) func([]insertion) []insertion {
		return func(list []insertion) []insertion {
			found := false
			for i := range list {
				found = found || strings.Contains(list[i].text, old)
				list[i].text = strings.ReplaceAll(list[i].text, old, new)
			}
			if !found {
				t.Fatalf("no edit holds %q", old)
			}
			return list
		}
	}
	// around puts text around the item that begins with a line.
	around := func(line, before, behind string) func([]insertion) []insertion {
		return func(list []insertion) []insertion {
			src := readGolden(t, "gen_c").tree[primH]
			pos := bytes.Index(src, []byte(line))
			stop := pos + bytes.Index(src[pos:], []byte("\n")) + 1
			if pos < 0 {
				t.Fatalf("no line %q", line)
			}
			var out []insertion
			for _, in := range append(list, insertion{pos, "guard", before}, insertion{stop, "guard", behind}) {
				at := len(out)
				for at > 0 && out[at-1].pos > in.pos {
					at--
				}
				out = append(out[:at], append([]insertion{in}, out[at:]...)...)
			}
			return out
		}
	}
	const (
		apple      = "thread-local with its guard for macos-arm64 after the patch"
		both       = "defined(__aarch64__) || defined(__x86_64__)"
		defineWord = "#define MI_TLS_MODEL_"
	)
	tests := []struct {
		name            string
		change          func([]insertion) []insertion
		expected, found string
	}{
		{"no guard", replace("    #define MI_TLS_RECURSE_GUARD  1\n", ""), apple, "MI_TLS_RECURSE_GUARD not defined for certain"},
		{"no witness of the guard", replace("#define RULES_MIMALLOC_TLS_GUARD  1\n", ""), apple, "RULES_MIMALLOC_TLS_GUARD not defined for certain"},
		{"no witness of the tree", replace("#define RULES_MIMALLOC_TLS  1\n", ""), apple, "RULES_MIMALLOC_TLS not defined for certain"},
		{"no model", replace(defineWord+"THREAD_LOCAL  1\n", ""), apple, "MI_TLS_MODEL_THREAD_LOCAL off"},
		{"a model that may be", replace(defineWord+"THREAD_LOCAL  1\n", defineWord+"THREAD_LOCAL MI_UNKNOWN\n"), apple, "MI_TLS_MODEL_THREAD_LOCAL undecided"},
		{"another model", replace(defineWord+"THREAD_LOCAL  1\n", defineWord+"FIXED_SLOT  1\n"), apple, "MI_TLS_MODEL_THREAD_LOCAL off"},
		{"a second model", replace(defineWord+"THREAD_LOCAL  1\n", defineWord+"THREAD_LOCAL 1\n"+defineWord+"DYNAMIC_PTHREADS 1\n"), apple, "MI_TLS_MODEL_DYNAMIC_PTHREADS on"},
		{"no slots any more", replace(defineWord+"THREAD_LOCAL  1\n", defineWord+"THREAD_LOCAL 1\n#undef MI_HAS_TLS_SLOT\n"), apple, "MI_HAS_TLS_SLOT off (on before)"},
		{"an error that is in force", replace("#define RULES_MIMALLOC_TLS  1\n", "#define RULES_MIMALLOC_TLS  1\n#error \"no\"\n"), apple, `an #error in force: "\"no\""`},
		{"one architecture only", replace(both, "defined(__aarch64__)"), strings.Replace(apple, "arm64", "x86_64", 1), "MI_TLS_MODEL_THREAD_LOCAL off"},
		{"32-bit Apple too", replace("#if defined(__APPLE__) && ("+both+")\n  "+defineWord, "#if defined(__APPLE__)\n  "+defineWord),
			"the patch to change nothing for apple-armv7k", "inserted text that it compiles"},
		{"everybody", replace("defined(__APPLE__) && ("+both+")", "1"), "the patch to change nothing for apple-armv7k", "inserted text that it compiles"},
		{"everybody with that architecture", replace("defined(__APPLE__) && ("+both+")", both), "the patch to change nothing for linux-x86_64", "inserted text that it compiles"},
		{"a macro for everybody", replace("#define RULES_MIMALLOC_TLS  1\n", "#define RULES_MIMALLOC_TLS  1\n#define MI_OTHER 1\n"),
			"the patch to change nothing for apple-armv7k", "inserted text that it compiles"},
		{"text taken from others", around("  return thread_slots()[slot];", "#if defined(__APPLE__)\n", "#endif\n"),
			"the patch to change nothing for linux-x86_64", "text that it compiles only with the patch, or only without"},
		{"text given to others for certain", around("extern mi_decl_hidden mi_decl_thread mi_theap_t* __mi_theap_cached;", "#if MI_UNKNOWN\n", "#endif\n"),
			"the patch to change nothing for linux-x86_64", "text that it compiles only with the patch, or only without"},
		{"unbalanced", replace("#else  // upstream's choice\n", "#else\n#else\n"), "a header that every compiler reads alike", "#else behind #else"},
		{"a marker inside", replace("#else  // upstream's choice\n", "#else\n"+markerBegin+"\n"), "the end of a marked block: " + markerEnd, "the begin of another one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, s := planned(t, readGolden(t, "gen_c").tree)
			out := insert(d.src, tt.change(d.insertions(s)))
			checkRefusal(t, d.verify(out, s), tt.expected, tt.found)
		})
	}
	d, s := planned(t, readGolden(t, "gen_c").tree)
	if err := d.verify(insert(d.src, d.insertions(s)), s); err != nil {
		t.Errorf("the planner's own edits: %v", err)
	}
}

func TestVerifyWantsEveryByteOfTheInput(t *testing.T) {
	d, s := planned(t, readGolden(t, "gen_c").tree)
	out := insert(d.src, d.insertions(s))
	for _, changed := range [][]byte{
		append(bytes.Clone(out), '\n'),
		out[:len(out)-1],
		bytes.Replace(out, []byte("108"), []byte("109"), 1),
	} {
		checkRefusal(t, d.verify(changed, s), "edits that can be taken back", "a header in which they cannot")
	}
}

func TestVerifySeesTextDisappear(t *testing.T) {
	tree := readGolden(t, "pragma_once").tree
	tree[primH] = append(tree[primH], "extern int last;\n"...)
	d, s := planned(t, tree)
	list := d.insertions(s)
	proof := &list[len(list)-1]
	proof.pos = bytes.Index(d.src, []byte("extern int last;"))
	proof.text += "#if defined(__APPLE__)\n"
	list = append(list, insertion{len(d.src), "proof", "#endif\n"})
	checkRefusal(t, d.verify(insert(d.src, list), s), "the patch to change nothing for linux-x86_64", "text that it no longer compiles")
}

func checkRefusal(t *testing.T, err error, expected, found string) {
	t.Helper()
	var d *DriftError
	if !errors.As(err, &d) {
		t.Fatalf("verify: %v, want a *DriftError", err)
	}
	if d.Header != primH || d.Expected != expected || d.Found != found {
		t.Errorf("got %s: expected %s, found %s\nwant %s: expected %s, found %s", d.Header, d.Expected, d.Found, primH, expected, found)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	tree := readGolden(t, "gen_c").tree
	src := tree[primH]
	fill := func(size int) []byte {
		return append(bytes.Clone(src), bytes.Repeat([]byte("\n"), size-len(src))...)
	}
	tree[primH] = fill(MaxHeader - 4096)
	if p, err := NewPlan(tree); err != nil || p.Report.Status != Patched {
		t.Errorf("a large header: %v", err)
	}
	tree[primH] = fill(MaxHeader + 1)
	_, err := NewPlan(tree)
	checkRefusal(t, err, "a header of at most 4194304 bytes", "4194305 bytes")
	// What the patch makes of a header is to be a header again.
	tree[primH] = fill(MaxHeader)
	if p, err := NewPlan(tree); err == nil {
		t.Errorf("a header of MaxHeader bytes: patched to %d", len(p.Content))
	}
	if _, _, err := Revert(primH, tree[primH]); err != nil {
		t.Errorf("Revert of a large file: %v", err)
	}
}

func TestNestingIsBounded(t *testing.T) {
	tree := readGolden(t, "gen_c").tree
	src := tree[primH]
	nest := func(n int) []byte {
		return append(bytes.Clone(src), strings.Repeat("#if 1\n", n)+strings.Repeat("#endif\n", n)...)
	}
	tree[primH] = nest(maxDepth + 1)
	_, err := NewPlan(tree)
	checkRefusal(t, err, "a header that every compiler reads alike", "conditionals nested deeper than 64")
	tree[primH] = nest(100000)
	_, err = NewPlan(tree)
	checkRefusal(t, err, "a header that every compiler reads alike", "conditionals nested deeper than 64")
}
