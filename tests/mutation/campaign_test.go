//go:build bazel

package mutation

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// seed of the campaign in continuous integration; any other will do.
const seed = 20240517

// trees are one of each generation and those that differ from it most: of
// //tests/crates, which has no release of generation D but a fork in its shape.
var trees = []string{"2.3.2", "3.0.10", "3.2.6", "3.3.2", "3.3.2_fork58", "3.3.2_fork60", "3.5.2_repaired", "3.6.0"}

func bases(t *testing.T) []*Base {
	t.Helper()
	dir, err := filepath.EvalSymlinks(os.Getenv("TREES"))
	if err != nil {
		t.Fatal(err)
	}
	var list []*Base
	for _, name := range trees {
		tree, err := includedir.ReadTree(filepath.Join(dir, name, "include"))
		if err != nil {
			t.Fatal(err)
		}
		if list, err = AddBases(list, name, tree); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func proper(t *testing.T) oracle.Compiler {
	t.Helper()
	zig, err := filepath.Abs(os.Getenv("ZIG_CC"))
	if err != nil {
		t.Fatal(err)
	}
	return oracle.Compiler{Zig: zig}
}

// compiler is clang's preprocessor; the target is no matter, since platforms
// are macros of their own here.
func compiler(t *testing.T) []string {
	t.Helper()
	return append(proper(t).Clang(), "-target", "x86_64-unknown-none", "-ferror-limit=0")
}

func TestTenThousandMutants(t *testing.T) {
	c := Campaign{
		Bases: bases(t), Seed: seed, N: 10000, Workers: 2, Compiler: compiler(t), Proper: proper(t), Dir: t.TempDir(),
		Report: func(f *Finding) {
			switch f.Verdict {
			case Silent, Unlaw, Late:
				t.Errorf("seed %d: %v", seed, f)
			default:
				t.Logf("%s: mutant %d of %s: %s", f.Verdict, f.Mutant.Number, f.Mutant.Base.Name, f.Reason)
			}
		},
	}
	figures, err := c.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *figures)
	// A campaign in which nearly everything is refused, or nothing is, shows little.
	for _, least := range []struct {
		verdict Verdict
		n       uint64
	}{{Refused, 4000}, {Right, 1500}} {
		if n := figures.Verdicts[least.verdict]; n < least.n {
			t.Errorf("%d mutants were %s, want at least %d", n, least.verdict, least.n)
		}
	}
	for _, status := range []patcher.Status{patcher.Patched, patcher.AlreadyPatched, patcher.NotNeeded} {
		if figures.Statuses[status] == 0 {
			t.Errorf("no mutant was accepted as %s", status)
		}
	}
}

// TestHistory shows that each include directory of a repository counts once.
func TestHistory(t *testing.T) {
	base := bases(t)[0]
	for _, b := range bases(t) {
		if strings.HasPrefix(b.Name, "3.3.2") {
			base = b
			break
		}
	}
	dir := t.TempDir()
	commit := func(tree patcher.Tree) {
		t.Helper()
		if err := oracle.WriteHeaders(filepath.Join(dir, "include"), tree); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "a"}} {
			if _, err := git(dir, args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := git(dir, "init", "-q"); err != nil {
		t.Fatal(err)
	}
	commit(base.Tree)
	other := maps.Clone(base.Tree)
	other[base.header] = bytes.Replace(other[base.header], []byte("defined(__APPLE__) && MI_HAS_TLS_SLOT"), []byte("MI_HAS_TLS_SLOT && defined(__APPLE__)"), 1)
	commit(other)
	commit(base.Tree)
	c := Campaign{Compiler: compiler(t), Proper: proper(t), Dir: t.TempDir()}
	figures, err := c.History(dir, func(uint64, *Figures) {})
	if err != nil {
		t.Fatal(err)
	}
	if figures.Verdicts[Right] != 1 || figures.Verdicts[Refused] != 1 {
		t.Errorf("%v, want one right and one refused", figures.Verdicts)
	}
}

// TestJudgeSeesWrong shows that the judge can tell: it is given what a patcher
// that errs might leave behind.
func TestJudgeSeesWrong(t *testing.T) {
	var base *Base
	for _, b := range bases(t) {
		if b.patched && bytes.Contains(b.Tree[b.header], []byte("MI_TLS_MODEL_THREAD_LOCAL")) {
			base = b
		}
	}
	patched := string(base.Tree[base.header])
	original, _, err := patcher.Revert(base.header, []byte(patched))
	if err != nil {
		t.Fatal(err)
	}
	const (
		behind = "#if MI_TLS_MODEL_THREAD_LOCAL"
		apple  = "#if defined(__APPLE__) && (defined(__aarch64__) || defined(__x86_64__))\n"
	)
	// insert puts text before the accessors, and takes the proof out so that
	// nothing but the judge is left to see it.
	insert := func(text string) string {
		at := strings.LastIndex(patched, "/* rules_mimalloc:begin proof")
		end := strings.LastIndex(patched, "/* rules_mimalloc:end")
		out := patched[:at] + "#define RULES_MIMALLOC_TLS  1\n" + patched[end:]
		return strings.Replace(out, behind, text+"\n"+behind, 1)
	}
	j := judge{apple: map[[32]byte]string{}}
	o := Oracle{Compiler: compiler(t), Dir: t.TempDir()}
	for _, test := range []struct {
		name, patched string
		want          Verdict
	}{
		{"the patch", patched, Right},
		{"no patch", string(original), Silent},
		{"no proof", insert(""), Right},
		{"another model", insert(apple + "#undef MI_TLS_MODEL_THREAD_LOCAL\n#define MI_TLS_MODEL_DYNAMIC_PTHREADS 1\n#endif"), Silent},
		{"two models", insert(apple + "#define MI_TLS_MODEL_FIXED_SLOT 1\n#endif"), Silent},
		{"no guard", insert(apple + "#undef MI_TLS_RECURSE_GUARD\n#endif"), Silent},
		{"no guard on one architecture", insert("#if defined(__x86_64__) && defined(__APPLE__)\n#undef MI_TLS_RECURSE_GUARD\n#endif"), Silent},
		{"in some builds", insert("#if defined(__APPLE__) && MI_X\n#undef MI_TLS_RECURSE_GUARD\n#endif"), Silent},
		{"no thread-local", insert(apple + "#undef mi_decl_thread\n#define mi_decl_thread\n#endif"), Silent},
		{"no slots", insert(apple + "#undef MI_HAS_TLS_SLOT\n#define MI_HAS_TLS_SLOT 0\n#endif"), Silent},
		{"another accessor", strings.Replace(patched, "return __mi_theap_default;", "return *&__mi_theap_default;", 1), Silent},
		{"a macro on Linux", insert("#ifdef __linux__\n#define MI_ANOTHER 1\n#endif"), Silent},
		{"text on Windows", insert("#ifdef _WIN32\nextern int another;\n#endif"), Silent},
		{"an #error of ours", strings.Replace(patched, behind, "#undef MI_TLS_RECURSE_GUARD\n"+behind, 1), Silent}, // and not for Linux
		{"an #error of ours on Apple", strings.Replace(patched, behind, apple+"#undef MI_TLS_RECURSE_GUARD\n#endif\n"+behind, 1), Late},
	} {
		before := source{header: base.header, files: map[string][]byte{base.header: original}}
		after := source{header: base.header, files: maps.Clone(before.files)}
		after.files[base.header] = []byte(test.patched)
		views, err := o.See([]source{before, after}, platforms)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got, reason, err := j.sees(nil, false, platforms, views[0], views[1]); err != nil || got != test.want {
			t.Errorf("%s: %s, want %s (%s)", test.name, got, test.want, reason)
		}
	}
}

// TestCompilerHasTheLastWord shows what becomes of a header that seems wrong:
// it is wrong if a compiler accepts it, and of no interest if none does.
func TestCompilerHasTheLastWord(t *testing.T) {
	var base *Base
	for _, b := range bases(t) {
		if b.Name == "3.3.2+patch" {
			base = b
		}
	}
	patched := string(base.Tree[base.header])
	const behind = "\n#if MI_TLS_MODEL_THREAD_LOCAL\n"
	w := &worker{c: &Campaign{Proper: proper(t)}, oracle: Oracle{Dir: t.TempDir()}}
	for _, test := range []struct {
		name, old, with string
		want            Verdict
	}{
		{"nothing", "", "", Right},
		{"no brackets", behind, "\nstatic inline void mi_broken(void) {" + behind, Loud},
		{"no accessor", "return __mi_theap_default;\n}", "return __mi_theap_default;\n", Loud},
		{"another accessor", "return __mi_theap_default;", "return *&__mi_theap_default;", Silent},
		{"another accessor in release builds", "return __mi_theap_default;", "\n#ifdef NDEBUG\nreturn *&__mi_theap_default;\n#else\nreturn __mi_theap_default;\n#endif\n", Silent},
		{"no guard", behind, "\n#undef MI_TLS_RECURSE_GUARD" + behind, Late},
		{"no guard, and no C", behind, "\n#undef MI_TLS_RECURSE_GUARD\n}" + behind, Loud},
	} {
		if n := strings.Count(patched, test.old); test.old != "" && n != 1 {
			t.Fatalf("%s: %q occurs %d times", test.name, test.old, n)
		}
		text := strings.Replace(patched, test.old, test.with, 1)
		trial := &trial{mutant: &Mutant{Base: base}, after: source{header: base.header, files: map[string][]byte{base.header: []byte(text)}}}
		for _, p := range platforms[:2] {
			if got, why, err := w.compile(trial, p); err != nil || got != test.want {
				t.Errorf("%s, %s: %s (%s), error %v; want %s", test.name, p.name, got, why, err, test.want)
			}
		}
	}
}
