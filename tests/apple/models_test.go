//go:build bazel

// Package apple_test checks what compilers and object files say of mimalloc
// 3.3.2, as upstream has it and as the rules patch it. It needs the files that
// its BUILD rule brings along.
package apple_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// env returns a variable that the BUILD rule sets.
func env(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set", name)
	}
	return v
}

// includeDir returns the directory of the file mimalloc.h in a list of paths.
func includeDir(t *testing.T, name string) string {
	t.Helper()
	for _, f := range strings.Fields(env(t, name)) {
		if filepath.Base(f) == "mimalloc.h" {
			return filepath.Dir(f)
		}
	}
	t.Fatalf("no mimalloc.h in %s", name)
	return ""
}

func compiler(t *testing.T) oracle.Compiler {
	zig, err := filepath.Abs(env(t, "ZIG_CC"))
	if err != nil {
		t.Fatal(err)
	}
	return oracle.Compiler{Zig: zig}
}

// A build is a way in which mimalloc is compiled.
type build struct {
	language string
	defines  []string
}

func (b build) String() string { return b.language + strings.Join(b.defines, "") }

var builds = []build{
	{"c", nil},
	{"c++", nil},
	{"c", []string{"-DMI_MALLOC_OVERRIDE"}},
	{"c", []string{"-DMI_SECURE=4", "-DMI_DEBUG=3"}},
}

// truthy reports whether #if NAME would hold.
func truthy(macros map[string]string, name string) bool {
	v, ok := macros[name]
	return ok && strings.Trim(v, "()") != "0"
}

func TestModelPerTarget(t *testing.T) {
	cc, upstream, patched := compiler(t), includeDir(t, "UPSTREAM"), includeDir(t, "PATCHED")
	limit := make(chan struct{}, 2)
	var wait sync.WaitGroup
	defer wait.Wait()
	for _, target := range oracle.Targets {
		for _, b := range builds {
			wait.Add(1)
			limit <- struct{}{}
			go func() {
				defer func() { <-limit; wait.Done() }()
				compare(t, cc, target, b, upstream, patched)
			}()
		}
	}
	for _, target := range oracle.ClangTargets {
		compare(t, cc, target, builds[0], upstream, patched)
	}
}

func compare(t *testing.T, cc oracle.Compiler, target oracle.Target, b build, upstream, patched string) {
	before, err := cc.Macros(target, upstream, b.language, b.defines...)
	if err != nil {
		t.Error(err)
		return
	}
	after, err := cc.Macros(target, patched, b.language, b.defines...)
	if err != nil {
		t.Error(err)
		return
	}
	if truthy(before, "MI_HAS_TLS_SLOT") != truthy(after, "MI_HAS_TLS_SLOT") {
		t.Errorf("%s %v: MI_HAS_TLS_SLOT is %q, was %q", target.Triple, b, after["MI_HAS_TLS_SLOT"], before["MI_HAS_TLS_SLOT"])
	}
	if target.Apple {
		if got := oracle.Model(before); got != "fixed-slot" {
			t.Errorf("%s %v: upstream's model is %s, want fixed-slot", target.Triple, b, got)
		}
		if got := oracle.Model(after); got != "thread-local" {
			t.Errorf("%s %v: the patched model is %s, want thread-local", target.Triple, b, got)
		}
		for _, name := range []string{"MI_TLS_RECURSE_GUARD", "MI_HAS_TLS_SLOT", "RULES_MIMALLOC_TLS_GUARD"} {
			if !truthy(after, name) {
				t.Errorf("%s %v: %s is off in the patched header", target.Triple, b, name)
			}
		}
		return
	}
	delete(after, "RULES_MIMALLOC_TLS")
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("%s %v: other macros with the patched header (-upstream +patched):\n%s", target.Triple, b, d)
	}
	textBefore, err := cc.Text(target, upstream, b.language, b.defines...)
	if err != nil {
		t.Error(err)
		return
	}
	textAfter, err := cc.Text(target, patched, b.language, b.defines...)
	if err != nil {
		t.Error(err)
		return
	}
	if d := cmp.Diff(textBefore, textAfter); d != "" {
		t.Errorf("%s %v: other text with the patched header (-upstream +patched):\n%s", target.Triple, b, d)
	}
}

// The patched header stops the compile itself where something else than the
// patcher decides.
func TestProofFires(t *testing.T) {
	cc, patched := compiler(t), includeDir(t, "PATCHED")
	for _, target := range oracle.Targets[:2] {
		for _, test := range []struct {
			name  string
			flags []string
			old   string // in prim.h, replaced by
			new   string
			want  string
		}{
			{name: "as it is"},
			{name: "the same choice as a flag", flags: []string{"-DMI_TLS_MODEL_THREAD_LOCAL=1", "-DMI_TLS_RECURSE_GUARD=1"}},
			{name: "another model as a flag", flags: []string{"-DMI_TLS_MODEL_FIXED_SLOT=1"}, want: "TLS model is not thread-local alone"},
			{name: "pthreads as a flag", flags: []string{"-DMI_TLS_MODEL_DYNAMIC_PTHREADS=1"}, want: "TLS model is not thread-local alone"},
			{name: "slots off as a flag", flags: []string{"-DMI_HAS_TLS_SLOT=0"}, want: "MI_HAS_TLS_SLOT is off"},
			{
				name: "another model behind the selector",
				old:  "// Declared this way", new: "#undef MI_TLS_MODEL_THREAD_LOCAL\n#define MI_TLS_MODEL_DYNAMIC_PTHREADS 1\n//",
				want: "TLS model is not thread-local alone",
			},
			{
				name: "another model at the end",
				old:  "// Check if a thread is initialized", new: "#undef MI_TLS_MODEL_THREAD_LOCAL\n//",
				want: "TLS model is not thread-local alone",
			},
			{
				name: "another model for a while",
				old:  "// Declared this way", new: "#undef MI_TLS_MODEL_THREAD_LOCAL\n#define MI_TLS_MODEL_FIXED_SLOT 1\n#define MI_TLS_MODEL_FIXED_SLOT_DEFAULT 108\n#define MI_TLS_MODEL_FIXED_SLOT_CACHED 109\n//",
				want: "without its guard",
			},
			{
				name: "no guard",
				old:  "// Declared this way", new: "#undef MI_TLS_RECURSE_GUARD\n//",
				want: "without its guard",
			},
		} {
			t.Run(target.Triple+"/"+test.name, func(t *testing.T) {
				dir := patched
				if test.old != "" {
					dir = rewritten(t, patched, test.old, test.new)
				}
				if test.name == "another model for a while" {
					dir = rewritten(t, dir, "// Check if a thread is initialized",
						"#undef MI_TLS_MODEL_FIXED_SLOT\n#define MI_TLS_MODEL_THREAD_LOCAL 1\n//")
				}
				_, err := cc.Macros(target, dir, "c", test.flags...)
				var refused *oracle.CompileError
				switch {
				case err == nil && test.want == "":
				case errors.As(err, &refused) && test.want != "" && strings.Contains(refused.Output, "rules_mimalloc: ") && strings.Contains(refused.Output, test.want):
				default:
					t.Errorf("got %v, want an #error with %q", err, test.want)
				}
			})
		}
	}
}

// rewritten copies an include directory and replaces text in its prim.h.
func rewritten(t *testing.T, dir, old, new string) string {
	t.Helper()
	copied := t.TempDir()
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(resolved, func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(resolved, name)
		if err != nil {
			return err
		}
		target := filepath.Join(copied, rel)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if rel == filepath.Join("mimalloc", "prim.h") {
			if strings.Count(string(text), old) != 1 {
				t.Fatalf("prim.h does not hold %q once", old)
			}
			text = []byte(strings.Replace(string(text), old, new, 1))
		}
		return os.WriteFile(target, text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return copied
}
