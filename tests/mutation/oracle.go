package mutation

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A platform is a set of macros under which a header is preprocessed. They are
// given by name, not by asking the compiler for a target, so that any compiler
// will do and one process can serve many platforms.
type platform struct {
	name    string
	defines string // blank-separated NAME or NAME=VALUE
	apple   bool   // 64-bit: the patch is for it
}

const (
	appleMacros = "__APPLE__ __MACH__ __GNUC__=4 __GNUC_MINOR__=2 __clang__ __clang_major__=18 "
	gccMacros   = "__GNUC__=13 __GNUC_MINOR__=2 __unix__ "
	wide        = "__LP64__ MI_INTPTR_SIZE=8 MI_SIZE_SIZE=8 MI_SIZE_BITS=64 "
	narrow      = "MI_INTPTR_SIZE=4 MI_SIZE_SIZE=4 MI_SIZE_BITS=32 "
	// What a build may define besides, or the headers before this one.
	variant = "MI_X MI_DEBUG=3 MI_SECURE=4 NDEBUG __cplusplus=202002L TARGET_OS_IPHONE TARGET_OS_OSX=0 "
)

var platforms = []platform{
	{"macos-arm64", appleMacros + wide + "__aarch64__ __arm64__ __ARM_ARCH=8", true},
	{"macos-x86_64", appleMacros + wide + "__x86_64__ __amd64__", true},
	{"ios-arm64-variant", appleMacros + wide + variant + "__aarch64__ __arm64__ __ARM_ARCH=8", true},
	{"macos-x86_64-override", appleMacros + wide + "__x86_64__ __amd64__ MI_MALLOC_OVERRIDE", true},
	{"watchos-armv7k", appleMacros + narrow + "__arm__ __ARM_ARCH=7", false},
	{"apple-i386", appleMacros + narrow + "__i386__", false},
	{"linux-x86_64", gccMacros + wide + "__linux__ __x86_64__ __amd64__", false},
	{"linux-aarch64-variant", gccMacros + wide + variant + "__linux__ __aarch64__", false},
	{"windows-x86_64", wide + "_WIN32 _WIN64 _M_X64=100 _M_AMD64=100 _MSC_VER=1939", false},
	{"freebsd-x86_64", gccMacros + wide + "__FreeBSD__=14 __clang__ __x86_64__", false},
	{"openbsd-x86_64", gccMacros + wide + "__OpenBSD__ __clang__ __x86_64__", false},
	{"android-aarch64", gccMacros + wide + "__ANDROID__ __BIONIC__ __linux__ __clang__ __aarch64__", false},
}

// models are the macros that say which model is in force, in both vocabularies.
var models = []string{
	"MI_TLS_MODEL_THREAD_LOCAL", "MI_TLS_MODEL_LOCAL",
	"MI_TLS_MODEL_FIXED_SLOT", "MI_TLS_MODEL_FIXED", "MI_TLS_MODEL_DYNAMIC_PTHREADS", "MI_TLS_MODEL_PTHREADS",
	"MI_TLS_MODEL_DYNAMIC_WIN32", "MI_TLS_MODEL_WIN32",
}

// users are names by which sources use what the header declares: a macro of
// that name left behind would change every use.
var users = []string{"_mi_theap_default", "__mi_theap_default", "__mi_theap_empty", "_mi_process_is_initialized", "mi_prim_get_default_heap", "_mi_heap_default", "_mi_theap_empty", "mi_theap_t"}

// A view is what a compiler's preprocessor makes of a header on one platform.
type view struct {
	text   []string        // lines, blank ones left out; #define and #undef among them
	on     map[string]bool // behind the header: what #if NAME says
	use    string          // what users and mi_decl_thread expand to
	errors []string        // messages of errors in it
}

// An Oracle runs a compiler's preprocessor, clang's or GCC's.
type Oracle struct {
	Compiler []string // command line of a C compiler
	Dir      string   // a scratch directory of this oracle alone

	stubs   map[string]bool // include names that have an empty file
	written []string        // what the last run left
}

// source is a header to look at: the files of a tree that are not empty.
type source struct {
	header string
	files  map[string][]byte
}

// See preprocesses sources for platforms in one process: views[i][j] is source
// i on platform j.
func (o *Oracle) See(sources []source, on []platform) ([][]view, error) {
	for _, file := range o.written {
		if err := os.Remove(file); err != nil {
			return nil, err
		}
	}
	o.written = nil
	var driver bytes.Buffer
	for i, s := range sources {
		undefs := undefs(s, on)
		for j, p := range on {
			if err := o.section(&driver, i*len(on)+j, s, p, undefs); err != nil {
				return nil, err
			}
		}
	}
	driver.WriteString("@@end\n")
	main := filepath.Join(o.Dir, "main.c")
	if err := write(main, driver.Bytes()); err != nil {
		return nil, err
	}
	// mi_assert prints places, which a patch moves.
	args := []string{"-D__LINE__=0", "-D__FILE__=\"\"", "-E", "-P", "-dD", "-undef", "-nostdinc", "-w", "-std=gnu11", "-I" + filepath.Join(o.Dir, stubDir), "-x", "c", main}
	cmd := exec.Command(o.Compiler[0], append(slices.Clone(o.Compiler[1:]), args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if _, failed := err.(*exec.ExitError); !failed {
			return nil, err
		}
	}
	return read(stdout.String(), stderr.String(), len(sources), len(on))
}

var (
	defined = regexp.MustCompile(`define(?:[ \t\v\f]|/\*(?s:.*?)\*/)+([A-Za-z_]\w*)`)
	spliced = regexp.MustCompile(`\\[ \t]*\r?\n`)
	include = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*include[ \t]+[<"]([^>"\n]+)[>"]`)
)

// undefs undoes what a section may have defined, for the next one.
func undefs(s source, on []platform) string {
	names := map[string]bool{}
	for _, src := range s.files {
		for _, m := range defined.FindAllSubmatch(spliced.ReplaceAll(src, nil), -1) {
			names[string(m[1])] = true
		}
	}
	for _, p := range on {
		for _, d := range strings.Fields(p.defines) {
			name, _, _ := strings.Cut(d, "=")
			names[name] = true
		}
	}
	delete(names, "defined")
	var b strings.Builder
	for _, n := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(&b, "#undef %s\n", n)
	}
	return b.String()
}

// order is the order in which mimalloc's sources include what may have changed.
var order = []string{"mimalloc.h", "mimalloc/types.h", "mimalloc/internal.h", "mimalloc/atomic.h"}

// section writes a source's files in a directory of their own and has the
// driver include them for one platform. Files that are as in every release are
// empty: the header is all that counts.
func (o *Oracle) section(driver *bytes.Buffer, n int, s source, p platform, undefs string) error {
	dir := filepath.Join(o.Dir, fmt.Sprint(n))
	for _, src := range s.files {
		for _, m := range include.FindAllSubmatch(src, -1) {
			if err := o.stub(string(m[1])); err != nil {
				return err
			}
		}
	}
	for name, src := range s.files {
		file := filepath.Join(dir, name)
		if err := write(file, src); err != nil {
			return err
		}
		o.written = append(o.written, file)
		// GCC takes files of the same size and time for one, as #pragma once goes.
		if err := os.Chtimes(file, time.Time{}, time.Unix(1e9+int64(n)*60, 0)); err != nil {
			return err
		}
	}
	driver.WriteString(undefs)
	for _, d := range strings.Fields(p.defines) {
		name, value, ok := strings.Cut(d, "=")
		if !ok {
			value = "1"
		}
		fmt.Fprintf(driver, "#define %s %s\n", name, value)
	}
	driver.WriteString("#define mi_decl_thread __thread\n")
	fmt.Fprintf(driver, "@@begin %d\n", n)
	first := slices.Clone(order)
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if !slices.Contains(order, name) && name != s.header && path.Ext(name) == ".h" && !strings.Contains(name, "prim-extra") {
			first = append(first, name)
		}
	}
	for _, name := range append(first, s.header) {
		if _, ok := s.files[name]; ok {
			fmt.Fprintf(driver, "#include \"%d/%s\"\n", n, name)
		}
	}
	fmt.Fprintf(driver, "@@state %d\n", n)
	for _, m := range append([]string{"MI_TLS_RECURSE_GUARD", "MI_HAS_TLS_SLOT", "MI_TLS_SLOT"}, models...) {
		fmt.Fprintf(driver, "#if %s\n@@on %q\n#endif\n", m, m) // in quotes it is not expanded
	}
	driver.WriteString("@@use mi_decl_thread")
	for _, u := range users {
		driver.WriteString(" " + u)
	}
	driver.WriteString("\n")
	return nil
}

// stubDir is where the compiler looks for what is not beside the including
// file; deep enough for names with "..".
const stubDir = "stub/a/b"

// stub makes an empty file for an include name.
func (o *Oracle) stub(name string) error {
	if o.stubs[name] || path.IsAbs(name) || strings.HasPrefix(path.Join(stubDir, name), "..") {
		return nil
	}
	if o.stubs == nil {
		o.stubs = map[string]bool{}
	}
	o.stubs[name] = true
	return write(filepath.Join(o.Dir, stubDir, name), nil)
}

// write makes a file and the directories above it.
func write(name string, src []byte) error {
	err := os.WriteFile(name, src, 0o644)
	if os.IsNotExist(err) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, src, 0o644)
	}
	return err
}

var errorLine = regexp.MustCompile(`^(?:In file included from )?(?:.*/)?(\d+)/(?:mimalloc\.h|mimalloc/.*):\d+:(?:\d+:)? (?:fatal )?error: (.*)$`)

// read sorts what the compiler printed into views.
func read(stdout, stderr string, sources, on int) ([][]view, error) {
	all := make([]view, sources*on)
	current, state := -1, false
	complete := false
	for line := range strings.SplitSeq(stdout, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "@@begin "):
			if _, err := fmt.Sscan(line[8:], &current); err != nil || current >= len(all) {
				return nil, fmt.Errorf("what is %q?", line)
			}
			state = false
			all[current].on = map[string]bool{}
		case strings.HasPrefix(line, "@@state "):
			state = true
		case strings.HasPrefix(line, "@@end"):
			complete = true
		case state && strings.HasPrefix(line, "@@on "):
			all[current].on[strings.Trim(line[5:], "\"")] = true
		case state && strings.HasPrefix(line, "@@use "):
			all[current].use = strings.Join(strings.Fields(line[6:]), " ")
		case current >= 0 && !state:
			all[current].text = append(all[current].text, line)
		}
	}
	for line := range strings.SplitSeq(stderr, "\n") {
		if m := errorLine.FindStringSubmatch(line); m != nil {
			var n int
			fmt.Sscan(m[1], &n)
			if n < len(all) {
				all[n].errors = append(all[n].errors, m[2])
			}
		}
	}
	if !complete {
		return nil, fmt.Errorf("%w: %s", errIncomplete, stderr)
	}
	views := make([][]view, sources)
	for i := range views {
		views[i] = all[i*on : (i+1)*on]
	}
	return views, nil
}

// errIncomplete says that the compiler gave up before the end of its input.
var errIncomplete = fmt.Errorf("the compiler stopped early")
