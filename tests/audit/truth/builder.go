package truth

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rules-mimalloc/rules_mimalloc/patcher"
	"github.com/rules-mimalloc/rules_mimalloc/tests/oracle"
)

// A Mimalloc is what is known of a mimalloc in a file.
type Mimalloc struct {
	Model   string // as `mimalloc-tls audit` spells it
	Slots   []int
	Version string
}

// An Artefact is one architecture of a file, and what is known of it.
type Artefact struct {
	Path string
	Arch string
	Kind string // object, archive, dylib, executable, …
	Want []Mimalloc

	// Unknown says why nobody can be blamed who cannot tell; else it is empty.
	Unknown string
}

// Why what is built cannot always be told.
const (
	unoptimised = "accessors are calls in unoptimised code"
	bitcode     = "bitcode of LLVM is no machine code"
)

// Optimised reports whether an artefact is machine code of an optimising
// compiler: what people ship.
func (a *Artefact) Optimised() bool { return a.Unknown != unoptimised && a.Unknown != bitcode }

// A Builder compiles and links.
type Builder struct {
	Compiler oracle.Compiler
	Trees    map[string]*Tree
	Dir      string // gets a directory for each build
	LLD      string // path of an ld64.lld for the form lto; it has to know the bitcode of the compiler. Empty: none

	made     sync.Map // Build to func() ([]Artefact, error)
	programs sync.Map // architecture to func() (string, error)
}

// program is a user of mimalloc.
const program = `
#include <pthread.h>
#include <stddef.h>
void* mi_malloc(size_t size);
void mi_free(void* p);
static void* work(void* size) { void* p = mi_malloc((size_t)size); mi_free(p); return p; }
int main(int argc, char** argv) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, (void*)(size_t)argc) != 0) return 1;
  pthread_join(thread, NULL);
  return work((void*)(size_t)(argc + 1)) == NULL;
}
`

// target is the compiler's name for a processor.
func target(arch string) oracle.Target {
	return oracle.Target{Triple: map[string]string{"arm64": "aarch64", "x86_64": "x86_64"}[arch] + "-macos", Apple: true}
}

// options are the options for every file: what zig does of its own accord, and
// others don't, is off.
func options(opt string) []string {
	return []string{opt, "-w", "-g0", "-fno-sanitize=all", "-fvisibility=hidden", "-DNDEBUG"}
}

// Build makes the files of a build, once.
func (b *Builder) Build(x Build) ([]Artefact, error) {
	made, _ := b.made.LoadOrStore(x, sync.OnceValues(func() ([]Artefact, error) {
		all, err := b.build(x)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x, err)
		}
		return all, nil
	}))
	return made.(func() ([]Artefact, error))()
}

func (b *Builder) build(x Build) ([]Artefact, error) {
	tree := b.Trees[x.Tree]
	dir := filepath.Join(b.Dir, x.String())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	include, defines, err := b.headers(tree, x, dir)
	if err != nil {
		return nil, err
	}
	want, err := b.want(tree, x, include, defines)
	if err != nil {
		return nil, err
	}
	a := &assembly{b: b, x: x, dir: dir, want: want}
	if x.Opt == "-O0" {
		a.unknown = unoptimised
	}
	args := append(options(x.Opt), defines...)
	static := filepath.Join(tree.dir, "src", "static.c")
	switch x.Form {
	case "split":
		sources, err := tree.sources()
		if err != nil {
			return nil, err
		}
		for _, s := range sources {
			object := filepath.Join(dir, strings.ReplaceAll(strings.TrimSuffix(s, ".c"), "/", "_")+".o")
			if err := b.Compiler.Compile(target(x.Arch), include, filepath.Join(tree.dir, "src", s), object, args...); err != nil {
				return nil, err
			}
			a.objects = append(a.objects, object)
		}
	case "unity":
		source := filepath.Join(dir, "unity.c")
		text := fmt.Sprintf("#include %q\n%s", static, program)
		if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
			return nil, err
		}
		args = append(args, "-I"+filepath.Dir(static))
		if err := a.compile(include, source, args); err != nil {
			return nil, err
		}
	case "c++":
		// MI_OSX_ZONE's file is C alone.
		if err := a.compile(include, static, append(args, "-x", "c++", "-std=c++17")); err != nil {
			return nil, err
		}
	case "bitcode":
		a.unknown = bitcode
		if err := b.bitcode(x, include, static, a.object(), args); err != nil {
			return nil, err
		}
		a.objects = []string{a.object()}
	case "lto":
		if err := b.bitcode(x, include, static, a.object(), args); err != nil {
			return nil, err
		}
		a.objects = []string{a.object()}
	default:
		if err := a.compile(include, static, args); err != nil {
			return nil, err
		}
	}
	return a.finish()
}

// headers returns the include directory of a build and its macros.
func (b *Builder) headers(tree *Tree, x Build, dir string) (string, []string, error) {
	headers, defines, err := tree.variant(x.Variant)
	if err != nil {
		return "", nil, err
	}
	include := filepath.Join(tree.dir, "include")
	if headers != nil {
		include = filepath.Join(dir, "include")
		if err := oracle.WriteHeaders(include, headers); err != nil {
			return "", nil, err
		}
	}
	if x.Override {
		defines = append(defines, "-DMI_MALLOC_OVERRIDE=1")
		if x.Form != "c++" {
			defines = append(defines, "-DMI_OSX_ZONE=1", "-DMI_OSX_INTERPOSE=1")
		}
	}
	switch x.Form {
	case "secure":
		defines = append(defines, "-DMI_SECURE=4")
	case "debug":
		defines = append(defines, "-UNDEBUG", "-DMI_DEBUG=3")
	}
	return include, defines, nil
}

// bitcode compiles as for link-time optimisation. zig cc refuses to without a
// linker of its own that could, the clang in it does not.
func (b *Builder) bitcode(x Build, include, source, object string, args []string) error {
	args = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "-fno-sanitize=all" })
	return b.Compiler.CompileClang(x.Arch+"-apple-macos11", include, source, object, append(args, "-flto")...)
}

// want asks the compiler what it makes of the headers.
func (b *Builder) want(tree *Tree, x Build, include string, defines []string) (Mimalloc, error) {
	language := "c"
	if x.Form == "c++" {
		language = "c++"
	}
	macros, err := b.Compiler.Macros(target(x.Arch), include, language, defines...)
	if err != nil {
		return Mimalloc{}, err
	}
	want := Mimalloc{Version: tree.version}
	number := func(name string) (int, error) { return strconv.Atoi(strings.Trim(macros[name], "()")) }
	slots := func(names ...string) error {
		for _, name := range names {
			n, err := number(name)
			if err != nil {
				return fmt.Errorf("%s is %q", name, macros[name])
			}
			want.Slots = append(want.Slots, n)
		}
		return nil
	}
	want.Model = oracle.Model(macros)
	switch {
	case want.Model == "fixed-slot" && macros["MI_TLS_MODEL_FIXED"] != "":
		return want, slots("MI_TLS_MODEL_FIXED_DEFAULT", "MI_TLS_MODEL_FIXED_CACHED")
	case want.Model == "fixed-slot":
		return want, slots("MI_TLS_MODEL_FIXED_SLOT_DEFAULT", "MI_TLS_MODEL_FIXED_SLOT_CACHED")
	case want.Model == "none" && tree.selector == noMacros:
		// Generation A has no macro for the model.
		if _, ok := macros["MI_TLS_SLOT"]; ok {
			want.Model = string(patcher.FixedSlot)
			return want, slots("MI_TLS_SLOT")
		}
		want.Model = string(patcher.ThreadLocal)
		if _, ok := macros["MI_TLS_PTHREAD"]; ok {
			want.Model = string(patcher.PthreadKey)
		}
	case want.Model == "none" || strings.Contains(want.Model, "+"):
		return want, fmt.Errorf("the compiler says that the model is %s", want.Model)
	}
	return want, nil
}

// program returns the object of a program that uses mimalloc.
func (b *Builder) program(arch string) (string, error) {
	object, _ := b.programs.LoadOrStore(arch, sync.OnceValues(func() (string, error) {
		return b.compileText(arch, "program", "c", program, options("-O2")...)
	}))
	return object.(func() (string, error))()
}

// compileText compiles a source that includes no mimalloc.
func (b *Builder) compileText(arch, name, extension, text string, args ...string) (string, error) {
	dir := filepath.Join(b.Dir, name+"-"+arch)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	source, object := filepath.Join(dir, name+"."+extension), filepath.Join(dir, name+".o")
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		return "", err
	}
	return object, b.Compiler.Compile(target(arch), dir, source, object, args...)
}
