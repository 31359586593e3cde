//go:build bazel

package differential_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// A build is a way in which mimalloc is compiled.
type build struct {
	language string
	defines  []string
}

func (b build) String() string { return strings.Join(append([]string{b.language}, b.defines...), " ") }

// override reports whether the build replaces malloc.
func (b build) override() bool { return len(b.defines) > 0 && b.defines[0] == "-DMI_MALLOC_OVERRIDE" }

// Every target is compared in C without flags, some in all builds.
var (
	plainBuild = build{language: "c"}
	builds     = []build{
		plainBuild,
		{"c++", nil},
		{"c", []string{"-DMI_MALLOC_OVERRIDE"}},
		{"c++", []string{"-DMI_MALLOC_OVERRIDE"}},
		{"c", []string{"-DMI_SECURE=4"}},
		{"c", []string{"-DMI_DEBUG=3"}},
		{"c++", []string{"-DMI_SECURE=4", "-DMI_DEBUG=3"}},
	}
)

func TestModels(t *testing.T) {
	cc, all := compiler(t), trees(t)
	thorough := map[oracle.Target]bool{}
	for _, x := range target(t, "aarch64-macos", "x86_64-macos", "x86_64-linux-gnu", "x86_64-windows-gnu") {
		thorough[x] = true
	}
	c, seen := newCrowd(), &outcomes{cells: map[[2]string]string{}}
	for _, r := range all {
		for _, x := range oracle.Targets {
			if !x.Apple && r.status == patcher.NotNeeded {
				continue // trees checks that not a byte is to change
			}
			for _, b := range builds {
				if thorough[x] || b.String() == plainBuild.String() {
					c.run(func() { compare(t, cc, r, x, b, seen) })
				}
			}
		}
	}
	c.wait.Wait()
	seen.check(t, all)
}

// compare compares one tree for one target in one build.
func compare(t *testing.T, cc oracle.Compiler, r *tree, x oracle.Target, b build, seen *outcomes) {
	check := func(format string, args ...any) {
		t.Errorf("%s, %s, %s: "+format, append([]any{r.name, x.Triple, b}, args...)...)
	}
	before, textBefore, err := cc.Preprocess(x, r.pristine(), b.language, b.defines...)
	if err != nil {
		check("upstream: %v", err)
		return
	}
	if x.Apple && r.status == patcher.NotNeeded {
		if r.plain() {
			checkPlain(r, b, before, textBefore, check)
		} else if m := oracle.Model(before); m != "thread-local" || !truthy(before, "MI_TLS_RECURSE_GUARD") {
			check("needs no patch, but the model is %s, the guard %q", m, before["MI_TLS_RECURSE_GUARD"])
		}
		seen.note(r, x, b, before, before)
		return
	}
	after, textAfter, err := cc.Preprocess(x, r.patched, b.language, b.defines...)
	if err != nil {
		check("patched: %v", err)
		return
	}
	if x.Apple {
		checkApple(r, before, after, check)
		seen.note(r, x, b, before, after)
		return
	}
	seen.note(r, x, b, before, after)
	delete(after, "RULES_MIMALLOC_TLS")
	if d := cmp.Diff(before, after); d != "" {
		check("other macros (-upstream +patched):\n%s", d)
	}
	if d := cmp.Diff(textBefore, textAfter); d != "" {
		check("other text (-upstream +patched):\n%s", d)
	}
}

// checkApple checks that the patch changed the model to thread-local with its
// guard, and that the thread id still comes from where it came from.
func checkApple(r *tree, before, after map[string]string, check func(string, ...any)) {
	if m := oracle.Model(before); m != string(r.report.Before) || m == "thread-local" {
		check("upstream's model is %s, the patcher said %s", m, r.report.Before)
	}
	if m := oracle.Model(after); m != "thread-local" {
		check("the patched model is %s", m)
	}
	for _, name := range []string{"MI_TLS_RECURSE_GUARD", "RULES_MIMALLOC_TLS", "RULES_MIMALLOC_TLS_GUARD"} {
		if !truthy(after, name) {
			check("%s is off in the patched header", name)
		}
	}
	if before["MI_HAS_TLS_SLOT"] != after["MI_HAS_TLS_SLOT"] || !truthy(after, "MI_HAS_TLS_SLOT") {
		check("MI_HAS_TLS_SLOT is %q, was %q", after["MI_HAS_TLS_SLOT"], before["MI_HAS_TLS_SLOT"])
	}
}

// plainAccessor is how headers without model macros give the thread's heap.
var plainAccessor = regexp.MustCompile(`(?s)mi_heap_t ?\* ?mi_prim_get_default_heap\(void\) \{\s*(.*?)\n\}`)

// checkPlain checks headers without model macros: a plain thread-local
// variable, in an override build a fixed slot.
func checkPlain(r *tree, b build, macros map[string]string, text string, check func(string, ...any)) {
	if m := oracle.Model(macros); m != "none" {
		check("has the model %s", m)
	}
	slot, defined := macros["MI_TLS_SLOT"]
	if want := b.override() && r.report.OverrideModel == patcher.FixedSlot; defined != want {
		check("MI_TLS_SLOT is defined: %v (%q), want %v; the patcher says that an override build is %q", defined, slot, want, r.report.OverrideModel)
	}
	var body string
	for _, m := range plainAccessor.FindAllStringSubmatch(text, -1) {
		body += strings.Join(strings.Fields(m[1]), " ")
	}
	if local := body == "return _mi_heap_default;"; local == defined {
		check("mi_prim_get_default_heap is %q, MI_TLS_SLOT is defined: %v", body, defined)
	}
	if !strings.Contains(text, "__thread mi_heap_t* _mi_heap_default;") && !strings.Contains(text, "__thread mi_heap_t * _mi_heap_default;") {
		check("_mi_heap_default is not thread-local")
	}
}

// truthy reports whether #if NAME would hold.
func truthy(macros map[string]string, name string) bool {
	v, ok := macros[name]
	return ok && strings.Trim(v, "()") != "0"
}
